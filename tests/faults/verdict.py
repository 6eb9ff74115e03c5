"""What the suite finds in the end: the platform's records against the workload and the vendor's journal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final
from uuid import UUID

import attrs

from tests.faults.clients import Clients
from tests.faults.operating import Operator, Uncertain
from tests.faults.reading import read
from tests.faults.vendor import Entry, Vendor
from tests.faults.workflows import REBOOT, SYNC, TICKET
from tests.faults.workload import PlannedRun, Target
from workflow_core.storage.database import Database

_RUNS: Final = """
SELECT run_id, payload ->> 'ref' AS ref, status, error_json ->> 'code' AS code, parent_run_id FROM workflow_runs
"""
_OPEN_STEPS: Final = """
SELECT run.payload ->> 'ref' AS ref, step.step_path, step.iteration, step.status
FROM workflow_run_steps step JOIN workflow_runs run USING (tenant, run_id)
WHERE step.status IN ('STARTED', 'RETRYING', 'WAITING')
"""
_EFFECTS: Final = """
SELECT run.payload ->> 'ref' AS ref, effect.action_id, effect.step_path, effect.iteration, effect.status, effect.sends,
       effect.effect, step.status AS step_status, (step.input_json ->> 'device_id')::int AS device,
       step.input_json ->> 'external_alert_id' AS alert
FROM workflow_action_invocations effect
JOIN workflow_runs run USING (tenant, run_id)
LEFT JOIN workflow_run_steps step USING (tenant, run_id, step_path, iteration)
"""
_WAITS: Final = """
SELECT run.payload ->> 'ref' AS ref, wait.wait_id, wait.wait_type, wait.step_path, wait.iteration, wait.status,
       wait.event_id, wait.result -> 'payload' ->> 'word' AS word, wait.resolved_at < wait.due_at AS is_early
FROM workflow_run_waits wait JOIN workflow_runs run USING (tenant, run_id)
WHERE wait.wait_type <> 'settlement'
"""
_OPEN_EVENTS: Final = "SELECT event_id, event_name FROM workflow_runtime_events WHERE processed_at IS NULL"
_TICKETS: Final = "SELECT title, count(*) AS number FROM tickets GROUP BY title"


@attrs.define
class Check:
    """One line of the result.

    Attributes:
        what: Is checked.
        expected: How many there should be.
        found: How many there are.
        problems: What is wrong, one line each.
    """

    what: str
    expected: str
    found: int
    problems: list[str]

    @property
    def holds(self) -> bool:
        """Whether all is as it should be."""
        return not self.problems


@attrs.frozen
class Evidence:
    """What there is to judge by.

    Attributes:
        asked: The runs that clients wanted started.
        accepted: The ids that they were told, by the runs' refs.
        given_up: Refs of runs whose clients gave up.
        settled: What the operator was asked about.
        reboots: Requests to reboot that reached the vendor, by device.
        resets: Requests to reset that reached the vendor, by alert.
        active_alerts: Uids of alerts that are active in NinjaOne.
        runs: Rows of the runs, called ones too.
        open_steps: Rows of steps that have not ended.
        effects: Rows of the ledger, with what their steps were about.
        tickets: How many there are of each title.
        open_executions: Ids of executions that Temporal still has under way.
        deaths: How often a worker was killed.
        waits: Rows of what runs waited for, but for settlements.
        told: With which words tasks were completed, as far as their operator was told so.
        open_events: Rows of events that nobody has taken to their end.
    """

    asked: Sequence[PlannedRun]
    accepted: Mapping[str, AbstractSet[UUID]]
    given_up: AbstractSet[str]
    settled: Sequence[Uncertain]
    reboots: Mapping[int, Sequence[Entry]]
    resets: Mapping[str, Sequence[Entry]]
    active_alerts: AbstractSet[str]
    runs: Sequence[Mapping[str, Any]]
    open_steps: Sequence[Mapping[str, Any]]
    effects: Sequence[Mapping[str, Any]]
    tickets: Mapping[str, int]
    open_executions: Sequence[str]
    deaths: int
    waits: Sequence[Mapping[str, Any]]
    told: Mapping[UUID, AbstractSet[str]]
    open_events: Sequence[Mapping[str, Any]]

    @property
    def recorded(self) -> list[PlannedRun]:
        """The planned runs that were recorded: those that count."""
        refs = {row["ref"] for row in self.runs}
        return [run for run in self.asked if run.ref in refs]

    @property
    def canceled(self) -> list[PlannedRun]:
        """Those of them that were canceled in time: they have done a part."""
        refs = {row["ref"] for row in self.runs if row["status"] == "CANCELED" and row["parent_run_id"] is None}
        return [run for run in self.recorded if run.ref in refs and run.canceled_after is not None]

    @property
    def whole(self) -> list[PlannedRun]:
        """The others: they have done everything."""
        canceled = {run.ref for run in self.canceled}
        return [run for run in self.recorded if run.ref not in canceled]


async def gather(
    database: Database,
    clients: Clients,
    operator: Operator,
    vendor: Vendor,
    open_executions: list[str],
    deaths: int,
) -> Evidence:
    """Reads everything."""
    vendor.journal.read()
    return Evidence(
        asked=clients.asked,
        accepted=clients.accepted,
        given_up=clients.given_up,
        settled=list(operator.settled.values()),
        reboots=vendor.journal.reboots,
        resets=vendor.journal.resets,
        active_alerts=await vendor.active_alerts(),
        runs=await read(database, _RUNS),
        open_steps=await read(database, _OPEN_STEPS),
        effects=await read(database, _EFFECTS),
        tickets={row["title"]: row["number"] for row in await read(database, _TICKETS)},
        open_executions=open_executions,
        deaths=deaths,
        waits=await read(database, _WAITS),
        told=operator.told,
        open_events=await read(database, _OPEN_EVENTS),
    )


def judge(found: Evidence) -> list[Check]:
    """Every check, in the order in which they are shown."""
    return [
        _accepted(found),
        _ended(found),
        _called(found),
        _open(found),
        _events(found),
        _moments(found),
        _tasks(found),
        _ledger(found),
        _tickets(found),
        _syncs(found),
        _resets(found),
        _resets_sent_again(found),
        _triggered_again(found),
        _reboots(found),
        _uncertain(found),
    ]


# ── Runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _accepted(found: Evidence) -> Check:
    """Whoever was told that a run is accepted has exactly that one; whoever gave up has one at most."""
    rows: dict[str, set[UUID]] = defaultdict(set)
    for row in found.runs:
        if row["parent_run_id"] is None:
            rows[row["ref"]].add(row["run_id"])
    problems = []
    for run in found.asked:
        told, there = found.accepted.get(run.ref, set()), rows[run.ref]
        if told != there and not (run.ref in found.given_up and not told and len(there) == 1):
            problems.append(f"{run.ref}: accepted {len(told)}, recorded {len(there)}")
    accepted = len(found.accepted)
    late = sum(len(rows[ref]) for ref in found.given_up)
    return Check("runs recorded", f"{accepted} accepted + {late} given up", sum(map(len, rows.values())), problems)


def _ended(found: Evidence) -> Check:
    """Every run succeeds in the end, but for those that were canceled."""
    rows = [row for row in found.runs if row["parent_run_id"] is None]
    canceled = {run.ref for run in found.canceled}
    problems = _not_succeeded(row for row in rows if row["ref"] not in canceled)
    return Check("runs ended", f"{len(rows)}, {len(canceled)} canceled", len(rows) - len(problems), problems)


def _called(found: Evidence) -> Check:
    whole = {run.ref for run in found.whole}
    rows = [row for row in found.runs if row["parent_run_id"] is not None]
    problems = _not_succeeded(row for row in rows if row["ref"] in whole or row["status"] in ("RUNNING", "WAITING"))
    succeeded = sum(row["ref"] in whole for row in rows) - len(problems)
    return Check("called runs succeeded", str(sum(run.kind == "calling" for run in found.whole)), succeeded, problems)


def _not_succeeded(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return [f"{row['ref']}: {row['status']} {row['code'] or ''}" for row in rows if row["status"] != "SUCCEEDED"]


def _open(found: Evidence) -> Check:
    steps = [f"{row['ref']}: {row['step_path']}[{row['iteration']}] is {row['status']}" for row in found.open_steps]
    waits = [f"{row['ref']}: {row['step_path']} waits still" for row in found.waits if row["status"] == "WAITING"]
    events = [f"the event {row['event_id']} ({row['event_name']}) waits still" for row in found.open_events]
    executions = [f"{name} is under way in Temporal" for name in found.open_executions]
    problems = [*steps, *waits, *events, *executions]
    return Check("steps, waits, events and executions left open", "0", len(problems), problems)


def _ledger(found: Evidence) -> Check:
    """A row that failed belongs to a step that was caught; what a canceled run left may be anything but uncertain."""
    whole = {run.ref for run in found.whole}
    wrong = [
        row
        for row in found.effects
        if row["status"] == "uncertain"
        or (row["ref"] in whole and row["status"] in ("reserved", "sent"))
        or (row["ref"] in whole and row["status"] == "failed" and row["step_status"] != "FAILED")
    ]
    problems = [f"{row['ref']}: {row['action_id']} is {row['status']}, its step {row['step_status']}" for row in wrong]
    return Check("effects left unknown in the ledger", "0", len(problems), problems)


# ── Waits ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _resolved(found: Evidence, wait_type: str) -> list[Mapping[str, Any]]:
    return [row for row in found.waits if row["wait_type"] == wait_type and row["status"] == "RESOLVED"]


def _events(found: Evidence) -> Check:
    """Each event ends one wait of its run, and what it brought has arrived there; of a canceled run at most one."""
    places: dict[UUID, set[tuple[str, str, str]]] = defaultdict(set)
    words: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in _resolved(found, "event"):  # a resumed run has another row of the same place
        place = row["ref"], row["step_path"], row["iteration"]
        places[row["event_id"]].add(place)
        words[place].add(row["word"])
    whole = {run.ref for run in found.whole}
    problems = [
        f"{ref}: {path}[{where}] was ended {len(w)} times" for (ref, path, where), w in words.items() if len(w) > 1
    ]
    expected = 0
    for run in found.recorded:
        expected += len(run.events) * (run.ref in whole)
        for event in run.events:
            ended = places.pop(event.event_id, set())
            if len(ended) > 1 or (run.ref in whole and not ended):
                problems.append(f"{event.key}: the event {event.word} ended {len(ended)} waits")
            problems += [
                f"{event.key}: the event {event.word} came to {place}"
                for place in ended
                if place[0] != run.ref or words[place] != {event.word}
            ]
    problems += [f"{event_id}: nobody posted it" for event_id in places]
    heard = sum(place[0] in whole for place in words)
    return Check("waits ended by their event, once", str(expected), heard, problems)


def _moments(found: Evidence) -> Check:
    """No wait ends before its moment."""
    whole = {run.ref for run in found.whole if run.kind == "waiting"}
    rows = _resolved(found, "time")
    waited = {row["ref"] for row in rows}
    problems = [f"{row['ref']}: its wait ended early" for row in rows if row["is_early"]]
    problems += [f"{ref}: it did not wait" for ref in sorted(whole - waited)]
    return Check("waits for a moment", str(len(whole)), len(whole & waited), problems)


def _tasks(found: Evidence) -> Check:
    """A task is completed once; whoever was told that it was his answer finds it there."""
    answers = {row["wait_id"]: row["word"] for row in _resolved(found, "human")}
    whole = {run.ref for run in found.whole if run.kind == "waiting"}
    answered = {row["ref"] for row in _resolved(found, "human")}
    problems = [f"{ref}: nobody answered" for ref in sorted(whole - answered)]
    for task_id, words in found.told.items():
        if not words <= {answers.get(task_id)}:
            problems.append(f"the task {task_id} has {answers.get(task_id)}, and its operator was told {sorted(words)}")
    return Check("tasks completed once", str(len(whole)), len(whole & answered), problems)


# ── Effects ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _tickets(found: Evidence) -> Check:
    """Those of a canceled run are as many as the ledger says, each once."""
    expected = Counter(title for run in found.whole for title in run.tickets)
    for run in found.whole:
        if run.either is not None:
            rebooted, refused = run.either
            expected[rebooted if _done(found.reboots.get(run.targets[0].device, ())) else refused] += 1
    answers = {row["ref"]: row["word"] for row in _resolved(found, "human")}
    expected.update(f"{run.ref} told {answers.get(run.ref)}" for run in found.whole if run.kind == "waiting")
    problems = []
    for run in found.canceled:
        titles = [title for title in found.tickets if title.startswith(f"{run.ref} ")]
        expected.update(titles)
        written = sum(row["ref"] == run.ref and _succeeded_as(row, TICKET) for row in found.effects)
        if written != len(titles):
            problems.append(f"{run.ref}: {len(titles)} tickets, of which the ledger knows {written}")
    problems += [
        f"{name!r}: {found.tickets.get(name, 0)} instead of {expected[name]}"
        for name in sorted(expected.keys() | found.tickets.keys())
        if found.tickets.get(name, 0) != expected[name]
    ]
    return Check("tickets", str(expected.total()), sum(found.tickets.values()), problems)


def _syncs(found: Evidence) -> Check:
    done = Counter(row["ref"] for row in found.effects if _succeeded_as(row, SYNC))
    expected = Counter({run.ref: run.syncs for run in found.whole})
    problems = [f"{ref}: {done[ref]} instead of {number}" for ref, number in expected.items() if done[ref] != number]
    return Check("devices synced", str(expected.total()), sum(done[ref] for ref in expected), problems)


def _succeeded_as(row: Mapping[str, Any], action_id: str) -> bool:
    return bool(row["action_id"] == action_id and row["status"] == "succeeded")


def _resets(found: Evidence) -> Check:
    """Once each; those of a canceled run once at most."""
    done = {alert: _done(entries) for alert, entries in found.resets.items()}
    expected = [target.alert for run in found.whole for target in run.targets]
    problems = [f"{alert}: reset {done.get(alert, 0)} times" for alert in expected if done.get(alert, 0) != 1]
    problems += [f"{alert}: reset {number} times" for alert, number in done.items() if number > 1]
    return Check("alerts reset once", str(len(expected)), sum(done.get(alert, 0) for alert in expected), problems)


def _resets_sent_again(found: Evidence) -> Check:
    """What looking would have told is not sent again."""
    again = {}
    for alert, entries in found.resets.items():
        first = next((index for index, entry in enumerate(entries) if entry.done), len(entries))
        again[alert] = len(entries) - 1 - first
    problems = [f"{alert}: {number} more requests after it was reset" for alert, number in again.items() if number > 0]
    return Check("resets sent again though they had happened", "0", len(problems), problems)


def _triggered_again(found: Evidence) -> Check:
    targets = [target for run in found.recorded for target in run.targets if target.triggers_again]
    alerts = [target.alert for target in targets if _done(found.resets.get(target.alert, ()))]
    problems = [f"{alert} is not active" for alert in alerts if alert not in found.active_alerts]
    return Check("alerts that came back and are active", str(len(alerts)), len(alerts) - len(problems), problems)


def _reboots(found: Evidence) -> Check:
    """As the ledger says: once, or not at all when the vendor refused or the run was canceled before."""
    rows = {row["device"]: row for row in found.effects if row["action_id"] == REBOOT}
    may_fail = {run.targets[0].device for run in found.whole if run.kind == "guarded"}
    may_fail |= {target.device for run in found.canceled for target in run.targets}
    devices = [target.device for run in found.recorded for target in run.targets if target.reboot]
    done = {device: _done(found.reboots.get(device, ())) for device in devices}
    problems, expected = [], 0
    for device in devices:
        succeeded = device in rows and _succeeded_as(rows[device], REBOOT)
        expected += succeeded
        if done[device] != succeeded or not (succeeded or device in may_fail):
            problems.append(f"device {device}: rebooted {done[device]} times, in the ledger {succeeded:d}")
    problems += [f"device {device}: nobody asked for it" for device in found.reboots.keys() - done.keys()]
    return Check("devices rebooted once", str(expected), sum(done.values()), problems)


def _done(entries: Iterable[Entry]) -> int:
    return sum(entry.done for entry in entries)


# ── Uncertain ────────────────────────────────────────────────────────────────────────────────────────────────────


def _uncertain(found: Evidence) -> Check:
    """Named are exactly the reboots whose answer was lost, and of which nothing shows."""
    named: dict[int, list[Uncertain]] = defaultdict(list)
    problems = []
    for uncertain in found.settled:
        named[uncertain.device].append(uncertain)
        if uncertain.action_id != REBOOT:
            problems.append(f"{uncertain.action_id} is uncertain")
    sends = {row["device"]: row["sends"] for row in found.effects if row["action_id"] == REBOOT}
    canceled = {run.ref for run in found.canceled}
    unheard = 0
    for run in found.recorded:
        for target in run.targets:
            entries = found.reboots.get(target.device, [])
            asked = named[target.device]
            problems += _misjudged(target, entries, asked, ended=run.ref in canceled)
            # Not done, and yet uncertain: a request whose answer was lost, or one that never reached the vendor.
            without = sum(not uncertain.happened for uncertain in asked)
            lost = sum(not entry.done and not entry.answered for entry in entries)
            lost += max(0, sends.get(target.device, 0) - len(entries))
            refused = sum(not entry.done and entry.answered for entry in entries)
            if without > lost + refused:
                problems.append(
                    f"device {target.device}: {without} times uncertain, with {lost} requests that were lost"
                )
            unheard += max(0, without - lost)
    # A refusal that was answered is uncertain when its worker died before it had written that down.
    if unheard > found.deaths:
        problems.append(f"{unheard} refusals were uncertain, and {found.deaths} workers were killed")
    settled = found.settled
    happened = sum(uncertain.happened for uncertain in settled)
    expected = f"{happened} that happened, {len(settled) - happened} that did not"
    return Check("effects that were uncertain", expected, len(settled), problems)


def _misjudged(target: Target, entries: Sequence[Entry], named: Sequence[Uncertain], *, ended: bool) -> Iterable[str]:
    done = [entry for entry in entries if entry.done]
    # A run that is canceled meanwhile does not look for long.
    if any(uncertain.happened for uncertain in named) and target.shows and not ended:
        yield f"device {target.device}: its reboot was uncertain, and could be seen"
    if done and not done[0].answered and not target.shows and not any(uncertain.happened for uncertain in named):
        yield f"device {target.device}: the answer to its reboot was lost and nothing showed it, but nobody was asked"
