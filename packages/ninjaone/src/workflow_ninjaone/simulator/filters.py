"""The vendor's device filter ``df``: clauses joined by `` AND ``.

A clause is ``online``, ``offline``, or a field with an operator and a value: ``org = 1``,
``class in (MAC,WINDOWS_SERVER)``, ``status eq APPROVED``, ``id=42``. Fields: ``org``, ``loc``, ``role``, ``id``
(whole numbers), ``class``, ``status`` (words), with the operators ``=``, ``eq``, ``!=``, ``neq``, ``in``, ``notin``;
and ``created`` with ``before`` or ``after`` and a day (``created after 2024-03-01``). (The vendor's ``group`` is not
simulated: it counts as malformed.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

Predicate = Callable[[Mapping[str, Any]], bool]

_NUMBERS = {"org": "organizationId", "loc": "locationId", "role": "nodeRoleId", "id": "id"}
_WORDS = {"class": "nodeClass", "status": "approvalStatus"}
_CLAUSE = re.compile(
    r"(?P<field>[a-z]+)\s*(?:(?P<op>!=|=|\b(?:eq|neq)\b)\s*(?P<value>\w+)"
    r"|\b(?P<set>in|notin)\b\s*\(\s*(?P<values>\w+(?:\s*,\s*\w+)*)\s*\))",
    re.ASCII,
)
_CREATED = re.compile(r"created\s+(?P<side>before|after)\s+(?P<day>\d{4}-\d{2}-\d{2})", re.ASCII)


class MalformedFilterError(ValueError):
    """The filter is not in the vendor's grammar."""


def parse_filter(text: str, *, ignored: frozenset[str] = frozenset()) -> Predicate:
    """What the filter asks of a device.

    Args:
        text: The filter.
        ignored: Fields whose clauses must be well-formed, and ask for nothing.

    Raises:
        MalformedFilterError: It is none; the vendor answers such a one with 500.
    """
    parsed = [_parse_clause(clause.strip()) for clause in text.split(" AND ")]
    clauses = [predicate for field, predicate in parsed if field not in ignored]
    return lambda device: all(clause(device) for clause in clauses)


def _parse_clause(text: str) -> tuple[str, Predicate]:
    """The clause's field, and what it asks of a device."""
    if text in {"online", "offline"}:
        wanted = text == "offline"
        return text, lambda device: bool(device.get("offline")) is wanted
    if (created := _CREATED.fullmatch(text)) is not None:
        return "created", _parse_created(created)
    match = _CLAUSE.fullmatch(text)
    if match is None:
        raise MalformedFilterError(text)
    field = match["field"]
    raw = re.split(r"\s*,\s*", match["values"]) if match["set"] else [match["value"]]
    if field in _NUMBERS:
        key = _NUMBERS[field]
        if not all(value.isdecimal() for value in raw):
            raise MalformedFilterError(text)
        values: set[Any] = {int(value) for value in raw}
    elif field in _WORDS:
        key = _WORDS[field]
        values = set(raw)
    else:
        raise MalformedFilterError(text)
    wanted_inside = (match["set"] or match["op"]) in {"in", "=", "eq"}
    return field, lambda device: (device.get(key) in values) is wanted_inside


def _parse_created(match: re.Match[str]) -> Predicate:
    try:
        day = datetime.strptime(match["day"], "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise MalformedFilterError(match[0]) from None
    if match["side"] == "before":
        return lambda device: float(device.get("created", 0)) < day
    return lambda device: float(device.get("created", 0)) > day
