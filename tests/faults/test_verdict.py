"""The verdict of the fault suite fails for what it is there to find."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import attrs
import pytest

from tests.faults.operating import Uncertain
from tests.faults.vendor import Entry
from tests.faults.verdict import Evidence, judge
from tests.faults.workflows import REBOOT, RESET, SYNC, TICKET
from tests.faults.workload import PlannedEvent, PlannedRun, Target

RUN_ID = UUID(int=1)
DONE = Entry(done=True, answered=True)
DONE_WITHOUT_A_WORD = Entry(done=True, answered=False)
LOST = Entry(done=False, answered=False)
DEVICE = 5001
ALERT = "an alert"
TARGET = Target(
    device=DEVICE,
    alert=ALERT,
    reboot=True,
    offline=True,
    comes_back=False,
    triggers_again=True,
    reboot_trouble=(),
    reset_trouble=(),
    read_trouble=(),
)
RUN = PlannedRun("run", "row", (TARGET,), "patiently", canceled_after=None)
ROW: dict[str, Any] = {
    "run_id": RUN_ID,
    "ref": "run",
    "status": "SUCCEEDED",
    "code": None,
    "parent_run_id": None,
}


def effect(action_id: str, **changes: Any) -> dict[str, Any]:
    """A row of the ledger."""
    about = {"device": DEVICE if action_id in (REBOOT, SYNC) else None, "alert": ALERT if action_id == RESET else None}
    row = {"ref": "run", "action_id": action_id, "status": "succeeded", "sends": 1, "step_status": "SUCCEEDED"}
    return {**row, **about, **changes}


EFFECTS = [effect(action_id) for action_id in (TICKET, SYNC, RESET, REBOOT, TICKET)]
WELL = Evidence(
    asked=[RUN],
    accepted={"run": {RUN_ID}},
    given_up=frozenset(),
    settled=[],
    reboots={DEVICE: [DONE]},
    resets={ALERT: [DONE]},
    active_alerts=frozenset({ALERT}),
    runs=[ROW],
    open_steps=[],
    effects=EFFECTS,
    tickets={"run opened": 1, "run closed": 1},
    open_executions=[],
    deaths=0,
    waits=[],
    told={},
    open_events=[],
)

EVENTS = tuple(PlannedEvent(UUID(int=10 + n), "run", str(n), after=0.0, requests=1) for n in (1, 2))
TASK = UUID(int=20)


def wait(wait_type: str, path: str, **changes: Any) -> dict[str, Any]:
    """A row of a wait."""
    row = {"ref": "run", "wait_id": TASK, "wait_type": wait_type, "step_path": path, "iteration": "", "event_id": None}
    return {**row, "status": "RESOLVED", "word": None, "is_early": None, **changes}


WAITS = [
    *(wait("event", f"root.steps[{event.word}]", event_id=event.event_id, word=event.word) for event in EVENTS),
    wait("time", "root.steps[3]", is_early=False),
    wait("human", "root.steps[4]", word="yes"),
]
WAITED = attrs.evolve(
    WELL,
    asked=[attrs.evolve(RUN, kind="waiting", events=EVENTS)],
    effects=[row for row in EFFECTS if row["action_id"] != SYNC],
    tickets={"run opened": 1, "run heard 1": 1, "run heard 2": 1, "run told yes": 1},
    waits=WAITS,
    told={TASK: {"yes"}},
)


def test_a_run_that_did_everything_once_is_well() -> None:
    """Every check holds."""
    assert [check.problems for check in judge(WELL) if not check.holds] == []


def test_what_nobody_could_know_is_well_when_a_person_was_asked() -> None:
    """The device was offline: whether it would reboot could not be seen."""
    asked = [Uncertain(REBOOT, DEVICE, happened=True)]
    found = attrs.evolve(WELL, reboots={DEVICE: [DONE_WITHOUT_A_WORD]}, settled=asked)
    assert [check.problems for check in judge(found) if not check.holds] == []


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"runs": []}, "runs recorded"),
        ({"runs": [ROW, {**ROW, "run_id": UUID(int=2)}]}, "runs recorded"),
        ({"runs": [{**ROW, "status": "RUNNING"}]}, "runs ended"),
        ({"runs": [{**ROW, "status": "FAILED", "code": "X"}]}, "runs ended"),
        (
            {"runs": [ROW, {**ROW, "run_id": UUID(int=2), "parent_run_id": RUN_ID, "status": "WAITING"}]},
            "called runs succeeded",
        ),
        (
            {"open_steps": [{"ref": "run", "step_path": "root.steps[0]", "iteration": "", "status": "STARTED"}]},
            "steps, waits, events and executions left open",
        ),
        ({"open_executions": ["run/1"]}, "steps, waits, events and executions left open"),
        (
            {"open_events": [{"event_id": UUID(int=1), "event_name": "E"}]},
            "steps, waits, events and executions left open",
        ),
        ({"effects": [*EFFECTS[:-1], effect(TICKET, status="reserved")]}, "effects left unknown in the ledger"),
        ({"tickets": {"run opened": 1}}, "tickets"),
        ({"tickets": {"run opened": 2, "run closed": 1}}, "tickets"),
        ({"tickets": {"run opened": 1, "run closed": 1, "of nobody": 1}}, "tickets"),
        ({"effects": [row for row in EFFECTS if row["action_id"] != SYNC]}, "devices synced"),
        ({"resets": {ALERT: [LOST]}}, "alerts reset once"),
        ({"resets": {ALERT: [DONE, LOST]}}, "resets sent again though they had happened"),
        ({"active_alerts": frozenset()}, "alerts that came back and are active"),
        ({"reboots": {DEVICE: [DONE, DONE]}}, "devices rebooted once"),
        ({"reboots": {}}, "devices rebooted once"),
        ({"reboots": {DEVICE: [DONE], 7: [DONE]}}, "devices rebooted once"),
        ({"reboots": {DEVICE: [DONE_WITHOUT_A_WORD]}}, "effects that were uncertain"),
        ({"settled": [Uncertain(REBOOT, DEVICE, happened=False)]}, "effects that were uncertain"),
        ({"settled": [Uncertain(RESET, DEVICE, happened=True)]}, "effects that were uncertain"),
        (
            {
                "asked": [attrs.evolve(RUN, targets=(attrs.evolve(TARGET, offline=False),))],
                "settled": [Uncertain(REBOOT, DEVICE, happened=True)],
            },
            "effects that were uncertain",
        ),
    ],
)
def test_what_is_lost_doubled_or_misjudged_is_found(changes: dict[str, Any], failing: str) -> None:
    """The check that is about it fails."""
    assert failing in [check.what for check in judge(attrs.evolve(WELL, **changes)) if not check.holds]


def test_a_run_that_heard_everything_once_is_well() -> None:
    """Also when it was resumed and has a second row of a wait, and when nobody was told what became of an answer."""
    again = attrs.evolve(WAITED, waits=[*WAITS, {**WAITS[0], "wait_id": UUID(int=21)}], told={TASK: set()})
    for found in (WAITED, again):
        assert [check.problems for check in judge(found) if not check.holds] == []


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"waits": WAITS[1:]}, "waits ended by their event, once"),
        ({"waits": [*WAITS, wait("event", "root.steps[9]", event_id=EVENTS[0].event_id, word="1")]}, "waits ended by "),
        ({"waits": [{**WAITS[0], "word": "2"}, *WAITS[1:]]}, "waits ended by their event, once"),
        ({"waits": [*WAITS, {**WAITS[0], "event_id": EVENTS[1].event_id}]}, "waits ended by their event, once"),
        ({"waits": [{**WAITS[0], "ref": "another"}, *WAITS[1:]]}, "waits ended by their event, once"),
        ({"waits": [*WAITS, wait("event", "root.steps[9]", event_id=UUID(int=9))]}, "waits ended by their event, once"),
        ({"waits": [*WAITS, wait("event", "root.steps[9]", status="WAITING")]}, "steps, waits, events and executions"),
        ({"waits": [*WAITS[:2], {**WAITS[2], "is_early": True}, WAITS[3]]}, "waits for a moment"),
        ({"waits": [*WAITS[:2], WAITS[3]]}, "waits for a moment"),
        ({"waits": WAITS[:3]}, "tasks completed once"),
        ({"told": {TASK: {"no"}}}, "tasks completed once"),
        ({"told": {TASK: {"yes", "no"}}}, "tasks completed once"),
        ({"tickets": {**WAITED.tickets, "run heard 1": 2}}, "tickets"),
        ({"tickets": {**WAITED.tickets, "run told no": 1}}, "tickets"),
    ],
)
def test_what_is_heard_twice_not_at_all_or_by_the_wrong_one_is_found(changes: dict[str, Any], failing: str) -> None:
    """The check that is about it fails."""
    failed = [check.what for check in judge(attrs.evolve(WAITED, **changes)) if not check.holds]
    assert any(what.startswith(failing) for what in failed), failed


def test_a_refusal_whose_worker_died_may_be_uncertain() -> None:
    """But no more of them than workers died."""
    refused = attrs.evolve(
        WELL,
        reboots={DEVICE: [Entry(done=False, answered=True), DONE]},
        effects=[*EFFECTS[:3], effect(REBOOT, sends=2), EFFECTS[-1]],
        settled=[Uncertain(REBOOT, DEVICE, happened=False)],
        deaths=1,
    )
    assert [check.problems for check in judge(refused) if not check.holds] == []
    (failing,) = [check for check in judge(attrs.evolve(refused, deaths=0)) if not check.holds]
    assert failing.problems == ["1 refusals were uncertain, and 0 workers were killed"]


def test_a_canceled_run_has_done_a_part_once() -> None:
    """Each ticket that the ledger knows of is there, and nothing twice."""
    run = attrs.evolve(RUN, canceled_after=1.0)
    part = attrs.evolve(
        WELL,
        asked=[run],
        runs=[{**ROW, "status": "CANCELED"}],
        effects=[effect(TICKET), effect(RESET, status="sent", step_status="CANCELED")],
        tickets={"run opened": 1},
        reboots={},
        resets={},
    )
    assert [check.problems for check in judge(part) if not check.holds] == []
    doubled = attrs.evolve(part, tickets={"run opened": 2}, reboots={DEVICE: [DONE]})
    assert {"tickets", "devices rebooted once"} <= {check.what for check in judge(doubled) if not check.holds}
