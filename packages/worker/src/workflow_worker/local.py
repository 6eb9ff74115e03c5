"""Local activities of the interpreter itself: short, on the worker's own database, and tried until they are done."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

from workflow_worker.failures import is_cancellation

_TIMEOUT: Final = timedelta(seconds=30)
#: What has to be written or read is tried until the database is back.
_RETRY: Final = RetryPolicy(maximum_interval=timedelta(seconds=30))


async def execute_local(name: str, *arguments: Any, result_type: type | None = None) -> Any:
    """Executes one; when the run is canceled meanwhile, only after it has ended.

    Raises:
        FailureError: It refused, in a way that trying again does not mend.
    """
    try:
        return await workflow.execute_local_activity(
            name,
            args=arguments,
            result_type=result_type,
            start_to_close_timeout=_TIMEOUT,
            retry_policy=_RETRY,
            # What were written after the run has ended would stand there for ever.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
    except FailureError as failure:
        if is_cancellation(failure):
            raise asyncio.CancelledError from failure
        raise
