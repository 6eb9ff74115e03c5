"""What this distribution contributes; the entry point of group ``workflow.modules`` names :data:`plugin`."""

from __future__ import annotations

from workflow_core.actions import Action
from workflow_core.events import EventType
from workflow_core.hookspecs import hookimpl
from workflow_core.modules import Module
from workflow_psa.assets.actions import asset_actions
from workflow_psa.modules import psa_modules
from workflow_psa.tickets.actions import ticket_actions
from workflow_psa.tickets.events import ticket_events


class PsaPlugin:
    """The generic modules and their actions."""

    @hookimpl
    def workflow_modules(self) -> list[Module]:
        """Those of the actions."""
        return psa_modules(self.workflow_actions())

    @hookimpl
    def workflow_actions(self) -> list[Action]:
        """The actions of all modules."""
        return [*ticket_actions(), *asset_actions()]

    @hookimpl
    def workflow_events(self) -> list[EventType]:
        """What the actions say that has happened."""
        return [*ticket_events()]


plugin = PsaPlugin()
