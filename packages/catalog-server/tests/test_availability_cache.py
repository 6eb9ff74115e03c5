"""Availability is kept, dropped when the database says so, and never kept while nobody would say so."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import attrs

from workflow_catalog_server.availability_cache import AvailabilityCache
from workflow_core.availability import AVAILABLE, Availability, AvailabilityResolver


@attrs.define
class Resolver:
    """Answers what the test says, and counts."""

    answer: Availability | Exception = AVAILABLE
    asked: int = 0
    hold: asyncio.Event | None = None

    async def resolve(self, _conn, _tenant):
        self.asked += 1
        answer = self.answer
        if self.hold is not None:
            await self.hold.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


@attrs.define
class Clock:
    now: float = 0.0

    def __call__(self):
        return self.now


@asynccontextmanager
async def caching(db, resolver, *, start=True, **options):
    cache = AvailabilityCache(db, ["acme"], {"acme": AvailabilityResolver("acme", resolver.resolve)}, **options)
    if start:
        await cache.start()
    try:
        yield cache
    finally:
        await cache.close()


async def notify(db, payload):
    async with db.untenanted() as conn:
        await conn.execute("SELECT pg_notify('workflow_availability', $1)", payload)


async def test_answer_is_kept_until_it_expires(db, tenants):
    """Within its time an answer costs nothing; after it, the resolver is asked again."""
    resolver, clock = Resolver(), Clock()
    async with caching(db, resolver, ttl=30, clock=clock) as cache:
        for moment, asked in ((0, 1), (29, 1), (31, 2)):
            clock.now = moment
            assert (await cache.get(tenants.a)).answers["acme"].available
            assert resolver.asked == asked


async def test_those_who_ask_together_ask_once(db, tenants, until):
    """Single flight: one question per tenant at a time; a request that is given up ends nothing."""
    resolver = Resolver(hold=asyncio.Event())
    async with caching(db, resolver) as cache:
        asking = [asyncio.create_task(cache.get(tenants.a)) for _ in range(5)]
        await until(lambda: resolver.asked == 1)
        asking.pop().cancel()
        resolver.hold.set()
        answers = await asyncio.gather(*asking)
        assert len({id(answer) for answer in answers}) == 1
        assert resolver.asked == 1


async def test_notification_drops_the_tenants_answer(db, tenants, connect_acme, until):
    """A change of the deciding row is seen at once, and other tenants' answers stay."""
    resolver = Resolver()
    async with caching(db, resolver) as cache:
        await cache.get(tenants.a)
        await cache.get(tenants.b)
        resolver.answer = Availability(available=False, reason="gone")
        await connect_acme(tenants.a)
        await until(lambda: tenants.a not in cache._entries)
        assert (await cache.get(tenants.a)).answers["acme"].reason == "gone"
        assert (await cache.get(tenants.b)).answers["acme"].available


async def test_overtaken_answer_is_not_kept(db, tenants, until):
    """An answer that was asked for before a notification, and comes after it, may be old."""
    resolver = Resolver(hold=asyncio.Event())
    async with caching(db, resolver) as cache:
        old = asyncio.create_task(cache.get(tenants.a))
        await until(lambda: resolver.asked == 1)
        await notify(db, str(tenants.a))
        await until(lambda: not cache._flights)
        resolver.answer = Availability(available=False, reason="new")
        new = asyncio.create_task(cache.get(tenants.a))
        await until(lambda: resolver.asked == 2)
        resolver.hold.set()
        assert (await old).answers["acme"].available
        assert (await new).answers["acme"].reason == "new"
        assert (await cache.get(tenants.a)).answers["acme"].reason == "new"


async def test_senseless_notification_drops_everything(db, tenants, until):
    """Who sends it may mean any tenant."""
    resolver = Resolver()
    async with caching(db, resolver) as cache:
        await cache.get(tenants.a)
        await notify(db, "all of them")
        await until(lambda: not cache._entries)


async def test_nothing_is_kept_while_nobody_listens(db, tenants, migrated_database):
    """When the listening connection is lost all answers go, and they are kept again once it is back."""
    resolver = Resolver()
    async with caching(db, resolver) as cache:
        await cache.get(tenants.a)
        assert cache._entries
        lost, restored = asyncio.Event(), asyncio.Event()
        cache._listener._on_lost = _and_set(cache._listener._on_lost, lost)
        cache._listener._on_restored = _and_set(cache._listener._on_restored, restored)
        admin = await asyncpg.connect(migrated_database.admin_dsn)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%listener'"
        )
        await admin.close()
        await asyncio.wait_for(lost.wait(), 10)
        assert not cache._entries
        if not cache._listening:
            before = resolver.asked
            await cache.get(tenants.a)
            assert resolver.asked == before + 1
        await asyncio.wait_for(restored.wait(), 10)
        assert not cache._entries
        await cache.get(tenants.a)
        assert tenants.a in cache._entries


def _and_set(callback, event):
    def both():
        callback()
        event.set()

    return both


async def test_nothing_is_kept_before_it_listens(db, tenants):
    """Without a listener every request asks."""
    resolver = Resolver()
    async with caching(db, resolver, start=False) as cache:
        await cache.get(tenants.a)
        await cache.get(tenants.a)
        assert resolver.asked == 2


async def test_failing_resolver_hides_the_module(db, tenants):
    """It fails closed, with a reason that gives nothing away."""
    async with caching(db, Resolver(RuntimeError("password=hunter2"))) as cache:
        answer = (await cache.get(tenants.a)).answers["acme"]
        assert not answer.available
        assert "hunter2" not in answer.reason


async def test_what_could_not_be_checked_is_not_kept(db, tenants):
    """The module is back as soon as its resolver answers, not 30 seconds later."""
    resolver = Resolver(RuntimeError("for a moment"))
    async with caching(db, resolver) as cache:
        await cache.get(tenants.a)
        await cache.get(tenants.a)
        assert resolver.asked == 2


async def test_slow_resolver_hides_the_module(db, tenants):
    """Whoever takes too long is unavailable, and holds nobody up."""
    resolver = Resolver(hold=asyncio.Event())
    async with caching(db, resolver, timeout=0.05) as cache:
        async with asyncio.timeout(5):
            assert not (await cache.get(tenants.a)).answers["acme"].available


async def test_number_of_kept_answers_is_bounded(db, tenants):
    """The oldest goes first."""
    async with caching(db, Resolver(), max_tenants=1) as cache:
        await cache.get(tenants.a)
        await cache.get(tenants.b)
        assert list(cache._entries) == [tenants.b]
