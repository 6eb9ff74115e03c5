"""
The sample workflow: a ticket for the newest NinjaOne alert.

*List active alerts → for the newest: find its asset and client → create a ticket with mapped title, description and
priority → acknowledge the alert.* It is created, published and run over the HTTP API, as the designer does it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from workflow_core.language.definition import iter_steps
from workflow_devstack.api import Api
from workflow_devstack.errors import SampleError
from workflow_devstack.seed import TenantData

NAME: Final = "Ticket for the newest NinjaOne alert"
KEY: Final = "devstack.alert-to-ticket"
RUN_SECONDS: Final = 60.0
ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELED"})

_POLL_SECONDS: Final = 0.1
_DEFINITIONS: Final = "/api/workflow-definitions"
_RUNS: Final = "/api/workflow-runs"

_NEWEST: Final = "$sort(vars.active.alerts, function($a, $b) { $a.created_at < $b.created_at })[0]"
_WHAT: Final = "coalesce(vars.alert.title, vars.alert.message, 'An alert without a text')"
_TITLE: Final = (
    f"($what := {_WHAT}; $device := vars.found.asset.name; $contains($what, $device) ? $what : $device & ': ' & $what)"
)
_DESCRIPTION: Final = (
    "coalesce(vars.alert.message, 'No message.')"
    " & '\\n\\nDevice: ' & vars.found.asset.name"
    " & '\\nClient: ' & coalesce(vars.found.asset.client_name, 'unknown')"
    " & '\\nSeverity: ' & coalesce(vars.alert.severity, 'unknown')"
    " & '\\nSince: ' & coalesce(vars.alert.created_at, 'unknown')"
    " & '\\nNinjaOne alert: ' & vars.alert.external_alert_id"
)
# A condition that triggers again may have the id that it had before.
_OCCURRENCE: Final = "vars.alert.external_alert_id & ' ' & coalesce(vars.alert.created_at, '')"
_SEVERITIES: Final = {"critical": "Urgent", "major": "High", "moderate": "Medium", "minor": "Low", "none": "Low"}


def definition(data: TenantData) -> dict[str, Any]:
    """
    The workflow for one tenant, whose board and priorities it names by their ids.

    Args:
        data: The tenant.
    """
    priorities = {severity: str(data.priority_ids[name]) for severity, name in _SEVERITIES.items()}
    return {
        "id": "alert-to-ticket",
        "version": 1,
        "name": NAME,
        "description": "Opens a ticket for the client whose device raised the newest alert, and acknowledges it.",
        "steps": [
            _call("list-alerts", "List active alerts", "ninjaone.alerts.list_active", {"live": True}, save_as="active"),
            {
                "id": "any-alert",
                "type": "control.if",
                "condition": {"$expr": "vars.active.count = 0"},
                "then": [
                    {"id": "nothing-to-do", "type": "state.set", "config": {"state": "NO_ACTIVE_ALERT"}},
                    {"id": "stop", "type": "control.return"},
                ],
            },
            {
                "id": "newest-alert",
                "type": "transform.assign",
                "name": "Take the newest alert",
                "config": {"assign": {"vars.alert": {"$expr": _NEWEST}}},
            },
            _call(
                "find-asset",
                "Find the device and its client",
                "assets.find",
                {"external_device_id": {"$expr": "vars.alert.device_id"}, "provider": "ninjaone"},
                save_as="found",
            ),
            {
                "id": "map-ticket",
                "type": "transform.assign",
                "name": "Map the alert to a ticket",
                "config": {
                    "assign": {
                        "vars.title": {"$expr": _TITLE},
                        "vars.description": {"$expr": _DESCRIPTION},
                        "vars.priority_id": {
                            "$expr": f"$lookup({json.dumps(priorities)}, "
                            "$lowercase(coalesce(vars.alert.severity, 'none')))"
                        },
                    }
                },
            },
            _call(
                "create-ticket",
                "Create the ticket",
                "tickets.create",
                {
                    "client_id": {"$expr": "vars.found.asset.client_id"},
                    "title": {"$expr": "vars.title"},
                    "description": {"$expr": "vars.description"},
                    "board_id": str(data.board_id),
                    "priority_id": {"$expr": "vars.priority_id"},
                    "attributes": {"external_ref": {"$expr": "vars.alert.external_alert_id"}},
                    "idempotency_key": {"$expr": _OCCURRENCE},
                },
                save_as="ticket",
            ),
            _call(
                "acknowledge",
                "Acknowledge the alert",
                "ninjaone.alerts.reset",
                {"external_alert_id": {"$expr": "vars.alert.external_alert_id"}},
                save_as="acknowledged",
                once_per=_OCCURRENCE,
            ),
        ],
    }


def _call(
    step: str,
    name: str,
    action: str,
    mapping: Mapping[str, Any],
    *,
    save_as: str,
    once_per: str | None = None,
) -> dict[str, Any]:
    """A step that calls an action; with ``once_per``, across all runs only once for each value of that expression."""
    config: dict[str, Any] = {"actionId": action, "version": 1, "inputMapping": dict(mapping), "saveAs": save_as}
    if once_per is not None:
        config["idempotencyKey"] = {"$expr": once_per}
    return {"id": step, "type": "action.call", "name": name, "config": config}


@attrs.frozen
class Step:
    """
    A step of a run that has ended.

    Attributes:
        step_id: Its id in the definition.
        name: What a person calls it.
        what: Its action, or its type.
        status: ``SUCCEEDED``, ``FAILED``, …
        duration_ms: How long it took.
        input: What it took.
        output: What it gave.
        error: Why it failed.
    """

    step_id: str
    name: str
    what: str
    status: str
    duration_ms: int | None
    input: Any
    output: Any
    error: Any


@attrs.frozen
class Run:
    """
    A run that has ended.

    Attributes:
        name: The workflow's name.
        workflow_id: Its id.
        version: The published version that ran.
        run_id: Its id.
        status: ``SUCCEEDED``, ``FAILED`` or ``CANCELED``.
        error: Why it failed.
        steps: Its steps, in order.
    """

    name: str
    workflow_id: str
    version: int
    run_id: str
    status: str
    error: Any
    steps: Sequence[Step]


@attrs.frozen
class Published:
    """The sample workflow in a published version."""

    workflow_id: str
    version: int
    definition: Mapping[str, Any]


async def publish(api: Api, data: TenantData, *, progress: Callable[[str], None]) -> Published:
    """
    Publish the sample workflow, unless it is as it was published before.

    Args:
        api: With a token of the tenant.
        data: The tenant.
        progress: Is told what happens.

    Raises:
        ApiError: The server refused something, such as publishing.
    """
    wanted = definition(data)
    workflow_id, version = await _publish(api, wanted, progress)
    return Published(workflow_id, version, wanted)


async def wait_for_earlier_runs(api: Api, workflow: Published, *, progress: Callable[[str], None]) -> None:
    """
    Let runs end that a stopped stack has left unfinished: Temporal goes on with them as soon as there is a worker.

    Raises:
        SampleError: One does not end in time.
    """
    query = f"{_RUNS}?workflowId={workflow.workflow_id}&status=RUNNING"
    runs = (await api.call("GET", query))["runs"]
    if runs:
        progress(f"Waiting for {len(runs)} run(s) that were unfinished when the last stack stopped …")
    for run in runs:
        await _wait_for_end(api, run["runId"])


async def run(api: Api, workflow: Published, *, progress: Callable[[str], None]) -> Run:
    """
    Run the workflow to its end.

    Raises:
        SampleError: It does not end in time.
    """
    started = await api.call(
        "POST", _RUNS, body={"workflowId": workflow.workflow_id, "workflowVersion": workflow.version}
    )
    run_id = started["runId"]
    progress(f"Started run {run_id} …")
    record = await _wait_for_end(api, run_id)
    entries = (await api.call("GET", f"{_RUNS}/{run_id}/steps"))["steps"]
    names = {step["id"]: step.get("name") for _, step in iter_steps(workflow.definition)}
    return Run(
        name=NAME,
        workflow_id=workflow.workflow_id,
        version=workflow.version,
        run_id=run_id,
        status=record["status"],
        error=record["error"],
        steps=[_step(entry, names) for entry in entries],
    )


async def _publish(api: Api, wanted: Mapping[str, Any], progress: Callable[[str], None]) -> tuple[str, int]:
    """The workflow's id, and the number of a published version that is as wanted."""
    found = (await api.call("GET", f"{_DEFINITIONS}?search={KEY}"))["workflows"]
    known = next((entry for entry in found if entry["key"] == KEY), None)
    if known is None:
        created = await api.call("POST", _DEFINITIONS, body={"key": KEY, "definition": wanted})
        workflow_id = created["workflowId"]
        progress(f"Created the workflow “{NAME}”.")
    else:
        workflow_id = known["workflowId"]
        version = known["publishedVersion"]
        if version is not None:
            published = await api.call("GET", f"{_DEFINITIONS}/{workflow_id}/{version}")
            if _content(published["definition"]) == _content(wanted):
                progress(f"The workflow “{NAME}” is published already, as version {version}.")
                return workflow_id, version
        await api.call("PUT", f"{_DEFINITIONS}/{workflow_id}/draft", body={"definition": wanted})
    answer = await api.call("POST", f"{_DEFINITIONS}/{workflow_id}/draft/publish", body={})
    for warning in answer["warnings"]:
        progress(f"Warning: {warning['stepPath']}: {warning['message']}")
    progress(f"Published version {answer['publishedVersion']}.")
    return workflow_id, answer["publishedVersion"]


def _content(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A definition without what the server itself writes into it."""
    return {name: value for name, value in stored.items() if name not in {"id", "version"}}


async def _wait_for_end(api: Api, run_id: str) -> Mapping[str, Any]:
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        record: Mapping[str, Any] = await api.call("GET", f"{_RUNS}/{run_id}")
        if record["status"] in ENDED:
            return record
        if time.monotonic() > deadline:
            raise SampleError(
                f"Run {run_id} is still {record['status']} after {RUN_SECONDS:.0f} s. Look into the worker's log; "
                "./dev reset begins anew.",
                details={"run": run_id},
            )
        await asyncio.sleep(_POLL_SECONDS)


def _step(entry: Mapping[str, Any], names: Mapping[str, str | None]) -> Step:
    step_id = entry["definitionStepId"]
    what = entry["type"] if entry["actionId"] is None else f"{entry['actionId']}@{entry['actionVersion']}"
    return Step(
        step_id=step_id,
        name=names.get(step_id) or step_id,
        what=what,
        status=entry["status"],
        duration_ms=entry["durationMs"],
        input=entry["input"],
        output=entry["output"],
        error=entry["error"],
    )
