"""Reads workflows, drafts and versions."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import attrs

from workflow_core.definitions.models import (
    SETTING_COLUMNS,
    Imported,
    PublishedVersion,
    StoredDefinition,
    VersionName,
    WorkflowSettings,
    WorkflowSummary,
)
from workflow_core.errors import NotFoundError
from workflow_core.manifest import sha256_json
from workflow_core.storage.database import Connection, Record

_OWN_COLUMNS: Final = (
    "workflow_id", "key", "name", "description", "payload_schema_ref", "trigger", "status", "draft_version",
    "published_version", "created_by", "updated_by", "created_at", "updated_at",
)  # fmt: skip
#: The columns that :func:`summary_of` reads.
SUMMARY_COLUMNS: Final = ", ".join((*_OWN_COLUMNS, *SETTING_COLUMNS.values()))


@attrs.frozen(kw_only=True)
class WorkflowFilter:
    """Which workflows to list; what is None does not matter.

    Attributes:
        search: Stands in name, key or description, in whatever case.
        status: ``draft`` or ``published``.
        is_paused: Whether nothing starts it.
        event_name: Of the event that the draft's trigger names.
    """

    search: str | None = None
    status: str | None = None
    is_paused: bool | None = None
    event_name: str | None = None


async def list_workflows(
    conn: Connection,
    tenant: UUID,
    *,
    matching: WorkflowFilter | None = None,
    limit: int | None = None,
    after: tuple[str, UUID] | None = None,
) -> list[WorkflowSummary]:
    """Workflows of the tenant, by name.

    Args:
        conn: Bound to the tenant.
        tenant: Whose workflows.
        matching: Which; all when left out.
        limit: How many at most.
        after: Name and id of the last workflow that was seen.
    """
    matching = matching or WorkflowFilter()
    name, workflow_id = after or (None, None)
    rows = await conn.fetch(
        f"""
        SELECT {SUMMARY_COLUMNS} FROM workflow_definitions
        WHERE tenant = $1
          AND ($2::text IS NULL OR strpos(lower(concat_ws(E'\\n', name, key, description)), lower($2)) > 0)
          AND ($3::text IS NULL OR status = $3)
          AND ($4::boolean IS NULL OR is_paused = $4)
          AND ($5::text IS NULL OR trigger ->> 'type' = 'event' AND trigger ->> 'eventName' = $5)
          AND ($6::text IS NULL OR (lower(name), workflow_id) > (lower($6), $7::uuid))
        ORDER BY lower(name), workflow_id LIMIT $8
        """,  # noqa: S608 - the columns are a constant
        tenant,
        matching.search,
        matching.status,
        matching.is_paused,
        matching.event_name,
        name,
        workflow_id,
        limit,
    )
    return [summary_of(row) for row in rows]


async def read_workflow(conn: Connection, tenant: UUID, workflow_id: UUID) -> WorkflowSummary:
    """One workflow.

    Raises:
        NotFoundError: The tenant has no such workflow.
    """
    row = await conn.fetchrow(
        f"SELECT {SUMMARY_COLUMNS} FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2",  # noqa: S608 - likewise
        tenant,
        workflow_id,
    )
    if row is None:
        raise no_workflow()
    return summary_of(row)


async def read_definition(conn: Connection, tenant: UUID, workflow_id: UUID, version: VersionName) -> StoredDefinition:
    """The draft, or the version of a number: the published one, else the draft if it has this number.

    Raises:
        NotFoundError: The tenant has no such workflow, or it no such version.
    """
    if version != "draft":
        published = await read_published(conn, tenant, workflow_id, version)
        if published is not None:
            return published
    row = await conn.fetchrow(
        "SELECT draft_version, draft_definition FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2",
        tenant,
        workflow_id,
    )
    draft = draft_of(workflow_id, row)
    if version not in ("draft", draft.version):
        raise no_version(version)
    return draft


async def read_published(conn: Connection, tenant: UUID, workflow_id: UUID, version: int) -> StoredDefinition | None:
    """The published version of a number, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT version, definition_json, definition_sha256, published_by, published_at
        FROM workflow_definition_versions WHERE tenant = $1 AND workflow_id = $2 AND version = $3
        """,
        tenant,
        workflow_id,
        version,
    )
    if row is None:
        return None
    return StoredDefinition(
        workflow_id=workflow_id,
        version=row["version"],
        is_draft=False,
        definition=row["definition_json"],
        sha256=row["definition_sha256"],
        published_by=row["published_by"],
        published_at=row["published_at"],
    )


async def list_versions(conn: Connection, tenant: UUID, workflow_id: UUID) -> list[PublishedVersion]:
    """The published versions, newest first.

    Raises:
        NotFoundError: The tenant has no such workflow.
    """
    await read_workflow(conn, tenant, workflow_id)
    rows = await conn.fetch(
        """
        SELECT version, definition_sha256 AS sha256, published_by, published_at
        FROM workflow_definition_versions WHERE tenant = $1 AND workflow_id = $2 ORDER BY version DESC
        """,
        tenant,
        workflow_id,
    )
    return [PublishedVersion(**row) for row in rows]


async def held_versions(conn: Connection, tenant: UUID, workflow_id: UUID) -> list[int]:
    """The numbers of the versions that were held back when the workflow was imported, newest first."""
    row = await conn.fetchrow(
        "SELECT imported FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2", tenant, workflow_id
    )
    imported = imported_of(row) if row is not None else None
    return sorted((entry["version"] for entry in imported.held), reverse=True) if imported is not None else []


# ── From rows ────────────────────────────────────────────────────────────────────────────────────────────────────


def summary_of(row: Record) -> WorkflowSummary:
    """The summary in a row with :data:`SUMMARY_COLUMNS`."""
    own: dict[str, Any] = {column: row[column] for column in _OWN_COLUMNS}
    settings: dict[str, Any] = {name: row[column] for name, column in SETTING_COLUMNS.items()}
    return WorkflowSummary(**own, settings=WorkflowSettings(**settings))


def draft_of(workflow_id: UUID, row: Record | None) -> StoredDefinition:
    """The draft in a row.

    Raises:
        NotFoundError: There is no row.
    """
    if row is None:
        raise no_workflow()
    return StoredDefinition(
        workflow_id=workflow_id,
        version=row["draft_version"],
        is_draft=True,
        definition=row["draft_definition"],
        sha256=sha256_json(row["draft_definition"]),
    )


def imported_of(row: Record) -> Imported | None:
    """What a bundle said, in a row with the column ``imported``."""
    return None if row["imported"] is None else Imported(**row["imported"])


def no_workflow() -> NotFoundError:
    """The tenant has no such workflow."""
    return NotFoundError("There is no such workflow.")


def no_version(version: VersionName) -> NotFoundError:
    """The workflow has no such version."""
    return NotFoundError(f"The workflow has no version {version}.")
