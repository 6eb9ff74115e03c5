"""Whether the workflows that a definition calls exist, take what they are given, and do not call it back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from workflow_core.language.calls import CalledWorkflows, Version, called_version, is_inside
from workflow_core.language.findings import Finding
from workflow_core.language.rules.context import Context, StepView
from workflow_core.language.rules.expressions import is_expression
from workflow_core.schema import required_fields

#: How many calls are followed in search of a way back, from each call: definitions may have thousands.
MAX_CALLS: Final = 1000


def called_workflow_exists(view: StepView, context: Context) -> Iterator[Finding]:
    """The called version is published; a warning, since it may be published later."""
    target = called_version(view.step)
    if target is None or context.called is None or target == (context.workflow_id, context.workflow_version):
        return
    workflow_id, version = target
    published = context.called.published.get(workflow_id)
    if published is None or version in published:
        return
    if not published and workflow_id != context.workflow_id:
        message = "The tenant has no published workflow with this id: the call fails until there is one."
        yield view.warning("CALLED_WORKFLOW_NOT_FOUND", message, at="workflowId")
        return
    words = f"it has {', '.join(map(str, sorted(published)))}" if published else "it has none yet"
    yield view.warning(
        "CALLED_WORKFLOW_NOT_FOUND",
        f"The called workflow has no published version {version}; {words}.",
        at="workflowVersion",
        suggestion=f"did you mean version {max(published)}?" if published else None,
    )


def called_workflow_gets_its_payload(view: StepView, context: Context) -> Iterator[Finding]:
    """What the called workflow's payload has to have is mapped."""
    target = called_version(view.step)
    called = context.called.versions.get(target) if target is not None and context.called is not None else None
    payload = context.payload_class(called.payload_schema_ref) if called is not None else None
    if payload is None or called is None:
        return
    mapping = view.step.get("inputMapping")
    if is_expression(mapping):
        return
    for name in required_fields(payload):
        if not isinstance(mapping, Mapping):
            at = "inputMapping"
        elif name not in mapping:
            at = f"inputMapping.{name}"
        else:
            continue
        yield view.warning("MISSING_REQUIRED_MAPPING", f"The payload of {called.name} needs {name}.", at=at)


def calls_come_to_an_end(view: StepView, context: Context) -> Iterator[Finding]:
    """No call leads back here: for ever is an error, on some condition or through another version is doubtful."""
    target, called = called_version(view.step), context.called
    if target is None or called is None or not context.workflow_id:
        return
    home = (context.workflow_id, context.workflow_version)
    first_return = view.outline.first_return
    is_certain = not is_inside(view.path) and (first_return is None or view.outline.position(view.path) < first_return)
    way = _way_back(target, home, called, certain=True) if is_certain else None
    if way is not None:
        words = _words(way, home, called)
        yield view.error("CALL_CYCLE", f"The workflow calls itself without an end: {words}.", at="workflowId")
        return
    way = _way_back(target, home, called, certain=False)
    if way is not None:
        words = _words(way, home, called)
        message = f"The workflow calls itself: {words}. See to it that this comes to an end."
        yield view.warning("CALL_CYCLE", message, at="workflowId")


def _way_back(start: Version, home: Version, called: CalledWorkflows, *, certain: bool) -> list[Version] | None:
    """The shortest chain of calls from a version back to this workflow, if it is among the first :data:`MAX_CALLS`.

    Args:
        start: The version that is called first.
        home: This workflow and version.
        called: What is known of the others.
        certain: Only calls that no condition guards, and back to this very version.
    """
    came_from: dict[Version, Version | None] = {start: None}
    waiting = deque([start])
    left = MAX_CALLS
    while waiting:
        version = waiting.popleft()
        if version == home or (not certain and version[0] == home[0]):
            way = [version]
            while (before := came_from[way[-1]]) is not None:
                way.append(before)
            return way[::-1]
        known = called.versions.get(version)
        calls = known.calls[:left] if known is not None else ()
        left -= len(calls)
        for call in calls:
            if call.target not in came_from and not (certain and call.is_conditional):
                came_from[call.target] = version
                waiting.append(call.target)
    return None


def _words(way: list[Version], home: Version, called: CalledWorkflows) -> str:
    names = [f"this workflow v{home[1]}"]
    for version in way:
        known = called.versions.get(version)
        name = "this workflow" if version[0] == home[0] else known.name if known is not None else version[0]
        names.append(f"{name} v{version[1]}")
    return " → ".join(names)
