"""What devices can be told to run, and what NinjaOne answers when one is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from workflow_ninjaone.client.models import _int, _mapping, _text, _texts

_UID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@attrs.frozen(kw_only=True)
class Script:
    """A script of the account's library, or an action that is built in.

    Attributes:
        type: ``SCRIPT`` or ``ACTION``.
        id: Of a script.
        uid: Of an action; a script may have one, too.
        name: What people call it; activities name it so.
    """

    type: str
    name: str
    id: int | None = None
    uid: str | None = None
    description: str | None = None
    language: str | None = None
    architecture: tuple[str, ...] = ()
    category_id: int | None = None


@attrs.frozen
class Credential:
    """A stored credential under which a script can run."""

    id: int
    name: str | None
    type: str | None


@attrs.frozen
class ScriptingOptions:
    """What a device can run, and as whom.

    Attributes:
        categories: Names by id.
        roles: Such as ``SYSTEM``.
    """

    scripts: tuple[Script, ...]
    categories: Mapping[int, str]
    roles: tuple[str, ...]
    credentials: tuple[Credential, ...]


@attrs.frozen
class ScriptJob:
    """What NinjaOne calls a run of a script; it may tell either name, or none.

    Attributes:
        activity_id: Of the activity that asks for it.
        series_uid: Of all activities of the run.
    """

    activity_id: int | None = None
    series_uid: str | None = None


def parse_scripting_options(value: object) -> ScriptingOptions:
    """A device's options; what cannot be named is left out."""
    record = _mapping(value)
    credentials = _mapping(record.get("credentials"))
    return ScriptingOptions(
        scripts=tuple(script for row in _rows(record, "scripts") if (script := parse_script(row)) is not None),
        categories={
            identity: name
            for row in _rows(record, "categories")
            if (identity := _int(row, "id")) is not None and (name := _text(row, "name")) is not None
        },
        roles=_texts(credentials, "roles"),
        credentials=tuple(
            Credential(identity, _text(row, "name"), _text(row, "type"))
            for row in _rows(credentials, "credentials")
            if (identity := _int(row, "id")) is not None
        ),
    )


def parse_script(row: object, *, type_: str | None = None) -> Script | None:
    """The script in a row, or ``None`` when it cannot be named; the account's own list does not give its type."""
    record = _mapping(row)
    kind, name = type_ or _text(record, "type"), _text(record, "name")
    identity, uid = _int(record, "id"), _text(record, "uid")
    if name is None or not ((kind == "SCRIPT" and identity is not None) or (kind == "ACTION" and uid is not None)):
        return None
    return Script(
        type=kind,
        name=name,
        id=identity,
        uid=uid,
        description=_text(record, "description") or None,
        language=_text(record, "language"),
        architecture=_texts(record, "architecture"),
        category_id=_int(record, "categoryId"),
    )


def parse_script_job(value: object) -> ScriptJob:
    """What the answer to a run says of it: several shapes have been seen, and the vendor documents none."""
    if isinstance(value, str):
        return ScriptJob(series_uid=value) if _UID.fullmatch(value) else ScriptJob()
    record = value if isinstance(value, Mapping) else {"id": value}
    uid = _text(record, "jobUid")
    activity_id = _int(record, "activityId")
    return ScriptJob(
        activity_id=activity_id if activity_id is not None else _int(record, "id"),
        series_uid=uid if uid is not None and _UID.fullmatch(uid) else None,
    )


def _rows(record: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    rows = record.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
