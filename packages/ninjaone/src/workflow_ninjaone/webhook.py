"""The webhook: NinjaOne sends an activity for each thing that we want to hear of."""

from __future__ import annotations

from typing import Any, Final

from workflow_core.connections import ConnectionContext
from workflow_core.errors import PermissionDeniedError, Refused, ValidationError
from workflow_core.records import rmm
from workflow_core.webhooks import WebhookContext, WebhookReceiver, WebhookTarget
from workflow_ninjaone.activities import WANTED, Place, is_wanted, take
from workflow_ninjaone.client.models import parse_activity
from workflow_ninjaone.connection import client_of
from workflow_ninjaone.module import PROVIDER

#: The vendor signs nothing: this header is all that proves who sends.
HEADER: Final = "X-Workflow-Webhook"

_EXPAND: Final = ("device", "organization")


async def register(ctx: ConnectionContext, target: WebhookTarget) -> None:
    """Has NinjaOne send to the address, instead of any other: an API application has one webhook.

    Raises:
        PermissionDeniedError: Only a system administrator may.
        WorkflowError: It is unknown where it sends to now.
    """
    try:
        await client_of(ctx).put_webhook(
            target.url, headers={target.header: target.value}, activities=WANTED, expand=_EXPAND
        )
    except Refused as error:
        raise _explained(error.cause) from None
    except PermissionDeniedError as error:
        raise _explained(error) from None


async def remove(ctx: ConnectionContext) -> None:
    """Has NinjaOne send no more.

    Raises:
        WorkflowError: It may still send.
    """
    try:
        await client_of(ctx).delete_webhook()
    except Refused as error:
        raise error.cause from None


def _explained(error: Exception) -> Exception:
    if isinstance(error, PermissionDeniedError):
        return PermissionDeniedError(
            "NinjaOne lets only a system administrator have it send events: connect as one. Until then, alerts are "
            "fetched every few minutes."
        )
    return error


async def receive(ctx: WebhookContext, body: Any) -> None:
    """Takes a delivery down: one activity. What nobody here knows what to do with is counted.

    Raises:
        ValidationError: It is no activity.
    """
    activity = parse_activity(body)
    if activity is None:
        raise ValidationError("NinjaOne sent something that is no activity: it has no id.")
    if not is_wanted(activity):
        await rmm.count_ignored(ctx.tx, ctx.tenant, ctx.integration_id)
        return
    place = Place(ctx.tx, ctx.tenant, ctx.integration_id, ctx.instance_url, ctx.emit)
    await take(activity, place)


def ninjaone_receiver() -> WebhookReceiver:
    """The receiver."""
    return WebhookReceiver(provider=PROVIDER, handle=receive, header=HEADER, register=register, remove=remove)
