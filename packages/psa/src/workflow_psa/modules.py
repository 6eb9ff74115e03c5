"""The generic modules as the designer's palette shows them; their pictures lie in ``icons/``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

import attrs

from workflow_core.actions import Action
from workflow_core.modules import Icon, Module, TileKind


@attrs.frozen
class _Tile:
    """A module before its actions are known.

    Attributes:
        segments: The first segments of the ids of its actions.
        default: The action of a step that was just added; None where no action belongs to the module.
    """

    group_key: str
    label: str
    description: str
    segments: tuple[str, ...] = ()
    default: str | None = None
    kind: TileKind = "core-object"


_TILES: Final = (
    _Tile("ticket", "Ticket", "Create, find and work on tickets.", ("tickets",), "tickets.create"),
    _Tile("contact", "Contact", "Find the people at clients.", ("contacts",), "contacts.find"),
    _Tile("client", "Client", "Find clients and whom to ask there.", ("clients",), "clients.find"),
    _Tile("asset", "Asset", "Find assets and the clients that they belong to.", ("assets",), "assets.find"),
    _Tile(
        "communication",
        "Communication",
        "Send e-mails and in-app notifications.",
        ("email", "notifications"),
        "email.send",
    ),
    _Tile("scheduling", "Scheduling", "Plan who works when.", ("scheduling",), "scheduling.assign_user"),
    _Tile("project", "Project", "Create project tasks and change them.", ("projects",), "projects.create_task"),
    _Tile("time", "Time", "Work with time that was worked."),
    _Tile("crm", "CRM", "Write down what was said and done with clients.", ("crm",), "crm.create_activity_note"),
    _Tile("activities", "Activities", "Work with what has to be done."),
    _Tile("data-store", "Data Store", "Keep values and links for later runs.", ("store", "links"), "store.get"),
    _Tile(
        "transform",
        "Transform",
        "Write texts, and change texts, lists and objects, without expressions.",
        ("transform",),
        "transform.compose_text",
        "transform",
    ),
    _Tile("ai", "AI", "Have a language model write and decide.", kind="ai"),
)


def psa_modules(actions: Sequence[Action]) -> list[Module]:
    """The modules that every tenant has, with those of the actions that belong to each."""
    return [
        Module(
            group_key=tile.group_key,
            label=tile.label,
            description=tile.description,
            tile_kind=tile.kind,
            icon=_icon(tile.group_key),
            default_action_id=tile.default,
            allowed_action_ids=tuple(sorted({action.id for action in actions if action.segment in tile.segments})),
        )
        for tile in _TILES
    ]


def _icon(token: str) -> Icon:
    return Icon(token, files("workflow_psa").joinpath("icons", f"{token}.svg").read_text(encoding="utf-8"))
