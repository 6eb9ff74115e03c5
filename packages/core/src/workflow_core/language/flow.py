"""The walk of validation: through every step of a definition, knowing what its expressions can read there.

Blocks are walked in document order with what is known before them; after a step with blocks, what they assigned is
known as far as a path leads there. Nothing recurses, so that no definition is nested too deeply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import attrs

from workflow_core.language.assignments import assigned_in_order, implied_paths
from workflow_core.language.definition import ROOT, STEP_TYPES
from workflow_core.language.inference import kind_of_mapping
from workflow_core.language.kinds import (
    BOOLEAN,
    NULL,
    NUMBER,
    TEXT,
    UNKNOWN,
    Kind,
    Record,
    either,
    element_of,
    kind_of_class,
)
from workflow_core.language.mapping import iter_expression_places
from workflow_core.language.outline import Outline
from workflow_core.language.reads import NO_EXTRA, Read, kind_at, read_in
from workflow_core.language.rules.context import StepView
from workflow_core.language.scopes import Scope, loop_keys


@attrs.frozen(kw_only=True)
class _ErrorObject:
    """The error object of the contract."""

    category: str
    code: str
    message: str
    details: dict[str, Any]
    nodePath: str  # noqa: N815 - as in the JSON
    at: str


@attrs.frozen(kw_only=True)
class _System:
    """What ``system`` tells of the run."""

    runId: str  # noqa: N815 - as in the JSON
    tenantId: str  # noqa: N815 - as in the JSON
    workflowId: str  # noqa: N815 - as in the JSON
    workflowVersion: int  # noqa: N815 - as in the JSON
    startedAt: str  # noqa: N815 - as in the JSON


#: Loops in loops whose writes are compared with what is read after them.
_LOOKED_AT: Final = 10
_ERROR: Final = kind_of_class(_ErrorObject)
_META: Final = Record({"state": TEXT}, rest=UNKNOWN)
_IMPLIED: Final = MappingProxyType({"vars.error": either(NULL, _ERROR), "vars.eventName": TEXT})
_CHILD_RUN: Final = Record(dict.fromkeys(("payload", "vars", "local", "meta", "system"), UNKNOWN))


@attrs.define
class _Block:
    """A block that is being walked.

    Attributes:
        ended: Whether no path leads on from the step before ``index``.
        loop: The loop that repeats it, if one does.
    """

    path: str
    steps: Sequence[Any]
    scope: Scope
    loop: str | None
    index: int = 0
    ended: bool = False
    is_told: bool = False


@attrs.frozen
class _Join:
    """What is to be done when the blocks of a step have been walked."""

    around: _Block
    blocks: Sequence[_Block]
    loop_variable: Any = None
    is_loop: bool = False


@attrs.frozen
class _Catch:
    """What is to be done between ``try`` and ``catch``."""

    around: _Block
    tried: _Block
    catch: _Block
    capture: Any


class Flow:
    """One walk.

    Args:
        definition: Any JSON object.
        outline: Of it.
        payload: The kind of what a run is given.
        outputs: The kind of what an action gives, by id and version.
    """

    def __init__(
        self, definition: Any, outline: Outline, *, payload: Kind, outputs: Mapping[tuple[str, int], type]
    ) -> None:
        self._outline = outline
        self._outputs = outputs
        roots = {"payload": payload, "meta": _META, "error": _ERROR, "system": kind_of_class(_System)}
        steps = definition.get("steps")
        self._stack: list[_Block | _Join | _Catch] = [_block(ROOT, steps, Scope(outline, roots), None)]

    def views(self) -> Iterator[StepView]:
        """Every step, in document order."""
        while self._stack:
            top = self._stack[-1]
            if isinstance(top, _Join | _Catch):
                self._stack.pop()
                self._join(top) if isinstance(top, _Join) else self._begin_catch(top)
            elif top.index >= len(top.steps):
                self._stack.pop()
            else:
                path, step = f"{top.path}.steps[{top.index}]", top.steps[top.index]
                top.index += 1
                if isinstance(step, Mapping):
                    yield self._view(top, path, step)

    def _view(self, block: _Block, path: str, step: Mapping[str, Any]) -> StepView:
        unreached = 0
        if block.ended and not block.is_told:
            block.is_told = True
            unreached = len(block.steps) - block.index + 1
        view = StepView(path, step, self._outline, unreached=unreached)
        lost: tuple[str, ...] = ()
        if view.type == "control.forEach" and _runs_at_once(step) and path.count(".body.") < _LOOKED_AT:
            lost = tuple(self._outline.lost_writes(path, block.loop))
        is_readable = view.type in STEP_TYPES and not view.is_too_deep
        reads = [*_plain_reads(view, block.scope)] if is_readable else []
        self._enter(block, view, reads)
        return attrs.evolve(view, reads=tuple(reads), lost_writes=lost)

    # ── What a step does ─────────────────────────────────────────────────────────────────────────────────────────

    def _enter(self, block: _Block, view: StepView, reads: list[Read]) -> None:
        step, step_type, scope = view.step, view.type, block.scope
        if step_type == "control.if":
            self._begin_if(block, view.path, step)
        elif step_type == "control.forEach":
            self._begin_loop(block, view.path, step, reads)
        elif step_type == "control.tryCatch":
            self._begin_try(block, view.path, step)
        elif step_type == "control.return":
            block.ended = True
        elif step_type in STEP_TYPES and not view.is_too_deep:
            for path in implied_paths(step):
                scope.assign(path, _IMPLIED.get(path, UNKNOWN))
            save_as = view.config.get("saveAs")
            if step_type == "action.call" and isinstance(save_as, str):
                scope.assign(save_as, self._output_of(view.config))
            reads += _assign_in_order(step, scope)

    def _output_of(self, config: Mapping[str, Any]) -> Kind:
        action_id, version = config.get("actionId"), config.get("version", 1)
        if not isinstance(action_id, str) or not isinstance(version, int):
            return UNKNOWN
        output = self._outputs.get((action_id, version))
        return UNKNOWN if output is None else kind_of_class(output)

    def _begin_if(self, block: _Block, path: str, step: Mapping[str, Any]) -> None:
        blocks = [
            _block(f"{path}.{name}", step.get(name), block.scope.inner(), block.loop) for name in ("then", "else")
        ]
        self._stack += [_Join(block, blocks), *reversed(blocks)]

    def _begin_loop(self, block: _Block, path: str, step: Mapping[str, Any], reads: Sequence[Read]) -> None:
        scope = block.scope.inner()
        repeats = not _runs_at_once(step)
        if repeats and block.loop is None:
            # What the body assigns may be there from an item before.
            scope.own.update({key: UNKNOWN for key in self._outline.keys_inside(path) if key[1] is not None})
        item_var = step.get("itemVar")
        items = next((read.kind for read in reads if read.place == ("items",)), UNKNOWN)
        for key in loop_keys(item_var):
            scope.own[key] = element_of(items)
        scope.own.update({("local", name): NUMBER for name in ("index", "length")})
        scope.own.update({("local", name): BOOLEAN for name in ("isFirst", "isLast")})
        loop = block.loop or (path if repeats else None)
        body = _block(f"{path}.body", step.get("body"), scope, loop)
        self._stack += [_Join(block, [body], item_var, is_loop=True), body]

    def _begin_try(self, block: _Block, path: str, step: Mapping[str, Any]) -> None:
        tried = _block(f"{path}.try", step.get("try"), block.scope.inner(), block.loop)
        catch = _block(f"{path}.catch", step.get("catch"), block.scope.inner(error=_ERROR), block.loop)
        between = _Catch(block, tried, catch, step.get("captureErrorAs"))
        self._stack += [_Join(block, [tried, catch]), catch, between, tried]

    def _begin_catch(self, between: _Catch) -> None:
        """Any part of ``try`` may have been executed."""
        between.catch.scope.merge([between.tried.scope], unchanged=True)
        if isinstance(between.capture, str):
            between.catch.scope.assign(between.capture, _ERROR)

    def _join(self, join: _Join) -> None:
        live = [block.scope for block in join.blocks if not block.ended]
        if join.is_loop:
            (body,) = join.blocks
            ends = [*loop_keys(join.loop_variable), *(key for key in body.scope.own if key[0] == "local")]
            join.around.scope.merge([body.scope], without=ends, unchanged=True)
        elif live:
            join.around.scope.merge(live)
        else:
            join.around.ended = True


def _block(path: str, steps: Any, scope: Scope, loop: str | None) -> _Block:
    return _Block(path, steps if isinstance(steps, list) else [], scope, loop)


def _runs_at_once(step: Mapping[str, Any]) -> bool:
    """Whether a loop's items do not wait for one another."""
    concurrency = step.get("concurrency")
    return isinstance(concurrency, int) and not isinstance(concurrency, bool) and concurrency > 1


# ── What a step reads ────────────────────────────────────────────────────────────────────────────────────────────


def _plain_reads(view: StepView, scope: Scope) -> Iterator[Read]:
    """The expressions that read what was there before the step."""
    later = [tuple(at.split(".")) for at, _ in assigned_in_order(view.step)]
    for place, source in iter_expression_places(view.own_fields):
        if not any(place[: len(names)] == names for names in later):
            yield read_in(scope, place, source)


def _assign_in_order(step: Mapping[str, Any], scope: Scope) -> Iterator[Read]:
    """The expressions of assignments, each of which reads what those before it assigned."""
    extra = {"childRun": _CHILD_RUN} if step.get("type") == "control.callWorkflow" else NO_EXTRA
    for at, paths in assigned_in_order(step):
        for path, value in paths.items():
            for place, source in iter_expression_places(value):
                yield read_in(scope, (*at.split("."), path, *place), source, extra)
            scope.assign(path, kind_of_mapping(value, lambda names: kind_at(scope, names, extra)))
