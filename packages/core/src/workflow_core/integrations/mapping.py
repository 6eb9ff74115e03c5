"""What records over there are here: organizations that are clients. They are listed from our own records."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import attrs

from workflow_core import audit
from workflow_core.connections import Connection, Mappable, MappingKind
from workflow_core.errors import FieldError, NotFoundError, ValidationError
from workflow_core.integrations.candidates import call
from workflow_core.integrations.connecting import Connector
from workflow_core.integrations.stored import StoredConnection
from workflow_core.records._rows import like
from workflow_core.records.devices import give_devices
from workflow_core.storage.database import Connection as DatabaseConnection
from workflow_core.storage.database import Record

#: Seconds for reading all records of a kind.
READ_LIMIT: Final = 60.0

#: What companies add to their names, and others leave out.
_FORMS: Final = frozenset(
    [
        *("ab", "ag", "as", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "incorporated", "kg"),
        *("limited", "llc", "llp", "ltd", "nv", "oy", "plc", "pty", "sa", "sas", "srl", "the"),
    ]
)

State = Literal["all", "mapped", "unmapped"]


@attrs.frozen
class MappedTo:
    """A record here: a client."""

    id: UUID
    name: str


@attrs.frozen(kw_only=True)
class Mapped:
    """A record over there.

    Attributes:
        external_id: Its id over there.
        name: Its name over there.
        to: What it is here.
        suggestion: What it may be, by its name, as long as nobody has said.
        position: By which a list goes on after it.
    """

    external_id: str
    name: str | None
    to: MappedTo | None
    suggestion: MappedTo | None
    position: str


@attrs.frozen
class Page:
    """Some of them, and how many there are."""

    records: Sequence[Mapped]
    total: int
    more: bool


@attrs.frozen(kw_only=True)
class Wanted:
    """What a record over there is from now on.

    Attributes:
        external_id: Its id over there.
        to: A client.
        create: The name of a client that does not exist yet. With neither, it is nothing here.
    """

    external_id: str
    to: UUID | None = None
    create: str | None = None


def kind_of(connection: Connection, key: str) -> MappingKind:
    """A kind of records.

    Raises:
        NotFoundError: There is none with this key.
    """
    for kind in connection.mappings:
        if kind.key == key:
            return kind
    raise NotFoundError(f"{connection.label} maps nothing of this kind.")


def read_at(stored: StoredConnection, kind: MappingKind) -> datetime | None:
    """When all records of a kind were last read over there."""
    moment = stored.mappings_read_at.get(kind.key)
    return None if moment is None else datetime.fromisoformat(moment)


async def refresh(connector: Connector, tenant: UUID, provider: str, key: str) -> int:
    """Reads all records of a kind over there, and remembers them; tells how many there are.

    Raises:
        NotFoundError: There is no such integration or kind.
        ConflictError: ``NOT_CONNECTED``.
        WorkflowError: They cannot all be read; nothing has changed then.
    """
    connection = connector.connection(provider)
    kind = kind_of(connection, key)
    stored, context, redactor = await connector.context(tenant, connection)
    list_mappable = connection.list_mappable
    assert list_mappable is not None  # noqa: S101 - discovery has looked

    async def read() -> dict[str, Mappable]:
        return {found.id: found async for found in list_mappable(context, kind.key)}

    found = await call(connection, redactor, read(), limit=READ_LIMIT)
    names = [mappable.name[:_LONGEST].replace("\0", "") for mappable in found.values()]
    async with connector.database.tenant(tenant) as conn:
        await conn.execute(_PUT, tenant, stored.integration_id, list(found), names)
        await conn.execute(_FORGET, tenant, stored.integration_id, list(found))
        await conn.execute(_READ, tenant, stored.integration_id, kind.key)
    return len(found)


async def list_mapped(
    conn: DatabaseConnection,
    tenant: UUID,
    integration_id: UUID,
    *,
    q: str | None,
    state: State,
    limit: int,
    after: tuple[str, str] | None,
) -> Page:
    """Records over there, by name.

    Args:
        conn: Bound to the tenant.
        tenant: Whose connection.
        integration_id: Which one.
        q: A part of the name.
        state: Which of them.
        limit: How many at most.
        after: Position and id of the last one that was seen.
    """
    position, external_id = after or (None, None)
    pattern = None if q is None else like(q)
    rows = await conn.fetch(_LIST, tenant, integration_id, pattern, state, position, external_id, limit + 1)
    total = await conn.fetchval(_COUNT, tenant, integration_id, pattern, state)
    return Page(await _records(conn, tenant, rows[:limit]), total, more=len(rows) > limit)


async def find_targets(conn: DatabaseConnection, tenant: UUID, *, q: str | None, limit: int) -> list[MappedTo]:
    """What records over there can be here: active clients, by name; ``q``: a part of it."""
    rows = await conn.fetch(
        "SELECT client_id, client_name FROM clients WHERE tenant = $1 AND NOT is_inactive "
        "AND ($2::text IS NULL OR client_name ILIKE $2) ORDER BY lower(client_name), client_id LIMIT $3",
        tenant,
        None if q is None else like(q),
        limit,
    )
    return [MappedTo(row["client_id"], row["client_name"]) for row in rows]


async def count_mapped(conn: DatabaseConnection, tenant: UUID, integration_id: UUID) -> tuple[int, int]:
    """How many records there are, and of how many it is said what they are."""
    row = await conn.fetchrow(
        "SELECT count(*), count(client_id) FROM rmm_organization_mappings WHERE tenant = $1 AND integration_id = $2",
        tenant,
        integration_id,
    )
    assert row is not None  # noqa: S101 - an aggregate has a row
    return row[0], row[1]


async def put_mapped(
    conn: DatabaseConnection, tenant: UUID, user: UUID, stored: StoredConnection, wanted: Sequence[Wanted]
) -> list[Mapped]:
    """Says what records over there are: all of it, or nothing.

    Args:
        conn: Bound to the tenant.
        tenant: Whose connection.
        user: Who says so.
        stored: Which one.
        wanted: Each record at most once.

    Raises:
        ValidationError: Naming each that cannot be.
    """
    ids = [entry.external_id for entry in wanted]
    rows = await conn.fetch(_FOR_UPDATE, tenant, stored.integration_id, ids)
    before = {row["external_id"]: row for row in rows}
    targets = {entry.to for entry in wanted if entry.to is not None}
    active = await conn.fetch(
        "SELECT client_id FROM clients WHERE tenant = $1 AND client_id = ANY ($2::uuid[]) AND NOT is_inactive",
        tenant,
        list(targets),
    )
    errors = _wrong(wanted, known=before, clients={row["client_id"] for row in active})
    if errors:
        raise ValidationError(f"{errors[0].path}: {errors[0].message}", errors=errors)
    for entry in wanted:
        row = before[entry.external_id]
        client_id = entry.to
        if entry.create is not None:
            if row["client_name"] == entry.create:
                continue  # asked for twice, it is made once
            client_id = await conn.fetchval(_CREATE, tenant, entry.create)
        if client_id != row["client_id"]:
            await conn.execute(_MAP, tenant, stored.integration_id, entry.external_id, client_id)
            await give_devices(conn, tenant, stored.provider, entry.external_id, client_id)
            change = audit.Change(
                operation="map",
                table_name="rmm_organization_mappings",
                record_id=str(row["mapping_id"]),
                changed_data={"clientId": {"old": _text(row["client_id"]), "new": _text(client_id)}},
            )
            await audit.record(conn, tenant, user, [change])
    rows = await conn.fetch(_NAMED, tenant, stored.integration_id, ids)
    return await _records(conn, tenant, rows)


def _wrong(wanted: Sequence[Wanted], *, known: Mapping[str, Record], clients: set[UUID]) -> list[FieldError]:
    errors = []
    seen: set[str] = set()
    for number, entry in enumerate(wanted):
        path = f"mappings[{number}]"
        if entry.external_id in seen:
            errors.append(FieldError(f"{path}.externalId", "DUPLICATE", "is named twice"))
        elif entry.external_id not in known:
            errors.append(FieldError(f"{path}.externalId", "NOT_FOUND", "is not known: refresh the list"))
        if entry.to is not None and entry.create is not None:
            errors.append(FieldError(path, "RULE", "give id or create, not both"))
        if entry.to is not None and entry.to not in clients:
            errors.append(FieldError(f"{path}.id", "NOT_FOUND", "is no active client"))
        seen.add(entry.external_id)
    return errors


async def _records(conn: DatabaseConnection, tenant: UUID, rows: Sequence[Record]) -> list[Mapped]:
    suggestions: Mapping[str, MappedTo] = {}
    if any(row["client_id"] is None for row in rows):
        suggestions = await _clients_by_name(conn, tenant)
    return [
        Mapped(
            external_id=row["external_id"],
            name=row["name"],
            to=None if row["client_id"] is None else MappedTo(row["client_id"], row["client_name"]),
            suggestion=None if row["client_id"] is not None else suggestions.get(_bare(row["name"] or "")),
            position=row["position"],
        )
        for row in rows
    ]


async def _clients_by_name(conn: DatabaseConnection, tenant: UUID) -> Mapping[str, MappedTo]:
    """Active clients by the bare form of their name, where it is the only one's."""
    found: dict[str, list[MappedTo]] = defaultdict(list)
    for row in await conn.fetch(
        "SELECT client_id, client_name FROM clients WHERE tenant = $1 AND NOT is_inactive", tenant
    ):
        found[_bare(row["client_name"])].append(MappedTo(row["client_id"], row["client_name"]))
    return {name: same[0] for name, same in found.items() if name and len(same) == 1}


def _bare(name: str) -> str:
    """A name as far as it tells one company from another."""
    words = re.findall(r"\w+", re.sub(r"[.'’]", "", name.casefold().replace("&", " and ")))
    return " ".join(word for word in words if word not in _FORMS) or " ".join(words)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


_LONGEST: Final = 255

_PUT: Final = """
INSERT INTO rmm_organization_mappings AS o
    (tenant, integration_id, external_organization_id, external_organization_name, last_synced_at)
SELECT $1, $2, id, name, now() FROM unnest($3::text[], $4::text[]) AS found(id, name) ORDER BY id
ON CONFLICT (tenant, integration_id, external_organization_id) DO UPDATE
SET external_organization_name = EXCLUDED.external_organization_name, last_synced_at = now()
"""
# What is gone over there is of no more use, unless somebody has said what it was.
_FORGET: Final = """
DELETE FROM rmm_organization_mappings
WHERE tenant = $1 AND integration_id = $2 AND client_id IS NULL AND external_organization_id <> ALL ($3::text[])
"""
_READ: Final = """
UPDATE rmm_integrations SET mappings_read_at = mappings_read_at || jsonb_build_object($3::text, now())
WHERE tenant = $1 AND integration_id = $2
"""
_SELECT: Final = """
SELECT o.mapping_id, o.external_organization_id AS external_id, o.external_organization_name AS name, o.client_id,
       c.client_name, lower(coalesce(o.external_organization_name, '')) COLLATE "C" AS position
FROM rmm_organization_mappings o
LEFT JOIN clients c ON c.tenant = $1 AND c.client_id = o.client_id
WHERE o.tenant = $1 AND o.integration_id = $2
"""
_MATCHING: Final = """
  AND ($3::text IS NULL OR o.external_organization_name ILIKE $3)
  AND ($4 = 'all' OR ($4 = 'mapped') = (o.client_id IS NOT NULL))
"""
_LIST: Final = f"""
{_SELECT} {_MATCHING}
  AND ($5::text IS NULL OR (lower(coalesce(o.external_organization_name, '')) COLLATE "C",
                            o.external_organization_id COLLATE "C") > ($5, $6))
ORDER BY position, o.external_organization_id COLLATE "C" LIMIT $7
"""
_COUNT: Final = f"""
SELECT count(*) FROM rmm_organization_mappings o WHERE o.tenant = $1 AND o.integration_id = $2 {_MATCHING}
"""  # noqa: S608 - the condition is constant
_NAMED: Final = f"""
{_SELECT} AND o.external_organization_id = ANY ($3::text[]) ORDER BY position, o.external_organization_id COLLATE "C"
"""
_FOR_UPDATE: Final = f"{_SELECT} AND o.external_organization_id = ANY ($3::text[]) ORDER BY 2 FOR UPDATE OF o"
_CREATE: Final = """
INSERT INTO clients (tenant, client_name, client_type) VALUES ($1, $2, 'company') RETURNING client_id
"""
_MAP: Final = """
UPDATE rmm_organization_mappings SET client_id = $4
WHERE tenant = $1 AND integration_id = $2 AND external_organization_id = $3
"""
