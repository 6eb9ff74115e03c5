"""An HTTP load generator that is much cheaper than what it measures: prepared bytes over keep-alive connections."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import attrs


@attrs.frozen
class Load:
    """What a server did under load.

    Attributes:
        rate: Answers a second.
        p99: Seconds within which 99 of 100 answers came.
    """

    rate: float
    p99: float


class _Client(asyncio.Protocol):
    """Sends the same request again as soon as its answer, whose length is known, has arrived."""

    def __init__(self, request: bytes, answer_length: int, until: float) -> None:
        self._request = request
        self._length = answer_length
        self._until = until
        self._received = 0
        self.times: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received < self._length:
            return
        if self._received > self._length:
            self.done.set_exception(RuntimeError("the answers do not all have the same length"))
            self._transport.close()
            return
        self._received = 0
        now = time.perf_counter()
        self.times.append(now - self._sent)
        if now < self._until:
            self._send()
        else:
            self._transport.close()
            if not self.done.done():
                self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"the connection was lost: {error}"))


def _request(url: str, headers: dict[str, str], body: bytes | None) -> tuple[str, int, bytes]:
    """Host, port and bytes of a GET, or of a POST with a body of JSON."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    method = "GET" if body is None else "POST"
    lines = [f"{method} {parts.path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{k}: {v}" for k, v in headers.items())]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return parts.hostname, parts.port, ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")


async def one_answer(url: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    """One whole answer, head and body, as bytes."""
    host, port, request = _request(url, headers, body)
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    content = b"" if head.split(b" ", 2)[1] == b"304" else await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
    return head + content


async def under_load(
    url: str, headers: dict[str, str], *, body: bytes | None = None, connections: int, seconds: float
) -> Load:
    """Asks over so many connections, over each as soon as it has answered."""
    length = len(await one_answer(url, headers, body))
    host, port, request = _request(url, headers, body)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: _Client(request, length, began + seconds), host, port)
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    took = time.perf_counter() - began
    times = sorted(each for client in clients for each in client.times)
    return Load(len(times) / took, times[int(0.99 * (len(times) - 1))])


async def requests_per_second(url: str, headers: dict[str, str], *, connections: int, seconds: float) -> float:
    """How many answers a second arrive over so many connections."""
    return (await under_load(url, headers, connections=connections, seconds=seconds)).rate
