"""The workflows that are run: every kind of effect, in a row, a loop, ``try`` and ``catch``, called; and every wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from workflow_devstack.seed import TenantData

Definition = Mapping[str, Any]

#: Patient enough for most of what the vendor does; what is not enough fails the run, which is then resumed.
_RETRY: Final = {"maxAttempts": 2, "backoffMs": 200}
_ONCE: Final = {"maxAttempts": 1, "backoffMs": 0}

TICKET: Final = "tickets.create"
SYNC: Final = "ninjaone.devices.sync"
RESET: Final = "ninjaone.alerts.reset"
REBOOT: Final = "ninjaone.devices.reboot"

BEGUN: Final = "FAULTS_BEGUN"
"""The event that starts a run that waits."""
ANSWERED: Final = "FAULTS_ANSWERED"
"""The event that such a run, and each item of a loop, waits for."""

CALLED: Final = "called"
"""The workflow that ``calling`` calls; it is never started by itself."""


def definitions(data: TenantData, *, called_id: str | None) -> dict[str, Definition]:
    """The workflows by the kind of run, for one tenant.

    Args:
        data: The tenant, in which tickets are opened.
        called_id: The id of :data:`CALLED`, once it is published; None: only that one is given.
    """

    def ticket(step_id: str, words: str) -> dict[str, Any]:
        given = {
            "client_id": str(data.client_id(data.own_clients[0])),
            "title": {"$expr": f"payload.ref & ' {words}'"},
            "board_id": str(data.board_id),
            "priority_id": str(data.priority_ids["Low"]),
        }
        return _action(step_id, TICKET, given)

    if called_id is None:
        called = [_reset("reset", "payload"), _reboot("reboot", "payload"), ticket("report", "called")]
        return {CALLED: _workflow(CALLED, called)}

    def heard(step_id: str, words: str) -> dict[str, Any]:
        """A ticket that names what the run was told last."""
        step = ticket(step_id, words)
        step["config"]["inputMapping"]["title"]["$expr"] += " & heard"
        return step

    return {
        "row": _workflow(
            "row",
            [
                ticket("open", "opened"),
                _action("sync", SYNC, {"device_id": {"$expr": "payload.device"}}),
                _reset("reset", "payload"),
                _reboot("reboot", "payload"),
                ticket("close", "closed"),
            ],
        ),
        "loop": _workflow(
            "loop",
            [
                {
                    "id": "each",
                    "type": "control.forEach",
                    "items": {"$expr": "payload.items"},
                    "itemVar": "thing",
                    "concurrency": 2,
                    "body": [
                        _wait("wait", "payload.ref & '/' & $string(index)"),
                        heard("open", "item "),
                        _action("sync", SYNC, {"device_id": {"$expr": "thing.device"}}),
                        _reset("reset", "thing"),
                        {
                            "id": "if",
                            "type": "control.if",
                            "condition": {"$expr": "thing.reboot"},
                            "then": [_reboot("reboot", "thing")],
                        },
                    ],
                },
                ticket("close", "closed"),
            ],
        ),
        "guarded": _workflow(
            "guarded",
            [
                {
                    "id": "try",
                    "type": "control.tryCatch",
                    "try": [{**_reboot("reboot", "payload"), "retry": _ONCE}, ticket("tried", "rebooted")],
                    "catch": [ticket("caught", "refused")],
                },
                _reset("reset", "payload"),
            ],
        ),
        "calling": _workflow(
            "calling",
            [
                ticket("open", "opened"),
                {
                    "id": "call",
                    "type": "control.callWorkflow",
                    "workflowId": called_id,
                    "workflowVersion": 1,
                    "inputMapping": {name: {"$expr": f"payload.{name}"} for name in ("ref", "device", "alert")},
                },
                ticket("close", "closed"),
            ],
        ),
        "waiting": _workflow(
            "waiting",
            [
                ticket("open", "opened"),
                _wait("one", "payload.ref"),
                heard("note-one", "heard "),
                _reset("reset", "payload"),
                _wait("two", "payload.ref"),
                heard("note-two", "heard "),
                {"id": "later", "type": "time.wait", "config": {"mode": "duration", "durationMs": 1000}},
                _reboot("reboot", "payload"),
                {
                    "id": "ask",
                    "type": "human.task",
                    "config": {
                        "taskType": "faults",
                        "title": {"$expr": "payload.ref"},
                        "assign": {"vars.heard": {"$expr": "event.word"}},
                    },
                },
                heard("note-answer", "told "),
            ],
            started_by=BEGUN,
        ),
    }


def _workflow(name: str, steps: list[dict[str, Any]], *, started_by: str | None = None) -> Definition:
    trigger = {} if started_by is None else {"trigger": {"type": "event", "eventName": started_by}}
    about = {"id": name, "version": 1, "name": f"Faults: {name}", "payloadSchemaRef": "payload.Empty.v1"}
    return {**about, **trigger, "steps": steps}


def _wait(step_id: str, key: str) -> dict[str, Any]:
    config = {
        "eventName": ANSWERED,
        "correlationKey": {"$expr": key},
        "assign": {"vars.heard": {"$expr": "event.word"}},
    }
    return {"id": step_id, "type": "event.wait", "config": config}


def _action(step_id: str, action_id: str, mapping: Mapping[str, Any]) -> dict[str, Any]:
    config = {"actionId": action_id, "version": 1, "inputMapping": dict(mapping)}
    return {"id": step_id, "type": "action.call", "config": config, "retry": _RETRY}


def _reset(step_id: str, source: str) -> dict[str, Any]:
    return _action(step_id, RESET, {"external_alert_id": {"$expr": f"{source}.alert"}})


def _reboot(step_id: str, source: str) -> dict[str, Any]:
    return _action(step_id, REBOOT, {"device_id": {"$expr": f"{source}.device"}})
