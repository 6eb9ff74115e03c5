"""How ``email.send`` works."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError, Refused, ValidationError, WorkflowError
from workflow_core.execution.writing import to_the_end
from workflow_core.schema import convert, to_json
from workflow_core.storage.database import Connection
from workflow_psa.email import keys
from workflow_psa.email.delivery import deliver
from workflow_psa.email.message import message_id, write_message
from workflow_psa.email.settings import Route, choose_route
from workflow_psa.email.shapes import SendEmail, SentEmail

PASSWORD = "smtp_password"  # noqa: S105 - the secret's name
_MAX_RECIPIENTS = 100


async def prepare_email(given: SendEmail, ctx: ActionContext) -> None:
    """
    Sees that the e-mail can be sent, before anything is.

    Raises:
        IntegrationNotConfiguredError: The tenant cannot send e-mail.
        ValidationError: It cannot send this one.
    """
    route, _ = await _route(given, ctx)
    await _write(given, route, ctx)


async def send_email(given: SendEmail, ctx: ActionContext) -> SentEmail:
    """
    Sends an e-mail over the tenant's server.

    Raises:
        Refused: Nothing was sent.
        TransientError: It may have been sent.
    """
    key = given.idempotency_key
    try:
        route, password = await _route(given, ctx)
        content = await _write(given, route, ctx)
        answer = None if key is None else await keys.take(ctx, key)
    except WorkflowError as error:
        raise Refused(error) from None
    if answer is not None:
        ctx.log.info("the idempotency key has already sent an e-mail")
        return convert(SentEmail, answer)
    try:
        await deliver(route.server, password, content, sender=route.sender.email, recipients=_recipients(given))
    except Refused:
        if key is not None:
            await _note(ctx, lambda conn: keys.release(conn, ctx, key))
        raise
    sent = SentEmail(
        success=True,
        message_id=_identity(given, route, ctx),
        provider_id=route.provider_id,
        provider_type="smtp",
        status="sent",
        sent_at=datetime.now(UTC),
    )
    if key is not None:
        await to_the_end(_note(ctx, lambda conn: keys.keep(conn, ctx, key, to_json(sent))))
    return sent


async def _route(given: SendEmail, ctx: ActionContext) -> tuple[Route, str | None]:
    recipients = _recipients(given)
    if len(recipients) > _MAX_RECIPIENTS:
        problem = FieldError("to", "LENGTH", f"an e-mail has at most {_MAX_RECIPIENTS} recipients")
        raise ValidationError(f"to: {problem.message}", errors=[problem])
    async with ctx.transaction() as conn:
        route = await choose_route(conn, ctx.tenant, given)
    if not route.server.username:
        return route, None
    return route, (await ctx.secrets.require(PASSWORD))[PASSWORD]


async def _write(given: SendEmail, route: Route, ctx: ActionContext) -> bytes:
    """In a thread: long headers take a moment, and this is a process for many."""
    identity = _identity(given, route, ctx)
    return await asyncio.to_thread(write_message, given, route.sender, identity=identity, now=ctx.now)


def _identity(given: SendEmail, route: Route, ctx: ActionContext) -> str:
    return message_id(ctx.idempotency_key, ctx.tenant, given, route.sender)


def _recipients(given: SendEmail) -> list[str]:
    """Everybody, each once."""
    return list(dict.fromkeys(box.email for box in (*given.to, *(given.cc or ()), *(given.bcc or ()))))


async def _note(ctx: ActionContext, write: Callable[[Connection], Awaitable[None]]) -> None:
    """Writes what became of the key. When that fails, what is known of the e-mail stays true all the same."""
    try:
        async with ctx.transaction() as conn:
            await write(conn)
    except Exception as error:  # noqa: BLE001 - the e-mail's own fate is what counts
        ctx.log.warning("what became of the idempotency key could not be written (%s)", type(error).__name__)
