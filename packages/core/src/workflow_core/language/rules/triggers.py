"""Whether what starts a workflow can start it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workflow_core.language.definition import ROOT
from workflow_core.language.findings import Finding
from workflow_core.language.mapping import iter_expressions
from workflow_core.language.rules.context import did_you_mean
from workflow_core.language.rules.expressions import expression_problem

_TYPES: Final = ("event", "schedule", "recurring")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
#: Minute, hour, day of the month, month, day of the week: least, most, and names with the number of the first.
_CRON_FIELDS: Final[tuple[tuple[int, int, tuple[str, ...], int], ...]] = (
    (0, 59, (), 0),
    (0, 23, (), 0),
    (1, 31, (), 0),
    (1, 12, _MONTHS, 1),
    (0, 7, _DAYS, 0),
)
_CRON_PART = re.compile(r"(?P<first>\*|[0-9A-Z]+)(?:-(?P<last>[0-9A-Z]+))?(?:/(?P<step>[0-9]{1,2}))?")


def trigger_type_is_known(definition: Mapping[str, Any]) -> Iterator[Finding]:
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


def event_is_named(definition: Mapping[str, Any]) -> Iterator[Finding]:
    """An event trigger says which event; whether anybody sends it cannot be known here."""
    trigger = _trigger(definition, "event")
    if trigger is not None and not _text(trigger.get("eventName")):
        yield _error("UNKNOWN_TRIGGER_EVENT", "Name the event that starts the workflow.", at="eventName")


def event_has_a_payload_schema(definition: Mapping[str, Any]) -> Iterator[Finding]:
    """What an event brings has to fit something."""
    if _trigger(definition, "event") is not None and not _text(definition.get("payloadSchemaRef")):
        yield Finding(
            severity="error",
            step_path=ROOT,
            path=f"{ROOT}.payloadSchemaRef",
            code="PAYLOAD_SCHEMA_REF_MISSING",
            message="A workflow that an event starts needs the schema of its payload.",
        )


def event_payload_is_mapped(definition: Mapping[str, Any]) -> Iterator[Finding]:
    """An event with another schema than the workflow's needs a mapping."""
    trigger = _trigger(definition, "event")
    if trigger is None:
        return
    source, own = trigger.get("sourcePayloadSchemaRef"), definition.get("payloadSchemaRef")
    if _text(source) and _text(own) and source != own and not trigger.get("payloadMapping"):
        yield _error(
            "TRIGGER_MAPPING_REQUIRED",
            f"The event brings {source}, and the workflow takes {own}: map one to the other.",
            at="payloadMapping",
        )


def trigger_expressions_compile(definition: Mapping[str, Any]) -> Iterator[Finding]:
    """The expressions of the trigger's mapping."""
    trigger = definition.get("trigger")
    for at, source in iter_expressions(dict(trigger) if isinstance(trigger, Mapping) else {}):
        problem = expression_problem(source)
        if problem is not None:
            yield _error(*problem, at=at)


def schedule_has_a_time(definition: Mapping[str, Any]) -> Iterator[Finding]:
    """``runAt`` is a moment, with its offset from UTC."""
    trigger = _trigger(definition, "schedule")
    if trigger is not None and not _is_moment(trigger.get("runAt")):
        yield _error(
            "TIME_TRIGGER_RUN_AT_REQUIRED",
            "runAt has to be a date and time with its offset from UTC, such as 2026-08-01T09:00:00Z.",
            at="runAt",
        )


def cron_is_valid(definition: Mapping[str, Any]) -> Iterator[Finding]:
    """``cron`` has five fields, each in its range."""
    trigger = _trigger(definition, "recurring")
    if trigger is not None and not is_cron(trigger.get("cron")):
        yield _error(
            "TIME_TRIGGER_INVALID_CRON",
            "cron has five fields: minute, hour, day of the month, month, day of the week; such as 0 9 * * MON-FRI.",
            at="cron",
        )


def timezone_exists(definition: Mapping[str, Any]) -> Iterator[Finding]:
    """``timezone`` is a name of the tz database."""
    trigger = _trigger(definition, "recurring")
    if trigger is not None and not _is_timezone(trigger.get("timezone")):
        yield _error(
            "TIME_TRIGGER_INVALID_TIMEZONE", "timezone has to be a name such as Europe/Berlin or UTC.", at="timezone"
        )


def is_cron(value: Any) -> bool:
    """Whether a value is a cron expression of five fields."""
    fields = value.upper().split() if isinstance(value, str) else []
    return len(fields) == len(_CRON_FIELDS) and all(
        all(_is_cron_part(part, *bounds) for part in field.split(","))
        for field, bounds in zip(fields, _CRON_FIELDS, strict=True)
    )


def _is_cron_part(part: str, least: int, most: int, names: tuple[str, ...], offset: int) -> bool:
    match = _CRON_PART.fullmatch(part)
    if match is None or (match["step"] is not None and not 0 < int(match["step"]) <= most):
        return False
    if match["first"] == "*":
        return match["last"] is None
    numbers = [
        names.index(word) + offset if word in names else int(word) if word.isdecimal() and len(word) < 3 else -1
        for word in (match["first"], match["last"] or match["first"])
    ]
    return least <= numbers[0] <= numbers[1] <= most


def _is_moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_timezone(value: Any) -> bool:
    if not _text(value):
        return False
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name with a slash too many leads to a folder
        return False
    return True


def _trigger(definition: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    trigger = definition.get("trigger")
    return trigger if isinstance(trigger, Mapping) and trigger.get("type") == kind else None


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _error(code: str, message: str, *, at: str, suggestion: str | None = None) -> Finding:
    return Finding(
        severity="error",
        step_path=ROOT,
        path=f"{ROOT}.trigger.{at}",
        code=code,
        message=message,
        suggestion=suggestion,
    )
