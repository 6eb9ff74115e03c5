"""What the expressions of a run read, and what its steps assign to. Values are replaced, never changed in place."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, Final

import attrs

from workflow_core.errors import WorkflowError
from workflow_core.execution.models import RunInput
from workflow_core.language.expressions import Budget
from workflow_core.language.mapping import assign_path, parse_assign_path
from workflow_core.manifest import canonical_json

#: Bytes of all that one strand's steps have assigned, as JSON: it has to fit into a checkpoint.
MAX_STATE: Final = 1024 * 1024
#: Bytes that are counted in one of the budget's steps.
_BYTES_PER_STEP: Final = 256
_ABSENT: Final = object()


@attrs.frozen
class OuterScope:
    """What a loop hides while it runs: the locals around it, and the variable with its item's name, if there was one.

    Attributes:
        variable: Empty, or the one value.
    """

    local: dict[str, Any]
    variable: tuple[Any, ...]


@attrs.frozen
class Snapshot:
    """The values at one moment."""

    values: dict[str, Any]
    writes: dict[str, Any] | None


class Scopes:
    """The roots ``payload, vars, local, meta, error, system``.

    ``meta`` shows the run's own ids beside what is assigned to it; no assignment takes them away.

    Args:
        run: What the run was started with.
        started_at: When. ISO 8601, UTC.
        budget: What counting sizes costs is taken from it.
    """

    def __init__(self, run: RunInput, started_at: str, budget: Budget) -> None:
        self._writes: dict[str, Any] | None = None
        self._budget = budget
        self._bytes = 0  # at most so many has what was assigned
        self._facts = {
            "runId": run.run_id,
            "workflowId": run.workflow_id,
            "workflowVersion": run.workflow_version,
            "tenantId": run.tenant,
        }
        self._values: dict[str, Any] = {
            "payload": {} if run.payload is None else run.payload,
            "vars": {},
            "local": {},
            "meta": {},
            "error": None,
            "system": {**self._facts, "startedAt": started_at},
        }
        #: What every execution of the run begins with.
        self._given = Snapshot({"payload": self._values["payload"]}, None)

    def branch(self) -> Scopes:
        """Scopes that begin with these values, and that keep what is assigned to them."""
        branch = copy(self)
        branch._writes = {}  # noqa: SLF001 - one of us
        return branch

    @property
    def writes(self) -> dict[str, Any]:
        """By path, what was last assigned to a branch, in the order in which it holds; not what only it can see."""
        return dict(self._writes or {})

    def roots(self) -> dict[str, Any]:
        """The roots as expressions see them."""
        return {**self._values, "meta": {**self._values["meta"], **self._facts}}

    def document(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """What an expression selects from: variables and locals by their bare names, under ``extra`` and the roots."""
        return {**self._values["vars"], **self._values["local"], **extra, **self.roots()}

    def assign(self, path: str, value: Any) -> None:
        """Sets one value.

        Raises:
            ValidationError: ``INVALID_ASSIGN_PATH``.
            WorkflowError: ``STATE_TOO_LARGE``; null can always be assigned.
        """
        root, names = parse_assign_path(path)
        values = assign_path(self._values, path, value)
        self._bytes += len(canonical_json(value))
        if self._bytes > MAX_STATE and value is not None:
            self._bytes = self._count(values)
            if self._bytes > MAX_STATE:
                raise WorkflowError(
                    f"With {path}, the run's variables would have {self._bytes} bytes; {MAX_STATE} are possible: set "
                    "to null what the run no longer needs.",
                    code="STATE_TOO_LARGE",
                    details={"path": path, "bytes": self._bytes, "maximum": MAX_STATE},
                )
        self._values = values
        if root != "local":
            self._note(".".join((root, *names)), value)

    def _count(self, values: Mapping[str, Any]) -> int:
        assignable = {name: values[name] for name in ("payload", "vars", "meta", "error")}
        size = len(canonical_json(self._changes(assignable, self._given)))
        self._budget.activation_steps += size // _BYTES_PER_STEP
        return size

    def _note(self, path: str, value: Any) -> None:
        if self._writes is not None:
            self._writes = {**{name: kept for name, kept in self._writes.items() if name != path}, path: value}

    def snapshot(self) -> Snapshot:
        """All values, for :meth:`restore`."""
        return Snapshot(self._values, self._writes)

    def restore(self, snapshot: Snapshot) -> None:
        """Goes back to a snapshot."""
        self._values, self._writes = snapshot.values, snapshot.writes

    # ── Saving ───────────────────────────────────────────────────────────────────────────────────────────────────

    def difference(self, base: Snapshot | None) -> dict[str, dict[str, Any]]:
        """What :meth:`apply` makes these scopes of, from those of the base, as plain JSON.

        Args:
            base: None: from what the run was started with.
        """
        return self._changes(self._values, base or self._given)

    @staticmethod
    def _changes(values: Mapping[str, Any], base: Snapshot) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            before = base.values.get(name, _ABSENT)
            if value is before:
                continue
            if isinstance(value, dict) and isinstance(before, dict):
                changed = {key: item for key, item in value.items() if before.get(key, _ABSENT) is not item}
                found[name] = {"set": changed, "unset": [key for key in before if key not in value]}
            else:
                found[name] = {"value": value}
        return found

    def apply(self, difference: Mapping[str, Mapping[str, Any]], writes: Mapping[str, Any]) -> None:
        """Changes these scopes by a difference; ``writes`` are those of a branch."""
        values = dict(self._values)
        for name, change in difference.items():
            if "value" in change:
                values[name] = change["value"]
            else:
                kept = {key: item for key, item in values[name].items() if key not in change["unset"]}
                values[name] = {**kept, **change["set"]}
        self._values = values
        self._bytes = MAX_STATE  # to be counted
        if self._writes is not None:
            self._writes = dict(writes)

    # ── The error ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def error(self) -> Any:
        """The root ``error``."""
        return self._values["error"]

    @error.setter
    def error(self, error: Any) -> None:
        self._values = {**self._values, "error": error}
        self._note("error", error)

    # ── Loops ────────────────────────────────────────────────────────────────────────────────────────────────────

    def enter_loop(self, item_var: str) -> OuterScope:
        """What :meth:`leave_loop` brings back."""
        variable = self._values["vars"].get(item_var, _ABSENT)
        return OuterScope(self._values["local"], () if variable is _ABSENT else (variable,))

    def begin_item(self, outer: OuterScope, item_var: str, items: list[Any], index: int) -> None:
        """Sets the locals of one iteration, and the variable with the item's name."""
        item = items[index]
        local = {
            **outer.local,
            "item": item,
            "index": index,
            "length": len(items),
            "isFirst": index == 0,
            "isLast": index == len(items) - 1,
            item_var: item,
        }
        self._values = {**self._values, "local": local, "vars": {**self._values["vars"], item_var: item}}

    def leave_loop(self, outer: OuterScope, item_var: str) -> None:
        """Brings back what the loop hid."""
        variables = {name: value for name, value in self._values["vars"].items() if name != item_var}
        if outer.variable:
            variables[item_var] = outer.variable[0]
        self._values = {**self._values, "local": outer.local, "vars": variables}
