"""What happens with clients."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import attrs
import msgspec

from workflow_core.events import EventType
from workflow_core.schema import Timestamp
from workflow_psa.domain_events import DomainEvent


@attrs.frozen(kw_only=True)
class InteractionLogged(DomainEvent):
    """Payload of ``INTERACTION_LOGGED``."""

    interactionId: Annotated[UUID, msgspec.Meta(description="The interaction.")]
    clientId: Annotated[UUID | None, msgspec.Meta(description="The client, if it is about one.")] = None
    contactId: Annotated[UUID | None, msgspec.Meta(description="The contact, if it is about one.")] = None
    ticketId: Annotated[UUID | None, msgspec.Meta(description="The ticket, if it is about one.")] = None
    projectId: Annotated[UUID | None, msgspec.Meta(description="The project, if it is about one.")] = None
    interactionType: Annotated[str, msgspec.Meta(description="What kind of interaction it was, such as Note.")]
    channel: Annotated[str, msgspec.Meta(description="How it went, such as note or phone.")]
    interactionOccurredAt: Annotated[Timestamp | None, msgspec.Meta(description="When it took place.")] = None
    loggedByUserId: Annotated[UUID | None, msgspec.Meta(description="Who noted it down.")] = None
    subject: Annotated[str | None, msgspec.Meta(description="Its title.")] = None


INTERACTION_LOGGED: Final = EventType(
    name="INTERACTION_LOGGED",
    label="Interaction logged",
    description="Something that was said or done with a client has been noted down.",
    payload=InteractionLogged,
    schema_ref="payload.InteractionLogged.v1",
)


def crm_events() -> list[EventType]:
    """All of them."""
    return [INTERACTION_LOGGED]
