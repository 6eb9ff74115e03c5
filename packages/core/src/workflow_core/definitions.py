"""Where workflows are stored: one draft each, and published versions that never change.

Every function works on a connection that is bound to the tenant. The draft's number is the version that publishing it
will give. ``id`` and ``version`` in a stored definition are always the workflow's id and that number; everything else
is kept as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID, uuid4

import asyncpg
import attrs

from workflow_core.errors import ConflictError, FieldError, NotFoundError, ValidationError
from workflow_core.language.definition import DefinitionShape
from workflow_core.manifest import sha256_json
from workflow_core.schema import clean_json, convert
from workflow_core.storage.database import Connection, Record

#: What a path names: the draft, or a number.
VersionName = int | Literal["draft"]

_SUMMARY: Final = """
workflow_id, key, name, description, payload_schema_ref, trigger, status, draft_version, published_version,
is_system, is_visible, is_paused, created_by, updated_by, created_at, updated_at
"""


@attrs.frozen(kw_only=True)
class WorkflowSummary:
    """A workflow without its definition.

    Attributes:
        workflow_id: Its id.
        key: Of the bundle that it came from, if any.
        status: ``draft`` until a version has been published.
        draft_version: The version that publishing the draft will give.
        published_version: The newest published version, if any.
    """

    workflow_id: UUID
    key: str | None
    name: str
    description: str | None
    payload_schema_ref: str | None
    trigger: dict[str, Any] | None
    status: str
    draft_version: int
    published_version: int | None
    is_system: bool
    is_visible: bool
    is_paused: bool
    created_by: UUID | None
    updated_by: UUID | None
    created_at: datetime
    updated_at: datetime


@attrs.frozen(kw_only=True)
class StoredDefinition:
    """A draft or a published version.

    Attributes:
        workflow_id: The workflow.
        version: The published version, or the draft's number.
        is_draft: Whether it can still change.
        definition: As stored.
        sha256: Of its canonical JSON; a published version's never changes.
        published_by: Who published it, if known.
        published_at: When.
    """

    workflow_id: UUID
    version: int
    is_draft: bool
    definition: dict[str, Any] = attrs.field(repr=False)
    sha256: str
    published_by: UUID | None = None
    published_at: datetime | None = None


@attrs.frozen(kw_only=True)
class PublishedVersion:
    """A published version without its definition."""

    version: int
    sha256: str
    published_by: UUID | None
    published_at: datetime


def read_shape(definition: Any) -> DefinitionShape:
    """What is listed of a definition; everything that a draft needs to be stored.

    Raises:
        ValidationError: ``INVALID_WORKFLOW_DEFINITION``, with paths below ``definition``.
    """
    try:
        return convert(DefinitionShape, definition, unknown="ignore")
    except ValidationError as error:
        raise ValidationError(
            f"The definition cannot be stored: {error.message}",
            code="INVALID_WORKFLOW_DEFINITION",
            errors=[_below_definition(wrong) for wrong in error.errors],
        ) from None


def _below_definition(error: FieldError) -> FieldError:
    return attrs.evolve(error, path=f"definition.{error.path}" if error.path else "definition")


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def list_workflows(conn: Connection, tenant: UUID) -> list[WorkflowSummary]:
    """All workflows of the tenant, by name."""
    rows = await conn.fetch(
        f"SELECT {_SUMMARY} FROM workflow_definitions WHERE tenant = $1 ORDER BY lower(name), workflow_id",  # noqa: S608 - constant
        tenant,
    )
    return [_summary(row) for row in rows]


async def read_workflow(conn: Connection, tenant: UUID, workflow_id: UUID) -> WorkflowSummary:
    """One workflow.

    Raises:
        NotFoundError: The tenant has no such workflow.
    """
    row = await conn.fetchrow(
        f"SELECT {_SUMMARY} FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2",  # noqa: S608 - constant
        tenant,
        workflow_id,
    )
    if row is None:
        raise _no_workflow()
    return _summary(row)


async def read_definition(conn: Connection, tenant: UUID, workflow_id: UUID, version: VersionName) -> StoredDefinition:
    """The draft, or the version of a number.

    Raises:
        NotFoundError: The tenant has no such workflow, or it no such version.
    """
    if version != "draft":
        row = await conn.fetchrow(
            """
            SELECT version, definition_json, definition_sha256, published_by, published_at
            FROM workflow_definition_versions WHERE tenant = $1 AND workflow_id = $2 AND version = $3
            """,
            tenant,
            workflow_id,
            version,
        )
        if row is not None:
            return StoredDefinition(
                workflow_id=workflow_id,
                version=row["version"],
                is_draft=False,
                definition=row["definition_json"],
                sha256=row["definition_sha256"],
                published_by=row["published_by"],
                published_at=row["published_at"],
            )
    row = await conn.fetchrow(
        "SELECT draft_version, draft_definition FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2",
        tenant,
        workflow_id,
    )
    if row is None:
        raise _no_workflow()
    if version not in ("draft", row["draft_version"]):
        raise NotFoundError(f"The workflow has no version {version}.")
    return _draft(workflow_id, row)


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


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


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
    stored = _rewritten(definition, workflow_id, 1)
    shape = read_shape(stored)
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
    return _draft(workflow_id, row)


async def save_draft(
    conn: Connection,
    tenant: UUID,
    workflow_id: UUID,
    definition: Mapping[str, Any],
    *,
    actor: UUID | None,
) -> StoredDefinition:
    """Replaces the draft.

    Take the row with :func:`lock_draft` first where the old draft decides whether it may be replaced.

    Raises:
        NotFoundError: The tenant has no such workflow.
        ValidationError: ``INVALID_WORKFLOW_DEFINITION``.
    """
    draft = await lock_draft(conn, tenant, workflow_id)
    stored = _rewritten(definition, workflow_id, draft.version)
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
    return _draft(workflow_id, row)


async def lock_draft(conn: Connection, tenant: UUID, workflow_id: UUID) -> StoredDefinition:
    """The draft, which nobody else can replace or publish until the transaction ends.

    Raises:
        NotFoundError: The tenant has no such workflow.
    """
    row = await conn.fetchrow(
        """
        SELECT draft_version, draft_definition FROM workflow_definitions
        WHERE tenant = $1 AND workflow_id = $2 FOR UPDATE
        """,
        tenant,
        workflow_id,
    )
    return _draft(workflow_id, row)


async def publish_draft(conn: Connection, tenant: UUID, workflow_id: UUID, *, actor: UUID | None) -> StoredDefinition:
    """Makes the draft the next version, which acts in the name of ``actor`` and never changes.

    Validate the draft of :func:`lock_draft` before, in the same transaction.

    Raises:
        NotFoundError: The tenant has no such workflow.
    """
    draft = await lock_draft(conn, tenant, workflow_id)
    version: int = await conn.fetchval(
        "SELECT coalesce(max(version), 0) + 1 FROM workflow_definition_versions WHERE tenant = $1 AND workflow_id = $2",
        tenant,
        workflow_id,
    )
    definition = _rewritten(draft.definition, workflow_id, version)
    digest = sha256_json(definition)
    published_at = await conn.fetchval(
        """
        INSERT INTO workflow_definition_versions (
            tenant, workflow_id, version, definition_json, definition_sha256, published_by
        ) VALUES ($1, $2, $3, $4, $5, $6) RETURNING published_at
        """,
        tenant,
        workflow_id,
        version,
        definition,
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
        _rewritten(definition, workflow_id, version + 1),
        actor,
    )
    return StoredDefinition(
        workflow_id=workflow_id,
        version=version,
        is_draft=False,
        definition=definition,
        sha256=digest,
        published_by=actor,
        published_at=published_at,
    )


def _rewritten(definition: Mapping[str, Any], workflow_id: UUID, version: int) -> dict[str, Any]:
    """A definition under its own id and version."""
    return {**clean_json(dict(definition)), "id": str(workflow_id), "version": version}


def _draft(workflow_id: UUID, row: Record | None) -> StoredDefinition:
    if row is None:
        raise _no_workflow()
    return StoredDefinition(
        workflow_id=workflow_id,
        version=row["draft_version"],
        is_draft=True,
        definition=row["draft_definition"],
        sha256=sha256_json(row["draft_definition"]),
    )


def _summary(row: Record) -> WorkflowSummary:
    return WorkflowSummary(**row)


def _no_workflow() -> NotFoundError:
    return NotFoundError("There is no such workflow.")
