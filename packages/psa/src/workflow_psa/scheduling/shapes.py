"""
What ``scheduling.assign_user`` takes and gives.

The names are the existing product's: stored workflows map into these fields, so none is ever renamed or removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.errors import FieldError
from workflow_core.options import picker
from workflow_core.schema import Timestamp, Trimmed


@attrs.frozen
class _InOrder:
    """The start is before the end; no schema can say it."""

    def check(self, values: Mapping[str, Any]) -> FieldError | None:
        """See :class:`workflow_core.schema.Rule`."""
        return None if values["start"] < values["end"] else FieldError("", "RULE", "start has to be before end")

    def schema(self) -> dict[str, Any]:
        """See :class:`workflow_core.schema.Rule`."""
        return {}


@attrs.frozen(kw_only=True)
class Window:
    """From when to when."""

    __rules__: ClassVar = (_InOrder(),)

    start: Annotated[Timestamp, msgspec.Meta(description="When it begins.")]
    end: Annotated[Timestamp, msgspec.Meta(description="When it ends.")]
    timezone: Annotated[
        Trimmed | None,
        msgspec.Meta(description="The time zone that it is planned in, such as Europe/Berlin; for information only."),
    ] = None


@attrs.frozen(kw_only=True)
class WorkItem:
    """What is worked on."""

    type: Annotated[Literal["ticket", "project_task"], msgspec.Meta(description="What kind of record it is.")]
    id: Annotated[
        UUID,
        msgspec.Meta(
            description="The id of the ticket or the task.", extra_json_schema=picker("scheduling.work", kind="type")
        ),
    ]


@attrs.frozen(kw_only=True)
class AssignUser:
    """Input of ``scheduling.assign_user``."""

    user_id: Annotated[
        UUID,
        msgspec.Meta(
            description="Who is to do it: a user with the role Technician.",
            extra_json_schema=picker("scheduling.technicians"),
        ),
    ]
    window: Annotated[Window, msgspec.Meta(description="When.")]
    link: Annotated[WorkItem, msgspec.Meta(description="On what.")]
    title: Annotated[Trimmed | None, msgspec.Meta(description="What the schedule shows.")] = None
    notes: Annotated[str | None, msgspec.Meta(description="What the user should know.")] = None
    conflict_mode: Annotated[
        Literal["fail", "shift", "override"],
        msgspec.Meta(
            description="What to do when the user is busy then: fail the step, move to the first time from then on "
            "that is free for as long, or plan both and note the conflict."
        ),
    ] = "fail"


@attrs.frozen(kw_only=True)
class AssignedUser:
    """Output of ``scheduling.assign_user``."""

    schedule_event_id: Annotated[UUID, msgspec.Meta(description="The entry of the schedule.")]
    assigned_user_id: Annotated[UUID, msgspec.Meta(description="Who is to do it.")]
    start: Annotated[Timestamp, msgspec.Meta(description="When it begins.")]
    end: Annotated[Timestamp, msgspec.Meta(description="When it ends.")]
