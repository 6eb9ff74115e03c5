"""Places that tenants share."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager

import attrs
import pytest

from workflow_core.places import Places


@attrs.define
class Holder:
    """Holds places, each until it is told to go, and notes who got one."""

    places: Places
    got: list[str] = attrs.Factory(list)
    tasks: dict[str, asyncio.Task[None]] = attrs.Factory(dict)
    going: dict[str, asyncio.Event] = attrs.Factory(dict)

    async def ask(self, *names):
        """Names begin with their tenant."""
        for name in names:
            self.going[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._hold(name))
        await settled()

    async def _hold(self, name):
        async with self.places.hold(name[0], ahead=name.endswith("!")):
            self.got.append(name)
            await self.going[name].wait()

    async def go(self, *names):
        for name in names:
            self.going[name].set()
            await self.tasks[name]
        await settled()


async def settled():
    """Everything that can go on has."""
    for _ in range(10):
        await asyncio.sleep(0)


@asynccontextmanager
async def holding(places):
    holder = Holder(places)
    yield holder
    for name in holder.tasks:
        holder.going[name].set()
    await asyncio.gather(*holder.tasks.values(), return_exceptions=True)


async def test_no_more_than_there_are():
    """In the order in which they came."""
    async with holding(Places(2)) as holder:
        await holder.ask("a1", "a2", "a3", "a4")
        assert holder.got == ["a1", "a2"]
        await holder.go("a2")
        assert holder.got == ["a1", "a2", "a3"]


async def test_a_tenant_with_many_who_wait_lets_another_one_by():
    """The next place that is free is the other one's, and from there they take turns."""
    async with holding(Places(1)) as holder:
        await holder.ask("a1", "a2", "a3", "a4", "b1", "b2", "c1")
        for name in ("a1", "a2", "b1", "c1", "a3", "b2"):
            await holder.go(name)
        assert holder.got == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_who_holds_fewer_comes_first():
    """Whatever came before."""
    async with holding(Places(3)) as holder:
        await holder.ask("a1", "a2", "a3", "a4", "b1", "b2", "b3")
        await holder.go("a1", "a2")
        assert holder.got == ["a1", "a2", "a3", "b1", "a4"]
        await holder.go("a3")
        assert holder.got[-1] == "b2"


async def test_what_cannot_wait_goes_ahead_of_its_tenant():
    """In the order in which they came, and ahead of no other tenant."""
    async with holding(Places(1)) as holder:
        await holder.ask("a1", "a2", "b1", "a3!", "a4", "a5!")
        for name in ("a1", "a3!", "b1", "a5!", "a2"):
            await holder.go(name)
        assert holder.got == ["a1", "a3!", "b1", "a5!", "a2", "a4"]


async def test_those_who_go_ahead_do_not_starve_the_others():
    """Calls that ask again and again: what waits beside them has its turn, and one that gives up takes none."""
    places, asked = Places(1), 0

    async def go_on():
        nonlocal asked
        while not waiting.done():
            async with places.hold("a", ahead=True):
                asked += 1
                await asyncio.sleep(0)
            if asked > 200:
                return

    async def wait():
        async with places.hold("a"):
            pass

    async with places.hold("a"):
        gone, waiting = asyncio.create_task(wait()), asyncio.create_task(wait())
        calls = [asyncio.create_task(go_on()) for _ in range(3)]
        await settled()
        gone.cancel()
        await settled()
    await asyncio.gather(waiting, *calls)
    assert asked < 30
    async with asyncio.timeout(1), places.hold("b"):
        pass


async def test_a_tenant_holds_no_more_than_its_share():
    """What is left is there for others at once."""
    async with holding(Places(3, per_tenant=2)) as holder:
        await holder.ask("a1", "a2", "a3", "b1", "b2")
        assert holder.got == ["a1", "a2", "b1"]
        await holder.go("a1")
        assert holder.got == ["a1", "a2", "b1", "a3"]


async def test_a_tenant_holds_fewer_beside_others():
    """What it holds already it keeps; when the others have been away for a while, it has its share again."""
    seconds = 0.0
    async with holding(Places(5, per_tenant=3, beside_others=1, clock=lambda: seconds)) as holder:
        await holder.ask("a1", "a2", "b1", "b2", "a3", "a4", "a5")
        assert holder.got == ["a1", "a2", "b1"]
        await holder.go("a1")
        assert holder.got == ["a1", "a2", "b1"]
        await holder.go("a2")
        assert holder.got == ["a1", "a2", "b1", "a3"]
        seconds = 3.0
        await holder.go("a3", "b1")
        assert holder.got == ["a1", "a2", "b1", "a3", "a4", "b2", "a5"]


async def test_who_gives_up_waiting_takes_no_place():
    """The place is the next one's."""
    async with holding(Places(1)) as holder:
        await holder.ask("a1", "a2", "a3")
        holder.tasks["a2"].cancel()
        await settled()
        await holder.go("a1")
        assert holder.got == ["a1", "a3"]


async def test_who_gives_up_in_the_moment_of_being_given_a_place():
    """It is given back."""
    async with holding(Places(1)) as holder:
        await holder.ask("a1", "a2", "a3")
        holder.going["a1"].set()
        await asyncio.sleep(0)  # it lets its place go, and the one who waits has not been told
        holder.tasks["a2"].cancel()
        await settled()
        assert holder.got == ["a1", "a3"]


async def test_threads_and_coroutines_share():
    """A thread waits for a coroutine's place."""
    places, got = Places(1), []

    def compute():
        with places.hold_in_thread("b"):
            got.append("b")

    async with places.hold("a"):
        thread = threading.Thread(target=compute)
        thread.start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await places.until_fewer(1)
        assert got == []
    await places.until_fewer(1)
    await asyncio.to_thread(thread.join)
    assert got == ["b"]


async def test_waiting_until_there_are_fewer():
    """Of one tenant, or of all together; those who wait for a place count."""
    async with holding(Places(1)) as holder:
        await holder.ask("a1", "a2", "b1")
        fewer = asyncio.create_task(holder.places.until_fewer(3))
        fewer_of_a = asyncio.create_task(holder.places.until_fewer(1, "a"))
        await holder.places.until_fewer(2, "b")
        await settled()
        assert not fewer.done()
        await holder.go("a1")
        assert fewer.done()
        assert not fewer_of_a.done()
        await holder.go("a2")
        assert fewer_of_a.done()
