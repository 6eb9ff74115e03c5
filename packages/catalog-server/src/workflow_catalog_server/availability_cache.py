"""Which modules each tenant has: asked once, kept for a short time, dropped when the database says that it changed.

Resolvers are asked at most once at a time for a tenant. An answer is kept for 30 seconds, and only while notifications
arrive: while the listening connection is down nothing is kept, and when it returns all that was kept before is gone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

import attrs

from workflow_core.availability import Availability, AvailabilityResolver, resolve_availability
from workflow_core.discovery import Registry
from workflow_core.storage.database import Database, Listener

_log = logging.getLogger(__name__)

CHANNEL: Final = "workflow_availability"


@attrs.frozen(eq=False)
class TenantAvailability:
    """One tenant's answers.

    Attributes:
        answers: By availability key.
        signature: The same as a hashable value: equal for tenants that see the same.
    """

    answers: Mapping[str, Availability]
    signature: tuple[tuple[str, bool, str | None], ...]

    @classmethod
    def of(cls, answers: Mapping[str, Availability]) -> TenantAvailability:
        """The answers with their signature."""
        signature = tuple((key, answer.available, answer.reason) for key, answer in sorted(answers.items()))
        return cls(MappingProxyType(dict(answers)), signature)


@attrs.frozen(eq=False)
class _Entry:
    availability: TenantAvailability
    expires: float


class AvailabilityCache:
    """Answers per tenant.

    Args:
        database: Where the resolvers look, and which notifies.
        keys: The availability keys of the installed modules.
        resolvers: By availability key.
        ttl: Seconds that an answer is kept.
        timeout: Seconds that a resolver may take.
        max_tenants: How many tenants' answers are kept.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        database: Database,
        keys: Iterable[str],
        resolvers: Mapping[str, AvailabilityResolver],
        *,
        ttl: float = 30.0,
        timeout: float = 2.0,
        max_tenants: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._keys = frozenset(keys)
        self._resolvers = resolvers
        self._ttl = ttl
        self._timeout = timeout
        self._max_tenants = max_tenants
        self._clock = clock
        self._entries: OrderedDict[UUID, _Entry] = OrderedDict()
        self._flights: dict[UUID, asyncio.Task[TenantAvailability]] = {}
        self._running: set[asyncio.Task[TenantAvailability]] = set()
        self._listener: Listener | None = None
        self._listening = False

    @classmethod
    def for_registry(cls, database: Database, registry: Registry) -> AvailabilityCache:
        """The cache for the modules of a registry."""
        keys = {module.availability_key for module in registry.modules.values()} - {None}
        return cls(database, (key for key in keys if key is not None), registry.resolvers)

    async def start(self) -> None:
        """Begins to listen; before, nothing is kept."""
        self._listener = await self._database.listen(
            CHANNEL, on_payload=self._on_payload, on_lost=self._on_lost, on_restored=self._on_restored
        )
        self._on_restored()

    async def close(self) -> None:
        """Stops listening and waits for the resolvers that are at work."""
        if self._listener is not None:
            await self._listener.close()
            self._listener = None
        self._on_lost()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def get(self, tenant: UUID) -> TenantAvailability:
        """The tenant's answers, kept or asked for."""
        entry = self._entries.get(tenant)
        if entry is not None and entry.expires > self._clock():
            return entry.availability
        flight = self._flights.get(tenant)
        if flight is None:
            flight = asyncio.create_task(self._ask(tenant), name=f"availability of {tenant}")
            self._flights[tenant] = flight
            self._running.add(flight)
            flight.add_done_callback(self._running.discard)
        # A request that is given up must not end the question for those that wait too.
        return await asyncio.shield(flight)

    async def ask(self, tenant: UUID) -> TenantAvailability:
        """The tenant's answers, asked for now: for decisions that must not rest on an older answer."""
        return TenantAvailability.of(
            await resolve_availability(self._database, tenant, self._keys, self._resolvers, timeout=self._timeout)
        )

    async def _ask(self, tenant: UUID) -> TenantAvailability:
        this_flight = asyncio.current_task()
        try:
            availability = await self.ask(tenant)
        except BaseException:
            if self._flights.get(tenant) is this_flight:
                del self._flights[tenant]
            raise
        # A flight that is no longer in the table was overtaken by a notification: its answer may be old.
        if self._flights.get(tenant) is this_flight:
            del self._flights[tenant]
            # What could not be checked is asked again: it may be over in a moment.
            if self._listening and not any(answer.failed for answer in availability.answers.values()):
                self._keep(tenant, availability)
        return availability

    def _keep(self, tenant: UUID, availability: TenantAvailability) -> None:
        self._entries[tenant] = _Entry(availability, self._clock() + self._ttl)
        self._entries.move_to_end(tenant)
        while len(self._entries) > self._max_tenants:
            self._entries.popitem(last=False)

    def _on_payload(self, payload: str) -> None:
        try:
            tenant = UUID(payload)
        except ValueError:
            _log.error("a notification on %s is no tenant's id; dropping all answers", CHANNEL)
            self._flush()
            return
        self._entries.pop(tenant, None)
        self._flights.pop(tenant, None)

    def _on_lost(self) -> None:
        self._listening = False
        self._flush()

    def _on_restored(self) -> None:
        self._flush()
        self._listening = True

    def _flush(self) -> None:
        self._entries.clear()
        self._flights.clear()
