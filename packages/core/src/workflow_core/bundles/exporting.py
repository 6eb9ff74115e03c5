"""Exports workflows: what came with a bundle and has not changed is given back as it came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from workflow_core.bundles.envelope import FORMAT, FORMAT_VERSION
from workflow_core.definitions.models import SETTING_COLUMNS, Imported, WorkflowSettings
from workflow_core.definitions.reading import imported_of, no_workflow
from workflow_core.errors import NotFoundError
from workflow_core.language.definition import iter_steps
from workflow_core.manifest import sha256_json
from workflow_core.schema import to_json
from workflow_core.storage.database import Connection, Record

#: What is derived from the draft: given back as it came while draft and versions are those that came.
_DERIVED: Final = ("name", "description", "payloadSchemaRef", "trigger")


def make_bundle(entries: Sequence[Mapping[str, Any]], *, exported_at: datetime) -> dict[str, Any]:
    """A bundle of workflows that :func:`export_workflow` or :func:`export_by_key` gave."""
    moment = exported_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"format": FORMAT, "formatVersion": FORMAT_VERSION, "exportedAt": moment, "workflows": list(entries)}


async def export_workflow(conn: Connection, tenant: UUID, workflow_id: UUID) -> dict[str, Any]:
    """One workflow as it stands in a bundle.

    Raises:
        NotFoundError: The tenant has no such workflow.
    """
    row = await conn.fetchrow(f"{_SELECT} AND workflow_id = $2", tenant, workflow_id)
    if row is None:
        raise no_workflow()
    (entry,) = await _entries(conn, tenant, [row])
    return entry


async def export_by_key(conn: Connection, tenant: UUID, keys: Iterable[str] | None) -> list[dict[str, Any]]:
    """Workflows as they stand in a bundle, by key.

    Args:
        conn: Bound to the tenant.
        tenant: Whose workflows.
        keys: Which; None: all of the tenant, also those without a key.

    Raises:
        NotFoundError: The tenant has no workflow of a key.
    """
    wanted = None if keys is None else sorted(set(keys))
    rows = await conn.fetch(
        f"{_SELECT} AND ($2::text[] IS NULL OR key = ANY ($2)) ORDER BY key NULLS LAST, workflow_id", tenant, wanted
    )
    missing = sorted(set(wanted or ()) - {row["key"] for row in rows})
    if missing:
        raise NotFoundError(f"The tenant has no workflow with the key {', '.join(missing)}.")
    return await _entries(conn, tenant, rows)


_SELECT: Final = f"""
SELECT workflow_id, key, draft_version, draft_definition, imported, {", ".join(SETTING_COLUMNS.values())}
FROM workflow_definitions WHERE tenant = $1
"""  # noqa: S608 - names of columns


async def _entries(conn: Connection, tenant: UUID, rows: Sequence[Record]) -> list[dict[str, Any]]:
    versions: dict[UUID, list[Record]] = {row["workflow_id"]: [] for row in rows}
    for version in await conn.fetch(
        """
        SELECT workflow_id, version, definition_json, payload_schema_json, definition_sha256, imported
        FROM workflow_definition_versions
        WHERE tenant = $1 AND workflow_id = ANY ($2::uuid[]) ORDER BY workflow_id, version
        """,
        tenant,
        list(versions),
    ):
        versions[version["workflow_id"]].append(version)
    return [_entry(row, versions[row["workflow_id"]]) for row in rows]


def _entry(row: Record, versions: Sequence[Record]) -> dict[str, Any]:
    imported = imported_of(row) or _NOT_IMPORTED
    draft = row["draft_definition"]
    published = _in_order([*map(_published, versions), *imported.held], imported.order)
    digests = {version["version"]: version["definition_sha256"] for version in versions}
    unchanged = imported.content_sha256 == content_digest(draft, digests)
    return {
        **imported.entry,
        "key": row["key"] or f"workflow.{row['workflow_id']}",
        "metadata": _metadata(row, imported.metadata, draft=None if unchanged else draft),
        "dependencies": imported.dependencies
        if unchanged
        else dependencies([draft, *(version["definition"] for version in published)], row["pinned_payload_schema_ref"]),
        "draft": {**imported.draft, "draftVersion": row["draft_version"], "definition": draft},
        "publishedVersions": published,
    }


def _published(row: Record) -> dict[str, Any]:
    entry = {"version": row["version"], "definition": row["definition_json"]}
    # A version that was published here has no schema beside it, and says so.
    entry |= {"payloadSchemaJson": None} if row["imported"] is None else row["imported"]
    if row["payload_schema_json"] is not None:
        entry["payloadSchemaJson"] = row["payload_schema_json"]
    return entry


def _in_order(published: Iterable[dict[str, Any]], order: Sequence[int]) -> list[dict[str, Any]]:
    """The versions of a bundle in its order, then the others by number."""
    places = {version: place for place, version in enumerate(order)}
    return sorted(published, key=lambda entry: (places.get(entry["version"], len(places)), entry["version"]))


def _metadata(row: Record, came: Mapping[str, Any], *, draft: Mapping[str, Any] | None) -> dict[str, Any]:
    """The metadata as it came, with what has changed since: settings, and what a changed draft says."""
    metadata = dict(came)
    for name, column in SETTING_COLUMNS.items():
        # An equal number stays as it was written: 1 is not made into 1.0.
        if metadata.get(name, _DEFAULTS[name]) != row[column]:
            metadata[name] = row[column]
    if draft is not None:
        for name in _DERIVED:
            if metadata.get(name) != draft.get(name):
                metadata[name] = draft.get(name)
    return metadata


# ── What is derived ──────────────────────────────────────────────────────────────────────────────────────────────


def content_digest(draft: Mapping[str, Any], published: Mapping[int, str]) -> str:
    """Tells whether draft and published versions, given as digests by number, are still the same."""
    return sha256_json([draft, sorted(published.items())])


def dependencies(definitions: Iterable[Mapping[str, Any]], pinned_schema: str | None) -> dict[str, Any]:
    """What a workflow needs to be there: actions, step types and payload schemas of its draft and versions, sorted."""
    actions: set[tuple[str, int]] = set()
    types: set[str] = set()
    named: list[Any] = [pinned_schema]
    for definition in definitions:
        trigger = definition.get("trigger")
        named.append(definition.get("payloadSchemaRef"))
        named.append(trigger.get("sourcePayloadSchemaRef") if isinstance(trigger, Mapping) else None)
        for _, step in iter_steps(definition):
            step_type, config = step.get("type"), step.get("config")
            if isinstance(step_type, str):
                types.add(step_type)
            if step_type == "action.call" and isinstance(config, Mapping):
                action_id, version = config.get("actionId"), config.get("version", 1)
                if isinstance(action_id, str) and type(version) is int:
                    actions.add((action_id, version))
    return {
        "actions": [{"actionId": action_id, "version": version} for action_id, version in sorted(actions)],
        "nodeTypes": sorted(types),
        "schemaRefs": sorted({schema for schema in named if isinstance(schema, str)}),
    }


_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(to_json(WorkflowSettings()))
#: Every member of the format is written for a workflow that came with no bundle; what the older product does not know
#: stands there only where it says something.
_NOT_IMPORTED: Final = Imported(
    metadata={
        **dict.fromkeys(_DERIVED),
        **{name: value for name, value in _DEFAULTS.items() if name != "orderedByCorrelationKey"},
    },
    dependencies={},
    entry={},
    draft={},
    order=[],
    held=[],
    content_sha256="",
)
