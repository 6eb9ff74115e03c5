"""What starts a workflow: events and their payloads, moments, and times that come again."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from workflow_core.discovery import Registry, registry_of
from workflow_core.events import EventType
from workflow_core.language.validation import validate_definition


@attrs.frozen
class Opened:
    ticketId: str  # noqa: N815 - as in the JSON
    title: str | None = None


@attrs.frozen
class Closed:
    number: int
    reason: str


REGISTRY: Registry = registry_of(
    "workflow-fake",
    "1.0",
    events=[
        EventType(name="OPENED", label="", description="", payload=Opened, schema_ref="payload.Opened.v1"),
        EventType(name="CLOSED", label="", description="", payload=Closed, schema_ref="payload.Closed.v1"),
    ],
)
OPENED = {"type": "event", "eventName": "OPENED"}
CLOSED = {"type": "event", "eventName": "CLOSED", "sourcePayloadSchemaRef": "payload.Closed.v1"}
REF = {"payloadSchemaRef": "payload.Opened.v1"}


def expressions(**sources: str) -> dict[str, Any]:
    """A mapping of expressions."""
    return {name: {"$expr": source} for name, source in sources.items()}


def validate(trigger: Any, **fields: Any) -> list[Any]:
    """The findings of a definition that does nothing."""
    definition = {"name": "Test", "trigger": trigger, "steps": [], **fields}
    return validate_definition(definition, registry=REGISTRY, availability={}, secret_names={"KEY"}, workers=None)


TRIGGERS = {
    "an event": ({"type": "event", "eventName": "OPENED"}, {"payloadSchemaRef": "payload.Opened.v1"}, []),
    "an event with a mapping": (
        {
            "type": "event",
            "eventName": "CLOSED",
            "sourcePayloadSchemaRef": "payload.Closed.v1",
            "payloadMapping": {"ticketId": {"$expr": "event.payload.number"}},
        },
        {"payloadSchemaRef": "payload.Opened.v1"},
        [],
    ),
    "a moment": ({"type": "schedule", "runAt": "2096-08-01T09:00:00Z"}, {}, []),
    "a cron": ({"type": "recurring", "cron": "*/5 9-17 * JAN-mar MON,5", "timezone": "Europe/Berlin"}, {}, []),
    "unknown": ({"type": "evnt"}, {}, ["INVALID_WORKFLOW_DEFINITION"]),
    "an event without name and schema": (
        {"type": "event"},
        {},
        ["UNKNOWN_TRIGGER_EVENT", "PAYLOAD_SCHEMA_REF_MISSING"],
    ),
    "an event that nobody can post": (
        {"type": "event", "eventName": "X" * 256},
        REF,
        ["UNKNOWN_TRIGGER_EVENT"],
    ),
    "an event of another schema": (
        {"type": "event", "eventName": "CLOSED", "sourcePayloadSchemaRef": "payload.Closed.v1"},
        {"payloadSchemaRef": "payload.Opened.v1"},
        ["TRIGGER_MAPPING_REQUIRED"],
    ),
    "a broken mapping": (
        {"type": "event", "eventName": "OPENED", "payloadMapping": {"ticketId": {"$expr": "("}}},
        {"payloadSchemaRef": "payload.Opened.v1"},
        ["INVALID_EXPRESSION"],
    ),
    "no moment": ({"type": "schedule"}, {}, ["TIME_TRIGGER_RUN_AT_REQUIRED"]),
    "a moment without offset": (
        {"type": "schedule", "runAt": "2026-08-01T09:00:00"},
        {},
        ["TIME_TRIGGER_RUN_AT_REQUIRED"],
    ),
    "a moment beyond the last year": (
        {"type": "schedule", "runAt": "2100-01-01T00:00:00Z"},
        {},
        ["TIME_TRIGGER_RUN_AT_REQUIRED"],
    ),
    "a moment beyond all years": (
        {"type": "schedule", "runAt": "9999-12-31T23:59:59-23:59"},
        {},
        ["TIME_TRIGGER_RUN_AT_REQUIRED"],
    ),
    "a clock that brings what is taken": (
        {"type": "recurring", "cron": "0 9 * * *", "timezone": "UTC"},
        {"payloadSchemaRef": "payload.WorkflowClockTrigger.v1"},
        [],
    ),
    "a mapping that makes a list": ({**CLOSED, "payloadMapping": [1]}, REF, ["INVALID_CONFIG"]),
    "a mapping that makes a text": ({**OPENED, "payloadMapping": "event.payload"}, REF, ["INVALID_CONFIG"]),
    "a mapping that is one expression": ({**CLOSED, "payloadMapping": {"$expr": "event.payload"}}, REF, []),
    "neither cron nor zone": (
        {"type": "recurring", "cron": "daily", "timezone": "Mars/Olympus"},
        {},
        ["TIME_TRIGGER_INVALID_CRON", "TIME_TRIGGER_INVALID_TIMEZONE"],
    ),
    "a folder as a zone": (
        {"type": "recurring", "cron": "* * * * *", "timezone": "../etc/passwd"},
        {},
        ["TIME_TRIGGER_INVALID_TIMEZONE"],
    ),
}


@pytest.mark.parametrize(("trigger", "fields", "codes"), TRIGGERS.values(), ids=TRIGGERS)
def test_trigger(trigger, fields, codes):
    """What starts the workflow is checked as far as it can be known."""
    findings = validate(trigger, **fields)
    assert [finding.code for finding in findings] == codes
    assert {finding.step_path for finding in findings} <= {"root"}
    assert {finding.severity for finding in findings} <= {"error"}


WARNINGS = {
    "an event that nobody declares": (
        {**OPENED, "eventName": "OPENDE"}, REF, "UNKNOWN_TRIGGER_EVENT", "eventName", "OPENED",
    ),
    "a schema that nobody declares": (
        OPENED, {"payloadSchemaRef": "payload.Open.v1"}, "PAYLOAD_SCHEMA_REF_UNKNOWN", None, "payload.Opened.v1",
    ),
    "another schema than the event has": (
        {**OPENED, "sourcePayloadSchemaRef": "payload.Opened.v2", "payloadMapping": expressions(ticketId="'1'")},
        REF, "SOURCE_SCHEMA_MISMATCH", "sourcePayloadSchemaRef", "payload.Opened.v1",
    ),
    "an event whose schema is not the workflow's": (
        {"type": "event", "eventName": "CLOSED"}, REF, "TRIGGER_MAPPING_REQUIRED", "payloadMapping", None,
    ),
    "a root that there is not": (
        {**CLOSED, "payloadMapping": expressions(ticketId="payload.number")},
        REF, "UNKNOWN_VARIABLE", "payloadMapping.ticketId", "event.payload.number",
    ),
    "a variable": (
        {**CLOSED, "payloadMapping": expressions(ticketId="vars.x")},
        REF, "UNKNOWN_VARIABLE", "payloadMapping.ticketId", None,
    ),
    "a misspelt field of the payload": (
        {**CLOSED, "payloadMapping": expressions(ticketId="event.payload.numbr")},
        REF, "MAPPING_TYPE_UNKNOWN", "payloadMapping.ticketId", "event.payload.number",
    ),
    "a field that an event has not": (
        {**CLOSED, "payloadMapping": expressions(ticketId="event.correlationkey")},
        REF, "MAPPING_TYPE_UNKNOWN", "payloadMapping.ticketId", "event.correlationKey",
    ),
    "a moment that has passed": (
        {"type": "schedule", "runAt": "2020-08-01T09:00:00+02:00"},
        {}, "TIME_TRIGGER_IN_THE_PAST", "runAt", None,
    ),
    "a clock that does not bring what is taken": (
        {"type": "recurring", "cron": "0 9 * * *", "timezone": "UTC"},
        REF, "SOURCE_SCHEMA_MISMATCH", None, "payload.WorkflowClockTrigger.v1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("trigger", "fields", "code", "at", "meant"), WARNINGS.values(), ids=WARNINGS)
def test_doubtful_trigger(trigger, fields, code, at, meant):
    """An unknown event or schema, and what reads null in a mapping, are warnings; said where, and what was meant."""
    found = validate(trigger, **fields)
    assert [(finding.severity, finding.code) for finding in found] == [("warning", code)]
    assert found[0].path == (f"root.trigger.{at}" if at else "root.payloadSchemaRef")
    assert found[0].suggestion == (f"did you mean {meant}?" if meant else None)


def test_a_mapping_gives_what_the_payload_needs():
    """Every required field; what has a default may be left out."""
    assert validate({**CLOSED, "payloadMapping": expressions(ticketId="event.payload.reason")}, **REF) == []
    (finding,) = validate({**CLOSED, "payloadMapping": expressions(title="event.name & event.payload.more")}, **REF)
    assert (finding.severity, finding.code) == ("error", "TRIGGER_MAPPING_MISSING_REQUIRED_FIELDS")
    assert finding.path == "root.trigger.payloadMapping.ticketId"


def test_no_secrets_in_a_trigger():
    """Nothing resolves them there."""
    (finding,) = validate({**CLOSED, "payloadMapping": {"ticketId": {"$secret": "KEY"}}}, **REF)
    assert (finding.severity, finding.code) == ("error", "INVALID_CONFIG")
    assert finding.path == "root.trigger.payloadMapping.ticketId"


def test_the_empty_payload_is_known():
    """Of workflows that are started by hand; nothing is known of other schemas either."""
    assert validate(None, payloadSchemaRef="payload.Empty.v1") == []
    assert [finding.code for finding in validate(None, payloadSchemaRef="mine")] == ["PAYLOAD_SCHEMA_REF_UNKNOWN"]
