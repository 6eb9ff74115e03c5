"""Has the sample workflow run, and gathers what came of it: what the report shows and ``--once`` judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import attrs
from rich.console import Console

from workflow_core.storage.database import Database
from workflow_devstack import keys, sample, simulator
from workflow_devstack.api import Api
from workflow_devstack.folder import DataFolder
from workflow_devstack.ports import Ports
from workflow_devstack.sample import Run
from workflow_devstack.seed import CONNECTED, UNCONNECTED, TenantData

NINJAONE_GROUP: Final = "app:ninjaone"

_TICKETS: Final = """
SELECT t.ticket_id, t.ticket_number, t.title, t.attributes ->> 'description' AS description, t.client_id, c.client_name,
       b.board_name, s.name AS status, p.priority_name, t.entered_at
FROM tickets t
LEFT JOIN clients c ON c.tenant = t.tenant AND c.client_id = t.client_id
LEFT JOIN boards b ON b.tenant = t.tenant AND b.board_id = t.board_id
LEFT JOIN statuses s ON s.tenant = t.tenant AND s.status_id = t.status_id
LEFT JOIN priorities p ON p.tenant = t.tenant AND p.priority_id = t.priority_id
WHERE t.tenant = $1 AND t.attributes ->> 'external_ref' = $2
ORDER BY t.entered_at
"""


@attrs.frozen
class Alert:
    """
    The alert that the workflow is expected to take, as NinjaOne itself knows it.

    Attributes:
        uid: NinjaOne's id of it.
        message: What it says.
        device: The name of the device.
        client_id: The client to whom it belongs, by the mapping of its organization.
        client: That client's name.
    """

    uid: str
    message: str
    device: str
    client_id: UUID
    client: str


@attrs.frozen
class Catalog:
    """What the designer offers to a tenant."""

    tenant: TenantData
    modules: Sequence[Mapping[str, Any]]

    def has(self, group_key: str) -> bool:
        """Whether a module is offered."""
        return any(module["groupKey"] == group_key for module in self.modules)


@attrs.frozen
class Check:
    """One promise, and whether it was kept."""

    promise: str
    kept: bool
    found: str


@attrs.frozen
class Demonstration:
    """
    What came of the sample workflow.

    Attributes:
        alert: The newest alert before the run.
        run: The run.
        tickets: The tickets about this alert.
        resets: What NinjaOne was asked to do about this alert.
        catalogs: What the designer offers to each tenant.
    """

    alert: Alert
    run: Run
    tickets: Sequence[Mapping[str, Any]]
    resets: Sequence[Mapping[str, Any]]
    catalogs: Sequence[Catalog]

    @property
    def checks(self) -> tuple[Check, ...]:
        """The promises of the demonstration."""
        clients = [ticket["client_name"] for ticket in self.tickets]
        offered = {catalog.tenant: catalog.has(NINJAONE_GROUP) for catalog in self.catalogs}
        return (
            Check("the run succeeded", self.run.status == "SUCCEEDED", self.run.status),
            Check(
                f"one ticket, for {self.alert.client}",
                [ticket["client_id"] for ticket in self.tickets] == [self.alert.client_id],
                f"{len(clients)} for {', '.join(map(str, clients))}" if clients else "no ticket",
            ),
            Check(
                "NinjaOne was asked exactly once to reset the alert",
                [reset["outcome"] for reset in self.resets] == ["done"],
                f"{len(self.resets)} times",
            ),
            Check(
                f"{CONNECTED.name} sees NinjaOne",
                offered.get(CONNECTED) is True,
                "it does" if offered.get(CONNECTED) else "it does not",
            ),
            Check(
                f"{UNCONNECTED.name} does not see NinjaOne",
                offered.get(UNCONNECTED) is False,
                "it does" if offered.get(UNCONNECTED) else "it does not",
            ),
        )

    @property
    def passed(self) -> bool:
        """Whether all promises were kept."""
        return all(check.kept for check in self.checks)


async def demonstrate(
    folder: DataFolder, ports: Ports, database: Database, *, fresh_alert: bool, console: Console
) -> Demonstration:
    """
    Publish and run the sample workflow for the tenant with NinjaOne.

    Args:
        folder: Whose keys sign the tokens.
        ports: Where server and simulator listen.
        database: As the server's role, to look at tickets.
        fresh_alert: Whether a device raises a new alert before: the seeded ones may have tickets already.
        console: Where progress is shown.

    Raises:
        ApiError: The server refused something.
        SampleError: The workflow cannot be published, or its run does not end.
    """
    url = ports.simulator.url
    async with (
        Api(ports.server.url, token(folder, CONNECTED)) as connected,
        Api(ports.server.url, token(folder, UNCONNECTED)) as unconnected,
    ):
        catalogs = [
            Catalog(CONNECTED, await connected.call("GET", "/api/workflow/registry/designer-catalog")),
            Catalog(UNCONNECTED, await unconnected.call("GET", "/api/workflow/registry/designer-catalog")),
        ]
        workflow = await sample.publish(connected, CONNECTED, progress=console.print)
        await sample.wait_for_earlier_runs(connected, workflow, progress=console.print)
        if fresh_alert:
            await simulator.trigger_alert(url, await simulator.read_account(url))
        alert = newest_alert(await simulator.read_account(url))
        run = await sample.run(connected, workflow, progress=console.print)
    async with database.tenant(CONNECTED.tenant, readonly=True) as conn:
        tickets = [dict(row) for row in await conn.fetch(_TICKETS, CONNECTED.tenant, alert.uid)]
    return Demonstration(
        alert=alert, run=run, tickets=tickets, resets=await simulator.read_resets(url, alert.uid), catalogs=catalogs
    )


def token(folder: DataFolder, data: TenantData) -> str:
    """A bearer token of a tenant's user."""
    return keys.token(folder, tenant=data.tenant, user=data.user_id)


def newest_alert(account: simulator.Account) -> Alert:
    """The alert that was raised last."""
    alert = max(account.alerts, key=lambda alert: float(alert["createTime"]))
    device = next(device for device in account.devices if device["id"] == alert["deviceId"])
    client = next(entry["name"] for entry in account.organizations if entry["id"] == device["organizationId"])
    return Alert(
        uid=alert["uid"],
        message=alert["message"],
        device=device["displayName"],
        client_id=CONNECTED.client_id(client),
        client=client,
    )
