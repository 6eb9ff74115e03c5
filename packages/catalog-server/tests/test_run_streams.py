"""Live updates of runs: everything is told, late commits as well; nobody is kept waiting, and nobody keeps a place."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import attrs
import orjson
import pytest

from workflow_catalog_server import run_feeds, run_stream_routes
from workflow_catalog_server.run_feeds import RunFeeds
from workflow_core.execution.history import write_end, write_trace
from workflow_core.execution.models import RunEnd, StepTrace

RUNS = "/api/workflow-runs"


@attrs.frozen
class Event:
    kind: str
    id: str | None
    data: dict


@attrs.define
class Stream:
    """A watcher's side."""

    response: object

    async def next(self):
        """The next event; the text of a comment; None after the end."""
        fields = {}
        async with asyncio.timeout(30):
            while line := await self.response.content.readline():
                text = line.decode().removesuffix("\n")
                if not text:
                    if "comment" in fields:
                        return fields["comment"]
                    return Event(fields["event"], fields.get("id"), orjson.loads(fields["data"]))
                name, value = text.split(": ", 1)
                fields[name or "comment"] = value
        return None

    async def rest(self):
        """All events until the end of the stream."""
        events = []
        while (event := await self.next()) is not None:
            events.append(event)
        return events


@pytest.fixture
async def server(serve, db):
    """A server that looks at runs twenty times a second."""
    async with serve(feeds=RunFeeds(db, interval=0.05)) as running:
        yield running


@pytest.fixture
def run(db, tenants):
    """A run of tenant A, whose history the test writes."""

    @attrs.frozen
    class Run:
        id: UUID

        @property
        def path(self):
            return f"{RUNS}/{self.id}/events"

        async def step(self, conn, name, status="SUCCEEDED", sequence=1, **more):
            now = datetime.now(UTC).isoformat()
            step = StepTrace(
                step_path=f"root.{name}",
                iteration="",
                step_id=name,
                step_type="control.callWorkflow",
                sequence=sequence,
                status=status,
                started_at=now,
                completed_at=None if status == "STARTED" else now,
                **more,
            )
            await write_trace(conn, tenants.a, self.id, [step])

        async def put(self, name, status="SUCCEEDED", **more):
            async with db.tenant(tenants.a) as conn:
                await self.step(conn, name, status, **more)

        async def end(self, status="SUCCEEDED"):
            end = RunEnd(
                tenant=str(tenants.a),
                run_id=str(self.id),
                status=status,
                error=None,
                completed_at=datetime.now(UTC).isoformat(),
                trace=[],
            )
            async with db.tenant(tenants.a) as conn:
                await write_end(conn, end)

        async def make_older(self):
            async with db.tenant(tenants.a) as conn:
                await conn.execute(
                    "UPDATE workflow_run_steps SET updated_at = updated_at - interval '1 hour' WHERE run_id = $1",
                    self.id,
                )

    return Run


@pytest.fixture
async def new_run(db, tenants, run):
    """Records a run."""

    async def new():
        run_id = uuid4()
        async with db.tenant(tenants.a) as conn:
            await conn.execute(
                "INSERT INTO workflow_runs (tenant, run_id, workflow_id, workflow_version, status, cause, plan, "
                "plan_sha256) VALUES ($1, $2, $3, 1, 'RUNNING', 'test', '{}', '')",
                tenants.a,
                run_id,
                uuid4(),
            )
        return run(run_id)

    return new


@asynccontextmanager
async def watching(caller, run, last=None):
    response = await caller("GET", run.path, headers={} if last is None else {"Last-Event-ID": last})
    assert (response.status, response.content_type) == (200, "text/event-stream"), await response.text()
    try:
        yield Stream(response)
    finally:
        response.close()


def names(events):
    return [
        (event.kind, event.data["definitionStepId"] if event.kind == "step" else event.data["status"])
        for event in events
    ]


async def test_a_run_is_told_as_it_stands_and_then_as_it_changes(server, new_run):
    """Steps and the run as the lists show them, each when it has changed, and the end as the last one."""
    run = await new_run()
    await run.put("a", output={"x": 1})
    await run.put("b", "STARTED", sequence=2)
    async with watching(server.a, run) as stream:
        begun = [await stream.next() for _ in range(3)]
        assert names(begun) == [("step", "a"), ("step", "b"), ("run", "RUNNING")]
        listed = (await (await server.a("GET", f"{RUNS}/{run.id}/steps")).json())["steps"]
        assert [event.data for event in begun[:2]] == listed
        [shown] = (await (await server.a("GET", RUNS)).json())["runs"]
        assert begun[2].data == shown
        await run.put("b", "SUCCEEDED", sequence=2)
        changed = await stream.next()
        assert (changed.data["definitionStepId"], changed.data["status"]) == ("b", "SUCCEEDED")
        await run.put("c", sequence=3)
        await run.end()
        assert names(await stream.rest()) == [("step", "c"), ("end", "SUCCEEDED")]


async def test_a_run_that_has_ended_is_told_and_that_is_all(server, new_run):
    """There is nothing to wait for; who knows of the end is told not to come back."""
    run = await new_run()
    await run.put("a")
    await run.end("FAILED")
    async with watching(server.a, run) as stream:
        events = await stream.rest()
    assert names(events) == [("step", "a"), ("end", "FAILED")]
    response = await server.a("GET", run.path, headers={"Last-Event-ID": events[-1].id})
    assert (response.status, await response.read()) == (204, b"")


async def test_a_run_that_went_on_after_its_end_is_told_anew(server, new_run, db, tenants):
    """Who knows of its end learns that it was resumed."""
    run = await new_run()
    await run.end("FAILED")
    async with watching(server.a, run) as stream:
        [end] = await stream.rest()
    async with db.tenant(tenants.a) as conn:
        await conn.execute("UPDATE workflow_runs SET status = 'RUNNING', completed_at = NULL, updated_at = now()")
    async with watching(server.a, run, end.id) as stream:
        assert names([await stream.next()]) == [("run", "RUNNING")]


async def test_who_comes_back_is_told_what_changed_meanwhile(server, new_run):
    """Not what is long known; what was sent a moment before may come again."""
    run = await new_run()
    await run.put("old")
    await run.make_older()
    await run.put("new", sequence=2)
    async with watching(server.a, run) as stream:
        begun = [await stream.next() for _ in range(3)]
    assert [event.id is None for event in begun] == [True, True, False]  # whoever is cut off before has not got all
    await run.put("newest", sequence=3)
    async with watching(server.a, run, begun[-1].id) as stream:
        again = [await stream.next() for _ in range(3)]
    assert names(again) == [("step", "new"), ("step", "newest"), ("run", "RUNNING")]


async def test_what_is_committed_late_is_not_missed(server, new_run, db, tenants):
    """A row whose time lies before the last look, in a transaction that had not committed by then."""
    run = await new_run()
    async with watching(server.a, run) as stream:
        assert names([await stream.next()]) == [("run", "RUNNING")]
        async with db.tenant(tenants.a) as conn:
            await run.step(conn, "late")
            await run.put("early", sequence=2)
            first = await stream.next()
        assert names([first, await stream.next()]) == [("step", "early"), ("step", "late")]
        last = first.id
    async with watching(server.a, run, last) as stream:
        assert ("step", "late") in names([await stream.next() for _ in range(3)])


async def test_many_steps_come_whole(server, new_run, monkeypatch):
    """They are read in parts, and told in the order in which they began."""
    monkeypatch.setattr(run_stream_routes, "_CHUNK", 3)
    run = await new_run()
    for number in range(8):
        await run.put(f"s{number}", sequence=number)
    async with watching(server.a, run) as stream:
        begun = [await stream.next() for _ in range(9)]
    assert names(begun) == [*(("step", f"s{number}") for number in range(8)), ("run", "RUNNING")]


async def test_watchers_of_one_run_share_the_looks(server, new_run, monkeypatch, until):
    """However many they are; the last one who leaves ends them."""
    run, looks = await new_run(), []
    look = run_feeds._Feed.look

    async def counted(feed):
        looks.append(feed)
        return await look(feed)

    monkeypatch.setattr(run_feeds._Feed, "look", counted)
    async with watching(server.a, run) as one, watching(server.a, run) as other:
        await run.put("a")
        for stream in (one, other):
            told = []
            while ("step", "a") not in names(told):
                told.append(await stream.next())
        await run.end()
        for stream in (one, other):
            assert names(await stream.rest())[-1] == ("end", "SUCCEEDED")
    assert len(set(looks)) == 1
    await until(lambda: not server.services.feeds._feeds)


async def test_silence_is_filled_with_comments(server, new_run, monkeypatch, until):
    """They keep proxies from hanging up, and show when the watcher is gone: then it keeps no place."""
    monkeypatch.setattr(run_stream_routes, "KEEP_ALIVE", 0.05)
    run = await new_run()
    async with watching(server.a, run) as stream:
        assert names([await stream.next()]) == [("run", "RUNNING")]
        assert await stream.next() == "still here"
        assert len(server.services.feeds._feeds) == 1
    await until(lambda: not server.services.feeds._feeds)


async def test_streams_end_after_a_while(server, new_run, monkeypatch):
    """The watcher comes back with a token that is still good."""
    monkeypatch.setattr(run_stream_routes, "LONGEST", 0.2)
    run = await new_run()
    async with watching(server.a, run) as stream:
        assert names(await stream.rest()) == [("run", "RUNNING")]


async def test_a_watcher_who_does_not_read_is_let_go(server, new_run, monkeypatch, until):
    """What it does not read is kept for a short time only."""
    monkeypatch.setattr(run_stream_routes, "_PATIENCE", 0.2)
    run = await new_run()
    for number in range(64):
        await run.put(f"s{number}", sequence=number, output={"x": "y" * 1_000_000})
    async with watching(server.a, run):
        await until(lambda: not server.services.feeds._feeds)


async def test_a_database_that_is_away_for_a_moment_ends_no_stream(server, new_run, monkeypatch):
    """It goes on where it was."""
    run, failures = await new_run(), [ConnectionResetError(), ConnectionResetError()]
    look = run_feeds._Feed.look

    async def failing(feed):
        if failures:
            raise failures.pop()
        return await look(feed)

    monkeypatch.setattr(run_feeds._Feed, "look", failing)
    async with watching(server.a, run) as stream:
        assert names([await stream.next()]) == [("run", "RUNNING")]
        await run.put("a")
        assert names([await stream.next()]) == [("step", "a")]
    assert failures == []


async def test_a_stopping_server_ends_streams_at_once(serve, db, new_run):
    """It does not wait for the runs."""
    run = await new_run()
    async with serve() as running:
        async with asyncio.timeout(30):
            response = await running.a("GET", run.path)
            stream = Stream(response)
            assert names([await stream.next()]) == [("run", "RUNNING")]
            stopped = asyncio.create_task(running.client.server.close())
            assert await stream.next() is None
            await asyncio.wait_for(stopped, 5)


async def test_there_is_room_for_so_many(server, new_run, monkeypatch, assert_problem):
    """Of one tenant, and of all together."""
    run = await new_run()
    monkeypatch.setattr(run_feeds, "MOST_OF_TENANT", 1)
    async with watching(server.a, run) as stream:
        await stream.next()
        document = await assert_problem(await server.a("GET", run.path), 503, "TOO_MANY_WATCHERS")
        assert "read the run" in document["detail"]
        await assert_problem(await server.b("GET", run.path), 404, "NOT_FOUND")
        monkeypatch.setattr(run_feeds, "MOST_WATCHERS", 1)
        await assert_problem(await server.b("GET", run.path), 503, "TOO_MANY_WATCHERS")


@pytest.mark.parametrize("last", ["x", "2026-01-01", "2026-01-01T00:00:00Z/x", "0001-01-01T00:00:00Z", "/end"])
async def test_an_id_that_is_none_of_ours(server, new_run, assert_problem, last):
    """It is refused."""
    run = await new_run()
    response = await server.a("GET", run.path, headers={"Last-Event-ID": last})
    document = await assert_problem(response, 422, "VALIDATION_ERROR")
    assert [error["path"] for error in document["errors"]] == ["Last-Event-ID"]


async def test_who_may_watch(server, new_run, make_token, assert_problem):
    """Who may read runs, of the own tenant; a HEAD is answered without a stream."""
    run = await new_run()
    await assert_problem(await server.b("GET", run.path), 404, "NOT_FOUND")
    await assert_problem(await server.a("GET", f"{RUNS}/{uuid4()}/events"), 404, "NOT_FOUND")
    await assert_problem(await server.a("GET", f"{RUNS}/x/events"), 404, "NOT_FOUND")
    nobody = server.a.with_token(make_token(server.tenants.a, "workflow:run"))
    await assert_problem(await nobody("GET", run.path), 403, "PERMISSION_DENIED")
    response = await server.a("HEAD", run.path)
    assert (response.status, response.content_type) == (200, "text/event-stream")


async def test_a_run_that_is_deleted_ends_its_stream(server, new_run, db, tenants):
    """There is nothing more to tell."""
    run = await new_run()
    async with watching(server.a, run) as stream:
        await stream.next()
        async with db.tenant(tenants.a) as conn:
            await conn.execute("DELETE FROM workflow_runs WHERE run_id = $1", run.id)
        assert await stream.rest() == []
