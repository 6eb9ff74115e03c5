"""
Sample data: two tenants, one with NinjaOne connected and one without. Seeding again changes nothing.

All ids follow from names, so that they are the same in every devstack. Records are written through the role of the
server, tenant by tenant, as any process of the platform would.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

import attrs

from workflow_core.records import assets, devices, rmm
from workflow_core.secrets import TenantSecrets, integration_scope
from workflow_core.storage.database import Connection, Database
from workflow_devstack import keys, simulator
from workflow_devstack.folder import DataFolder
from workflow_devstack.simulator import Account
from workflow_psa.plugin import plugin as psa

PROVIDER: Final = "ninjaone"
PRIORITIES: Final = ("Urgent", "High", "Medium", "Low")
STATUSES: Final = ("New", "In progress", "Waiting for client", "Closed")
BOARD: Final = "Service desk"

_NAMESPACE: Final = UUID("3c1f8a52-7a0e-5d0a-9b2c-6f1d2e4b8a90")
_ASSET_TYPES: Final = {
    "WINDOWS_SERVER": "server",
    "LINUX_SERVER": "server",
    "MAC_SERVER": "server",
    "VMWARE_VM_HOST": "server",
    "WINDOWS_WORKSTATION": "workstation",
    "LINUX_WORKSTATION": "workstation",
    "MAC": "workstation",
    "NMS_SWITCH": "network_device",
}


@attrs.frozen
class TenantData:
    """
    One tenant, as it is seeded.

    Attributes:
        name: The MSP's name.
        user: First and last name of the one who works there.
        own_clients: Clients besides those that NinjaOne knows.
    """

    name: str
    user: tuple[str, str]
    own_clients: tuple[str, ...]

    @property
    def tenant(self) -> UUID:
        """The tenant's id."""
        return uuid5(_NAMESPACE, self.name)

    @property
    def domain(self) -> str:
        """Where its e-mail comes from."""
        return f"{self.name.split()[0]}.example".lower()

    @property
    def user_id(self) -> UUID:
        """The user's id."""
        return self.id_of("user", " ".join(self.user))

    @property
    def board_id(self) -> UUID:
        """The id of the one board."""
        return self.id_of("board", BOARD)

    @property
    def priority_ids(self) -> Mapping[str, UUID]:
        """The ids of the priorities, by name."""
        return {name: self.id_of("priority", name) for name in PRIORITIES}

    def client_id(self, name: str) -> UUID:
        """The id of the client with this name."""
        return self.id_of("client", name)

    def id_of(self, kind: str, name: str) -> UUID:
        """The id of a record."""
        return uuid5(self.tenant, f"{kind}/{name}")


CONNECTED: Final = TenantData("Tailspin Managed IT", ("Dana", "Reyes"), own_clients=("Lamna Architects",))
"""Has NinjaOne."""
UNCONNECTED: Final = TenantData("Woodgrove Systems", ("Sam", "Okafor"), own_clients=("Proseware Bakery",))
"""Has not."""


def sign_in(folder: DataFolder) -> list[dict[str, str]]:
    """Whom the designer signs in by one click, as ``WORKFLOW_DEVELOPMENT_SIGN_IN_FILE`` has it."""
    return [
        {
            "name": " ".join(data.user),
            "company": data.name,
            "token": keys.token(folder, tenant=data.tenant, user=data.user_id),
        }
        for data in (CONNECTED, UNCONNECTED)
    ]


async def seed(
    database: Database,
    secrets: TenantSecrets,
    account: Account,
    *,
    url: str,
    client_secret: str,
    mail_server: tuple[str, int] | None = None,
) -> None:
    """
    Write the sample data.

    Args:
        database: As the server's role.
        secrets: Encrypts the credentials of the connection.
        account: What the NinjaOne account holds.
        url: Its address.
        client_secret: The secret of its API application.
        mail_server: Host and port of the SMTP server over which the tenants send; None: they cannot.
    """
    for data in (CONNECTED, UNCONNECTED):
        async with database.tenant(data.tenant) as conn:
            await _seed_company(conn, data)
            await _seed_role(conn, data)
            await _seed_service_desk(conn, data)
            if mail_server is not None:
                await _seed_email(conn, data, *mail_server)
            for name in data.own_clients:
                await _seed_client(conn, data, name)
    async with database.tenant(CONNECTED.tenant) as conn:
        integration_id = await _connect(conn, secrets, url=url, client_secret=client_secret)
        for organization in account.organizations:
            await _map_organization(conn, integration_id, organization)
        names = {organization["id"]: organization["name"] for organization in account.organizations}
        for device in sorted(account.devices, key=lambda device: str(device["id"])):
            await _seed_device(conn, device, CONNECTED.client_id(names[device["organizationId"]]))


async def _seed_company(conn: Connection, data: TenantData) -> None:
    await conn.execute(
        "INSERT INTO tenants (tenant, client_name) VALUES ($1, $2) ON CONFLICT DO NOTHING", data.tenant, data.name
    )
    first, last = data.user
    email = f"{first}.{last}@{data.domain}".lower()
    await conn.execute(
        "INSERT INTO users (tenant, user_id, username, first_name, last_name, email) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        data.tenant,
        data.user_id,
        f"{first}.{last}".lower(),
        first,
        last,
        email,
    )


#: What ``crm.create_activity_note`` asks for, by what the note is about.
_NOTE_PERMISSIONS: Final = frozenset({"client:update", "contact:update", "ticket:update", "project:update"})


async def _seed_role(conn: Connection, data: TenantData) -> None:
    """The user may do everything that the generic actions ask for, and is a technician who can be scheduled."""
    for name in ("Admin", "Technician"):
        await conn.execute(
            "INSERT INTO roles (tenant, role_id, role_name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            data.tenant,
            data.id_of("role", name),
            name,
        )
        await conn.execute(
            "INSERT INTO user_roles (tenant, user_id, role_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            data.tenant,
            data.user_id,
            data.id_of("role", name),
        )
    role_id = data.id_of("role", "Admin")
    asked = {action.permission for action in psa.workflow_actions() if action.permission}
    for permission in sorted(asked | _NOTE_PERMISSIONS):
        permission_id = data.id_of("permission", permission)
        await conn.execute(
            "INSERT INTO permissions (tenant, permission_id, resource, action) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT DO NOTHING",
            data.tenant,
            permission_id,
            *permission.split(":"),
        )
        await conn.execute(
            "INSERT INTO role_permissions (tenant, role_id, permission_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            data.tenant,
            role_id,
            permission_id,
        )


async def _seed_service_desk(conn: Connection, data: TenantData) -> None:
    await conn.execute(
        "INSERT INTO boards (tenant, board_id, board_name, is_default) VALUES ($1, $2, $3, true) "
        "ON CONFLICT DO NOTHING",
        data.tenant,
        data.board_id,
        BOARD,
    )
    await conn.executemany(
        "INSERT INTO statuses (tenant, status_id, board_id, name, status_type, order_number, is_default, is_closed) "
        "VALUES ($1, $2, $3, $4, 'ticket', $5, $6, $7) ON CONFLICT DO NOTHING",
        [
            (
                data.tenant,
                data.id_of("status", name),
                data.board_id,
                name,
                10 * number,
                name == STATUSES[0],
                name == STATUSES[-1],
            )
            for number, name in enumerate(STATUSES, start=1)
        ],
    )
    await conn.executemany(
        "INSERT INTO priorities (tenant, priority_id, priority_name, item_type, order_number) "
        "VALUES ($1, $2, $3, 'ticket', $4) ON CONFLICT DO NOTHING",
        [
            (data.tenant, priority_id, name, 10 * number)
            for number, (name, priority_id) in enumerate(data.priority_ids.items(), start=1)
        ],
    )


async def _seed_email(conn: Connection, data: TenantData, host: str, port: int) -> None:
    """The server may have another port at every start."""
    config = {"host": host, "port": port, "secure": False}
    await conn.execute(
        "INSERT INTO tenant_email_settings (tenant, default_from_domain, email_provider, provider_configs) "
        "VALUES ($1, $2, 'smtp', $3) ON CONFLICT (tenant) DO UPDATE SET provider_configs = EXCLUDED.provider_configs",
        data.tenant,
        data.domain,
        [{"providerId": "devstack", "providerType": "smtp", "isEnabled": True, "config": config}],
    )


async def _seed_client(conn: Connection, data: TenantData, name: str) -> None:
    await conn.execute(
        "INSERT INTO clients (tenant, client_id, client_name, client_type) VALUES ($1, $2, $3, 'company') "
        "ON CONFLICT DO NOTHING",
        data.tenant,
        data.client_id(name),
        name,
    )


async def _connect(conn: Connection, secrets: TenantSecrets, *, url: str, client_secret: str) -> UUID:
    """The tenant's connection to the simulator, whose address may be another one at every start."""
    scope = integration_scope(PROVIDER)
    for name, value in {"client_id": simulator.CLIENT_ID, "client_secret": client_secret}.items():
        await secrets.write(conn, CONNECTED.tenant, scope, name, value, actor=CONNECTED.user_id)
    known = await rmm.get_integration(conn, CONNECTED.tenant, PROVIDER)
    integration = await rmm.put_integration(
        conn,
        CONNECTED.tenant,
        PROVIDER,
        is_active=True,
        instance_url=url,
        connected_at=known.connected_at if known and known.connected_at else datetime.now(UTC),
    )
    return integration.integration_id


async def _map_organization(conn: Connection, integration_id: UUID, organization: Mapping[str, Any]) -> None:
    """A client of the MSP for every organization in NinjaOne."""
    name = organization["name"]
    await _seed_client(conn, CONNECTED, name)
    external_id = str(organization["id"])
    await rmm.put_organization(conn, CONNECTED.tenant, integration_id, external_id, name)
    await rmm.map_organization(conn, CONNECTED.tenant, integration_id, external_id, client_id=CONNECTED.client_id(name))


async def _seed_device(conn: Connection, device: Mapping[str, Any], client_id: UUID) -> None:
    """An asset for every device in NinjaOne, as a sync of the fleet would make it."""
    await devices.upsert_device(
        conn,
        CONNECTED.tenant,
        PROVIDER,
        assets.Device(
            device_id=str(device["id"]),
            name=device["displayName"],
            asset_type=_ASSET_TYPES.get(device["nodeClass"], "unknown"),
            organization_id=str(device["organizationId"]),
            client_id=client_id,
            serial_number=device.get("system", {}).get("serialNumber"),
            agent_status="offline" if device["offline"] else "online",
            last_seen_at=datetime.fromtimestamp(device["lastContact"], UTC),
        ),
    )
