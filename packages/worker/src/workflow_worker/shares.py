"""The tenants' shares of a worker: how many of its calls at once are of one tenant.

Temporal deals a queue's tasks out to the tenants in turn, but does not heed how many of each are under way: slow calls
of one tenant would take up a whole worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from random import random
from typing import Any, Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from workflow_core.places import Places
from workflow_worker.computing import Computing
from workflow_worker.retries import TENANT_BUSY

_log = logging.getLogger(__name__)

#: Seconds after which it does, growing from the first to the second.
_FIRST: Final = 1.0
_LONGEST: Final = 15.0
#: Seconds for which a call waits for a place; less than the time after which a worker without heartbeats is lost.
_PATIENCE: Final = 5.0


class CalmStarts(Interceptor):
    """Local activities begin while few activations of their tenant compute or wait; see :mod:`computing`.

    Args:
        computing: Of the same worker.
    """

    def __init__(self, computing: Computing) -> None:
        self._computing = computing

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - theirs
        """Around each activity."""
        return _Local(next, self._computing)


class _Local(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, computing: Computing) -> None:
        super().__init__(inner)
        self._computing = computing

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - theirs
        await self._computing.calm(_tenant_of(input.args))
        return await self.next.execute_activity(input)


class CallShares(Interceptor):
    """Calls of an integration: so many at once, and so many of one tenant; others wait for a moment.

    What has waited in vain goes back to Temporal, which brings it again: it takes up no place in which another tenant's
    call could be executed, and its run knows nothing of it.

    Args:
        count: How many at once.
        per_tenant: How many of one tenant.
    """

    def __init__(self, count: int, per_tenant: int) -> None:
        self._places = Places(count, per_tenant)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - theirs
        """Around each activity."""
        return _Call(next, self._places)


class _Call(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, places: Places) -> None:
        super().__init__(inner)
        self._places = places

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - theirs
        async with AsyncExitStack() as place:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await place.enter_async_context(self._places.hold(_tenant_of(input.args)))
            except TimeoutError:
                raise _busy() from None
            try:
                return await self.next.execute_activity(input)
            except ApplicationError:
                raise
            except Exception as error:  # noqa: BLE001 - Temporal would bring again whatever is not told otherwise
                _log.exception("an action could not be executed")
                raise ApplicationError("", type=type(error).__name__, non_retryable=True) from None


def _busy() -> ApplicationError:
    delay = min(_FIRST * 1.5 ** min(activity.info().attempt - 1, 20), _LONGEST)
    return ApplicationError(
        "The tenant has as many calls under way as it may have.",
        type=TENANT_BUSY,
        next_retry_delay=timedelta(seconds=delay * (0.5 + random() / 2)),  # noqa: S311 - only to spread them
        category=ApplicationErrorCategory.BENIGN,
    )


def _tenant_of(arguments: Sequence[Any]) -> str:
    """Whose activity it is: each is given something that says so."""
    return str(arguments[0].tenant)
