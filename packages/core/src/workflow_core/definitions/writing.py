"""Creates, saves, settles and deletes workflows. Publishing is in :mod:`workflow_core.definitions.publishing`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from workflow_core import audit
from workflow_core.definitions.models import (
    SETTING_COLUMNS,
    TABLE,
    EditableSettings,
    StoredDefinition,
    WorkflowSummary,
    read_shape,
)
from workflow_core.definitions.reading import SUMMARY_COLUMNS, draft_of, no_workflow, summary_of
from workflow_core.errors import ConflictError
from workflow_core.schema import clean_json, field_names
from workflow_core.storage.database import Connection


async def create_workflow(
    conn: Connection,
    tenant: UUID,
    definition: Mapping[str, Any],
    *,
    actor: UUID | None,
    key: str | None = None,
) -> StoredDefinition:
    """Stores a new workflow with its first draft.

    Args:
        conn: Bound to the tenant.
        tenant: Whose workflow.
        definition: With a name and a list of steps; errors in them can be mended later.
        actor: The user who creates it.
        key: Under which bundles name it; unique for the tenant.

    Raises:
        ValidationError: ``INVALID_WORKFLOW_DEFINITION``.
        ConflictError: ``KEY_TAKEN``.
    """
    workflow_id = uuid4()
    stored = rewritten(definition, workflow_id, 1)
    shape = read_shape(stored)
    if key is not None:
        await lock_keys(conn, tenant)
    try:
        # A savepoint: after a taken key the caller's transaction goes on.
        async with conn.transaction():
            row = await conn.fetchrow(
                """
                INSERT INTO workflow_definitions (
                    tenant, workflow_id, key, name, description, payload_schema_ref, trigger, draft_definition,
                    draft_version, created_by, updated_by
                ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9)
                RETURNING draft_version, draft_definition
                """,
                tenant,
                workflow_id,
                key,
                shape.name,
                shape.description,
                shape.payloadSchemaRef,
                shape.trigger,
                stored,
                actor,
            )
    except asyncpg.UniqueViolationError:
        raise ConflictError(f"Another workflow has the key {key!r}.", code="KEY_TAKEN") from None
    details = {"name": shape.name} if key is None else {"name": shape.name, "key": key}
    await record_change(conn, tenant, workflow_id, "create", actor=actor, details=details)
    return draft_of(workflow_id, row)


async def lock_keys(conn: Connection, tenant: UUID) -> None:
    """Until the transaction ends, nobody else gives a workflow of the tenant a key."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('workflow keys ' || $1::text, 0))", str(tenant))


async def save_draft(
    conn: Connection,
    tenant: UUID,
    workflow_id: UUID,
    definition: Mapping[str, Any],
    *,
    actor: UUID | None,
) -> StoredDefinition:
    """Replaces the draft.

    Take the row with :func:`lock_draft` first where the old draft decides whether it may be replaced. The audit log
    leaves drafts out: they are saved while somebody types, and nothing runs them.

    Raises:
        NotFoundError: The tenant has no such workflow.
        ValidationError: ``INVALID_WORKFLOW_DEFINITION``.
    """
    draft = await lock_draft(conn, tenant, workflow_id)
    stored = rewritten(definition, workflow_id, draft.version)
    shape = read_shape(stored)
    row = await conn.fetchrow(
        """
        UPDATE workflow_definitions
        SET name = $3, description = $4, payload_schema_ref = $5, trigger = $6, draft_definition = $7,
            updated_by = $8, updated_at = now()
        WHERE tenant = $1 AND workflow_id = $2
        RETURNING draft_version, draft_definition
        """,
        tenant,
        workflow_id,
        shape.name,
        shape.description,
        shape.payloadSchemaRef,
        shape.trigger,
        stored,
        actor,
    )
    return draft_of(workflow_id, row)


async def lock_draft(conn: Connection, tenant: UUID, workflow_id: UUID) -> StoredDefinition:
    """The draft, which nobody else can replace or publish until the transaction ends. Runs can be started meanwhile.

    Raises:
        NotFoundError: The tenant has no such workflow.
    """
    row = await conn.fetchrow(
        """
        SELECT draft_version, draft_definition FROM workflow_definitions
        WHERE tenant = $1 AND workflow_id = $2 FOR NO KEY UPDATE
        """,
        tenant,
        workflow_id,
    )
    return draft_of(workflow_id, row)


async def change_settings(
    conn: Connection, tenant: UUID, workflow_id: UUID, changes: Mapping[str, Any], *, actor: UUID | None
) -> WorkflowSummary:
    """Changes some settings of a workflow.

    Args:
        conn: Bound to the tenant.
        tenant: Whose workflow.
        workflow_id: The workflow.
        changes: Values by the names of :class:`EditableSettings`, already converted.
        actor: Who changes them.

    Raises:
        NotFoundError: The tenant has no such workflow.
    """
    unknown = set(changes) - set(field_names(EditableSettings))
    if unknown:
        raise ValueError(f"these settings cannot be changed: {sorted(unknown)}")
    row = await conn.fetchrow(
        f"SELECT {SUMMARY_COLUMNS} FROM workflow_definitions "  # noqa: S608 - constant
        "WHERE tenant = $1 AND workflow_id = $2 FOR NO KEY UPDATE",
        tenant,
        workflow_id,
    )
    if row is None:
        raise no_workflow()
    old = summary_of(row)
    changed = {name: value for name, value in changes.items() if getattr(old.settings, name) != value}
    if not changed:
        return old
    assignments = ", ".join(f"{SETTING_COLUMNS[name]} = ${number}" for number, name in enumerate(changed, start=4))
    row = await conn.fetchrow(
        f"UPDATE workflow_definitions SET {assignments}, updated_by = $3, updated_at = now() "  # noqa: S608 - names above
        f"WHERE tenant = $1 AND workflow_id = $2 RETURNING {SUMMARY_COLUMNS}",
        tenant,
        workflow_id,
        actor,
        *changed.values(),
    )
    assert row is not None  # noqa: S101 - locked above
    await record_change(
        conn,
        tenant,
        workflow_id,
        _operation(changed),
        actor=actor,
        changed_data={name: {"old": getattr(old.settings, name), "new": value} for name, value in changed.items()},
    )
    return summary_of(row)


async def delete_workflow(
    conn: Connection, tenant: UUID, workflow_id: UUID, *, actor: UUID | None, force: bool = False
) -> None:
    """Deletes a workflow with its versions. Its runs stay, and those that are under way go on: each has its own plan.

    Args:
        conn: Bound to the tenant.
        tenant: Whose workflow.
        workflow_id: The workflow.
        actor: Who deletes it.
        force: Whether to delete it while runs are under way.

    Raises:
        NotFoundError: The tenant has no such workflow.
        ConflictError: ``RUNS_ACTIVE``.
    """
    # Waits for runs that are being recorded, and keeps others from it: see `record_run`.
    row = await conn.fetchrow(
        "SELECT key, name FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2 FOR UPDATE",
        tenant,
        workflow_id,
    )
    if row is None:
        raise no_workflow()
    active: int = await conn.fetchval(
        "SELECT count(*) FROM workflow_runs "
        "WHERE tenant = $1 AND workflow_id = $2 AND status IN ('RUNNING', 'WAITING')",
        tenant,
        workflow_id,
    )
    if active and not force:
        raise ConflictError(
            f"{active} run(s) of this workflow are under way: wait for them, cancel them, or delete with force.",
            code="RUNS_ACTIVE",
            details={"activeRuns": active},
        )
    await conn.execute("DELETE FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2", tenant, workflow_id)
    details = {"name": row["name"], "key": row["key"], "activeRuns": active}
    await record_change(conn, tenant, workflow_id, "delete", actor=actor, details=details)


def rewritten(definition: Mapping[str, Any], workflow_id: UUID, version: int) -> dict[str, Any]:
    """A definition under its own id and version."""
    return {**clean_json(dict(definition)), "id": str(workflow_id), "version": version}


async def record_change(
    conn: Connection,
    tenant: UUID,
    workflow_id: UUID,
    operation: str,
    *,
    actor: UUID | None,
    changed_data: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Writes to the audit log what was just done to a workflow."""
    change = audit.Change(
        operation=operation,
        table_name=TABLE,
        record_id=str(workflow_id),
        changed_data=changed_data or {},
        details=details or {},
    )
    await audit.record(conn, tenant, actor, [change])


def _operation(changed: Mapping[str, Any]) -> str:
    if set(changed) == {"isPaused"}:
        return "pause" if changed["isPaused"] else "resume"
    return "change_settings"
