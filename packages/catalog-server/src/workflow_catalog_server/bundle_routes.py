"""Bundles: import and export of workflows."""

# ruff: noqa: N815 - answers are named as in the API

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import attrs
import msgspec
from aiohttp import hdrs, web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import parse_body, read_content, read_query
from workflow_catalog_server.definition_paths import PREFIX
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.services import SERVICES, Services
from workflow_core.bundles.envelope import MAX_BUNDLE_DEPTH, MAX_BYTES, BundledWorkflow, BundleShape, read_bundle
from workflow_core.bundles.exporting import export_workflow, make_bundle
from workflow_core.bundles.importing import PreparedWorkflow, calling_definitions, prepare_import, write_import
from workflow_core.definitions.calls import called_by
from workflow_core.definitions.surroundings import Surroundings
from workflow_core.manifest import canonical_json
from workflow_core.records.permissions import permissions_of


@attrs.frozen(kw_only=True)
class WorkflowReference:
    """A workflow that an import created or replaced; without id when nothing was written."""

    key: str
    workflowId: str | None


@attrs.frozen(kw_only=True)
class PublishedVersions(WorkflowReference):
    """The versions of an imported workflow that were published."""

    versions: list[int]


@attrs.frozen(kw_only=True)
class ImportedWorkflow(WorkflowReference):
    """What became of one workflow.

    Attributes:
        imported: Whether it was written.
        published: The versions that were published.
        held: Published versions that cannot be run here, and were not published.
        findings: Why, each with the ``versions`` in which it was made.
    """

    imported: bool
    published: list[int]
    held: list[int]
    findings: list[dict[str, Any]]


@attrs.frozen(kw_only=True)
class ImportAnswer:
    """Answer of ``POST /api/workflow-definitions/import``."""

    dryRun: bool
    createdWorkflows: list[WorkflowReference]
    deletedWorkflows: list[WorkflowReference]
    createdPublishedVersions: list[PublishedVersions]
    report: list[ImportedWorkflow]


@attrs.frozen(kw_only=True)
class ImportQuery:
    """Query of ``POST /api/workflow-definitions/import``."""

    force: Annotated[bool, msgspec.Meta(description="Replace workflows of the same keys.")] = False
    dryRun: Annotated[bool, msgspec.Meta(description="Write nothing, and report the same.")] = False
    allowUnavailable: Annotated[
        bool, msgspec.Meta(description="Publish also what needs a module that the tenant does not have.")
    ] = False


async def import_bundle(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Imports all workflows of a bundle, or none. Published versions that can be run here are published."""
    services = request.app[SERVICES]
    query = read_query(request, ImportQuery)
    content = await read_content(request, limit=MAX_BYTES)
    workflows = await asyncio.to_thread(_read, content)
    if any(workflow.entry.publishedVersions for workflow in workflows):
        principal.require(Permission.PUBLISH)
    prepared = await _prepare(services, principal, workflows, allow_unavailable=query.allowUnavailable)
    async with services.database.tenant(principal.tenant) as conn:
        report = await write_import(
            conn, principal.tenant, prepared, actor=principal.user, force=query.force, dry_run=query.dryRun
        )
    return json_answer(report.as_json())


def _read(content: bytes) -> list[BundledWorkflow]:
    return read_bundle(parse_body(content, max_depth=MAX_BUNDLE_DEPTH))


async def _prepare(
    services: Services, principal: Principal, workflows: Sequence[BundledWorkflow], *, allow_unavailable: bool
) -> list[PreparedWorkflow]:
    """Before anything is locked: resolvers and validation hold nobody up, a thread not even other requests."""
    available = await services.availability.ask(principal.tenant)
    surroundings = await Surroundings.of_tenant(
        services.database, services.registry, principal.tenant, availability=available.answers
    )
    calling = await asyncio.to_thread(calling_definitions, workflows)
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        called = await called_by(conn, principal.tenant, *calling)
        permissions = await permissions_of(conn, principal.tenant, principal.user)
    return await asyncio.to_thread(
        prepare_import,
        workflows,
        surroundings,
        allow_unavailable=allow_unavailable,
        called=called,
        permissions=permissions,
    )


async def export(request: web.Request, principal: Principal) -> web.StreamResponse:
    """One workflow as a bundle: canonical JSON, so that equal workflows give equal files."""
    workflow_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        entry = await export_workflow(conn, principal.tenant, workflow_id)
    bundle = make_bundle([entry], exported_at=datetime.now(UTC))
    return web.Response(
        body=canonical_json(bundle),
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "private, no-store"},
    )


ROUTES: Final = (
    Route(
        "POST",
        f"{PREFIX}/import",
        Permission.MANAGE,
        import_bundle,
        query=ImportQuery,
        body=BundleShape,
        answer=ImportAnswer,
    ),
    Route("GET", f"{PREFIX}/{{id}}/export", Permission.READ, export, answer=BundleShape),
)
