"""The sample workflow and the sample data."""

from datetime import UTC, datetime

from workflow_core.language.expressions import Budget, compile_expression
from workflow_core.language.mapping import evaluate_mapping, iter_expressions
from workflow_devstack.sample import definition
from workflow_devstack.seed import CONNECTED, UNCONNECTED

ALERTS = [
    {
        "alert_id": f"local-{number}",
        "external_alert_id": f"uid-{number}",
        "device_id": "101",
        "severity": severity,
        "title": title,
        "message": f"message {number}",
        "created_at": f"2026-01-01T0{number}:00:00Z",
    }
    for number, severity, title in [(1, "minor", "First"), (3, "CRITICAL", "Newest"), (2, None, None)]
]


def scope(*alerts):
    """What the workflow knows after its first step."""
    return {"vars": {"active": {"alerts": list(alerts), "count": len(alerts)}}}


def evaluate(source, values):
    """The value of an expression."""
    return compile_expression(source).evaluate(values, now=datetime.now(UTC), budget=Budget())


def steps_by_id():
    """The steps of the definition on its top level."""
    return {step["id"]: step for step in definition(CONNECTED)["steps"]}


def ticket_for(*alerts):
    """The input of tickets.create for these alerts."""
    values = scope(*alerts)
    steps = steps_by_id()
    assignments = steps["newest-alert"]["config"]["assign"]
    values["vars"]["alert"] = evaluate(assignments["vars.alert"]["$expr"], values)
    values["vars"]["found"] = {"asset": {"name": "SRV-1", "client_id": "c-1", "client_name": "Client"}, "count": 1}
    for path, value in steps["map-ticket"]["config"]["assign"].items():
        values["vars"][path.removeprefix("vars.")] = evaluate(value["$expr"], values)
    return evaluate_mapping(
        steps["create-ticket"]["config"]["inputMapping"], values, now=datetime.now(UTC), budget=Budget()
    )


def test_it_calls_the_actions_in_order():
    """List, find, create, acknowledge."""
    actions = [step["config"]["actionId"] for step in definition(CONNECTED)["steps"] if step["type"] == "action.call"]
    assert actions == ["ninjaone.alerts.list_active", "assets.find", "tickets.create", "ninjaone.alerts.reset"]


def test_every_step_has_an_id_of_its_own():
    """Findings and history name steps by it."""
    steps = definition(CONNECTED)["steps"]
    ids = [step["id"] for step in steps] + [step["id"] for step in steps[1]["then"]]
    assert len(set(ids)) == len(ids)


def test_every_expression_compiles():
    """Publishing must not be the first to find out."""
    for _, source in iter_expressions(definition(CONNECTED)):
        compile_expression(source)


def test_the_newest_alert_becomes_the_ticket():
    """Title, description and priority are mapped, and the client is the device's."""
    ticket = ticket_for(*ALERTS)

    assert ticket["title"] == "SRV-1: Newest"
    assert ticket["description"].startswith("message 3\n\nDevice: SRV-1\nClient: Client\nSeverity: CRITICAL")
    assert ticket["priority_id"] == str(CONNECTED.priority_ids["Urgent"])
    assert ticket["client_id"] == "c-1"
    assert ticket["idempotency_key"] == "uid-3 2026-01-01T03:00:00Z"


def test_an_alert_that_says_little_becomes_a_ticket_too():
    """NinjaOne may leave out severity and title."""
    ticket = ticket_for(ALERTS[2])

    assert ticket["title"] == "SRV-1: message 2"
    assert ticket["priority_id"] == str(CONNECTED.priority_ids["Low"])


def test_a_title_that_names_the_device_does_not_name_it_twice():
    """NinjaOne's own titles often do."""
    assert ticket_for({**ALERTS[0], "title": "Low memory on SRV-1"})["title"] == "Low memory on SRV-1"


def test_without_alerts_it_stops():
    """Instead of failing at the next step."""
    condition = steps_by_id()["any-alert"]["condition"]["$expr"]
    assert evaluate(condition, scope()) is True
    assert evaluate(condition, scope(ALERTS[0])) is False


def test_ids_are_the_same_in_every_devstack():
    """So that seeding again changes nothing; and no two tenants share one."""
    assert CONNECTED.board_id == CONNECTED.id_of("board", "Service desk")
    assert {CONNECTED.tenant, CONNECTED.board_id}.isdisjoint({UNCONNECTED.tenant, UNCONNECTED.board_id})
