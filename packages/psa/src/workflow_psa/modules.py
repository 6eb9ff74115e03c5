"""The generic modules as the designer's palette shows them; their pictures lie in ``icons/``."""

from __future__ import annotations

from importlib.resources import files

from workflow_core.modules import Icon, Module


def _icon(token: str) -> Icon:
    return Icon(token, files("workflow_psa").joinpath("icons", f"{token}.svg").read_text(encoding="utf-8"))


def psa_modules() -> list[Module]:
    """The modules that every tenant has."""
    return [
        Module(
            group_key="ticket",
            label="Ticket",
            description="Create, find and work on tickets.",
            tile_kind="core-object",
            icon=_icon("ticket"),
            default_action_id="tickets.create",
            allowed_action_ids=("tickets.create",),
        ),
        Module(
            group_key="asset",
            label="Asset",
            description="Find assets and the clients that they belong to.",
            tile_kind="core-object",
            icon=_icon("asset"),
            default_action_id="assets.find",
            allowed_action_ids=("assets.find",),
        ),
    ]
