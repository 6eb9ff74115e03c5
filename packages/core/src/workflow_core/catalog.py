"""The designer catalog: what the palette shows (contract: the existing product's ``designer-catalog``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow_core.actions import Action
from workflow_core.availability import AVAILABLE, Availability
from workflow_core.discovery import Registry
from workflow_core.modules import Module
from workflow_core.schema import field_names

#: Generic groups stand in this order; integrations follow, sorted by label.
GROUP_ORDER = (
    "ticket",
    "contact",
    "client",
    "asset",
    "communication",
    "scheduling",
    "project",
    "time",
    "crm",
    "activities",
    "data-store",
    "transform",
    "ai",
)


def catalog_records(registry: Registry) -> list[tuple[Module, dict[str, Any]]]:
    """Every module with its record, in the palette's order; availability is not yet considered."""
    modules = sorted(registry.modules.values(), key=_rank)
    return [(module, _record(module, registry)) for module in modules]


def visible_records(
    records: list[tuple[Module, dict[str, Any]]],
    availability: Mapping[str, Availability],
    *,
    include_unavailable: bool = False,
) -> list[dict[str, Any]]:
    """The records that a tenant sees.

    Args:
        records: From :func:`catalog_records`.
        availability: Answers by availability key; a key without an answer is unavailable.
        include_unavailable: Also those that are not available, with ``available: false`` and the ``reason``.
    """
    shown = []
    for module, record in records:
        answer = module_availability(module, availability)
        if answer.available:
            shown.append(record)
        elif include_unavailable:
            shown.append({**record, "available": False, "reason": answer.reason})
    return shown


def module_availability(module: Module, availability: Mapping[str, Availability]) -> Availability:
    """One module's availability; without a key it is always available, without an answer never."""
    if module.availability_key is None:
        return AVAILABLE
    unknown = Availability(available=False, reason="The integration's availability is unknown.")
    return availability.get(module.availability_key, unknown)


def _rank(module: Module) -> tuple[int, str, str]:
    if module.group_key in GROUP_ORDER:
        return GROUP_ORDER.index(module.group_key), "", module.group_key
    return len(GROUP_ORDER), module.label.casefold(), module.group_key


def _record(module: Module, registry: Registry) -> dict[str, Any]:
    newest: dict[str, Action] = {
        action.id: action for action in registry.actions.values() if action.id in module.allowed_action_ids
    }  # the registry is sorted by version: the last one wins
    actions = sorted(newest.values(), key=lambda action: (action.label.casefold(), action.id))
    return {
        "groupKey": module.group_key,
        "label": module.label,
        "iconToken": module.icon_token,
        "tileKind": module.tile_kind,
        "allowedActionIds": sorted(module.allowed_action_ids),
        "defaultActionId": module.default_action_id,
        "description": module.description,
        "actions": [
            {
                "id": action.id,
                "version": action.version,
                "label": action.label,
                "description": action.description,
                "inputFieldNames": field_names(action.input),
                "outputFieldNames": field_names(action.output),
            }
            for action in actions
        ],
        "available": True,
    }
