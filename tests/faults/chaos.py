"""What is done to the platform while it works: processes killed at random and at every instrumented moment."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from tests.faults.clients import Clients
from tests.faults.platform import Platform, Service
from tests.faults.vendor import Vendor
from tests.faults.workflows import REBOOT, RESET, SYNC, TICKET
from workflow_core.execution.fault_points import FAULT_POINTS

#: What a database action passes through; an external one passes through all.
_LOCAL_POINTS: Final = ("before-reserve", "before-commit", "after-commit")
#: A moment after these points a request to the vendor, or a write, is under way.
_IN_THE_MIDDLE: Final = ("after-reserve+0.01", "after-sent+0.01", "after-answer+0.005")
#: Reading a device loses no answer: what fails there is refused.
_NEVER: Final = f"after-unknown:{SYNC}"
#: Seconds until a worker is killed that does not come to its moment.
_GIVE_UP: Final = 20.0
_AWAY_SECONDS: Final = (0.2, 2.0)
_LOOK_SECONDS: Final = 0.1

#: Every point, and most of them of the effect that must not happen twice: enough for a short form.
FIRST_MOMENTS: Final = (
    f"after-sent:{REBOOT}",
    f"before-commit:{TICKET}",
    f"after-answer:{REBOOT}",
    f"after-prepare:{REBOOT}",
    f"after-unknown:{REBOOT}",
    f"before-reserve:{RESET}",
    f"after-reserve:{RESET}",
    f"after-reserve+0.01:{REBOOT}",
    f"before-commit:{RESET}",
    f"after-commit:{TICKET}",
)


def moments() -> list[str]:
    """Every moment at which a worker kills itself, as ``WORKFLOW_FAULT_POINT`` takes it; the first ones first."""
    external = [f"{point}:{action}" for point in (*FAULT_POINTS, *_IN_THE_MIDDLE) for action in (REBOOT, RESET, SYNC)]
    local = [f"{point}:{TICKET}" for point in _LOCAL_POINTS]
    return [moment for moment in dict.fromkeys((*FIRST_MOMENTS, *local, *external)) if moment != _NEVER]


class Chaos:
    """Torments a platform until it is told to be calm.

    Args:
        platform: What is tormented.
        clients: Their requests are when the server is killed.
        vendor: Whose tokens expire.
        seed: Of the order of things.
        points: The moments at which workers kill themselves, in this order at first.
        every: How many runs come to an end from one other blow to the next.
        again: Whether other blows are dealt again and again.
    """

    def __init__(
        self,
        platform: Platform,
        clients: Clients,
        vendor: Vendor,
        *,
        seed: int,
        points: tuple[str, ...],
        every: int,
        again: bool,
    ) -> None:
        self._platform = platform
        self._clients = clients
        self._vendor = vendor
        self._random = Random(f"{seed}/chaos")
        self._every = every
        self._again = again
        self._calm = asyncio.Event()
        self._points = points
        self._tried: Counter[str] = Counter()
        self._server = platform.server()
        self._doomed = [platform.worker(f"doomed-{name}", self._next_point) for name in ("a", "b")]
        self._steady = platform.worker("steady", lambda: None)
        self.blows: Counter[str] = Counter()
        self.all_dealt = asyncio.Event()

    @property
    def services(self) -> list[Service]:
        """Server and workers."""
        return [self._server, *self._doomed, self._steady]

    @property
    def reached(self) -> Counter[str]:
        """At which moments workers have killed themselves, and how often."""
        deaths = [death for service in self._doomed for death in service.deaths]
        return Counter(death.point for death in deaths if death.point and death.code == -9 and not death.by_us)

    @property
    def worker_deaths(self) -> int:
        """How often a worker's process has ended before its time."""
        return sum(len(service.deaths) for service in (*self._doomed, self._steady))

    @property
    def ended_by_themselves(self) -> int:
        """How many processes ended without being killed: what they need was away when they started."""
        return sum(death.code != -9 for service in self.services for death in service.deaths)

    @property
    def missing(self) -> list[str]:
        """The moments at which no worker has killed itself yet."""
        return [point for point in self._points if point not in self.reached]

    async def rage(self) -> None:
        """Deals blows until it is calmed; sets ``all_dealt`` when it has dealt one of each kind."""
        async with asyncio.TaskGroup() as blows:
            blows.create_task(self._give_up_on_the_doomed())
            blows.create_task(self._deal())

    def calm(self) -> None:
        """From now on workers live; those that are doomed are replaced."""
        self._calm.set()
        for service in self._doomed:
            if service.point is not None:
                service.kill()

    # ── Blows ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _blows(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "worker killed": self._kill_worker,
            "server killed": self._kill_server,
            "PostgreSQL restarted": self._restart_postgres,
            "Temporal restarted": self._restart_temporal,
            "tokens expired": self._vendor.expire_tokens,
        }

    async def _deal(self) -> None:
        blows, due = self._blows(), 0
        while self._again or not self.all_dealt.is_set():
            deck = [*blows, "server killed"]
            self._random.shuffle(deck)
            for name in deck:
                due += self._every
                while self._clients.passed < due and not self._clients.all_asked:
                    await asyncio.sleep(_LOOK_SECONDS)
                if await self._is_calm_after(self._random.uniform(0.0, 1.0)):
                    return
                await blows[name]()
                self.blows[name] += 1
            self.all_dealt.set()

    async def _is_calm_after(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._calm.wait(), seconds)
        return self._calm.is_set()

    async def _kill_worker(self) -> None:
        await self._until_ready(self._steady)
        self._steady.kill()

    async def _kill_server(self) -> None:
        await self._until_ready(self._server)
        with contextlib.suppress(TimeoutError):  # all are started
            async with asyncio.timeout(1.0):
                while not self._clients.posting:
                    await asyncio.sleep(0.001)
        await asyncio.sleep(self._random.uniform(0.0, 0.2))
        self._server.kill()

    async def _until_ready(self, service: Service) -> None:
        while service.ready_at is None:
            await asyncio.sleep(_LOOK_SECONDS)

    async def _restart_postgres(self) -> None:
        await self._platform.restart_postgres(away=self._random.uniform(*_AWAY_SECONDS))

    async def _restart_temporal(self) -> None:
        await self._platform.restart_temporal(away=self._random.uniform(*_AWAY_SECONDS))

    # ── Doomed workers ───────────────────────────────────────────────────────────────────────────────────────────

    def _next_point(self) -> str | None:
        """The next moment: one that was not reached yet, if there is any, tried as rarely as possible."""
        if self._calm.is_set():
            return None
        under_way = [service.point for service in self._doomed]
        tried = self._tried
        missing = sorted((point for point in self.missing if point not in under_way), key=lambda point: tried[point])
        point = missing[0] if missing else self._random.choice(self._points)
        tried[point] += 1
        return point

    async def _give_up_on_the_doomed(self) -> None:
        while not await self._is_calm_after(1.0):
            for service in self._doomed:
                ready_at = service.ready_at
                if service.point is not None and ready_at and time.monotonic() - ready_at > _GIVE_UP:
                    service.kill()
