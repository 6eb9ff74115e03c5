"""What is answered about events."""

# ruff: noqa: N815 - answers are named as in the API

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

import attrs
from msgspec import UNSET, UnsetType

from workflow_core.errors import FieldError
from workflow_core.execution.inbox import Event, Outcome, OutcomeStatus


@attrs.frozen(kw_only=True)
class OutcomeError:
    """Why an event could not start a workflow."""

    category: str
    code: str
    message: str


@attrs.frozen(kw_only=True)
class OutcomeAnswer:
    """What an event did with one workflow: a run when it ``STARTED`` one, an error when it ``FAILED``."""

    workflowId: UUID
    workflowVersion: int
    status: OutcomeStatus
    runId: UUID | UnsetType = UNSET
    error: OutcomeError | UnsetType = UNSET

    @classmethod
    def of(cls, outcome: Outcome) -> OutcomeAnswer:
        """The answer about an outcome. Its run is told when it can be found under its id."""
        return cls(
            workflowId=outcome.workflow_id,
            workflowVersion=outcome.workflow_version,
            status=outcome.status,
            runId=outcome.run_id if outcome.status is OutcomeStatus.STARTED else UNSET,
            error=UNSET if outcome.error is None else OutcomeError(**outcome.error),
        )


@attrs.frozen(kw_only=True)
class EventAnswer:
    """An event without its payload; ``PENDING``: it may still have to start something."""

    eventId: UUID
    eventName: str
    correlationKey: str | None
    payloadSchemaRef: str | None
    sourceRunId: UUID | None
    status: Literal["PENDING", "PROCESSED"]
    outcomes: list[OutcomeAnswer]
    createdAt: datetime
    processedAt: datetime | None

    @classmethod
    def of(cls, event: Event, **more: Any) -> Self:
        """The answer about an event."""
        return cls(
            eventId=event.event_id,
            eventName=event.event_name,
            correlationKey=event.correlation_key,
            payloadSchemaRef=event.payload_schema_ref,
            sourceRunId=event.source_run_id,
            status="PENDING" if event.processed_at is None else "PROCESSED",
            outcomes=[OutcomeAnswer.of(outcome) for outcome in event.outcomes or ()],
            createdAt=event.created_at,
            processedAt=event.processed_at,
            **more,
        )


@attrs.frozen(kw_only=True)
class EventList:
    """A page of ``GET /api/workflow/events``."""

    events: list[EventAnswer]
    nextCursor: str | None


@attrs.frozen(kw_only=True)
class EventWithPayload(EventAnswer):
    """Answer of ``GET /api/workflow/events/{id}``."""

    payload: Any


@attrs.frozen(kw_only=True)
class RunOfEvent:
    """A run that an event started."""

    workflowId: UUID
    runId: UUID


@attrs.frozen(kw_only=True)
class PayloadWarning:
    """A payload does not fit its schema: whoever sends it has a mistake, or a newer version."""

    code: str
    message: str
    errors: list[FieldError]


@attrs.frozen(kw_only=True)
class PostedEvent(EventAnswer):
    """Answer of ``POST /api/workflow/events``.

    Attributes:
        created: Whether this request brought the event; otherwise it had been there before.
        runId: The first of ``runs``.
    """

    created: bool
    runId: UUID | None
    runs: list[RunOfEvent]
    warnings: list[PayloadWarning]
