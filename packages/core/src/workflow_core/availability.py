"""Whether a tenant has a module: resolvers behind keys, asked concurrently, failing closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

import attrs

if TYPE_CHECKING:
    from workflow_core.storage.database import Connection, Database

_log = logging.getLogger(__name__)


@attrs.frozen
class Availability:
    """A resolver's answer.

    Attributes:
        available: Whether the tenant may use the module now.
        reason: For a person: why not, and what to do; None when available.
        failed: Nobody could find out: not available, but asking again may answer otherwise.
    """

    available: bool
    reason: str | None = None
    failed: bool = False


AVAILABLE = Availability(available=True)

Resolve = Callable[["Connection", UUID], Awaitable[Availability]]


@attrs.frozen(eq=False)
class AvailabilityResolver:
    """Answers for one key.

    Attributes:
        key: What modules name in ``availability_key``; unique in a process.
        resolve: ``async (connection, tenant) -> Availability``, on a read-only transaction of that tenant.
    """

    key: str = attrs.field(validator=attrs.validators.instance_of(str))
    resolve: Resolve = attrs.field(validator=attrs.validators.is_callable())


async def resolve_availability(
    database: Database,
    tenant: UUID,
    keys: Iterable[str],
    resolvers: Mapping[str, AvailabilityResolver],
    *,
    timeout: float = 2.0,  # noqa: ASYNC109 - it is the database's statement time-out as well
) -> dict[str, Availability]:
    """Asks the resolvers of some keys, each on a connection of its own, at the same time.

    A key without a resolver, a resolver that raises and one that takes longer than ``timeout`` seconds answer
    *unavailable* (fail closed), and the log says why.
    """

    async def ask(key: str) -> tuple[str, Availability]:
        resolver = resolvers.get(key)
        if resolver is None:
            _log.error("no installed distribution resolves availability key %r", key)
            return key, Availability(
                available=False, reason="The integration's availability check is missing.", failed=True
            )
        try:
            async with asyncio.timeout(timeout):
                async with database.tenant(tenant, statement_timeout=timeout, readonly=True) as connection:
                    answer = await resolver.resolve(connection, tenant)
            if not isinstance(answer, Availability):
                raise TypeError(f"the resolver answered {type(answer).__name__}, not Availability")
        except (Exception, asyncio.CancelledError) as error:  # guards foreign code: it must not hide the others
            if isinstance(error, asyncio.CancelledError) and (task := asyncio.current_task()) and task.cancelling():
                raise  # nobody waits for the answer any more
            _log.warning("availability of %r for tenant %s: %s", key, tenant, type(error).__name__, exc_info=True)
            return key, Availability(
                available=False, reason="The integration's availability could not be checked.", failed=True
            )
        return key, answer

    return dict(await asyncio.gather(*(ask(key) for key in sorted(set(keys)))))
