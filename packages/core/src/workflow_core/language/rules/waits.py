"""Whether what is awaited can be told apart."""

from __future__ import annotations

from collections.abc import Iterator

from workflow_core.language.definition import CORRELATION_FIELDS
from workflow_core.language.findings import Finding
from workflow_core.language.rules.context import Context, StepView
from workflow_core.schema import field_names


def event_can_be_correlated(view: StepView, context: Context) -> Iterator[Finding]:
    """The payload of an awaited event has a field that correlation keys are taken from; unknown events may have one."""
    event = context.event(view.config.get("eventName")) if view.type == "event.wait" else None
    if event is not None and not set(field_names(event.payload)) & set(CORRELATION_FIELDS):
        yield view.error(
            "EVENT_WAIT_UNCORRELATABLE",
            f"The payload of {event.name} has none of the fields {', '.join(CORRELATION_FIELDS)}, by which the event "
            "would be told from others of its type.",
            at="config.eventName",
        )
