"""An SMTP server that sends nothing on: it keeps every e-mail as a file that a mail program opens.

Run as ``python -m workflow_devstack.mail_recorder --host HOST --port NUMBER --folder DIR``.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from aiosmtpd.smtp import SMTP, Envelope, Session


class Recorder:
    """
    Keeps what it is given.

    Args:
        folder: Where; one file per e-mail, named by when it came.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        """One e-mail: written whole before it is accepted, with its envelope as its first headers."""
        content = envelope.original_content or b""
        recipients = ", ".join(envelope.rcpt_tos)
        head = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {recipients}\r\n".encode()
        file = self._folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{uuid4().hex[:8]}.eml"
        part = file.with_suffix(".part")
        part.write_bytes(head + content)
        part.rename(file)
        return "250 kept"


async def serve(host: str, port: int, folder: Path) -> None:
    """Serve until a signal ends it; the folder is there."""
    loop = asyncio.get_running_loop()
    recorder = Recorder(folder)
    server = await loop.create_server(lambda: SMTP(recorder, hostname="devstack"), host, port)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    server.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the process."""
    parser = argparse.ArgumentParser(description="Records e-mails instead of sending them.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(options.host, options.port, options.folder))


if __name__ == "__main__":
    main()
