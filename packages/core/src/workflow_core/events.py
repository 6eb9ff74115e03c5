"""Domain events: the types that integrations declare, and how an action emits one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4, uuid5

import attrs
from attrs.validators import instance_of

from workflow_core.actions import ActionContext
from workflow_core.schema import to_json

if TYPE_CHECKING:
    from workflow_core.storage.database import Connection


@attrs.frozen(kw_only=True)
class EventType:
    """Something that can happen, and that can start a workflow.

    Attributes:
        name: Capitals and underscores, such as ``TICKET_CREATED``; unique in a process.
        label: What an operator reads.
        description: When it happens.
        payload: The attrs class of what it brings; fields are named as in the JSON.
        schema_ref: Under which definitions name that class, such as ``payload.TicketCreated.v1``.
    """

    name: str = attrs.field(validator=instance_of(str))
    label: str = attrs.field(validator=instance_of(str))
    description: str = attrs.field(validator=instance_of(str))
    payload: type
    schema_ref: str = attrs.field(validator=instance_of(str))


# One link further than the run that emits it: that is how a chain of events and runs is found to be endless.
_STORE = """
INSERT INTO workflow_runtime_events (
    tenant, event_id, event_name, correlation_key, payload, payload_schema_ref, source_run_id, chain_depth
) VALUES (
    $1, $2, $3, $4, $5, $6, $7,
    coalesce((SELECT chain_depth + 1 FROM workflow_runs WHERE tenant = $1 AND run_id = $7), 0)
)
ON CONFLICT (tenant, event_id) DO NOTHING
"""


async def emit(ctx: ActionContext, event: EventType, payload: Any, *, correlation_key: str | None = None) -> None:
    """Says that something has happened: kept if, and only if, the action's transaction commits.

    It becomes the payload of runs, which everybody reads who may read runs: secrets of the call are left out.

    Args:
        ctx: Of a ``database`` action.
        event: The declared type.
        payload: An instance of its ``payload`` class.
        correlation_key: What waiting workflows know it by, such as the ticket's id.
    """
    await store_event(
        ctx.tx,
        ctx.tenant,
        event,
        payload,
        correlation_key=correlation_key,
        source_run_id=ctx.run_id,
        redact=ctx.redact,
    )


def _as_it_is(value: Any) -> Any:
    return value


async def store_event(
    conn: Connection,
    tenant: UUID,
    event: EventType,
    payload: Any,
    *,
    correlation_key: str | None = None,
    source_run_id: UUID | None = None,
    redact: Callable[[Any], Any] = _as_it_is,
    key: str | None = None,
) -> None:
    """Says that something has happened: kept if, and only if, the transaction commits.

    Args:
        conn: Bound to the tenant.
        tenant: Where it happened.
        event: The declared type.
        payload: An instance of its ``payload`` class.
        correlation_key: What waiting workflows know it by.
        source_run_id: The workflow run that did it, if one did.
        redact: Takes secrets out of JSON.
        key: What is said again under the same type and key is the same event, and starts nothing again.
    """
    if not isinstance(payload, event.payload):
        raise TypeError(f"{event.name} brings {event.payload.__name__}, not {type(payload).__name__}")
    await conn.execute(
        _STORE,
        tenant,
        uuid4() if key is None else uuid5(tenant, f"{event.name} {key}"),
        event.name,
        redact(correlation_key),
        redact(to_json(payload)),
        event.schema_ref,
        source_run_id,
    )
