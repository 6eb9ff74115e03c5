"""What the demonstration judges and shows."""

import io
from uuid import uuid4

import pytest
from rich.console import Console

from workflow_devstack import report
from workflow_devstack.api import describe_problem
from workflow_devstack.demonstration import Alert, Catalog, Demonstration, newest_alert
from workflow_devstack.sample import Run, Step
from workflow_devstack.seed import CONNECTED, UNCONNECTED
from workflow_devstack.simulator import Account

CLIENT = CONNECTED.client_id("Client")
NINJAONE = {"groupKey": "app:ninjaone", "label": "NinjaOne", "actions": [{"label": "Acknowledge alert"}]}
TICKETS = {"groupKey": "ticket", "label": "Ticket", "actions": [{"label": "Create ticket"}]}
STEP = Step(
    step_id="create-ticket",
    name="Create the ticket",
    what="tickets.create@1",
    status="SUCCEEDED",
    duration_ms=12,
    input={"title": "Disk [red]full[/red]", "tags": None},
    output={"ticket_number": "TIC001000"},
    error=None,
)


def demonstration(**changes):
    """One in which every promise was kept, but for the changes."""
    ticket = {
        "ticket_number": "TIC001000",
        "title": "Disk full",
        "description": "C: is full.",
        "client_id": CLIENT,
        "client_name": "Client",
        "board_name": "Service desk",
        "status": "New",
        "priority_name": "High",
    }
    fields = {
        "alert": Alert("uid-1", "C: is full.", "SRV-1", CLIENT, "Client"),
        "run": Run("Sample", "w-1", 1, "r-1", "SUCCEEDED", None, [STEP]),
        "tickets": [ticket],
        "resets": [{"outcome": "done"}],
        "catalogs": [Catalog(CONNECTED, [TICKETS, NINJAONE]), Catalog(UNCONNECTED, [TICKETS])],
    }
    return Demonstration(**(fields | changes))


def test_it_passes_when_every_promise_is_kept():
    """And only then does --once exit with 0."""
    assert demonstration().passed


@pytest.mark.parametrize(
    "changes",
    [
        {"run": Run("Sample", "w-1", 1, "r-1", "FAILED", {"code": "NOT_FOUND"}, [])},
        {"tickets": []},
        {"tickets": demonstration().tickets * 2},
        {"tickets": [{**demonstration().tickets[0], "client_id": uuid4()}]},
        {"resets": []},
        {"resets": [{"outcome": "done"}, {"outcome": "done"}]},
        {"resets": [{"outcome": "done"}, {"outcome": "refused"}]},
        {"resets": [{"outcome": "refused"}]},
        {"catalogs": [Catalog(CONNECTED, [TICKETS]), Catalog(UNCONNECTED, [TICKETS])]},
        {"catalogs": [Catalog(CONNECTED, [NINJAONE]), Catalog(UNCONNECTED, [NINJAONE])]},
        {"catalogs": []},
    ],
)
def test_a_broken_promise_is_noticed(changes):
    """Each of them."""
    result = demonstration(**changes)
    assert not result.passed
    assert any(not check.kept for check in result.checks)


def test_the_report_shows_steps_ticket_catalogs_and_promises():
    """What each step took and gave, and the text of users as it is."""
    console = Console(file=io.StringIO(), width=120)
    report.show(console, demonstration(resets=[]))
    shown = console.file.getvalue()

    for words in (
        "Create the ticket",
        "tickets.create@1",
        "Disk [red]full[/red]",
        "TIC001000",
        CONNECTED.name,
        UNCONNECTED.name,
        "app:ninjaone",
        "✓ one ticket, for Client",
        "✗ NinjaOne was asked exactly once",
    ):
        assert words in shown
    assert "tags" not in shown  # null says nothing


def test_values_are_shown_by_their_paths():
    """Objects in full, lists by their first entry, long texts cut."""
    value = {
        "asset": {"name": "SRV-1", "owner": None},
        "alerts": [{"id": 1}, {"id": 2}],
        "tags": ["a", "b"],
        "ok": True,
    }
    assert dict(report.lines(value)) == {
        "asset.name": "SRV-1",
        "alerts": "{id: 1} and 1 more",
        "tags": "[a, b]",
        "ok": "yes",
    }
    assert report.summary("x" * 1000).endswith("…")
    assert report.summary("two\n\nlines") == "two ⏎ lines"


def test_the_newest_alert_is_found_with_its_client():
    """From what NinjaOne itself holds, not from what the workflow made of it."""
    account = Account(
        organizations=[{"id": 1, "name": "Client"}, {"id": 2, "name": "Other"}],
        devices=[
            {"id": 7, "organizationId": 2, "displayName": "PC"},
            {"id": 8, "organizationId": 1, "displayName": "SRV"},
        ],
        alerts=[
            {"uid": "old", "deviceId": 7, "message": "m", "createTime": 1.5},
            {"uid": "new", "deviceId": 8, "message": "m", "createTime": 2.5},
        ],
        journal=[],
    )
    assert newest_alert(account) == Alert("new", "m", "SRV", CLIENT, "Client")


def test_a_problem_document_is_told_in_sentences():
    """With every error and its place; whatever else was answered is not shown."""
    problem = {
        "code": "PUBLISH_REFUSED",
        "detail": "Nothing was published.",
        "errors": [{"stepPath": "root.steps[0]", "code": "UNKNOWN_ACTION", "message": "did you mean x?"}],
    }
    assert describe_problem(422, problem) == (
        "422 PUBLISH_REFUSED: Nothing was published.\n  root.steps[0]: UNKNOWN_ACTION did you mean x?"
    )
    assert describe_problem(502, "<html>") == "status 502"
