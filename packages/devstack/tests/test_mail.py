"""The mail server records e-mails and sends none on."""

import asyncio
import email
import os
import signal
import sys
from email.message import EmailMessage
from email.policy import default

import aiosmtplib
import pytest

from workflow_devstack import mail
from workflow_devstack.folder import DataFolder
from workflow_devstack.ports import HOST, reserve, with_numbers


@pytest.fixture
def stack(tmp_path):
    """A folder, free ports, and the command that would be started there."""
    folder = DataFolder(tmp_path / "data")
    ports = reserve(with_numbers(server=0, temporal=0, temporal_ui=0, simulator=0, mail=0))
    return folder, ports, mail.command(folder, ports)


async def test_what_is_sent_lies_in_the_folder(stack):
    """One file per e-mail, with everybody who got it; the process ends in order."""
    folder, ports, command = stack
    assert "no answer" in await command.not_ready()
    process = await asyncio.create_subprocess_exec(*command.argv, env={**os.environ, **command.environ})
    try:
        async with asyncio.timeout(30):
            while await command.not_ready() is not None:
                await asyncio.sleep(0.02)
        message = EmailMessage()
        message["Subject"] = "Grüße"
        message["To"] = "ada@x.test"
        message.set_content("Hi.\n.\n")
        await aiosmtplib.send(
            message,
            sender="dana@x.test",
            recipients=["ada@x.test", "blind@x.test"],
            hostname=HOST,
            port=ports.mail.number,
            start_tls=False,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0

    (file,) = folder.mail.iterdir()
    assert file.suffix == ".eml"
    kept = email.message_from_bytes(file.read_bytes(), policy=default)
    assert (kept["X-Envelope-From"], kept["X-Envelope-To"]) == ("dana@x.test", "ada@x.test, blind@x.test")
    assert kept["Subject"] == "Grüße"
    assert kept.get_content().replace("\r\n", "\n") == "Hi.\n.\n"


async def test_something_else_on_the_port(stack):
    """It is not taken for the mail server."""
    _, ports, command = stack
    assert command.argv[0] == sys.executable

    async def greet(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(greet, HOST, ports.mail.number):
        assert "no mail server" in await command.not_ready()
