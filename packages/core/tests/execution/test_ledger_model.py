"""The ledger as a state machine: attempts of two runs at one effect, interleaved at random, on real PostgreSQL.

Attempts are paused at every point where a worker can be lost, and go on, are killed, or are overtaken in any order;
answers get lost or come late; looking tells the truth, or nothing; people settle what is uncertain, and may be wrong.
The other side counts what was really done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import attrs
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from workflow_core.actions import Action, Effect, Happened, NotHappened, Unknown
from workflow_core.discovery import registry_of
from workflow_core.errors import ConflictError, Refused, TransientError
from workflow_core.execution.executor import Executor
from workflow_core.execution.failed_attempts import ExecutionFailedError
from workflow_core.execution.ledger import effect_key, give_up_run
from workflow_core.execution.models import ActionCall, ActionResult, SettlementWait
from workflow_core.execution.settlement import Decision, open_settlement, settle
from workflow_core.modules import Module
from workflow_core.storage.database import Database

LOST = TransientError("reset", code="LOST")
#: Where nothing is open in the database: an attempt can stand there for ever.
PAUSES = ("before-reserve", "after-reserve", "after-prepare", "after-sent", "after-answer", "after-unknown")

_PLACES = st.one_of(st.sampled_from(["acted", "handler", "the end"]), st.sampled_from(["look", *PAUSES[1:]]))
_ANSWERS = st.sampled_from(["lose", "answer", "refuse"])
#: And whether its action can look for it.
_EFFECTS = st.tuples(st.sampled_from([Effect.ONCE, Effect.REPEATABLE]), st.booleans())


class KilledError(BaseException):
    """The process is gone: nothing more is written."""


@attrs.frozen
class Given:
    text: str = ""


@attrs.frozen
class Gave:
    text: str


@attrs.define(eq=False)
class Worker:
    """One attempt on one worker.

    Attributes:
        at: Where it stands: a pause, ``handler``, ``acted`` (it has acted and not answered), ``look``; None: it ended.
        may_act: False from the end of its lease on: its handler's time limit has passed.
        dies_before_commit: It is killed in the transaction that keeps what is known.
    """

    task: asyncio.Task[Any] | None = None
    at: str | None = None
    go: asyncio.Future[Any] | None = None
    paused: asyncio.Event = attrs.Factory(asyncio.Event)
    may_act: bool = True
    dies_before_commit: bool = False
    uncertain: bool = False

    async def stand(self, at: str) -> Any:
        """Stands there until it is told how to go on."""
        self.at, self.go = at, asyncio.get_running_loop().create_future()
        self.paused.set()
        word = await self.go
        if word == "die":
            raise KilledError
        return word


_worker: ContextVar[Worker] = ContextVar("worker")


class LedgerMachine(RuleBasedStateMachine):
    """See the module's words."""

    loop: asyncio.AbstractEventLoop
    database: Database
    tenant: UUID

    def __init__(self) -> None:
        super().__init__()
        self.running: list[Worker] = []
        self.signaled: list[str] = []
        self.runs: list[UUID] = []

    # ── The world ────────────────────────────────────────────────────────────────────────────────────────────────

    @initialize(effect=_EFFECTS)
    def an_effect_is_wanted(self, effect):
        """By the next step of both runs."""
        self.effect, self.looks = effect
        self.acts = 0  # what the other side has really done
        self.handled = 0  # how often it was asked
        self.excused = 0  # what a person took responsibility for: sending again, or claiming that it happened
        self.settled_at = 0  # what had been done when a person said: send again
        self.final: tuple[Any, ...] | None = None
        action = Action(
            id="model.act",
            label="Act",
            description="Acts.",
            input=Given,
            output=Gave,
            effect=self.effect,
            io="external",
            handler=self.handle,
            prepare=self.prepare,
            reconcile=self.reconcile if self.looks else None,
            time_limit=timedelta(seconds=60),
        )
        module = Module(
            group_key="app:model",
            label="Model",
            description="Model",
            tile_kind="app",
            default_action_id=action.id,
            allowed_action_ids=(action.id,),
        )
        self.registry = registry_of("workflow-model", "1", modules=[module], actions=[action])
        self.runs = [uuid4(), uuid4()]
        self.run(self.execute_all(_INSERT_RUN, [(self.tenant, run_id) for run_id in self.runs]))
        self.key = str(uuid4())
        self.digest = effect_key(self.call(self.runs[0])).digest

    def teardown(self):
        if self.runs:
            try:
                self.come_to_an_end()
            finally:
                for worker in list(self.running):
                    self.tell(worker, "die")

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))

    async def execute_all(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        async with self.database.tenant(self.tenant) as conn:
            await conn.executemany(sql, rows)

    def change_row(self, change: str) -> None:
        self.run(self.execute_all(f"UPDATE workflow_action_invocations SET {change} WHERE key = $1", [(self.digest,)]))

    def row(self) -> Any:
        async def read():
            async with self.database.tenant(self.tenant) as conn:
                return await conn.fetchrow("SELECT * FROM workflow_action_invocations WHERE key = $1", self.digest)

        return self.run(read())

    def call(self, run_id: UUID) -> ActionCall:
        return ActionCall(
            tenant=str(self.tenant),
            run_id=str(run_id),
            step_path="root.steps[0]",
            iteration="",
            step_id="act",
            sequence=1,
            action_id="model.act",
            action_version=1,
            effect=self.effect.value,
            input={},
            secrets=[],
            missing=[],
            time_limit=60.0,
            explicit_key=self.key,
            attempt=1,
            max_attempts=100,
            actor=None,
            dispatched_at=datetime.now(UTC).isoformat(),
            trace=[],
        )

    # ── What a worker does ───────────────────────────────────────────────────────────────────────────────────────

    async def prepare(self, _given, _ctx):
        return {"acts": self.acts}

    async def handle(self, _given, ctx):
        worker = _worker.get()
        self.handled += 1
        assert ctx.prepared is not None
        beside = [other for other in self.running if other.at in ("handler", "acted") and other.may_act]
        assert beside == [], "a second attempt acts beside the first"
        word = await worker.stand("handler")
        if word == "act":
            assert worker.may_act
            self.acts += 1
            word = await worker.stand("acted")
        if word == "answer":
            return {"text": f"act {self.acts}"}
        raise Refused(LOST) if word == "refuse" else LOST

    async def reconcile(self, _given, _ctx, sent):
        if await _worker.get().stand("look") != "tell":
            return Unknown("no sign of it")
        if self.acts > sent.prepared["acts"]:
            return Happened({"text": "found"})
        # That it will not happen any more can be told only while nobody may still do it.
        if any(worker.at == "handler" and worker.may_act for worker in self.running):
            return Unknown("somebody may be about to do it")
        return NotHappened("nothing was done")

    async def at(self, point, _call):
        worker = _worker.get()
        if point == "before-commit" and worker.dies_before_commit:
            raise KilledError
        if point in PAUSES:
            await worker.stand(point)

    async def attempt(self, worker: Worker, run_id: UUID) -> ActionResult | None:
        _worker.set(worker)
        executor = Executor(
            database=self.database, registry=self.registry, secrets=None, http=SimpleNamespace(), at=self.at
        )
        try:
            return await executor.execute(self.call(run_id))
        except ExecutionFailedError as failed:
            worker.uncertain = failed.error["code"] == "EFFECT_UNCERTAIN"
            return None
        except (KilledError, asyncio.CancelledError):
            return None

    def tell(self, worker: Worker, word: str) -> None:
        """Has a worker go on, to its next pause or its end."""
        worker.paused.clear()
        worker.go.set_result(word)
        self.until_pause(worker)

    def until_pause(self, worker: Worker) -> None:
        async def wait():
            pause = asyncio.ensure_future(worker.paused.wait())
            await asyncio.wait({worker.task, pause}, return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()

        self.run(wait())
        if not worker.task.done():
            return
        worker.at = None
        self.running.remove(worker)
        result = worker.task.result()
        if result is not None:
            assert self.acts or self.excused, "a result of something that never happened"
            assert self.row()["status"] == "succeeded", "a result that nobody keeps"
        if worker.uncertain:
            self.a_run_waits(of=0, give_up=False)  # as the interpreter does it

    # ── What can happen ──────────────────────────────────────────────────────────────────────────────────────────

    def go_on(self, worker: Worker, until: str, answer: str, *, sees: bool) -> None:
        """Has an attempt go on until it stands there, or has ended.

        Args:
            worker: Its worker.
            until: A pause.
            answer: What becomes of the other side's: ``answer``, ``lose``, or ``refuse``, when it has done nothing.
            sees: Whether looking tells.
        """
        for _ in range(20):
            if worker.at is None or worker.at == until:
                return
            if worker.at == "look":
                word = "tell" if sees else "silence"
            elif worker.at == "handler":
                word = "refuse" if answer == "refuse" else "act" if worker.may_act else "lose"
            elif worker.at == "acted":
                word = "answer" if answer == "answer" else "lose"
            else:
                word = "go"
            self.tell(worker, word)

    @precondition(lambda self: len(self.running) < 3)
    @rule(of=st.integers(0, 1), until=_PLACES, answer=_ANSWERS, sees=st.booleans(), following=_EFFECTS)
    def an_attempt_begins(self, of, until, answer, sees, following):
        if self.final is not None and not self.running:
            self.an_effect_is_wanted(following)
        worker = Worker()

        async def begin():
            worker.task = asyncio.create_task(self.attempt(worker, self.runs[of]))

        self.run(begin())
        self.running.append(worker)
        self.until_pause(worker)
        self.go_on(worker, until, answer, sees=sees)

    @precondition(lambda self: self.running)
    @rule(index=st.integers(0, 2), until=_PLACES, answer=_ANSWERS, sees=st.booleans())
    def an_attempt_goes_on(self, index, until, answer, sees):
        worker = self.running[index % len(self.running)]
        if worker.at == until:
            until = "the end"
        self.go_on(worker, until, answer, sees=sees)

    @precondition(lambda self: self.running)
    @rule(index=st.integers(0, 2))
    def the_answer_is_lost_before_anything_was_done(self, index):
        worker = self.running[index % len(self.running)]
        if worker.at == "handler":
            self.tell(worker, "lose")

    @precondition(lambda self: self.running)
    @rule(index=st.integers(0, 2), how=st.sampled_from(["killed", "killed in its commit", "canceled"]))
    def a_worker_is_lost(self, index, how):
        worker = self.running[index % len(self.running)]
        if how == "canceled":
            worker.paused.clear()
            worker.task.cancel()
            self.until_pause(worker)
        elif how == "killed in its commit" and worker.at == "after-answer":
            worker.dies_before_commit = True
            self.tell(worker, "go")
        else:
            self.tell(worker, "die")

    @rule(long_ago=st.booleans())
    def time_passes(self, long_ago):
        """The time limit of whoever holds the key is over: it may still answer, but it does nothing any more."""
        change = "lease_until = clock_timestamp() - interval '1 second'"
        if long_ago:  # and that for looking
            change += ", sent_at = sent_at - interval '1 hour'"
        self.change_row(change)
        for worker in self.running:
            if worker.at in ("handler", "acted", "after-sent"):
                worker.may_act = False

    @rule(decision=st.sampled_from(list(Decision)))
    def a_person_decides(self, decision):
        row = self.row()
        if row is None:
            return
        waiting = self.open_waits()

        async def decide():
            return await settle(
                self.database,
                FakeTemporal(self.signaled),
                self.registry,
                tenant=self.tenant,
                invocation_id=row["invocation_id"],
                decision=decision,
                output={"text": "claimed"} if decision is Decision.HAPPENED else None,
                reason="Looked.",
                user=uuid4(),
            )

        asked = row["status"] == "uncertain" and row["settled_as"] is None
        at_work = row["lease_until"] is not None and row["lease_until"] > datetime.now(UTC)
        expected = "ALREADY_SETTLED"
        if asked:
            expected = "EFFECT_UNDER_WAY" if at_work and decision is Decision.SEND_AGAIN else None
        refusal = None
        try:
            self.run(decide())
        except ConflictError as error:
            refusal = error.code
        assert refusal == expected
        if refusal is not None:
            return
        assert set(waiting) <= set(self.signaled)
        if decision is not Decision.FAIL:
            self.excused += 1
            self.settled_at = self.acts

    @rule(of=st.integers(0, 1))
    def a_run_ends(self, of):
        """The one that has the key was canceled or terminated, maybe beside its attempt; another one waits."""

        async def end():
            async with self.database.tenant(self.tenant) as conn:
                for run_id in self.runs:
                    await give_up_run(conn, self.tenant, run_id)

        self.run(end())
        self.a_run_waits(of=of, give_up=False)

    @rule(of=st.integers(0, 1), give_up=st.booleans())
    def a_run_waits(self, of, give_up):
        wait = SettlementWait(
            tenant=str(self.tenant),
            run_id=str(self.runs[of]),
            step_path="root.steps[0]",
            iteration="",
            step_id="act",
            wait_id=str(uuid4()),
            key=self.digest,
            give_up=give_up,
        )

        async def opening():
            async with self.database.tenant(self.tenant) as conn:
                return await open_settlement(conn, wait)

        opened = self.run(opening())
        row = self.row()
        assert opened is (row is not None and row["status"] == "uncertain" and row["settled_as"] is None)
        if opened:
            assert wait.wait_id in self.open_waits()

    def open_waits(self) -> list[str]:
        async def read():
            async with self.database.tenant(self.tenant) as conn:
                return await conn.fetch(
                    "SELECT wait_id FROM workflow_run_waits WHERE status = 'WAITING' AND run_id = ANY ($1)", self.runs
                )

        return [str(row["wait_id"]) for row in self.run(read())]

    # ── What always holds ────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def it_is_done_at_most_once(self):
        if self.runs and self.effect is Effect.ONCE:
            assert self.acts <= 1 + self.excused

    @invariant()
    def the_row_tells_no_lie(self):
        row = self.row() if self.runs else None
        if row is None:
            return
        status = row["status"]
        event(status)
        assert self.handled <= row["sends"]
        if self.final is not None:
            assert (status, row["output_json"]) == self.final, "a success was taken back"
        if status == "succeeded":
            assert self.acts or self.excused
            self.final = (status, row["output_json"])
        if status in ("failed", "reserved"):
            assert self.acts == self.settled_at, "something was done, and the row says that nothing was"
        if status == "uncertain":
            assert self.effect is Effect.ONCE
            assert row["error_json"] is not None
            assert row["sends"] >= 1
        if status != "uncertain" or row["settled_as"] is not None:
            assert self.open_waits() == [], "a run waits for what is known"

    def come_to_an_end(self) -> None:
        """Whatever has happened: with everybody gone and the truth to be seen, the effect comes to an end."""
        for worker in list(self.running):
            self.tell(worker, "die")
        for _ in range(4):
            self.change_row("lease_until = clock_timestamp() - interval '1 second'")
            row = self.row()
            if row is not None and row["status"] == "succeeded":
                break
            if row is not None and row["status"] == "uncertain":
                if row["settled_as"] is None:
                    happened = self.acts > self.settled_at
                    self.a_person_decides(Decision.HAPPENED if happened else Decision.SEND_AGAIN)
                else:
                    break
            self.an_attempt_begins(0, "the end", "answer", sees=True, following=(self.effect, True))
        row = self.row()
        assert (row["status"], row["settled_as"]) in {
            ("succeeded", None),
            ("succeeded", "happened"),
            ("uncertain", "fail"),
        }
        self.it_is_done_at_most_once()
        self.the_row_tells_no_lie()


_INSERT_RUN = """
INSERT INTO workflow_runs (tenant, run_id, workflow_id, workflow_version, status, cause, plan, plan_sha256)
VALUES ($1, $2, gen_random_uuid(), 1, 'RUNNING', 'test', '{}', '')
"""


@attrs.frozen
class FakeTemporal:
    """Keeps what is signaled."""

    signaled: list[str]

    def get_workflow_handle(self, _workflow_id):
        async def signal(_name, wait_id, **_options):
            self.signaled.append(wait_id)

        return SimpleNamespace(signal=signal)


def test_the_ledger_under_random_interleavings(migrated_database, tenants):
    """Nothing is done twice, nothing done is forgotten, nothing not done is claimed, and nobody waits for ever."""
    loop = asyncio.new_event_loop()
    database = loop.run_until_complete(
        # What a commit means to others is at stake here, and not whether it outlives the machine.
        Database.connect(f"{migrated_database.dsn}&synchronous_commit=off", application_name="model", min_size=4)
    )
    world = {"loop": loop, "database": database, "tenant": tenants.a}
    try:
        run_state_machine_as_test(
            type("Machine", (LedgerMachine,), world),
            settings=settings(
                max_examples=100,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
    finally:
        loop.run_until_complete(database.close())
        loop.close()
