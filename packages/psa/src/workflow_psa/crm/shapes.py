"""
What the CRM actions take and give.

The names are the existing product's: stored workflows map into these fields, so none is ever renamed or removed.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.schema import Timestamp, Trimmed

TargetType = Literal["client", "contact", "ticket", "project"]


@attrs.frozen(kw_only=True)
class NoteTarget:
    """What a note is about."""

    type: Annotated[TargetType, msgspec.Meta(description="What kind of record it is.")]
    id: Annotated[UUID, msgspec.Meta(description="The record.")]


@attrs.frozen(kw_only=True)
class CreateNote:
    """Input of ``crm.create_activity_note``."""

    target: Annotated[NoteTarget, msgspec.Meta(description="What the note is about.")]
    body: Annotated[Trimmed, msgspec.Meta(description="The text of the note; its first line is its title.")]
    visibility: Annotated[
        Literal["internal", "client_visible"],
        msgspec.Meta(description="Whether technicians only see it (internal), or the client too (client_visible)."),
    ] = "internal"
    tags: Annotated[tuple[Trimmed, ...] | None, msgspec.Meta(description="Words to find it by.")] = None
    category: Annotated[Trimmed | None, msgspec.Meta(description="A word for what kind of note it is.")] = None


@attrs.frozen(kw_only=True)
class TargetSummary:
    """What a note is about, in short."""

    type: Annotated[TargetType, msgspec.Meta(description="What kind of record it is.")]
    id: Annotated[UUID, msgspec.Meta(description="The record.")]
    name: Annotated[str | None, msgspec.Meta(description="Its name; of a ticket its number and title.")]


@attrs.frozen(kw_only=True)
class CreatedNote:
    """Output of ``crm.create_activity_note``."""

    note_id: Annotated[UUID, msgspec.Meta(description="The note.")]
    created_at: Annotated[Timestamp, msgspec.Meta(description="When it was written.")]
    target_type: Annotated[TargetType, msgspec.Meta(description="What kind of record it is about.")]
    target_id: Annotated[UUID, msgspec.Meta(description="The record.")]
    target_summary: Annotated[TargetSummary | None, msgspec.Meta(description="The record, in short.")]
