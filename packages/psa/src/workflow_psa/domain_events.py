"""What every domain event brings: whose it is, when it happened, and who did it."""

# ruff: noqa: N815 - attributes are named as the fields of the JSON

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.actions import ActionContext
from workflow_core.schema import Timestamp


@attrs.frozen(kw_only=True)
class DomainEvent:
    """The fields that all of them have."""

    tenantId: Annotated[UUID, msgspec.Meta(description="The tenant.")]
    occurredAt: Annotated[Timestamp, msgspec.Meta(description="When it happened.")]
    actorType: Annotated[Literal["USER", "SYSTEM"], msgspec.Meta(description="What kind of actor did it.")]
    actorUserId: Annotated[
        UUID | None, msgspec.Meta(description="The user who did it, or in whose name a workflow did.")
    ] = None


@attrs.frozen
class Change:
    """What became of one field."""

    previous: Any
    new: Any


def origin(ctx: ActionContext, at: datetime | None = None) -> dict[str, Any]:
    """The fields of :class:`DomainEvent` for what an action is doing, at a time that the database says or just now."""
    return {
        "tenantId": ctx.tenant,
        "occurredAt": at or datetime.now(UTC),
        "actorType": "SYSTEM" if ctx.actor is None else "USER",
        "actorUserId": ctx.actor,
    }
