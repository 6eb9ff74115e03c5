"""Scripts: what a device can run, and one that is run once, whatever becomes of the answer."""

from __future__ import annotations

from uuid import UUID

import pytest

from workflow_core.actions import Happened, Unknown
from workflow_core.errors import NotFoundError, PermissionDeniedError, Refused, ValidationError
from workflow_ninjaone.simulator import Quirks
from workflow_ninjaone.simulator.scripts import SCRIPTS

WINDOWS = 101
CLEAR = 71
FLUSH = SCRIPTS[-1]["uid"]
RUN = "devices.run_script"


async def test_what_a_device_can_run(account):
    """Scripts and built-in actions with their categories, roles and credentials; by name, up to a limit."""
    output = await account.json("devices.scripting_options", device_id=str(WINDOWS))
    assert [script["name"] for script in output["scripts"]] == [
        "Clear temporary files",
        "Restart print spooler",
        "Flush DNS cache",
    ]
    assert output["count"] == 3
    assert output["scripts"][0] == {
        "type": "SCRIPT",
        "script_id": CLEAR,
        "action_uid": None,
        "name": "Clear temporary files",
        "description": "Removes temporary files of all users",
        "language": "powershell",
        "category": "Maintenance",
    }
    assert (output["scripts"][2]["script_id"], output["scripts"][2]["action_uid"]) == (None, FLUSH)
    assert output["roles"] == ["SYSTEM", "LOGGED_ON_USER"]
    assert output["credentials"] == [{"id": "5", "name": "Domain administrator", "type": "BASIC"}]
    found = await account.json("devices.scripting_options", device_id=WINDOWS, query="DNS flush", limit=1)
    assert [script["name"] for script in found["scripts"]] == ["Flush DNS cache"]
    with pytest.raises(NotFoundError):
        await account.handle("devices.scripting_options", device_id=999999)


@pytest.mark.parametrize("shape", ["number", "id", "activityId", "jobUid", "uid", "empty"])
async def test_it_is_run(account, simulator, shape):
    """Whatever the vendor answers; what it calls the run is told if it is."""
    simulator.state.quirks = Quirks(script_answer=shape)
    given = {"device_id": WINDOWS, "script_id": CLEAR, "parameters": "-Days 30", "run_as": "SYSTEM"}
    output = await account.json(RUN, prepared=await account.prepare(RUN, **given), **given)
    (pending,) = simulator.state.pending_scripts
    activity = simulator.state.activities[-1]
    assert activity["data"] == {"parameters": "-Days 30", "runAs": "SYSTEM"}
    by_number = str(activity["id"]) if shape in {"number", "id", "activityId"} else None
    by_uid = activity["seriesUid"] if shape in {"jobUid", "uid"} else None
    assert output == {
        "run_requested": True,
        "external_device_id": str(WINDOWS),
        "activity_id": by_number,
        "job_uid": by_uid,
    }
    assert pending["deviceId"] == WINDOWS


async def test_an_action_is_run(account, simulator):
    """By its uid."""
    given = {"device_id": WINDOWS, "action_uid": FLUSH}
    await account.handle(RUN, prepared=await account.prepare(RUN, **given), **given)
    assert simulator.state.pending_scripts[0]["command"]["sourceName"] == "Flush DNS cache"


@pytest.mark.parametrize("named", [{}, {"script_id": CLEAR, "action_uid": FLUSH}])
async def test_one_of_the_two_is_named(account, named):
    """Not both, and not none."""
    with pytest.raises(ValidationError, match="give either script_id or action_uid"):
        await account.handle(RUN, device_id=WINDOWS, **named)


async def test_what_the_device_cannot_run(account, simulator):
    """Is refused before anything is sent."""
    for named in ({"script_id": 73}, {"script_id": 4711}, {"action_uid": "x"}):
        with pytest.raises(NotFoundError, match="no such script for this device"):
            await account.prepare(RUN, device_id=WINDOWS, **named)
    assert simulator.state.pending_scripts == []


async def test_not_for_an_application(account):
    """NinjaOne answers an application's request with 500: it is told beforehand what to change."""
    await account.rows(
        "UPDATE rmm_integrations SET method = 'client_credentials' WHERE integration_id = $1 RETURNING 1",
        account.integration_id,
    )
    with pytest.raises(PermissionDeniedError, match="Sign in to NinjaOne"):
        await account.prepare(RUN, device_id=WINDOWS, script_id=CLEAR)


async def test_refused_without_acting(account, simulator):
    """After 429 nothing has been started."""
    effect = {"status": 429, "headers": {"Retry-After": "60"}}
    simulator.state.add_fault({"method": "POST", "path": "/script/run", "effect": effect, "times": 5})
    with pytest.raises(Refused):
        await account.handle(RUN, device_id=WINDOWS, script_id=CLEAR)
    assert simulator.state.pending_scripts == []


async def test_a_lost_answer(account, simulator):
    """The activities of the device tell whether it was asked for; that they do not proves nothing."""
    given = {"device_id": WINDOWS, "script_id": CLEAR, "parameters": "-Days 30"}
    before = await account.prepare(RUN, **given)
    assert isinstance(await account.reconcile(RUN, before, **given), Unknown)
    simulator.state.run_script(WINDOWS, SCRIPTS[0], "-Days 7", "")  # somebody else's
    simulator.state.run_script(WINDOWS, SCRIPTS[1], "-Days 30", "")
    assert isinstance(await account.reconcile(RUN, before, **given), Unknown)
    activity = simulator.state.run_script(WINDOWS, SCRIPTS[0], "-Days 30", "")
    verdict = await account.reconcile(RUN, before, **given)
    assert isinstance(verdict, Happened)
    assert UUID(verdict.output.job_uid) == UUID(activity["seriesUid"])
    after = await account.prepare(RUN, **given)
    assert isinstance(await account.reconcile(RUN, after, **given), Unknown)
    assert isinstance(await account.reconcile(RUN, None, **given), Unknown)
