"""The recording mail server as one of the stack's processes."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

from workflow_devstack.folder import DataFolder
from workflow_devstack.ports import HOST, Ports
from workflow_devstack.processes import Command, child_environment

NAME: Final = "mail"

_TIMEOUT: Final = 10.0


def command(folder: DataFolder, ports: Ports) -> Command:
    """The mail server; what it has recorded outlives it in the folder."""
    port = ports.mail.number

    async def not_ready() -> str | None:
        try:
            async with asyncio.timeout(_TIMEOUT):
                reader, writer = await asyncio.open_connection(HOST, port)
                greeting = await reader.readline()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError) as error:
            return f"no answer from {ports.mail.address} ({type(error).__name__})"
        return None if greeting.startswith(b"220") else f"{ports.mail.address} is no mail server"

    return Command(
        name=NAME,
        argv=(
            *(sys.executable, "-m", "workflow_devstack.mail_recorder"),
            *("--host", HOST),
            *("--port", str(port)),
            *("--folder", str(folder.mail)),
        ),
        environ=child_environment({}, os.environ),
        not_ready=not_ready,
    )
