"""What this distribution contributes; the entry point of group ``workflow.modules`` names :data:`plugin`."""

from __future__ import annotations

from workflow_core.actions import Action
from workflow_core.connections import Connection
from workflow_core.events import EventType
from workflow_core.hookspecs import hookimpl
from workflow_core.modules import Module
from workflow_core.options import OptionSource
from workflow_core.rmm_events import rmm_events
from workflow_psa.assets.actions import asset_actions
from workflow_psa.clients.actions import client_actions
from workflow_psa.contacts.actions import contact_actions
from workflow_psa.crm.actions import crm_actions
from workflow_psa.crm.events import crm_events
from workflow_psa.data_store.actions import data_store_actions
from workflow_psa.email.actions import email_actions
from workflow_psa.email.connection import email_connection
from workflow_psa.modules import psa_modules
from workflow_psa.notifications.actions import notification_actions
from workflow_psa.option_sources import psa_options
from workflow_psa.projects.actions import project_actions
from workflow_psa.projects.events import project_events
from workflow_psa.scheduling.actions import scheduling_actions
from workflow_psa.scheduling.events import scheduling_events
from workflow_psa.tickets.actions import ticket_actions
from workflow_psa.tickets.events import ticket_events
from workflow_psa.transform.actions import transform_actions


class PsaPlugin:
    """The generic modules and their actions."""

    @hookimpl
    def workflow_modules(self) -> list[Module]:
        """Those of the actions."""
        return psa_modules(self.workflow_actions())

    @hookimpl
    def workflow_actions(self) -> list[Action]:
        """The actions of all modules."""
        return [
            *ticket_actions(),
            *contact_actions(),
            *client_actions(),
            *asset_actions(),
            *project_actions(),
            *scheduling_actions(),
            *crm_actions(),
            *data_store_actions(),
            *transform_actions(),
            *email_actions(),
            *notification_actions(),
        ]

    @hookimpl
    def workflow_connections(self) -> list[Connection]:
        """What tenants store in secret for the actions."""
        return [email_connection()]

    @hookimpl
    def workflow_events(self) -> list[EventType]:
        """What the actions say when it happens, and what any system of remote monitoring says."""
        return [
            *ticket_events(),
            *project_events(),
            *scheduling_events(),
            *crm_events(),
            *rmm_events(),
        ]

    @hookimpl
    def workflow_options(self) -> list[OptionSource]:
        """What there is to pick for the fields of the actions."""
        return psa_options()


plugin = PsaPlugin()
