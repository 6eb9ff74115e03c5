"""Ends the row of a run whose execution cannot write its end any more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import attrs

from workflow_core.errors import ErrorCategory
from workflow_core.execution import ledger
from workflow_core.execution.history import cancel_rest, write_end
from workflow_core.execution.models import RunEnd, RunStatus
from workflow_core.storage.database import Connection
from workflow_core.temporal import run_workflow_id

#: Statuses of runs that have not ended.
OPEN: Final = ("RUNNING", "WAITING")


@attrs.frozen(kw_only=True)
class Ending:
    """How a run ends that says nothing itself.

    Attributes:
        status: Of its row.
        category: Of its error; None, like ``code`` and ``message``: it has none.
    """

    status: RunStatus
    category: ErrorCategory | None = None
    code: str | None = None
    message: str | None = None

    def error(self, at: str, workflow_id: str) -> Mapping[str, Any] | None:
        """The error object of the run."""
        if self.category is None:
            return None
        return {
            "category": self.category.value,
            "code": self.code,
            "message": self.message,
            "details": {"temporalWorkflowId": workflow_id},
            "nodePath": "root",
            "at": at,
        }


CANCELED: Final = Ending(
    status="CANCELED", category=ErrorCategory.CANCELLATION, code="CANCELED", message="The run was canceled."
)
TERMINATED: Final = Ending(
    status="FAILED",
    category=ErrorCategory.CANCELLATION,
    code="TERMINATED",
    message="The run was terminated. What it had under way may still have ended; its steps tell what is known.",
)


async def close_run(conn: Connection, tenant: UUID, run_id: UUID, execution: int, ending: Ending) -> bool:
    """Ends the row of a run whose execution has ended; answers False when it had ended, or has gone on since."""
    await ledger.lock_run(conn, tenant, run_id)
    run = await conn.fetchrow(
        "SELECT status, execution FROM workflow_runs WHERE tenant = $1 AND run_id = $2 FOR NO KEY UPDATE",
        tenant,
        run_id,
    )
    if run is None or run["status"] not in OPEN or run["execution"] != execution:
        return False
    now = datetime.now(UTC)
    error = ending.error(now.isoformat(), run_workflow_id(str(run_id), execution))
    end = RunEnd(
        tenant=str(tenant),
        run_id=str(run_id),
        status=ending.status,
        error=None if error is None else dict(error),
        completed_at=now.isoformat(),
        trace=[],
    )
    await write_end(conn, end)
    if ending.status == "SUCCEEDED":  # as far as Temporal knows; what the database knows of its steps is older
        await cancel_rest(conn, tenant, run_id, now)
    return True
