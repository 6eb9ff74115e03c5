"""The state of a run under way, as the parts of the interpreter share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from temporalio import workflow

from workflow_core.errors import WorkflowError
from workflow_core.execution.checkpoints import Resumption
from workflow_core.execution.models import RunInput
from workflow_core.language.plan import Plan
from workflow_core.temporal import execution_of
from workflow_worker.control import Control
from workflow_worker.evaluation import Evaluator
from workflow_worker.frames import Visit
from workflow_worker.scopes import Scopes
from workflow_worker.trace import Trace
from workflow_worker.waiting import Wakes


@attrs.frozen
class RunState:
    """A strand's run: what it was started with, what its strands share, and the scopes of this one.

    Attributes:
        stopped: Whether a step beside this strand has ended what is around both.
    """

    run: RunInput
    plan: Plan
    scopes: Scopes
    evaluator: Evaluator
    trace: Trace
    control: Control
    wakes: Wakes
    stopped: Callable[[], bool] = lambda: False

    def branch(self, stopped: Callable[[], bool]) -> RunState:
        """The same run, with scopes that begin with these."""
        scopes = self.scopes.branch()
        evaluator = Evaluator(scopes, self.evaluator.account)
        return attrs.evolve(self, scopes=scopes, evaluator=evaluator, stopped=stopped)

    def is_put_aside(self) -> bool:
        """Whether nothing of this strand shall begin any more in this execution."""
        return self.stopped() or self.control.parking

    def is_continued(self) -> bool:
        """Whether the run goes on in another execution, where a step that waits for a settlement waits again.

        What only stops this strand does not let it go: nobody may pass over what is uncertain.
        """
        return self.control.parking and not self.stopped()

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier execution failed: what is reached now may have been reached there."""
        return execution_of(workflow.info().workflow_id) > 1

    def resumption_of(self, visit: Visit) -> Resumption | None:
        """What the step that had failed in an earlier execution goes on with; None for every other step."""
        resumption = self.run.resumption
        return resumption if resumption is not None and resumption.is_of(visit.path, visit.iteration) else None


def now() -> str:
    """The run's clock, ISO 8601, UTC."""
    return workflow.now().isoformat()


def error_object(error: WorkflowError, path: str) -> dict[str, Any]:
    """The error object of the contract for one of the interpreter's own errors."""
    return {
        "category": error.category.value,
        "code": error.code,
        "message": error.message,
        "details": error.details,
        "nodePath": path,
        "at": now(),
    }
