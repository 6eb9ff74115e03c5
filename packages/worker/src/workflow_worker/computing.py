"""Who computes when: a worker's runs share one interpreter lock, and Temporal's patience.

A run keeps its place among a worker's workflow tasks for as long as its local activities go on, so there are many of
these places: otherwise a few loops over a database would hold them all. What is scarce is computing. One activation
computes at a time, and the tenants have their turns.

For Temporal's client, an activation that waits for its turn has begun, and has two seconds. So nothing more is begun
while many wait: no workflow task is taken (:class:`WorkflowTasks`), and no local activity of a tenant of which some
wait already (:meth:`Computing.calm`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from temporalio.worker import (
    CustomSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowRunner,
)

from workflow_core.places import Places

if TYPE_CHECKING:
    from temporalio.bridge.proto.workflow_activation import WorkflowActivation
    from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
    from temporalio.converter import SerializationContext, StorageDriverStoreContext
    from temporalio.workflow import Info

#: Activations at once. More would only take the interpreter lock from one another, and from the activities.
AT_ONCE: Final = 1
#: Activations, of all tenants and of one, beyond which nothing more is begun. With the expressions' budget (at most
#: 75,000 steps of two microseconds in one activation) what has begun by then still computes within the two seconds.
_MANY: Final = 8
_MANY_OF_ONE: Final = 3


class Computing:
    """The activations of one process, and their turns."""

    def __init__(self) -> None:
        self.turns: Final = Places(AT_ONCE)

    async def calm(self, tenant: str | None = None) -> None:
        """Waits while many activations compute or wait, of a tenant or of all together."""
        await self.turns.until_fewer(_MANY if tenant is None else _MANY_OF_ONE, tenant)


class FairRunner(WorkflowRunner):
    """Executes the interpreter without Temporal's sandbox, and each activation in its turn.

    The sandbox imports a workflow's code anew for each run and watches what it calls. Ours is the same for all runs,
    and what their authors write are data; the sandbox would cost as much as all else that a worker does for a short
    run. A test of its own watches over the interpreter instead.
    """

    def __init__(self, computing: Computing) -> None:
        self._computing = computing
        self._runner = UnsandboxedWorkflowRunner()

    def prepare_workflow(self, defn: Any) -> None:
        """Nothing is to be prepared."""
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An execution, whose tenant is the one for whom Temporal has its fairness key."""
        return _InTurn(self._runner.create_instance(det), self._computing, det.info.priority.fairness_key or "")


class _InTurn(WorkflowInstance):
    """An execution of which each activation waits for its turn."""

    def __init__(self, instance: WorkflowInstance, computing: Computing, tenant: str) -> None:
        self._instance = instance
        self._computing = computing
        self._tenant = tenant
        self._computes = False

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        with self._computing.turns.hold_in_thread(self._tenant):
            self._computes = True
            try:
                return self._instance.activate(act)
            finally:
                self._computes = False

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Info:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        """The thread in which it computes; the one where it has computed before may be another execution's now."""
        return self._instance.get_thread_id() if self._computes else None


class WorkflowTasks(CustomSlotSupplier):
    """Places for workflow tasks: as many as runs fit into the worker's cache, but none while many activations wait."""

    def __init__(self, computing: Computing) -> None:
        self._computing = computing

    async def reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit:  # noqa: ARG002 - one place is like the other
        """Waits until it is calm."""
        await self._computing.calm()
        return SlotPermit()

    def try_reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit | None:  # noqa: ARG002 - as above
        """Nothing is begun eagerly."""
        return None

    def mark_slot_used(self, ctx: SlotMarkUsedContext) -> None:
        """Nothing is to be noted."""

    def release_slot(self, ctx: SlotReleaseContext) -> None:
        """Nothing is to be noted."""
