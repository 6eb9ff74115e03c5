"""Pickers: values that an input field can have, searched by a person who fills it in.

A field of an action's input names its source in the annotation::

    board_id: Annotated[UUID, msgspec.Meta(extra_json_schema=picker("tickets.boards"))]
    status_id: Annotated[UUID, msgspec.Meta(extra_json_schema=picker("tickets.statuses", board_id="board_id"))]

What is picked is a fixed value of the field; nothing is checked against the source when the action runs.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs
import orjson
from attrs.validators import deep_iterable, instance_of, is_callable, matches_re
from msgspec import inspect as types

from workflow_core.actions import Action, SecretReader
from workflow_core.errors import FieldError, ValidationError
from workflow_core.schema import type_of

if TYPE_CHECKING:
    import aiohttp

    from workflow_core.storage.database import Connection

#: Names a field's source of options in its schema.
PICKER_MARK: Final = "x-picker"
#: What a search is asked with; no dependency can be called so.
RESERVED: Final = frozenset({"q", "value", "cursor", "limit", "locale"})

_PARAMETER = matches_re(r"[a-z][a-z0-9_]{0,63}")


@attrs.frozen
class Option:
    """One value that a field can have.

    Attributes:
        value: As the field takes it.
        label: What a person knows it by.
        description: What tells it from others of the same label.
    """

    value: str | int
    label: str
    description: str | None = None


@attrs.frozen
class OptionPage:
    """A part of what was found.

    Attributes:
        options: In the order in which they are shown.
        next_cursor: What gives the next part; None: there is no more.
    """

    options: Sequence[Option]
    next_cursor: str | None = None


@attrs.frozen(kw_only=True)
class OptionQuery:
    """What is looked for.

    Attributes:
        q: Words that an option has to have, in any case; empty: all options.
        values: Instead of a search: the options of these values, as text; those that there are.
        cursor: The ``next_cursor`` of the page before.
        limit: How many options at most.
        dependencies: What stands in the fields that the picked value depends on, as text, by the source's names for
            them; without those that are empty or not known before a run.
    """

    q: str = ""
    values: tuple[str, ...] | None = None
    cursor: str | None = None
    limit: int = 50
    dependencies: Mapping[str, str] = attrs.Factory(dict)

    def uuid(self, name: str) -> UUID | None:
        """A dependency that is an id.

        Raises:
            ValidationError: It is none.
        """
        text = self.dependencies.get(name)
        try:
            return None if text is None else UUID(text)
        except ValueError:
            raise ValidationError(
                f"{name}: must be a UUID", errors=[FieldError(name, "FORMAT", "must be a UUID")]
            ) from None


@attrs.frozen(kw_only=True, eq=False)
class OptionContext:
    """What a source is given beside the query.

    Attributes:
        tenant: Who looks.
        log: Never log a secret, and never an upstream body.
        http: The process's HTTP session. Every call needs a time limit of its own.
        secrets: Of the connection that the source's first segment belongs to.
    """

    tenant: UUID
    log: logging.LoggerAdapter[logging.Logger]
    http: aiohttp.ClientSession
    secrets: SecretReader
    _transaction: Callable[[], AbstractAsyncContextManager[Connection]]

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """A short read-only transaction of the tenant; never hold it across a network call."""
        return self._transaction()


Search = Callable[[OptionQuery, OptionContext], Awaitable[OptionPage]]


@attrs.frozen(kw_only=True, eq=False)
class OptionSource:
    """Where the values of fields are found.

    Attributes:
        id: Dotted, lower case, such as ``tickets.boards``; its first segment belongs to the distribution whose module
            claims it.
        search: ``async (query, ctx) -> OptionPage``; changes nothing.
        depends_on: The names of the dependencies that narrow a search. One that is not given narrows nothing.
    """

    id: str = attrs.field(validator=instance_of(str))
    search: Search = attrs.field(validator=is_callable())
    depends_on: tuple[str, ...] = attrs.field(
        default=(), validator=deep_iterable([instance_of(str), _PARAMETER], instance_of(tuple))
    )

    @property
    def segment(self) -> str:
        """The first dotted segment of the id."""
        return self.id.split(".", 1)[0]


# ── Fields ───────────────────────────────────────────────────────────────────────────────────────────────────────


def picker(source: str, **dependencies: str) -> dict[str, Any]:
    """The mark of a field whose values a source offers, for ``msgspec.Meta(extra_json_schema=…)``.

    Args:
        source: The id of a source of the same distribution.
        dependencies: By the source's name of a dependency the field whose value it is: one of the same object, or else
            of the nearest object around it.
    """
    return {PICKER_MARK: {"source": source, "dependencies": dependencies}}


@attrs.frozen
class Picker:
    """A field that has a source of options.

    Attributes:
        field: Where it is, such as ``assignment.primary.id``; the items of a list have the list's path.
        source: The source's id.
        dependencies: The paths of other fields by the source's names of them; None: there is no such field.
    """

    field: str
    source: str
    dependencies: Mapping[str, str | None]


@lru_cache(maxsize=1024)
def pickers_of(cls: type) -> Mapping[str, Picker]:
    """The fields of an input that have a source of options, by their paths; shared, so nobody may change it."""
    found = _pickers(type_of(cls), "", (), frozenset())
    return {item.field: item for item in found}


#: The objects around a field, the nearest last: the path of each, and the names of its fields.
_Scopes = tuple[tuple[str, frozenset[str]], ...]


def _pickers(info: types.Type, path: str, scopes: _Scopes, seen: frozenset[type]) -> Iterator[Picker]:
    while isinstance(info, types.Metadata):
        mark = (info.extra_json_schema or {}).get(PICKER_MARK)
        if mark is not None:
            named = {name: _resolved(field, scopes) for name, field in mark["dependencies"].items()}
            yield Picker(path, mark["source"], named)
        info = info.type
    if isinstance(info, types.UnionType):
        for kind in info.types:
            yield from _pickers(kind, path, scopes, seen)
    elif isinstance(info, types.ListType | types.VarTupleType):
        yield from _pickers(info.item_type, path, scopes, seen)
    elif isinstance(info, types.DataclassType) and info.cls not in seen:
        inner = (*scopes, (path, frozenset(field.encode_name for field in info.fields)))
        for field in info.fields:
            yield from _pickers(field.type, _joined(path, field.encode_name), inner, seen | {info.cls})


def _resolved(field: str, scopes: _Scopes) -> str | None:
    return next((_joined(path, field) for path, names in reversed(scopes) if field.split(".", 1)[0] in names), None)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def picker_problems(action: Action, sources: Mapping[str, OptionSource]) -> Iterator[str]:
    """What is wrong with the marks of an action's input, in sentences."""
    for found in pickers_of(action.input).values():
        where = f"action {action.key}: the field {found.field}"
        source = sources.get(found.source)
        if source is None:
            yield f"{where} names the options {found.source}, which this distribution does not have"
            continue
        for name, field in found.dependencies.items():
            if name not in source.depends_on:
                yield f"{where}: the options {source.id} do not depend on {name}"
            elif field is None:
                yield f"{where}: there is no field for {name} beside or around it"


# ── Options in our own tables ────────────────────────────────────────────────────────────────────────────────────

_PAGE: Final = """
SELECT o.value, o.label, o.description, o.rank, lower(o.label) AS sorted
FROM ({statement}) AS o
WHERE (${n}::text[] IS NULL OR o.value = ANY (${n}))
  AND NOT EXISTS (
      SELECT FROM unnest(${n1}::text[]) AS word
      WHERE strpos(lower(concat_ws(' ', o.label, o.description)), lower(word)) = 0
  )
  AND (${n2}::bigint IS NULL OR (o.rank, lower(o.label), o.value) > (${n2}, ${n3}::text, ${n4}::text))
ORDER BY o.rank, lower(o.label), o.value
LIMIT ${n5}
"""


async def select_options(conn: Connection, query: OptionQuery, statement: str, *arguments: Any) -> OptionPage:
    """A page of what a statement gives, searched in labels and descriptions.

    Args:
        conn: Of :meth:`OptionContext.transaction`.
        query: What is looked for.
        statement: A SELECT of ``value``, ``label`` and ``description`` (text) and ``rank`` (bigint), by which they are
            sorted before their labels; ``value`` is unique. It is our own text, without anything that a caller gave.
        arguments: Of the statement.

    Raises:
        ValidationError: The cursor is not one.
    """
    first = len(arguments) + 1
    places = {"n": first, **{f"n{i}": first + i for i in range(1, 6)}}
    rank, label, value = _read_cursor(query.cursor)
    rows = await conn.fetch(
        _PAGE.format(statement=statement, **places),
        *arguments,
        None if query.values is None else list(query.values),
        query.q.split(),
        rank,
        label,
        value,
        query.limit + 1,
    )
    page = rows[: query.limit]
    last = page[-1] if len(rows) > query.limit else None
    return OptionPage(
        [Option(row["value"], row["label"], row["description"]) for row in page],
        None if last is None else _write_cursor(last["rank"], last["sorted"], last["value"]),
    )


def _write_cursor(*parts: str | int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode()


def _read_cursor(cursor: str | None) -> tuple[int | None, str | None, str | None]:
    if cursor is None:
        return None, None, None
    try:
        rank, label, value = orjson.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        if type(rank) is not int or not isinstance(label, str) or not isinstance(value, str) or "\0" in label + value:
            raise ValueError
        rank.to_bytes(8, signed=True)
    except (binascii.Error, ValueError, TypeError, OverflowError):
        words = "must be the nextCursor of a page"
        raise ValidationError(f"cursor: {words}", errors=[FieldError("cursor", "FORMAT", words)]) from None
    return rank, label, value
