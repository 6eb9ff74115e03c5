"""Whether an ``action.call`` calls something that exists, that the tenant has, and that a worker runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workflow_core.actions import Action
from workflow_core.catalog import module_availability
from workflow_core.language.findings import Finding
from workflow_core.language.rules.context import Context, StepView, called_action, did_you_mean
from workflow_core.manifest import Manifest


def action_exists(view: StepView, context: Context) -> Iterator[Finding]:
    """The action is installed, in this version."""
    action_id, version = view.config.get("actionId"), view.config.get("version", 1)
    well_formed = isinstance(action_id, str) and isinstance(version, int) and not isinstance(version, bool)
    if view.type != "action.call" or not well_formed or called_action(view, context) is not None:
        return
    versions = sorted(number for known, number in context.registry.actions if known == action_id)
    if versions:
        words = ", ".join(map(str, versions))
        yield view.error(
            "UNKNOWN_ACTION",
            f"{action_id} has no version {version}; it has {words}.",
            at="config.version",
            suggestion=f"did you mean version {versions[-1]}?",
        )
    else:
        yield view.error(
            "UNKNOWN_ACTION",
            f"No installed integration has the action {action_id}.",
            at="config.actionId",
            suggestion=did_you_mean(str(action_id), {known for known, _ in context.registry.actions}),
        )


def action_belongs_to_module(view: StepView, context: Context) -> Iterator[Finding]:
    """The step of a module calls only what that module allows."""
    action, group_key = called_action(view, context), view.config.get("designerGroupKey")
    if action is None or not isinstance(group_key, str):
        return
    module = context.registry.modules.get(group_key)
    if module is None:
        message = f"No installed integration has the module {group_key}."
        yield view.warning("INVALID_ACTION_CONFIG", message, at="config.designerGroupKey")
    elif action.id not in module.allowed_action_ids:
        yield view.error(
            "INVALID_ACTION_CONFIG",
            f"The module {module.label} does not offer {action.id}; it offers "
            f"{', '.join(sorted(module.allowed_action_ids)) or 'nothing'}.",
            at="config.actionId",
            suggestion=did_you_mean(action.id, module.allowed_action_ids),
        )


def module_is_available(view: StepView, context: Context) -> Iterator[Finding]:
    """The tenant has the action's module."""
    action = called_action(view, context)
    module = context.registry.module_of(action.id) if action is not None else None
    if module is None:
        return
    answer = module_availability(module, context.availability)
    if not answer.available:
        report = view.warning if context.allow_unavailable else view.error
        reason = answer.reason or "It is not available for this tenant."
        yield report("MODULE_UNAVAILABLE", f"{module.label}: {reason}", at="config.actionId")


def workers_run_the_action(view: StepView, context: Context) -> Iterator[Finding]:
    """At least one live worker has the action in the contract that this server shows."""
    action = called_action(view, context)
    if action is None or context.workers is None:
        return
    ours = context.registry.manifest.actions[action.key]
    if any(worker.actions.get(action.key) == ours for worker in context.workers):
        return
    yield view.error("ACTION_NOT_ON_WORKERS", _difference(action, context, context.workers), at="config.actionId")


def publisher_has_the_permission(view: StepView, context: Context) -> Iterator[Finding]:
    """Runs act in the publisher's name; a warning, since a permission can be given later."""
    action = called_action(view, context)
    needed = action.permission if action is not None else None
    if action is None or needed is None or context.permissions is None or needed in context.permissions:
        return
    yield view.warning(
        "PERMISSION_DENIED",
        f"Runs act in your name, and you have not the permission {needed}: {action.label} would fail.",
        at="config.actionId",
    )


def _difference(action: Action, context: Context, workers: Sequence[Manifest]) -> str:
    if not workers:
        return f"No worker is running, so nothing could run {action.key}. Start one."
    distribution = context.registry.distribution_of[action.id]
    ours = context.registry.manifest.distributions[distribution]
    others = [worker for worker in workers if action.key in worker.actions]
    if not others:
        return f"No live worker has {action.key}: install {distribution} {ours} there."
    versions = sorted({worker.distributions.get(distribution, "unknown") for worker in others})
    return (
        f"The live workers have {action.key} in another contract: {distribution} {', '.join(versions)} there, "
        f"{ours} here. Bring both to the same version."
    )
