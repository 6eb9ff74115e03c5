"""
The sample workflow: a ticket for the newest NinjaOne alert.

*List active alerts → for the newest: find its asset and client → create a ticket with mapped title, description and
priority → acknowledge the alert.* It is created, published and run over the HTTP API, as the designer does it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from workflow_devstack.seed import TenantData

NAME: Final = "Ticket for the newest NinjaOne alert"
RUN_SECONDS: Final = 60.0
ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELED"})

_POLL_SECONDS: Final = 0.1
_DEFINITIONS: Final = "/api/workflow-definitions"

_NEWEST: Final = "$sort(vars.active.alerts, function($a, $b) { $a.created_at < $b.created_at })[0]"
_TITLE: Final = "vars.found.asset.name & ': ' & coalesce(vars.alert.title, vars.alert.message, 'alert without a text')"
_DESCRIPTION: Final = (
    "coalesce(vars.alert.message, 'No message.')"
    " & '\\n\\nDevice: ' & vars.found.asset.name"
    " & '\\nClient: ' & coalesce(vars.found.asset.client_name, 'unknown')"
    " & '\\nSeverity: ' & coalesce(vars.alert.severity, 'unknown')"
    " & '\\nSince: ' & coalesce(vars.alert.created_at, 'unknown')"
    " & '\\nNinjaOne alert: ' & vars.alert.external_alert_id"
)
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
                    "idempotency_key": {"$expr": "vars.alert.external_alert_id"},
                },
                save_as="ticket",
            ),
            _call(
                "acknowledge",
                "Acknowledge the alert",
                "ninjaone.alerts.reset",
                {"external_alert_id": {"$expr": "vars.alert.external_alert_id"}},
                save_as="acknowledged",
            ),
        ],
    }


def _call(
    step: str, name: str, action: str, mapping: Mapping[str, Any], *, save_as: str | None = None
) -> dict[str, Any]:
    config: dict[str, Any] = {"actionId": action, "version": 1, "inputMapping": dict(mapping)}
    if save_as is not None:
        config["saveAs"] = save_as
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
