"""What Temporal is asked about the executions of runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from workflow_core.errors import NotFoundError, TransientError

if TYPE_CHECKING:
    from temporalio.client import WorkflowHandle

T = TypeVar("T")

TIMEOUT: Final = timedelta(seconds=10)


async def ask(answer: Awaitable[T]) -> T:
    """What Temporal answers about an execution.

    Raises:
        NotFoundError: It does not have it, or has it no more.
        TransientError: ``TEMPORAL_UNAVAILABLE``.
    """
    try:
        async with asyncio.timeout(TIMEOUT.total_seconds()):
            return await answer
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND and not _lacks_namespace(error):
            raise NotFoundError("Temporal does not have this execution.", code="EXECUTION_NOT_FOUND") from error
        raise _unavailable() from error
    except (TimeoutError, OSError, RuntimeError) as error:
        # A lazy client's first connection fails with a bare RuntimeError; afterwards such failures are RPC errors.
        if isinstance(error, RuntimeError) and not str(error).startswith("Failed client connect"):
            raise
        raise _unavailable() from error


async def execution_status(handle: WorkflowHandle[object, object]) -> WorkflowExecutionStatus | None:
    """How an execution stands; None: Temporal does not have it.

    Raises:
        TransientError: ``TEMPORAL_UNAVAILABLE``.
    """
    try:
        description = await ask(handle.describe(rpc_timeout=TIMEOUT))
    except NotFoundError:
        return None
    if description.status is None:
        raise _unavailable()
    return description.status


def _lacks_namespace(error: RPCError) -> bool:
    """Whether it is the namespace that is missing: that says nothing about an execution."""
    return any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details)


def _unavailable() -> TransientError:
    return TransientError("Temporal does not answer; try again in a moment.", code="TEMPORAL_UNAVAILABLE")
