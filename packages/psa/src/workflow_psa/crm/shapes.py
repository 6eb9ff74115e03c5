"""What ``crm.create_activity_note`` takes and gives."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.options import picker
from workflow_core.schema import Timestamp, Trimmed

TargetType = Literal["client", "contact", "ticket", "project"]


@attrs.frozen(kw_only=True)
class Target:
    """What a note is about."""

    type: Annotated[TargetType, msgspec.Meta(description="What kind of record it is.")]
    id: Annotated[UUID, msgspec.Meta(description="The record.", extra_json_schema=picker("crm.targets", kind="type"))]


@attrs.frozen(kw_only=True)
class CreateActivityNote:
    """Input of ``crm.create_activity_note``."""

    target: Annotated[Target, msgspec.Meta(description="What the note is about.")]
    body: Annotated[Trimmed, msgspec.Meta(description="What there is to note down.")]
    visibility: Annotated[
        Literal["internal", "client_visible"],
        msgspec.Meta(description="Whether the client sees it; a note about a project is always internal."),
    ] = "internal"
    tags: Annotated[tuple[Trimmed, ...] | None, msgspec.Meta(description="Words to find it by.")] = None
    category: Annotated[Trimmed | None, msgspec.Meta(description="A word for it; it becomes the note's title.")] = None


@attrs.frozen(kw_only=True)
class CreatedNote:
    """Output of ``crm.create_activity_note``."""

    note_id: Annotated[UUID, msgspec.Meta(description="The note.")]
    created_at: Annotated[Timestamp, msgspec.Meta(description="When it was noted down.")]
    target_type: Annotated[TargetType, msgspec.Meta(description="What kind of record it is about, as given.")]
    target_id: Annotated[UUID, msgspec.Meta(description="The record, as given.")]
    target_summary: Annotated[dict[str, Any] | None, msgspec.Meta(description="The record in short: ids and names.")]
