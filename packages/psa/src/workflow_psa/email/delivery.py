"""Handing an e-mail to a server: what it refused, and what nobody knows.

Until the server has been given the text, and whenever it says no, certainly nothing was sent: :class:`Refused`.
Once it has said yes, the e-mail is sent, whatever happens then.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from workflow_core.errors import ActionError, Refused, TransientError, WorkflowError
from workflow_core.execution.writing import to_the_end
from workflow_psa.email.settings import SmtpServer

#: Seconds for each answer of the server; with all of them together the action's limit is the last word.
TIMEOUT: Final = 15.0
#: Answers from here on say no; one that cannot be understood has a code below.
_NO: Final = 400


async def deliver(
    server: SmtpServer, password: str | None, content: bytes, *, sender: str, recipients: Sequence[str]
) -> None:
    """
    Sends one e-mail to everybody, or to nobody.

    Raises:
        Refused: Nothing was sent; around the error that says why, and whether trying again may help.
        TransientError: The connection was lost after the text was handed over: it may have been sent.
    """
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        timeout=TIMEOUT,
        use_tls=server.secure,
        start_tls=False if server.secure else (True if server.requireTLS else None),
        tls_context=ssl.create_default_context(),
        local_hostname=socket.gethostname(),
    )
    try:
        with _nothing_sent():
            await client.connect()
            await _log_in(client, server, password)
            await client.mail(sender)
            for recipient in recipients:
                await client.rcpt(recipient)
        await _hand_over(client, content)
        await to_the_end(_say_goodbye(client))
    finally:
        client.close()


async def _log_in(client: aiosmtplib.SMTP, server: SmtpServer, password: str | None) -> None:
    if server.username is None or password is None:
        return
    if client.get_transport_info("sslcontext") is None and not _is_here(server.host):
        raise ActionError(
            f"{server.host} offers no encryption, so the password was not sent: set secure, or use another port.",
            code="SMTP_INSECURE",
        )
    await client.login(server.username, password)


def _is_here(host: str) -> bool:
    """Whether what is said to this host stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    """Whatever the server says to it, the e-mail is sent."""
    with contextlib.suppress(SMTPException, OSError, TimeoutError):
        await asyncio.wait_for(client.quit(), 2)


async def _hand_over(client: aiosmtplib.SMTP, content: bytes) -> None:
    try:
        await client.data(content)
    except (SMTPException, OSError, TimeoutError) as error:
        if isinstance(error, SMTPResponseException) and error.code >= _NO:
            raise Refused(_told(error.code, "the text")) from None
        raise TransientError(
            "The connection to the e-mail server was lost while it took the text, or its answer could not be "
            "understood: it may have been sent.",
            code="SMTP_ANSWER_LOST",
        ) from None


@contextmanager
def _nothing_sent() -> Iterator[None]:
    """Whatever goes wrong in the block, no text was handed over."""
    try:
        yield
    except aiosmtplib.SMTPAuthenticationError as answer:
        raise Refused(_login_refused(answer.code)) from None
    except aiosmtplib.SMTPSenderRefused as answer:
        raise Refused(_told(answer.code, "the sender")) from None
    except aiosmtplib.SMTPRecipientRefused as answer:
        raise Refused(_told(answer.code, f"the recipient {answer.recipient}", recipient=answer.recipient)) from None
    except SMTPResponseException as answer:
        raise Refused(_told(answer.code, "the connection")) from None
    except WorkflowError as error:
        raise Refused(error) from None
    except (SMTPException, OSError, TimeoutError) as error:
        raise Refused(_no_connection(error)) from None


def _told(code: int, what: str, **details: str) -> WorkflowError:
    """What a refusal means: its own words stay with the server, they may quote anything."""
    known = {"smtp_code": code, **details}
    if 400 <= code < 500:
        return TransientError(
            f"The e-mail server does not take {what} now (code {code}).", code="SMTP_DEFERRED", details=known
        )
    return ActionError(f"The e-mail server refuses {what} (code {code}).", code="SMTP_REFUSED", details=known)


def _login_refused(code: int) -> WorkflowError:
    if 400 <= code < 500:
        return _told(code, "the login")
    return ActionError(
        "The e-mail server refuses username and password: enter them anew in the e-mail settings.",
        code="SMTP_LOGIN_REFUSED",
        details={"smtp_code": code},
    )


def _no_connection(error: BaseException) -> WorkflowError:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return ActionError(
                "The certificate of the e-mail server is not valid for it, so nothing was sent.",
                code="SMTP_CERTIFICATE",
            )
        seen = seen.__cause__ or seen.__context__
    if type(error) is SMTPException or isinstance(error, aiosmtplib.SMTPNotSupported):
        return ActionError(
            "The e-mail server does not offer what the e-mail settings ask for: encryption, or a way to log in.",
            code="SMTP_NOT_SUPPORTED",
        )
    return TransientError("The e-mail server cannot be reached, or has closed the connection.", code="SMTP_UNREACHABLE")
