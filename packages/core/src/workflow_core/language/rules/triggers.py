"""Whether what starts a workflow can start it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from workflow_core.language.clock import (
    CLOCK_SCHEMA,
    LAST_YEAR,
    ClockPayload,
    is_cron,
    is_timezone,
    read_moment,
)
from workflow_core.language.definition import ROOT
from workflow_core.language.findings import Finding, Severity
from workflow_core.language.kinds import TEXT, UNKNOWN, Nowhere, Record, kind_of_class, select_path
from workflow_core.language.mapping import iter_expressions, iter_secrets
from workflow_core.language.outline import references_of
from workflow_core.language.rules.context import MISSPELT, Context, did_you_mean
from workflow_core.language.rules.expressions import expression_problem, is_expression
from workflow_core.language.rules.variables import missing_field
from workflow_core.language.scopes import Gap
from workflow_core.schema import field_names, required_fields

#: Of an event's name; none that is longer can be posted, or starts anything.
_MAX_NAME: Final = 255
_TYPES: Final = ("event", "schedule", "recurring")


def trigger_type_is_known(definition: Mapping[str, Any], _context: Context) -> Iterator[Finding]:
    """The trigger is one of the three kinds, or there is none."""
    trigger = definition.get("trigger")
    if isinstance(trigger, Mapping) and trigger.get("type") not in _TYPES:
        kind = str(trigger.get("type"))
        yield _error(
            "INVALID_WORKFLOW_DEFINITION",
            f"A trigger is one of {', '.join(_TYPES)}.",
            at="type",
            suggestion=did_you_mean(kind, _TYPES),
        )


def event_is_known(definition: Mapping[str, Any], context: Context) -> Iterator[Finding]:
    """An event trigger says which event; one that no integration declares may be sent by anybody all the same."""
    trigger = _trigger(definition, "event")
    if trigger is None:
        return
    name = trigger.get("eventName")
    if not _text(name) or len(str(name)) > _MAX_NAME:
        message = f"Name the event that starts the workflow, in at most {_MAX_NAME} characters."
        yield _error("UNKNOWN_TRIGGER_EVENT", message, at="eventName")
    elif context.event(name) is None:
        yield _warning(
            "UNKNOWN_TRIGGER_EVENT",
            f"No installed integration declares the event {name}: the workflow starts only if somebody posts it.",
            at="eventName",
            suggestion=did_you_mean(str(name), context.registry.events, likeness=MISSPELT),
        )


def event_has_a_payload_schema(definition: Mapping[str, Any], _context: Context) -> Iterator[Finding]:
    """What an event brings has to fit something."""
    if _trigger(definition, "event") is not None and not _text(definition.get("payloadSchemaRef")):
        yield Finding(
            severity="error",
            step_path=ROOT,
            path=f"{ROOT}.payloadSchemaRef",
            code="PAYLOAD_SCHEMA_REF_MISSING",
            message="A workflow that an event starts needs the schema of its payload.",
        )


def payload_schema_is_known(definition: Mapping[str, Any], context: Context) -> Iterator[Finding]:
    """The schema of the payload is one that an integration declares; otherwise nothing of it can be checked."""
    ref = definition.get("payloadSchemaRef")
    if _text(ref) and context.payload_class(ref) is None:
        yield Finding(
            severity="warning",
            step_path=ROOT,
            path=f"{ROOT}.payloadSchemaRef",
            code="PAYLOAD_SCHEMA_REF_UNKNOWN",
            message=f"No installed integration declares the schema {ref}: what is read from it is not checked.",
            suggestion=did_you_mean(str(ref), context.payloads, likeness=MISSPELT),
        )


def source_schema_is_the_events(definition: Mapping[str, Any], context: Context) -> Iterator[Finding]:
    """The schema that the trigger expects is the one that the event has."""
    trigger = _trigger(definition, "event") or {}
    event, source = context.event(trigger.get("eventName")), trigger.get("sourcePayloadSchemaRef")
    if event is not None and _text(source) and source != event.schema_ref:
        yield _warning(
            "SOURCE_SCHEMA_MISMATCH",
            f"{event.name} brings {event.schema_ref}, and the trigger expects {source}.",
            at="sourcePayloadSchemaRef",
            suggestion=f"did you mean {event.schema_ref}?",
        )


def event_payload_is_mapped(definition: Mapping[str, Any], context: Context) -> Iterator[Finding]:
    """An event with another schema than the workflow's needs a mapping."""
    trigger = _trigger(definition, "event")
    if trigger is None or trigger.get("payloadMapping"):
        return
    own, source, event = definition.get("payloadSchemaRef"), trigger.get("sourcePayloadSchemaRef"), None
    if not _text(source):
        event = context.event(trigger.get("eventName")) if context.payload_class(own) is not None else None
        source = event.schema_ref if event is not None else None
    if _text(source) and _text(own) and source != own:
        # Only what the author says is certain; an event's own schema may have come by another name.
        report = _error if event is None else _warning
        yield report(
            "TRIGGER_MAPPING_REQUIRED",
            f"The event brings {source}, and the workflow takes {own}: map one to the other.",
            at="payloadMapping",
        )


def payload_mapping_is_complete(definition: Mapping[str, Any], context: Context) -> Iterator[Finding]:
    """The mapping makes an object, with what the workflow's payload has to have."""
    mapping = (_trigger(definition, "event") or {}).get("payloadMapping")
    payload = context.payload
    if mapping and not isinstance(mapping, Mapping):
        yield _error("INVALID_CONFIG", "A trigger's mapping has to make an object.", at="payloadMapping")
        return
    if payload is None or not mapping or is_expression(mapping):
        return
    for name in required_fields(payload):
        if name not in mapping:
            yield _error(
                "TRIGGER_MAPPING_MISSING_REQUIRED_FIELDS",
                f"The workflow's payload needs {name}: map it.",
                at=f"payloadMapping.{name}",
            )


def trigger_expressions_compile(definition: Mapping[str, Any], _context: Context) -> Iterator[Finding]:
    """The expressions of the trigger's mapping."""
    trigger = definition.get("trigger")
    for at, source in iter_expressions(dict(trigger) if isinstance(trigger, Mapping) else {}):
        problem = expression_problem(source)
        if problem is not None:
            yield _error(*problem, at=at)


def trigger_expressions_read_the_event(definition: Mapping[str, Any], context: Context) -> Iterator[Finding]:
    """In the trigger's mapping there is ``event`` and nothing else."""
    trigger = _trigger(definition, "event") or {}
    event = context.event(trigger.get("eventName"))
    payload = event.payload if event is not None else context.payload_class(trigger.get("sourcePayloadSchemaRef"))
    kind = Record(
        {
            "name": TEXT,
            "correlationKey": UNKNOWN,
            "payload": UNKNOWN if payload is None else kind_of_class(payload, is_open=True),
            "payloadSchemaRef": TEXT,
        }
    )
    for at, source in iter_expressions({"payloadMapping": trigger.get("payloadMapping")}):
        for reference in references_of(source):
            head, *names = reference.split(".")
            found = select_path(kind, names)
            if head != "event":
                meant = f"event.{reference}" if head in ("payload", *kind.fields) else None
                yield _warning(
                    "UNKNOWN_VARIABLE",
                    f"Here only event can be read, and {reference} is null.",
                    at=at,
                    suggestion=f"did you mean {meant}?" if meant else None,
                )
            elif isinstance(found, Nowhere):
                told = missing_field(Gap(reference, found))
                if told is not None:
                    yield _warning("MAPPING_TYPE_UNKNOWN", told[0], at=at, suggestion=told[1])


def trigger_has_no_secrets(definition: Mapping[str, Any], _context: Context) -> Iterator[Finding]:
    """Nothing resolves secrets there."""
    trigger = definition.get("trigger")
    for at, _ in iter_secrets(dict(trigger) if isinstance(trigger, Mapping) else {}):
        yield _error("INVALID_CONFIG", "A secret can only be used in the input of an action.", at=at)


def schedule_has_a_time(definition: Mapping[str, Any], _context: Context) -> Iterator[Finding]:
    """``runAt`` is a moment, with its offset from UTC, and lies ahead."""
    trigger = _trigger(definition, "schedule")
    if trigger is None:
        return
    moment = read_moment(trigger.get("runAt"))
    if moment is None:
        yield _error(
            "TIME_TRIGGER_RUN_AT_REQUIRED",
            "runAt has to be a date and time with its offset from UTC, such as 2026-08-01T09:00:00Z, and not after "
            f"{LAST_YEAR}.",
            at="runAt",
        )
    elif moment <= datetime.now(UTC):
        yield _warning("TIME_TRIGGER_IN_THE_PAST", "This moment has passed: it starts nothing.", at="runAt")


def cron_is_valid(definition: Mapping[str, Any], _context: Context) -> Iterator[Finding]:
    """``cron`` has five fields, each in its range."""
    trigger = _trigger(definition, "recurring")
    if trigger is not None and not is_cron(trigger.get("cron")):
        yield _error(
            "TIME_TRIGGER_INVALID_CRON",
            "cron has five fields: minute, hour, day of the month, month, day of the week; such as 0 9 * * MON-FRI. "
            "Some day has to fit them.",
            at="cron",
        )


def timezone_exists(definition: Mapping[str, Any], _context: Context) -> Iterator[Finding]:
    """``timezone`` is a name of the tz database."""
    trigger = _trigger(definition, "recurring")
    if trigger is not None and not is_timezone(trigger.get("timezone")):
        yield _error(
            "TIME_TRIGGER_INVALID_TIMEZONE", "timezone has to be a name such as Europe/Berlin or UTC.", at="timezone"
        )


def clock_brings_what_is_taken(definition: Mapping[str, Any], context: Context) -> Iterator[Finding]:
    """A workflow that a clock starts gets the clock's payload, whatever schema it names."""
    if _trigger(definition, "schedule") is None and _trigger(definition, "recurring") is None:
        return
    needed = required_fields(context.payload) if context.payload is not None else ()
    missing = [name for name in needed if name not in field_names(ClockPayload)]
    if missing:
        yield Finding(
            severity="warning",
            step_path=ROOT,
            path=f"{ROOT}.payloadSchemaRef",
            code="SOURCE_SCHEMA_MISMATCH",
            message=f"A clock starts the workflow, and brings no {missing[0]}.",
            suggestion=f"did you mean {CLOCK_SCHEMA}?",
        )


def _trigger(definition: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    trigger = definition.get("trigger")
    return trigger if isinstance(trigger, Mapping) and trigger.get("type") == kind else None


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _error(code: str, message: str, *, at: str, suggestion: str | None = None) -> Finding:
    return _finding("error", code, message, at, suggestion)


def _warning(code: str, message: str, *, at: str, suggestion: str | None = None) -> Finding:
    return _finding("warning", code, message, at, suggestion)


def _finding(severity: Severity, code: str, message: str, at: str, suggestion: str | None) -> Finding:
    return Finding(
        severity=severity,
        step_path=ROOT,
        path=f"{ROOT}.trigger.{at}" if at else f"{ROOT}.trigger",
        code=code,
        message=message,
        suggestion=suggestion,
    )
