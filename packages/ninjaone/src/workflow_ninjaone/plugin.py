"""What this distribution contributes; the entry point of group ``workflow.modules`` names :data:`plugin`."""

from __future__ import annotations

from workflow_core.actions import Action
from workflow_core.availability import AvailabilityResolver
from workflow_core.connections import Connection
from workflow_core.hookspecs import hookimpl
from workflow_core.jobs import Job
from workflow_core.modules import Module
from workflow_core.options import OptionSource
from workflow_core.webhooks import WebhookReceiver
from workflow_ninjaone.actions.definitions import ninjaone_actions
from workflow_ninjaone.availability import ninjaone_resolver
from workflow_ninjaone.connection import ninjaone_connection
from workflow_ninjaone.jobs import ninjaone_jobs
from workflow_ninjaone.module import ninjaone_module
from workflow_ninjaone.option_sources import ninjaone_options
from workflow_ninjaone.webhook import ninjaone_receiver


class NinjaOnePlugin:
    """The NinjaOne module, its actions, and how a tenant comes to have them."""

    @hookimpl
    def workflow_modules(self) -> list[Module]:
        """The tile."""
        return [ninjaone_module()]

    @hookimpl
    def workflow_actions(self) -> list[Action]:
        """Devices and alerts."""
        return ninjaone_actions()

    @hookimpl
    def workflow_availability(self) -> list[AvailabilityResolver]:
        """The active connection."""
        return [ninjaone_resolver()]

    @hookimpl
    def workflow_jobs(self) -> list[Job]:
        """What goes on by itself."""
        return ninjaone_jobs()

    @hookimpl
    def workflow_connections(self) -> list[Connection]:
        """The form."""
        return [ninjaone_connection()]

    @hookimpl
    def workflow_options(self) -> list[OptionSource]:
        """What there is to pick."""
        return ninjaone_options()

    @hookimpl
    def workflow_webhooks(self) -> list[WebhookReceiver]:
        """What NinjaOne sends."""
        return [ninjaone_receiver()]


plugin = NinjaOnePlugin()
