"""What the expressions of a run read, and what its steps assign to. Values are replaced, never changed in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from workflow_core.execution.models import RunInput
from workflow_core.language.mapping import assign_path, parse_assign_path

_ABSENT: Final = object()


@attrs.frozen
class OuterScope:
    """What a loop hides while it runs: the locals around it, and the variable with its item's name, if there was one.

    Attributes:
        variable: Empty, or the one value.
    """

    local: dict[str, Any]
    variable: tuple[Any, ...]


class Scopes:
    """The roots ``payload, vars, local, meta, error, system``.

    ``meta`` shows the run's own ids beside what is assigned to it; no assignment takes them away.
    """

    def __init__(self, run: RunInput, started_at: str) -> None:
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
        """
        parse_assign_path(path)
        self._values = assign_path(self._values, path, value)

    def snapshot(self) -> dict[str, Any]:
        """All values, for :meth:`restore`."""
        return self._values

    def restore(self, values: dict[str, Any]) -> None:
        """Goes back to a snapshot."""
        self._values = values

    @property
    def error(self) -> Any:
        """The root ``error``."""
        return self._values["error"]

    @error.setter
    def error(self, error: Any) -> None:
        self._values = {**self._values, "error": error}

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
