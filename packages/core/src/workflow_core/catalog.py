"""The designer catalog: what the palette shows (contract: the existing product's ``designer-catalog``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow_core.actions import Action
from workflow_core.availability import AVAILABLE, Availability
from workflow_core.discovery import Registry
from workflow_core.locales import DEFAULT_LOCALE, NO_TRANSLATIONS, Translations
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


def catalog_records(
    registry: Registry, translations: Translations = NO_TRANSLATIONS, locale: str = DEFAULT_LOCALE
) -> list[tuple[Module, dict[str, Any]]]:
    """Every module with its record, in the palette's order; availability is not yet considered."""
    records = [(module, _record(module, registry, translations, locale)) for module in registry.modules.values()]
    return sorted(records, key=lambda entry: _rank(entry[1]))


def action_words(action: Action, translations: Translations, locale: str) -> dict[str, str]:
    """``label`` and ``description`` of an action in a language."""
    words = translations.action(locale, action.id) or action
    return {"label": words.label, "description": words.description}


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


def _rank(record: Mapping[str, Any]) -> tuple[int, str, str]:
    group_key = record["groupKey"]
    if group_key in GROUP_ORDER:
        return GROUP_ORDER.index(group_key), "", group_key
    return len(GROUP_ORDER), record["label"].casefold(), group_key


def _record(module: Module, registry: Registry, translations: Translations, locale: str) -> dict[str, Any]:
    words = translations.module(locale, module.group_key) or module
    newest: dict[str, Action] = {
        action.id: action for action in registry.actions.values() if action.id in module.allowed_action_ids
    }  # the registry is sorted by version: the last one wins
    actions = [
        {
            "id": action.id,
            "version": action.version,
            **action_words(action, translations, locale),
            "inputFieldNames": field_names(action.input),
            "outputFieldNames": field_names(action.output),
        }
        for action in newest.values()
    ]
    return {
        "groupKey": module.group_key,
        "label": words.label,
        "iconToken": module.icon_token,
        "tileKind": module.tile_kind,
        "allowedActionIds": sorted(module.allowed_action_ids),
        "defaultActionId": module.default_action_id,
        "description": words.description,
        "actions": sorted(actions, key=lambda action: (str(action["label"]).casefold(), action["id"])),
        "available": True,
    }
