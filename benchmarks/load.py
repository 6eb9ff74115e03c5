"""An HTTP load generator that is much cheaper than what it measures: prepared bytes over keep-alive connections."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit


class _Client(asyncio.Protocol):
    """Sends the same request again as soon as its answer, whose length is known, has arrived."""

    def __init__(self, request: bytes, answer_length: int, until: float) -> None:
        self._request = request
        self._length = answer_length
        self._until = until
        self._received = 0
        self.answers = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received < self._length:
            return
        if self._received > self._length:
            self.done.set_exception(RuntimeError("the answers do not all have the same length"))
            self._transport.close()
            return
        self._received = 0
        self.answers += 1
        if time.perf_counter() < self._until:
            self._transport.write(self._request)
        else:
            self._transport.close()
            if not self.done.done():
                self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"the connection was lost: {error}"))


def _request(url: str, headers: dict[str, str]) -> tuple[str, int, bytes]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{k}: {v}" for k, v in headers.items())]
    return parts.hostname, parts.port, ("\r\n".join(lines) + "\r\n\r\n").encode()


async def one_answer(url: str, headers: dict[str, str]) -> bytes:
    """One whole answer, head and body, as bytes."""
    host, port, request = _request(url, headers)
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = b"" if head.split(b" ", 2)[1] == b"304" else await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
    return head + body


async def requests_per_second(url: str, headers: dict[str, str], *, connections: int, seconds: float) -> float:
    """How many answers a second arrive over so many connections."""
    length = len(await one_answer(url, headers))
    host, port, request = _request(url, headers)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: _Client(request, length, began + seconds), host, port)
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    return sum(client.answers for client in clients) / (time.perf_counter() - began)
