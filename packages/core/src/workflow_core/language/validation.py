"""Says everything that is wrong with a definition, at once.

Validation never stops at the first finding, never raises for what it is given, and changes nothing. It runs where a
definition is edited and published, not in a workflow.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from workflow_core.availability import Availability
from workflow_core.discovery import Registry
from workflow_core.language.definition import iter_steps
from workflow_core.language.findings import Finding
from workflow_core.language.rules import actions, composing, expressions, inputs, paths, secrets, shape, triggers
from workflow_core.language.rules.context import Context, StepView
from workflow_core.manifest import Manifest

DefinitionRule = Callable[[Mapping[str, Any]], Iterable[Finding]]
StepRule = Callable[[StepView, Context], Iterable[Finding]]

DEFINITION_RULES: Final[tuple[DefinitionRule, ...]] = (
    triggers.trigger_type_is_known,
    triggers.event_is_named,
    triggers.event_has_a_payload_schema,
    triggers.event_payload_is_mapped,
    triggers.trigger_expressions_compile,
    triggers.schedule_has_a_time,
    triggers.cron_is_valid,
    triggers.timezone_exists,
    shape.entries_are_steps,
    shape.ids_are_unique,
)

STEP_RULES: Final[tuple[StepRule, ...]] = (
    shape.type_is_known,
    shape.step_has_its_fields,
    shape.config_has_its_fields,
    shape.blocks_are_lists,
    shape.times_fit_their_mode,
    shape.filters_fit_their_operator,
    actions.action_exists,
    actions.action_belongs_to_module,
    actions.module_is_available,
    actions.workers_run_the_action,
    inputs.required_fields_are_mapped,
    inputs.one_of_these_is_mapped,
    inputs.literals_fit,
    inputs.mapped_fields_exist,
    composing.outputs_fit,
    expressions.expressions_compile,
    expressions.expressions_stand_where_needed,
    expressions.special_keys_are_known,
    paths.assigned_paths_exist,
    paths.item_variable_is_a_name,
    secrets.secrets_exist,
    secrets.secrets_stand_in_action_inputs,
)


def validate_definition(
    definition: Any,
    *,
    registry: Registry,
    availability: Mapping[str, Availability],
    secret_names: Collection[str],
    workers: Sequence[Manifest] | None,
    allow_unavailable: bool = False,
) -> list[Finding]:
    """Everything that is wrong with a definition, or doubtful, in the order of its steps.

    Args:
        definition: Any JSON value.
        registry: The actions and modules of this process.
        availability: The tenant's answers, by availability key; a key without an answer is unavailable.
        secret_names: The secrets that the tenant has stored.
        workers: What the live workers can run; None leaves that question out.
        allow_unavailable: Whether a module that the tenant does not have is a warning only.
    """
    findings = list(shape.definition_has_its_fields(definition))
    if not isinstance(definition, Mapping):
        return findings
    context = Context(registry, availability, secret_names, workers, allow_unavailable)
    for definition_rule in DEFINITION_RULES:
        findings += definition_rule(definition)
    for path, step in iter_steps(definition):
        view = StepView(path, step)
        for step_rule in STEP_RULES:
            findings += step_rule(view, context)
    return findings
