"""Resolvers: asked at the same time, each within a limit, and a module is hidden when nobody can say."""

import asyncio
import logging
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from workflow_core.availability import AVAILABLE, Availability, AvailabilityResolver, Resolve, resolve_availability
from workflow_core.storage.database import Connection, Database
from workflow_core.testing.postgres import Tenants

UNCHECKED = Availability(available=False, reason="The integration's availability could not be checked.", failed=True)
ABSENT = Availability(available=False, reason="The integration's availability check is missing.", failed=True)


def resolvers(**functions: Resolve) -> dict[str, AvailabilityResolver]:
    """Resolvers by key."""
    return {key: AvailabilityResolver(key, resolve) for key, resolve in functions.items()}


async def available(connection: Connection, tenant: UUID) -> Availability:
    return AVAILABLE


async def unavailable(connection: Connection, tenant: UUID) -> Availability:
    return Availability(available=False, reason="Connect it.")


async def test_answers(db: Database, tenants: Tenants) -> None:
    """Each key gets its resolver's answer; a key that is asked twice is asked once."""
    asked: list[UUID] = []

    async def remember(connection: Connection, tenant: UUID) -> Availability:
        asked.append(tenant)
        return AVAILABLE

    answers = await resolve_availability(
        db, tenants.a, ["yes", "no", "yes"], resolvers(yes=remember, no=unavailable, unasked=remember)
    )
    assert answers == {"yes": AVAILABLE, "no": Availability(available=False, reason="Connect it.")}
    assert asked == [tenants.a]
    assert await resolve_availability(db, tenants.a, [], {}) == {}


async def test_connection_is_the_tenants(db: Database, tenants: Tenants) -> None:
    """A resolver sees its tenant's rows and no others, and cannot write."""
    seen: dict[str, Any] = {}

    async def look(connection: Connection, tenant: UUID) -> Availability:
        seen["tenants"] = [row["tenant"] for row in await connection.fetch("SELECT tenant FROM tenants")]
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("DELETE FROM tenants")
        return AVAILABLE

    assert await resolve_availability(db, tenants.b, ["look"], resolvers(look=look)) == {"look": AVAILABLE}
    assert seen == {"tenants": [tenants.b]}


async def test_asked_at_the_same_time(db: Database, tenants: Tenants) -> None:
    """Every resolver is under way before any has to answer, on a connection of its own."""
    together = asyncio.Barrier(3)
    backends: set[int] = set()

    async def meet(connection: Connection, tenant: UUID) -> Availability:
        backends.add(await connection.fetchval("SELECT pg_backend_pid()"))
        await together.wait()
        return AVAILABLE

    answers = await resolve_availability(
        db, tenants.a, ["one", "two", "three"], resolvers(one=meet, two=meet, three=meet), timeout=30
    )
    assert set(answers.values()) == {AVAILABLE}
    assert len(backends) == 3


async def test_slow_resolver(db: Database, tenants: Tenants, caplog: pytest.LogCaptureFixture) -> None:
    """One that takes longer than the limit is given up: its module is hidden, the others keep their answers."""
    answered, given_up = asyncio.Event(), asyncio.Event()

    async def quick(connection: Connection, tenant: UUID) -> Availability:
        answered.set()
        return AVAILABLE

    async def slow(connection: Connection, tenant: UUID) -> Availability:
        try:
            await asyncio.Event().wait()
        finally:
            assert answered.is_set()  # the quick one did not wait for this one
            given_up.set()
        return AVAILABLE

    both = ["slow", "quick"]
    await resolve_availability(db, tenants.a, both, resolvers(slow=available, quick=available), timeout=30)  # connects
    answers = await resolve_availability(db, tenants.a, both, resolvers(slow=slow, quick=quick), timeout=0.5)
    assert answers == {"slow": UNCHECKED, "quick": AVAILABLE}
    assert given_up.is_set()
    assert f"availability of 'slow' for tenant {tenants.a}: TimeoutError" in caplog.messages


async def test_slow_statement(db: Database, tenants: Tenants) -> None:
    """A statement that runs too long is ended, and the connection is good again."""

    async def sleep(connection: Connection, tenant: UUID) -> Availability:
        await connection.execute("SELECT pg_sleep(60)")
        return AVAILABLE

    answers = await resolve_availability(db, tenants.a, ["sleep"], resolvers(sleep=sleep), timeout=0.2)
    assert answers == {"sleep": UNCHECKED}
    async with db.tenant(tenants.a) as connection:
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"
        assert await connection.fetchval(sleeping) == 0


async def test_missing_resolver(db: Database, tenants: Tenants, caplog: pytest.LogCaptureFixture) -> None:
    """A key that no installed distribution resolves hides its modules, and the log says why."""
    answers = await resolve_availability(db, tenants.a, ["gone", "yes"], resolvers(yes=available))
    assert answers == {"gone": ABSENT, "yes": AVAILABLE}
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.ERROR, "no installed distribution resolves availability key 'gone'")
    ]


async def test_failing_resolvers(db: Database, tenants: Tenants, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a resolver raises or answers instead hides its modules only; the log has the trace, the tenant not."""

    async def raises(connection: Connection, tenant: UUID) -> Availability:
        raise ValueError("password hunter2 is wrong")

    async def breaks_the_transaction(connection: Connection, tenant: UUID) -> Availability:
        await connection.execute("SELECT nonsense")
        return AVAILABLE

    async def swallows_a_broken_transaction(connection: Connection, tenant: UUID) -> Availability:
        with pytest.raises(asyncpg.UndefinedColumnError):
            await connection.execute("SELECT nonsense")
        return AVAILABLE

    async def says_yes(connection: Connection, tenant: UUID) -> Any:
        return True

    async def is_canceled(connection: Connection, tenant: UUID) -> Availability:
        task = asyncio.create_task(asyncio.Event().wait())
        task.cancel()
        await task
        return AVAILABLE

    def is_not_async(connection: Connection, tenant: UUID) -> Any:
        return AVAILABLE

    functions = {
        "raises": raises,
        "breaks": breaks_the_transaction,
        "says": says_yes,
        "canceled": is_canceled,
        "plain": is_not_async,
    }
    answers = await resolve_availability(
        db,
        tenants.a,
        [*functions, "swallows", "yes"],
        resolvers(**functions, swallows=swallows_a_broken_transaction, yes=available),
    )
    assert answers == {**dict.fromkeys(functions, UNCHECKED), "swallows": AVAILABLE, "yes": AVAILABLE}
    assert sorted(record.message.rpartition(": ")[2] for record in caplog.records) == [
        "CancelledError",
        "TypeError",
        "TypeError",
        "UndefinedColumnError",
        "ValueError",
    ]
    assert all(record.exc_info for record in caplog.records)
    assert "hunter2" not in str(answers)


async def test_asker_goes_away(db: Database, tenants: Tenants) -> None:
    """When the request is canceled, so are the resolvers, and nobody gets an answer."""
    asked, ended = asyncio.Event(), asyncio.Event()

    async def wait(connection: Connection, tenant: UUID) -> Availability:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return AVAILABLE

    asking = asyncio.create_task(resolve_availability(db, tenants.a, ["wait"], resolvers(wait=wait), timeout=60))
    await asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert ended.is_set()


@pytest.mark.parametrize(("key", "resolve"), [(None, available), ("acme", None)])
def test_wrong_fields(key: Any, resolve: Any) -> None:
    """A resolver without a key or a function cannot be made."""
    with pytest.raises(TypeError):
        AvailabilityResolver(key, resolve)
