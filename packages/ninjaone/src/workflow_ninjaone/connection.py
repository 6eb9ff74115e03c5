"""How a tenant connects NinjaOne: an API application of its own account."""

from __future__ import annotations

from workflow_core.connections import Connection, ConnectionField
from workflow_ninjaone.module import PROVIDER


def ninjaone_connection() -> Connection:
    """The fields of its form."""
    return Connection(
        provider=PROVIDER,
        label="NinjaOne",
        description="Devices and alerts of NinjaOne RMM.",
        segments=("ninjaone",),
        fields=(
            ConnectionField(
                name="instance_url",
                label="Instance address",
                kind="url",
                help="Where you log in to NinjaOne: https://app.ninjarmm.com (United States), "
                "https://us2.ninjarmm.com, https://eu.ninjarmm.com (Europe), https://oc.ninjarmm.com (Oceania), "
                "https://ca.ninjarmm.com (Canada) or https://fed.ninjarmm.com.",
            ),
            ConnectionField(
                name="client_id",
                label="Client ID",
                kind="secret",
                help="In NinjaOne under Administration, Apps, API: an application of the type API Services with the "
                "scopes monitoring, management and control, and the grant type client credentials.",
            ),
            ConnectionField(
                name="client_secret",
                label="Client secret",
                kind="secret",
                help="NinjaOne shows it once, when the application is created.",
            ),
        ),
    )
