"""Says everything that is wrong with a definition, at once.

Validation never stops at the first finding, never raises for what it is given, and changes nothing. It runs where a
definition is edited and published, not in a workflow.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from workflow_core.availability import Availability
from workflow_core.discovery import Registry
from workflow_core.language._values import MAX_NESTING
from workflow_core.language.calls import CalledWorkflows, workflow_key
from workflow_core.language.findings import Finding
from workflow_core.language.flow import Flow
from workflow_core.language.kinds import UNKNOWN, kind_of_class
from workflow_core.language.outline import Outline
from workflow_core.language.rules import (
    actions,
    calls,
    composing,
    expressions,
    flow,
    inputs,
    paths,
    retries,
    secrets,
    shape,
    triggers,
    variables,
    waits,
)
from workflow_core.language.rules.context import Context, StepView, nests_deeper
from workflow_core.manifest import Manifest

DefinitionRule = Callable[[Mapping[str, Any], Context], Iterable[Finding]]
StepRule = Callable[[StepView, Context], Iterable[Finding]]

DEFINITION_RULES: Final[tuple[DefinitionRule, ...]] = (
    triggers.trigger_type_is_known,
    triggers.event_is_known,
    triggers.event_has_a_payload_schema,
    triggers.payload_schema_is_known,
    triggers.source_schema_is_the_events,
    triggers.event_payload_is_mapped,
    triggers.payload_mapping_is_complete,
    triggers.trigger_expressions_compile,
    triggers.trigger_expressions_read_the_event,
    triggers.trigger_has_no_secrets,
    triggers.schedule_has_a_time,
    triggers.cron_is_valid,
    triggers.timezone_exists,
    triggers.clock_brings_what_is_taken,
    shape.entries_are_steps,
)

#: For steps whose values nest too deeply to look at them.
SHALLOW_STEP_RULES: Final[tuple[StepRule, ...]] = (
    shape.step_nests_reasonably,
    shape.type_is_known,
    shape.id_is_unique,
    shape.blocks_are_lists,
    flow.steps_are_reached,
)

STEP_RULES: Final[tuple[StepRule, ...]] = (
    shape.type_is_known,
    shape.id_is_unique,
    shape.step_has_its_fields,
    shape.config_has_its_fields,
    shape.blocks_are_lists,
    shape.times_fit_their_mode,
    shape.filters_fit_their_operator,
    flow.steps_are_reached,
    flow.items_keep_to_themselves,
    actions.action_exists,
    actions.action_belongs_to_module,
    actions.module_is_available,
    actions.workers_run_the_action,
    actions.publisher_has_the_permission,
    inputs.required_fields_are_mapped,
    inputs.rules_are_kept,
    inputs.literals_fit,
    inputs.expressions_fit,
    inputs.mapped_fields_exist,
    composing.outputs_fit,
    expressions.expressions_compile,
    expressions.expressions_stand_where_needed,
    expressions.special_keys_are_known,
    variables.variables_are_assigned,
    variables.read_fields_exist,
    paths.assigned_paths_exist,
    paths.assigned_payload_fields_exist,
    paths.item_variable_is_a_name,
    calls.called_workflow_exists,
    calls.called_workflow_gets_its_payload,
    calls.calls_come_to_an_end,
    waits.event_can_be_correlated,
    retries.retried_errors_exist,
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
    called: CalledWorkflows | None = None,
    permissions: Collection[str] | None = None,
) -> list[Finding]:
    """Everything that is wrong with a definition, or doubtful, in the order of its steps.

    Each finding names a place of the definition, or a field that is missing at one.

    Args:
        definition: Any JSON value.
        registry: The actions, modules and events of this process.
        availability: The tenant's answers, by availability key; a key without an answer is unavailable.
        secret_names: The secrets that the tenant has stored.
        workers: What the live workers can run; None leaves that question out.
        allow_unavailable: Whether a module that the tenant does not have is a warning only.
        called: The tenant's workflows that it calls (:func:`workflow_core.definitions.calls.called_by`); None leaves
            them out.
        permissions: What the publisher may do; None leaves that question out.
    """
    findings = list(shape.definition_has_its_fields(definition))
    if not isinstance(definition, Mapping):
        return findings
    version = definition.get("version")
    context = Context(
        registry,
        availability,
        secret_names,
        workers,
        allow_unavailable,
        called,
        permissions,
        workflow_id=workflow_key(definition["id"]) if isinstance(definition.get("id"), str) else "",
        workflow_version=version if isinstance(version, int) else 0,
        payload_ref=definition.get("payloadSchemaRef"),
    )
    findings += shape.values_nest_reasonably(definition, context)
    flat = {
        name: value for name, value in definition.items() if name == "steps" or not nests_deeper(value, MAX_NESTING)
    }
    for definition_rule in DEFINITION_RULES:
        findings += definition_rule(flat, context)
    payload = context.payload
    walk = Flow(
        definition,
        Outline(definition),
        payload=UNKNOWN if payload is None else kind_of_class(payload, is_open=True),
        outputs={key: action.output for key, action in registry.actions.items()},
    )
    for view in walk.views():
        for step_rule in SHALLOW_STEP_RULES if view.is_too_deep else STEP_RULES:
            findings += step_rule(view, context)
    return findings
