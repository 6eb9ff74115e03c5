"""What is answered about workflows, drafts and versions."""

# ruff: noqa: N815 - answers are named as in the API

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import attrs
from aiohttp import hdrs, web

from workflow_catalog_server.answers import json_answer
from workflow_core.audit import AuditEntry
from workflow_core.definitions.models import (
    PublishedVersion,
    StoredDefinition,
    WorkflowSettings,
    WorkflowSummary,
)
from workflow_core.definitions.overview import Overview
from workflow_core.execution.models import RunStatus
from workflow_core.language.findings import Severity
from workflow_core.schema import field_names


@attrs.frozen(kw_only=True)
class WorkflowAnswer(WorkflowSettings):
    """A workflow: name, description, payload schema and trigger are the draft's."""

    workflowId: UUID
    key: str | None
    name: str
    description: str | None
    payloadSchemaRef: str | None
    trigger: dict[str, Any] | None
    status: str
    draftVersion: int
    publishedVersion: int | None
    createdBy: UUID | None
    updatedBy: UUID | None
    createdAt: datetime
    updatedAt: datetime

    @classmethod
    def of(cls, workflow: WorkflowSummary, **more: Any) -> Self:
        """The answer about a workflow."""
        return cls(
            workflowId=workflow.workflow_id,
            key=workflow.key,
            name=workflow.name,
            description=workflow.description,
            payloadSchemaRef=workflow.payload_schema_ref,
            trigger=workflow.trigger,
            status=workflow.status,
            draftVersion=workflow.draft_version,
            publishedVersion=workflow.published_version,
            createdBy=workflow.created_by,
            updatedBy=workflow.updated_by,
            createdAt=workflow.created_at,
            updatedAt=workflow.updated_at,
            **{name: getattr(workflow.settings, name) for name in field_names(WorkflowSettings)},
            **more,
        )


@attrs.frozen(kw_only=True)
class LastRunAnswer:
    """A run, as far as the list of workflows tells of it."""

    runId: UUID
    status: RunStatus
    createdAt: datetime


@attrs.frozen(kw_only=True)
class ListedWorkflow(WorkflowAnswer):
    """A workflow in the list.

    Attributes:
        actionIds: What the draft calls.
        lastRuns: The last five, newest first.
    """

    actionIds: list[str]
    lastRuns: list[LastRunAnswer]

    @classmethod
    def within(cls, workflow: WorkflowSummary, overview: Overview) -> ListedWorkflow:
        """The answer about a workflow, with what the list tells besides."""
        return cls.of(
            workflow,
            actionIds=list(overview.action_ids),
            lastRuns=[
                LastRunAnswer(runId=run.run_id, status=run.status, createdAt=run.created_at)
                for run in overview.last_runs
            ],
        )


@attrs.frozen(kw_only=True)
class WorkflowList:
    """A page of ``GET /api/workflow-definitions``."""

    workflows: list[ListedWorkflow]
    nextCursor: str | None


@attrs.frozen(kw_only=True)
class DefinitionAnswer:
    """A draft or a published version; the tag of a draft (``ETag``) is what ``If-Match`` takes."""

    workflowId: UUID
    version: int
    isDraft: bool
    definition: dict[str, Any]
    definitionSha256: str
    publishedBy: UUID | None
    publishedAt: datetime | None

    @classmethod
    def of(cls, stored: StoredDefinition) -> DefinitionAnswer:
        """The answer about a stored definition."""
        return cls(
            workflowId=stored.workflow_id,
            version=stored.version,
            isDraft=stored.is_draft,
            definition=stored.definition,
            definitionSha256=stored.sha256,
            publishedBy=stored.published_by,
            publishedAt=stored.published_at,
        )


@attrs.frozen(kw_only=True)
class WorkflowWithDraft(WorkflowAnswer):
    """Answer of ``GET /api/workflow-definitions/{id}``."""

    draft: DefinitionAnswer


@attrs.frozen(kw_only=True)
class VersionAnswer:
    """A published version without its definition; ``publishedByName``: null where the user is not known here."""

    version: int
    definitionSha256: str
    publishedBy: UUID | None
    publishedByName: str | None
    publishedAt: datetime

    @classmethod
    def of(cls, version: PublishedVersion, names: Mapping[UUID, str]) -> VersionAnswer:
        """The answer about a version, with the names of those who published."""
        return cls(
            version=version.version,
            definitionSha256=version.sha256,
            publishedBy=version.published_by,
            publishedByName=names.get(version.published_by) if version.published_by else None,
            publishedAt=version.published_at,
        )


@attrs.frozen(kw_only=True)
class VersionList:
    """Answer of ``GET /api/workflow-definitions/{id}/versions``, newest first.

    Attributes:
        versions: What is published.
        held: Published versions of the bundle that the workflow came with which could not be run here, and were
            therefore not published. Rolling back to one publishes it.
    """

    versions: list[VersionAnswer]
    held: list[int]


@attrs.frozen(kw_only=True)
class FindingAnswer:
    """One thing that is wrong with a definition, or doubtful; what says nothing is left out."""

    severity: Severity
    stepPath: str
    code: str
    message: str
    stepId: str | None = None
    path: str | None = None
    suggestion: str | None = None


@attrs.frozen(kw_only=True)
class ValidateAnswer:
    """Answer of validation; without errors the definition can be published."""

    ok: bool
    errors: list[FindingAnswer]
    warnings: list[FindingAnswer]


@attrs.frozen(kw_only=True)
class PublishAnswer(ValidateAnswer):
    """Answer of publishing and rolling back: what became a version, and what validation has to say."""

    publishedVersion: int
    definitionSha256: str


@attrs.frozen(kw_only=True)
class AuditAnswer:
    """One change to a workflow."""

    auditId: UUID
    userId: UUID | None
    operation: str
    changedData: dict[str, Any]
    details: dict[str, Any]
    timestamp: datetime

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditAnswer:
        """The answer about an entry of the audit log."""
        return cls(
            auditId=entry.audit_id,
            userId=entry.user_id,
            operation=entry.operation,
            changedData=dict(entry.changed_data),
            details=dict(entry.details),
            timestamp=entry.timestamp,
        )


@attrs.frozen(kw_only=True)
class AuditList:
    """A page of ``GET /api/workflow-definitions/{id}/audit``, newest first."""

    entries: list[AuditAnswer]
    nextCursor: str | None


def etag_of(stored: StoredDefinition) -> str:
    """The tag of a definition."""
    return f'"{stored.sha256}"'


def definition_response(
    stored: StoredDefinition, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """A draft or a version, with its tag."""
    return json_answer(
        DefinitionAnswer.of(stored), status=status, headers={hdrs.ETAG: etag_of(stored), **(headers or {})}
    )
