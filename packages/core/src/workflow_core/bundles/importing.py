"""Imports bundles: first everything is read, numbered anew and validated, then all of it is written, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

import attrs
import orjson

from workflow_core import audit
from workflow_core.bundles.envelope import BundledWorkflow, BundleEntry
from workflow_core.bundles.exporting import content_digest
from workflow_core.definitions.models import SETTING_COLUMNS, TABLE, Imported, VersionName
from workflow_core.definitions.surroundings import Surroundings
from workflow_core.definitions.writing import lock_keys
from workflow_core.errors import ConflictError
from workflow_core.language.calls import CalledVersion, CalledWorkflows, Version, calls_of, workflow_key
from workflow_core.language.definition import iter_steps
from workflow_core.language.findings import Finding
from workflow_core.manifest import canonical_json, sha256_json
from workflow_core.schema import field_names
from workflow_core.storage.database import Connection

#: Stands in bundles for a workflow that whoever imports them names afterwards.
PLACEHOLDER: Final = "00000000-0000-0000-0000-000000000000"
#: Errors with which a version that was published elsewhere is not published here: what it needs is not there. Any other
#: error it had there, too, and ran: a run tells it at the step that it concerns.
CANNOT_RUN: Final = frozenset({"UNKNOWN_ACTION", "UNKNOWN_NODE_TYPE", "MODULE_UNAVAILABLE", "ACTION_NOT_ON_WORKERS"})


@attrs.frozen(kw_only=True)
class VersionFinding:
    """A finding, and where in the bundled workflow it was made: equal definitions are validated once."""

    versions: tuple[VersionName, ...]
    finding: Finding

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"versions": list(self.versions), **self.finding.as_json()}


@attrs.frozen(kw_only=True, eq=False)
class PreparedWorkflow:
    """A bundled workflow under its new id, validated, and ready to be written.

    Attributes:
        key: Its key.
        workflow_id: Its new id.
        entry: What is known of it.
        draft: The draft's definition, under the new id.
        published: The published versions that can be run here, by number: definition and what else the bundle said.
        imported: What the other columns do not hold.
        findings: What validation says of draft and versions.
    """

    key: str
    workflow_id: UUID
    entry: BundleEntry
    draft: dict[str, Any]
    published: Mapping[int, tuple[dict[str, Any], dict[str, Any]]]
    imported: Imported
    findings: Sequence[VersionFinding]

    @property
    def held(self) -> list[int]:
        """The numbers of the published versions that cannot be run here."""
        return [entry["version"] for entry in self.imported.held]


@attrs.frozen(kw_only=True)
class ImportReport:
    """What an import did, or would do.

    Attributes:
        dry_run: Whether nothing was written.
        workflows: What was imported.
        deleted: Key and id of the workflows that were replaced.
    """

    dry_run: bool
    workflows: Sequence[PreparedWorkflow]
    deleted: Sequence[tuple[str, UUID]]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, as clients of the import expect it. What was not written has no id."""

        def shown(workflow: PreparedWorkflow) -> dict[str, Any]:
            return {"key": workflow.key, "workflowId": None if self.dry_run else str(workflow.workflow_id)}

        return {
            "dryRun": self.dry_run,
            "createdWorkflows": [shown(workflow) for workflow in self.workflows],
            "deletedWorkflows": [{"key": key, "workflowId": str(workflow_id)} for key, workflow_id in self.deleted],
            "createdPublishedVersions": [
                {**shown(workflow), "versions": list(workflow.published)}
                for workflow in self.workflows
                if workflow.published
            ],
            "report": [
                {
                    **shown(workflow),
                    "imported": not self.dry_run,
                    "published": list(workflow.published),
                    "held": workflow.held,
                    "findings": [finding.as_json() for finding in workflow.findings],
                }
                for workflow in self.workflows
            ],
        }


# ── Preparing ────────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen
class _Copy:
    """The definitions of a bundled workflow, under its new id."""

    workflow: BundledWorkflow
    workflow_id: UUID
    draft: dict[str, Any]
    versions: dict[int, dict[str, Any]]

    def number(self, name: VersionName) -> int:
        """The number of a version; of the draft, the one under which it would be published."""
        return 1 + max(self.versions, default=0) if name == "draft" else name

    def by_content(self) -> Iterable[tuple[tuple[VersionName, ...], dict[str, Any]]]:
        """Equal definitions together, with their names. The number that one says it has does not matter."""
        named: list[tuple[VersionName, dict[str, Any]]] = [("draft", self.draft), *self.versions.items()]
        groups: dict[bytes, tuple[list[VersionName], dict[str, Any]]] = {}
        for name, definition in named:
            content = canonical_json({**definition, "version": None})
            groups.setdefault(content, ([], definition))[0].append(name)
        return [(tuple(names), definition) for names, definition in groups.values()]


def calling_definitions(workflows: Iterable[BundledWorkflow]) -> list[dict[str, Any]]:
    """The definitions of a bundle that call workflows."""
    return [definition for workflow in workflows for definition in _definitions(workflow) if calls_of(definition)]


def prepare_import(
    workflows: Sequence[BundledWorkflow],
    surroundings: Surroundings,
    *,
    allow_unavailable: bool = False,
    called: CalledWorkflows | None = None,
    permissions: Collection[str] | None = None,
) -> list[PreparedWorkflow]:
    """Gives bundled workflows their new ids and validates them.

    A large bundle takes seconds: call this in a thread.

    Args:
        workflows: Of one bundle: what they call of each other is called under its new id.
        surroundings: What they are held against.
        allow_unavailable: Whether a module that the tenant does not have is a warning only.
        called: What the :func:`calling_definitions` call of the tenant's workflows
            (:func:`~workflow_core.definitions.calls.called_by`); None leaves them out.
        permissions: What the importer may do, in whose name the published versions act; None leaves that question out.
    """
    new_ids = [uuid4() for _ in workflows]
    renamed = _renamed(workflows, new_ids)
    copies = [_copy(workflow, new_id, renamed) for workflow, new_id in zip(workflows, new_ids, strict=True)]
    validate = partial(surroundings.validate, allow_unavailable=allow_unavailable, permissions=permissions)
    findings = [
        [VersionFinding(versions=names, finding=found) for names, each in copy.by_content() for found in validate(each)]
        for copy in copies
    ]
    refused = [_refused(found) for found in findings]
    # Only now it is known which of the called versions will be published.
    known = _called(copies, refused, called)
    return [
        _prepared(copy, found if not _calls(copy) else _with_calls(copy, partial(validate, called=known)), held)
        for copy, found, held in zip(copies, findings, refused, strict=True)
    ]


def _renamed(workflows: Sequence[BundledWorkflow], new_ids: Sequence[UUID]) -> dict[str, str]:
    """New ids by the ids in the bundle; an id that two of its workflows have names neither."""
    found: dict[str, set[str]] = {}
    for workflow, new_id in zip(workflows, new_ids, strict=True):
        for definition in _definitions(workflow):
            old_id = definition.get("id")
            if isinstance(old_id, str) and workflow_key(old_id) != PLACEHOLDER:
                found.setdefault(workflow_key(old_id), set()).add(str(new_id))
    return {old_id: new.pop() for old_id, new in found.items() if len(new) == 1}


def _definitions(workflow: BundledWorkflow) -> list[dict[str, Any]]:
    return [workflow.raw["draft"]["definition"], *(entry["definition"] for entry in workflow.raw["publishedVersions"])]


def _copy(workflow: BundledWorkflow, workflow_id: UUID, renamed: Mapping[str, str]) -> _Copy:
    draft, *published = [_under_new_ids(each, workflow_id, renamed) for each in _definitions(workflow)]
    numbers = [version.version for version in workflow.entry.publishedVersions]
    return _Copy(workflow, workflow_id, draft, dict(zip(numbers, published, strict=True)))


def _refused(findings: Iterable[VersionFinding]) -> set[VersionName]:
    """The versions that cannot be run here."""
    return {
        name
        for found in findings
        if found.finding.severity == "error" and found.finding.code in CANNOT_RUN
        for name in found.versions
    }


def _called(
    copies: Iterable[_Copy], refused: Iterable[Collection[VersionName]], others: CalledWorkflows | None
) -> CalledWorkflows:
    """What there will be to call: the tenant's workflows, and what of the bundle is published."""
    published: dict[str, tuple[int, ...]] = dict(others.published) if others is not None else {}
    versions: dict[Version, CalledVersion] = dict(others.versions) if others is not None else {}
    for copy, held in zip(copies, refused, strict=True):
        workflow_id = str(copy.workflow_id)
        there = {number: definition for number, definition in copy.versions.items() if number not in held}
        published[workflow_id] = tuple(sorted(there))
        versions |= {(workflow_id, number): CalledVersion.of(definition) for number, definition in there.items()}
    return CalledWorkflows(published, versions)


def _with_calls(copy: _Copy, validate: Callable[[Any], Iterable[Finding]]) -> list[VersionFinding]:
    """What validation says of a workflow that calls: of each version by its own number, since it may call itself."""
    findings: list[VersionFinding] = []
    for names, definition in copy.by_content():
        told: dict[Finding, list[VersionName]] = {}
        for name in names:
            for finding in dict.fromkeys(validate({**definition, "version": copy.number(name)})):
                told.setdefault(finding, []).append(name)
        findings += [VersionFinding(versions=tuple(told_of), finding=finding) for finding, told_of in told.items()]
    return findings


def _calls(copy: _Copy) -> bool:
    return any(calls_of(definition) for definition in (copy.draft, *copy.versions.values()))


def _prepared(copy: _Copy, findings: Sequence[VersionFinding], refused: Collection[VersionName]) -> PreparedWorkflow:
    entry, raw = copy.workflow.entry, copy.workflow.raw
    members = {
        version.version: _others(given, ("version", "definition"))
        for version, given in zip(entry.publishedVersions, raw["publishedVersions"], strict=True)
    }
    published = {number: (copy.versions[number], members[number]) for number in members if number not in refused}
    return PreparedWorkflow(
        key=entry.key,
        workflow_id=copy.workflow_id,
        entry=entry,
        draft=copy.draft,
        published=published,
        imported=Imported(
            metadata=raw["metadata"],
            dependencies=raw["dependencies"],
            entry=_others(raw, field_names(BundleEntry)),
            draft=_others(raw["draft"], ("draftVersion", "definition")),
            order=list(members),
            held=[
                {**members[number], "version": number, "definition": copy.versions[number]}
                for number in members
                if number in refused
            ],
            content_sha256=content_digest(
                copy.draft, {number: sha256_json(definition) for number, (definition, _) in published.items()}
            ),
        ),
        findings=findings,
    )


def _under_new_ids(definition: dict[str, Any], workflow_id: UUID, renamed: Mapping[str, str]) -> dict[str, Any]:
    """A copy of a definition with the workflow's new id, calling other workflows of the bundle under theirs."""
    copy: dict[str, Any] = orjson.loads(orjson.dumps(definition))
    copy["id"] = str(workflow_id)
    for _, step in iter_steps(copy):
        called = step.get("workflowId")
        if step.get("type") == "control.callWorkflow" and isinstance(called, str):
            assert isinstance(step, dict)  # noqa: S101 - it was read from JSON
            step["workflowId"] = renamed.get(workflow_key(called), called)
    return copy


def _others(value: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The members that have no place of their own."""
    return {name: item for name, item in value.items() if name not in set(known)}


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def write_import(
    conn: Connection,
    tenant: UUID,
    workflows: Sequence[PreparedWorkflow],
    *,
    actor: UUID | None,
    force: bool = False,
    dry_run: bool = False,
) -> ImportReport:
    """Writes the prepared workflows of one bundle, all or none.

    Args:
        conn: Bound to the tenant.
        tenant: Whose workflows they become.
        workflows: What :func:`prepare_import` gave.
        actor: In whose name the published versions act.
        force: Whether workflows of the same keys are replaced. Their runs stay, and go on: each has its own plan.
        dry_run: Whether only to look what would happen.

    Raises:
        ConflictError: ``KEY_TAKEN``, naming the keys.
    """
    await lock_keys(conn, tenant)
    rows = await conn.fetch(
        "SELECT key, workflow_id FROM workflow_definitions WHERE tenant = $1 AND key = ANY ($2::text[]) ORDER BY key",
        tenant,
        [workflow.key for workflow in workflows],
    )
    taken = [(row["key"], row["workflow_id"]) for row in rows]
    if taken and not force:
        keys = [key for key, _ in taken]
        raise ConflictError(
            f"Nothing was imported: the tenant has workflows with these keys: {', '.join(keys)}. Import with force to "
            "replace them.",
            code="KEY_TAKEN",
            details={"keys": keys},
        )
    if not dry_run:
        await conn.execute(
            "DELETE FROM workflow_definitions WHERE tenant = $1 AND workflow_id = ANY ($2::uuid[])",
            tenant,
            [workflow_id for _, workflow_id in taken],
        )
        await _insert(conn, tenant, workflows, actor)
        await audit.record(conn, tenant, actor, [*_deletions(taken), *_imports(workflows)])
    return ImportReport(dry_run=dry_run, workflows=workflows, deleted=taken)


async def _insert(conn: Connection, tenant: UUID, workflows: Sequence[PreparedWorkflow], actor: UUID | None) -> None:
    await conn.executemany(_INSERT_WORKFLOW, [_workflow_row(tenant, workflow, actor) for workflow in workflows])
    await conn.executemany(
        _INSERT_VERSION,
        [
            (
                tenant,
                workflow.workflow_id,
                number,
                definition,
                members.get("payloadSchemaJson"),
                sha256_json(definition),
                actor,
                _without_schema(members),
            )
            for workflow in workflows
            for number, (definition, members) in workflow.published.items()
        ],
    )


_INSERT_WORKFLOW: Final = f"""
INSERT INTO workflow_definitions (
    tenant, workflow_id, key, name, description, payload_schema_ref, trigger, draft_definition, draft_version,
    published_version, status, created_by, updated_by, imported, {", ".join(SETTING_COLUMNS.values())}
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN $10::integer IS NULL THEN 'draft' ELSE 'published' END, $11, $11,
    $12, {", ".join(f"${number}" for number in range(13, 13 + len(SETTING_COLUMNS)))}
)
"""  # noqa: S608 - names of columns
_INSERT_VERSION: Final = """
INSERT INTO workflow_definition_versions (
    tenant, workflow_id, version, definition_json, payload_schema_json, definition_sha256, published_by, imported
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""


def _workflow_row(tenant: UUID, workflow: PreparedWorkflow, actor: UUID | None) -> tuple[Any, ...]:
    entry = workflow.entry
    definition = entry.draft.definition
    return (
        tenant,
        workflow.workflow_id,
        workflow.key,
        definition.name,
        definition.description,
        definition.payloadSchemaRef,
        definition.trigger,
        workflow.draft,
        entry.draft.draftVersion,
        max(workflow.published, default=None),
        actor,
        attrs.asdict(workflow.imported, recurse=False),
        *(getattr(entry.metadata, name) for name in SETTING_COLUMNS),
    )


def _without_schema(members: dict[str, Any]) -> dict[str, Any]:
    """What a version's column ``imported`` holds: its schema has a column, unless it is null, or missing."""
    return {name: item for name, item in members.items() if name != "payloadSchemaJson" or item is None}


def _imports(workflows: Iterable[PreparedWorkflow]) -> Iterable[audit.Change]:
    for workflow in workflows:
        yield audit.Change(
            operation="import",
            table_name=TABLE,
            record_id=str(workflow.workflow_id),
            details={"key": workflow.key, "published": list(workflow.published), "held": workflow.held},
        )


def _deletions(replaced: Iterable[tuple[str, UUID]]) -> Iterable[audit.Change]:
    for key, workflow_id in replaced:
        yield audit.Change(
            operation="delete", table_name=TABLE, record_id=str(workflow_id), details={"key": key, "replaced": True}
        )
