"""Effects of which nobody knows whether they happened: what there is to look at, and what a person says of it."""

# ruff: noqa: N815 - fields are named as in the API

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import attrs
import msgspec
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body, read_query
from workflow_catalog_server.paging import Cursor, PageQuery
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.services import SERVICES
from workflow_core.discovery import Registry
from workflow_core.execution.models import RunStatus
from workflow_core.execution.settlement import Decision, settle
from workflow_core.storage.database import Connection, Record

LedgerStatus = Literal["reserved", "sent", "succeeded", "failed", "uncertain"]


@attrs.frozen(kw_only=True)
class ListEffects(PageQuery):
    """Query of ``GET /api/workflow-runs/effects``; ``runId``: those that this run had sent, or waits for."""

    status: Literal["uncertain"] = "uncertain"
    runId: UUID | None = None


@attrs.frozen(kw_only=True)
class LostAnswer:
    """Why nobody knows whether an effect happened."""

    code: str
    message: str


@attrs.frozen(kw_only=True)
class EffectAnswer:
    """An effect that waits for a decision, and what to look at.

    Attributes:
        workflowName: None: the workflow was deleted since.
        actionLabel: None: the action is not installed here.
        moduleLabel: Where to look, such as ``NinjaOne``.
        input: What the action was given; secrets are hidden.
        sentAt: Look for what happened from then on.
        cause: Why its answer was lost.
        lastLook: What looking for it said last; None: the action cannot look.
        prepared: What the action had seen before it acted.
        waitingRunIds: Runs that go on when it is settled; none: its run has ended.
    """

    invocationId: UUID
    runId: UUID
    runStatus: RunStatus | None
    workflowId: UUID | None
    workflowName: str | None
    stepId: str
    stepPath: str
    iteration: str
    actionId: str
    actionVersion: int
    actionLabel: str | None
    moduleLabel: str | None
    input: Any
    sentAt: datetime
    sends: int
    cause: LostAnswer | None
    lastLook: str | None
    prepared: Any
    waitingRunIds: list[UUID]

    @classmethod
    def of(cls, row: Record, registry: Registry) -> EffectAnswer:
        """The answer about an effect, from its row."""
        action = registry.actions.get((row["action_id"], row["action_version"]))
        module = registry.module_of(row["action_id"])
        cause = row["error_json"]
        return cls(
            invocationId=row["invocation_id"],
            runId=row["run_id"],
            runStatus=row["run_status"],
            workflowId=row["workflow_id"],
            workflowName=row["workflow_name"],
            stepId=row["definition_step_id"],
            stepPath=row["step_path"],
            iteration=row["iteration"],
            actionId=row["action_id"],
            actionVersion=row["action_version"],
            actionLabel=action.label if action else None,
            moduleLabel=module.label if module else None,
            input=row["input_json"],
            sentAt=row["sent_at"],
            sends=row["sends"],
            cause=None if cause is None else LostAnswer(code=cause["code"], message=cause["message"]),
            lastLook=row["last_look"],
            prepared=row["prepared_json"],
            waitingRunIds=row["waiting"],
        )


@attrs.frozen(kw_only=True)
class EffectList:
    """A page of ``GET /api/workflow-runs/effects``, the last sent first."""

    effects: list[EffectAnswer]
    nextCursor: str | None


@attrs.frozen(kw_only=True)
class SettleEffect:
    """Body of ``POST /api/workflow-runs/effects/{id}/settle``.

    Attributes:
        decision: ``happened``: the step succeeds with ``output``; ``send_again``: it did not happen, and is sent
            again; ``fail``: the step fails with ``EFFECT_FAILED``.
        output: What the action would have answered; only with ``happened``, and then required.
        reason: Why, for the audit log.
    """

    decision: Decision
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    output: Any = None


@attrs.frozen(kw_only=True)
class SettledEffectAnswer:
    """Answer of ``POST /api/workflow-runs/effects/{id}/settle``.

    Attributes:
        status: Of the effect from here.
        runIds: The runs that waited for it, and go on.
    """

    invocationId: UUID
    decision: Decision
    status: LedgerStatus
    runIds: list[UUID]


async def list_all(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Effects that wait for a decision, the last sent first, in pages."""
    services = request.app[SERVICES]
    query = read_query(request, ListEffects)
    after = query.after(Cursor.of)
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        rows = await _uncertain(conn, principal.tenant, query.limit + 1, after, query.runId)
    page = rows[: query.limit]
    more = len(rows) > query.limit
    following = Cursor(page[-1]["sent_at"], page[-1]["invocation_id"]).encode() if more else None
    effects = [EffectAnswer.of(row, services.registry) for row in page]
    return json_answer(EffectList(effects=effects, nextCursor=following))


async def settle_one(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Says what became of an effect of which nobody knew; the runs that waited for it go on at once.

    Only the first decision counts.
    """
    services = request.app[SERVICES]
    invocation_id = path_uuid(request, "id")
    body = await read_body(request, SettleEffect)
    settled = await settle(
        services.database,
        services.temporal,
        services.registry,
        tenant=principal.tenant,
        invocation_id=invocation_id,
        decision=body.decision,
        output=body.output,
        reason=body.reason,
        user=principal.user,
    )
    return json_answer(
        SettledEffectAnswer(
            invocationId=invocation_id,
            decision=settled.decision,
            status=settled.status.value,
            runIds=list(settled.run_ids),
        )
    )


_UNCERTAIN: Final = """
SELECT effect.invocation_id, effect.run_id, effect.definition_step_id, effect.step_path, effect.iteration,
       effect.action_id, effect.action_version, effect.sent_at, effect.sends, effect.error_json, effect.last_look,
       effect.prepared_json, run.status AS run_status, run.workflow_id, workflow.name AS workflow_name, step.input_json,
       ARRAY(
           SELECT wait.run_id FROM workflow_run_waits wait
           WHERE wait.tenant = effect.tenant AND wait.wait_type = 'settlement'
             AND wait.key = effect.invocation_id::text AND wait.status = 'WAITING'
           ORDER BY wait.created_at, wait.run_id
       ) AS waiting
FROM workflow_action_invocations effect
LEFT JOIN workflow_runs run ON run.tenant = effect.tenant AND run.run_id = effect.run_id
LEFT JOIN workflow_definitions workflow
       ON workflow.tenant = run.tenant AND workflow.workflow_id = run.workflow_id
LEFT JOIN workflow_run_steps step
       ON step.tenant = effect.tenant AND step.run_id = effect.run_id AND step.step_path = effect.step_path
      AND step.iteration = effect.iteration
WHERE effect.tenant = $1 AND effect.status = 'uncertain' AND effect.settled_as IS NULL
  AND ($5::uuid IS NULL OR effect.run_id = $5 OR EXISTS (
      SELECT FROM workflow_run_waits wait
      WHERE wait.tenant = effect.tenant AND wait.wait_type = 'settlement' AND wait.run_id = $5
        AND wait.key = effect.invocation_id::text AND wait.status = 'WAITING'))
  AND ($3::timestamptz IS NULL
       OR effect.sent_at <= $3 AND (effect.sent_at < $3 OR effect.invocation_id > $4::uuid))
ORDER BY effect.sent_at DESC, effect.invocation_id LIMIT $2
"""


async def _uncertain(
    conn: Connection, tenant: UUID, limit: int, after: Cursor | None, run_id: UUID | None
) -> list[Record]:
    at, last = (None, None) if after is None else (after.at, after.id)
    return list(await conn.fetch(_UNCERTAIN, tenant, limit, at, last, run_id))


_PREFIX: Final = "/api/workflow-runs/effects"

ROUTES: Final = (
    Route("GET", _PREFIX, Permission.READ, list_all, query=ListEffects, answer=EffectList),
    Route(
        "POST",
        f"{_PREFIX}/{{id}}/settle",
        Permission.RUN,
        settle_one,
        body=SettleEffect,
        answer=SettledEffectAnswer,
    ),
)
