"""The vendor's device filter ``df``: clauses joined by `` AND ``.

A clause is ``online``, ``offline``, or a field with an operator and a value: ``org = 1``,
``class in (MAC,WINDOWS_SERVER)``, ``status eq APPROVED``, ``id=42``. Fields: ``org``, ``loc``, ``role``, ``id``
(whole numbers), ``class``, ``status`` (words). Operators: ``=``, ``eq``, ``!=``, ``neq``, ``in``, ``notin``. (The
vendor also has ``created`` and ``group``, which are not simulated: they count as malformed.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Predicate = Callable[[Mapping[str, Any]], bool]

_NUMBERS = {"org": "organizationId", "loc": "locationId", "role": "nodeRoleId", "id": "id"}
_WORDS = {"class": "nodeClass", "status": "approvalStatus"}
_CLAUSE = re.compile(
    r"(?P<field>[a-z]+)\s*(?:(?P<op>!=|=|\b(?:eq|neq)\b)\s*(?P<value>\w+)"
    r"|\b(?P<set>in|notin)\b\s*\(\s*(?P<values>\w+(?:\s*,\s*\w+)*)\s*\))",
    re.ASCII,
)


class MalformedFilterError(ValueError):
    """The filter is not in the vendor's grammar."""


def parse_filter(text: str) -> Predicate:
    """What the filter asks of a device.

    Raises:
        MalformedFilterError: It is none; the vendor answers such a one with 500.
    """
    clauses = [_parse_clause(clause.strip()) for clause in text.split(" AND ")]
    return lambda device: all(clause(device) for clause in clauses)


def _parse_clause(text: str) -> Predicate:
    if text in {"online", "offline"}:
        wanted = text == "offline"
        return lambda device: bool(device.get("offline")) is wanted
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
    return lambda device: (device.get(key) in values) is wanted_inside
