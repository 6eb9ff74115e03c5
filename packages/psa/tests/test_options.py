"""What there is to pick for the fields of the generic actions."""

from __future__ import annotations

import logging

import pytest

from workflow_core.discovery import registry_of
from workflow_core.errors import ValidationError
from workflow_core.options import OptionContext, OptionPage, OptionQuery, pickers_of
from workflow_psa.plugin import PsaPlugin

PLUGIN = PsaPlugin()
REGISTRY = registry_of(
    "workflow-psa",
    "1.0",
    modules=PLUGIN.workflow_modules(),
    actions=PLUGIN.workflow_actions(),
    connections=PLUGIN.workflow_connections(),
    events=PLUGIN.workflow_events(),
    options=PLUGIN.workflow_options(),
)


async def pick(desk, source: str, **query) -> OptionPage:
    """What a source finds; ``dependencies`` may be ids."""
    dependencies = {name: str(value) for name, value in query.pop("dependencies", {}).items()}
    context = OptionContext(
        tenant=desk.tenant,
        log=logging.LoggerAdapter(logging.getLogger("test")),
        http=None,
        secrets=None,
        transaction=lambda: desk.db.tenant(desk.tenant, readonly=True),
    )
    return await REGISTRY.options[source].search(OptionQuery(**query, dependencies=dependencies), context)


async def labels(desk, source: str, **query) -> list[str]:
    """Their labels only."""
    return [option.label for option in (await pick(desk, source, **query)).options]


def test_every_source_is_asked_by_a_field():
    """And every id that an action takes for one of the tenant's records has a source."""
    pickers = {
        f"{action.id} {field}": picker.source
        for action in REGISTRY.actions.values()
        for field, picker in pickers_of(action.input).items()
    }
    assert set(pickers.values()) == set(REGISTRY.options)
    assert pickers["tickets.create assignment.primary.id"] == "tickets.assignees"
    assert pickers["tickets.update_fields patch.status_id"] == "tickets.statuses"
    assert pickers_of(REGISTRY.actions["tickets.update_fields", 1].input)["patch.status_id"].dependencies == {
        "ticket_id": "ticket_id"
    }


@pytest.fixture
async def busy_desk(desk, opened):
    """With a ticket, a project, an asset, an alert, and a technician."""
    await desk.add("projects", "project_id", name="project", project_name="Move", client_id=desk["client"])
    await desk.add("project_phases", "phase_id", name="phase", phase_name="Pack", project_id=desk["project"])
    await desk.add(
        "project_status_mappings",
        "project_status_mapping_id",
        name="column",
        project_id=desk["project"],
        custom_name="To do",
    )
    await desk.add("project_tasks", "task_id", name="task", task_name="Boxes", phase_id=desk["phase"], wbs_code="1.1")
    asset = {"name": "SRV-01", "asset_tag": "A1", "status": "active", "client_id": desk["client"]}
    desk.ids["asset"] = await desk.insert("assets", "asset_id", asset)
    integration = await desk.insert("rmm_integrations", "integration_id", {"provider": "acme", "is_active": True})
    alert = {"integration_id": integration, "external_alert_id": "a", "severity": "none", "message": "Disk full"}
    await desk.insert("rmm_alerts", "alert_id", alert)
    await desk.add("roles", "role_id", name="role", role_name="Technician")
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute(
            "INSERT INTO user_roles (tenant, user_id, role_id) VALUES ($1, $2, $3)",
            desk.tenant,
            desk["user"],
            desk["role"],
        )
    return desk


@pytest.mark.parametrize("source", sorted(REGISTRY.options))
async def test_every_source_finds_and_names(busy_desk, foreign_desk, source):
    """Something is found, what is found is named by its value, and the other tenant has none of it."""
    found = await pick(busy_desk, source)
    assert found.options
    values = tuple(str(option.value) for option in found.options)
    assert (await pick(busy_desk, source, values=values)).options == found.options
    assert (await pick(foreign_desk, source, values=values)).options == []


async def test_what_a_search_is_narrowed_by(busy_desk, foreign_desk):
    """By the field that it depends on, if that has a value; in the order in which a person expects them."""
    board, other = {"board_id": busy_desk["board"]}, {"board_id": busy_desk["other_board"]}
    assert await labels(busy_desk, "tickets.statuses", dependencies=board) == ["new", "open", "closed"]
    assert await labels(busy_desk, "tickets.statuses", dependencies=other) == ["first", "second"]
    assert len(await labels(busy_desk, "tickets.statuses")) == 5
    (ticket,) = (await pick(busy_desk, "tickets.tickets")).options
    of_ticket = {"ticket_id": ticket.value}
    assert await labels(busy_desk, "tickets.statuses", dependencies=of_ticket) == ["new", "open", "closed"]
    assert await labels(busy_desk, "tickets.locations", dependencies=of_ticket) == ["location"]
    foreign = {"board_id": foreign_desk["board"]}
    assert await labels(busy_desk, "tickets.statuses", dependencies=foreign) == []
    client = {"client_id": busy_desk["other_client"]}
    assert await labels(busy_desk, "contacts.contacts", dependencies=client) == ["other_contact"]
    assert await labels(busy_desk, "assets.assets", dependencies=client) == []
    kinds = {kind: await labels(busy_desk, "tickets.assignees", dependencies={"kind": kind}) for kind in ("team", "x")}
    assert kinds == {"team": ["Field", "Nobody's"], "x": []}
    assert await labels(busy_desk, "scheduling.technicians") == ["user"]
    assert await labels(busy_desk, "crm.targets", dependencies={"kind": "project"}) == ["Move"]


async def test_what_is_inactive_is_only_named(busy_desk):
    """It cannot be picked any more, and a field that has it shows what it is."""
    assert "Closed down" not in await labels(busy_desk, "tickets.boards")
    assert await labels(busy_desk, "tickets.boards", values=(str(busy_desk["old_board"]),)) == ["Closed down"]
    assert "gone" not in await labels(busy_desk, "tickets.users")
    assert await labels(busy_desk, "tickets.users", values=(str(busy_desk["gone"]), "nonsense")) == ["gone"]


async def test_a_dependency_that_is_no_id(busy_desk):
    """It is refused, and named."""
    with pytest.raises(ValidationError, match="board_id: must be a UUID"):
        await pick(busy_desk, "tickets.statuses", dependencies={"board_id": "x"})
