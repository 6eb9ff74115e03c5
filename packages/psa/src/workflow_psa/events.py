"""What every domain event of this distribution says; each room's ``events`` says the rest."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.actions import ActionContext
from workflow_core.schema import Timestamp


@attrs.frozen(kw_only=True)
class DomainEvent:
    """Whose event it is, when it happened, and who did it; names as in the payload's JSON."""

    tenantId: Annotated[UUID, msgspec.Meta(description="The tenant.")]
    occurredAt: Annotated[Timestamp, msgspec.Meta(description="When it happened.")]
    actorUserId: Annotated[UUID | None, msgspec.Meta(description="The user in whose name it was done.")] = None
    actorType: Annotated[
        Literal["USER", "CONTACT", "SYSTEM"], msgspec.Meta(description="What kind of actor did it.")
    ] = "SYSTEM"


def origin(ctx: ActionContext, actor: UUID | None, at: datetime) -> dict[str, Any]:
    """The fields of :class:`DomainEvent` of something that an action does.

    Args:
        ctx: The action's.
        actor: The user, if the actor of the run is one.
        at: When the database says that it happened.
    """
    return {
        "tenantId": ctx.tenant,
        "occurredAt": at,
        "actorUserId": actor,
        "actorType": "SYSTEM" if actor is None else "USER",
    }
