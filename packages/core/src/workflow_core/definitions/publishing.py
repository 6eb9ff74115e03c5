"""Publishes versions: the draft, or an old version again. Each act in the name of its publisher and never changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from workflow_core.definitions.models import StoredDefinition
from workflow_core.definitions.reading import imported_of, no_version, no_workflow, read_published
from workflow_core.definitions.writing import lock_draft, record_change, rewritten
from workflow_core.manifest import sha256_json
from workflow_core.storage.database import Connection


async def publish_draft(conn: Connection, tenant: UUID, workflow_id: UUID, *, actor: UUID | None) -> StoredDefinition:
    """Makes the draft the next version.

    Validate the draft of :func:`~workflow_core.definitions.writing.lock_draft` before, in the same transaction.

    Raises:
        NotFoundError: The tenant has no such workflow.
    """
    draft = await lock_draft(conn, tenant, workflow_id)
    published = await _publish(conn, tenant, workflow_id, draft.definition, draft=draft.definition, actor=actor)
    details = {"version": published.version, "sha256": published.sha256}
    await record_change(conn, tenant, workflow_id, "publish", actor=actor, details=details)
    return published


async def old_version(conn: Connection, tenant: UUID, workflow_id: UUID, version: int) -> StoredDefinition:
    """A version that can be rolled back to: one that is published, or that was held back when it was imported.

    Nobody else can publish the workflow until the transaction ends.

    Raises:
        NotFoundError: The tenant has no such workflow, or it no such version.
    """
    row = await conn.fetchrow(
        "SELECT imported FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2 FOR NO KEY UPDATE",
        tenant,
        workflow_id,
    )
    if row is None:
        raise no_workflow()
    published = await read_published(conn, tenant, workflow_id, version)
    if published is not None:
        return published
    imported = imported_of(row)
    held = imported.held_version(version) if imported is not None else None
    if held is None:
        raise no_version(version)
    return StoredDefinition(
        workflow_id=workflow_id, version=version, is_draft=False, definition=held, sha256=sha256_json(held)
    )


async def roll_back(
    conn: Connection, tenant: UUID, workflow_id: UUID, version: int, *, actor: UUID | None
) -> StoredDefinition:
    """Publishes an old version again, as the newest. The draft stays, under the next number.

    Validate the definition of :func:`old_version` before, in the same transaction.

    Raises:
        NotFoundError: The tenant has no such workflow, or it no such version.
    """
    draft = await lock_draft(conn, tenant, workflow_id)
    old = await old_version(conn, tenant, workflow_id, version)
    published = await _publish(conn, tenant, workflow_id, old.definition, draft=draft.definition, actor=actor)
    details = {"version": published.version, "sha256": published.sha256, "rolledBackTo": version}
    await record_change(conn, tenant, workflow_id, "rollback", actor=actor, details=details)
    return published


async def _publish(
    conn: Connection,
    tenant: UUID,
    workflow_id: UUID,
    definition: Mapping[str, Any],
    *,
    draft: Mapping[str, Any],
    actor: UUID | None,
) -> StoredDefinition:
    version = await next_version(conn, tenant, workflow_id)
    stored = rewritten(definition, workflow_id, version)
    digest = sha256_json(stored)
    published_at = await conn.fetchval(
        """
        INSERT INTO workflow_definition_versions (
            tenant, workflow_id, version, definition_json, definition_sha256, published_by
        ) VALUES ($1, $2, $3, $4, $5, $6) RETURNING published_at
        """,
        tenant,
        workflow_id,
        version,
        stored,
        digest,
        actor,
    )
    await conn.execute(
        """
        UPDATE workflow_definitions
        SET published_version = $3, status = 'published', draft_version = $3 + 1, draft_definition = $4,
            updated_by = $5, updated_at = now()
        WHERE tenant = $1 AND workflow_id = $2
        """,
        tenant,
        workflow_id,
        version,
        rewritten(draft, workflow_id, version + 1),
        actor,
    )
    return StoredDefinition(
        workflow_id=workflow_id,
        version=version,
        is_draft=False,
        definition=stored,
        sha256=digest,
        published_by=actor,
        published_at=published_at,
    )


async def next_version(conn: Connection, tenant: UUID, workflow_id: UUID) -> int:
    """The number of what is published next, one more than the highest.

    The number of a version that was held back is not given to another one.

    Raises:
        NotFoundError: The tenant has no such workflow.
    """
    row = await conn.fetchrow(
        """
        SELECT imported, (
            SELECT max(version) FROM workflow_definition_versions WHERE tenant = $1 AND workflow_id = $2
        ) AS highest
        FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2
        """,
        tenant,
        workflow_id,
    )
    if row is None:
        raise no_workflow()
    imported = imported_of(row)
    held: list[int] = [entry["version"] for entry in imported.held] if imported is not None else []
    return 1 + max([row["highest"] or 0, *held])
