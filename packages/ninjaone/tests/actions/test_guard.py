"""What every action does before anything else, and what it never tells."""

import logging

import orjson
import pytest

from workflow_core.errors import IntegrationInactiveError, IntegrationNotConfiguredError, Refused
from workflow_core.schema import to_json

CALLS = {
    "devices.find": {"live": True},
    "devices.sync": {"device_id": 101},
    "devices.reboot": {"device_id": 101},
    "alerts.list_active": {"live": True},
    "alerts.get": {"external_alert_id": "30185b9d-6ddf-5b7b-a974-fa7bc8041b30"},
    "alerts.reset": {"external_alert_id": "30185b9d-6ddf-5b7b-a974-fa7bc8041b30"},
}
READS = ("devices.find", "alerts.list_active", "alerts.get")


async def failure_of(account, action_id):
    """The error of a call: of an acting one, the one that proves that nothing was done."""
    with pytest.raises((IntegrationInactiveError, IntegrationNotConfiguredError, Refused)) as caught:
        await account.handle(action_id, **CALLS[action_id])
    error = caught.value
    assert isinstance(error, Refused) is (action_id not in READS)
    assert account.simulator.state.journal == []
    return error.cause if isinstance(error, Refused) else error


@pytest.mark.parametrize("action_id", CALLS)
@pytest.mark.parametrize(
    "row", [{"is_active": False}, {"is_active": True, "connected_at": None}], ids=["inactive", "not connected"]
)
async def test_inactive(account, row, action_id):
    """
    A connection that was switched off since the gate: the same words as the gate's.
    """
    async with account.db.tenant(account.tenant) as conn:
        await conn.execute("DELETE FROM rmm_integrations")
    await account.connect(**row)

    error = await failure_of(account, action_id)

    assert (error.code, error.message) == (
        "INTEGRATION_INACTIVE",
        "NinjaOne integration is not active for this tenant",
    )


@pytest.mark.parametrize("action_id", ["devices.find", "alerts.list_active"])
async def test_local_reads_are_guarded_too(account, action_id):
    """
    What we know of a connection that is not active is not told.
    """
    await account.connect(is_active=False)

    with pytest.raises(IntegrationInactiveError):
        await account.handle(action_id)


@pytest.mark.parametrize("action_id", CALLS)
@pytest.mark.parametrize("missing", ["instance_url", "client_id", "client_secret"])
async def test_incomplete(account, action_id, missing):
    """
    An active connection without address or credentials.
    """
    if missing == "instance_url":
        async with account.db.tenant(account.tenant) as conn:
            await conn.execute("UPDATE rmm_integrations SET instance_url = NULL")
    else:
        del account.secrets.values[missing]

    error = await failure_of(account, action_id)

    assert (error.code, error.details["missing"]) == ("INTEGRATION_NOT_CONFIGURED", [missing])


@pytest.mark.parametrize("action_id", CALLS)
async def test_refused_credentials(account, action_id):
    """
    Credentials that NinjaOne refuses have to be entered again, and prove that nothing was done.
    """
    account.secrets.values["client_secret"] = "wrong-secret"

    with pytest.raises(Exception) as caught:  # noqa: PT011 - its kind is what this test looks at
        await account.handle(action_id, **CALLS[action_id])

    error = caught.value
    assert isinstance(error, Refused) is (action_id not in READS)
    assert error.code == "INTEGRATION_NOT_CONFIGURED"
    assert account.simulator.state.journal == []


@pytest.mark.parametrize("action_id", CALLS)
async def test_no_secret_is_told(account, action_id, caplog):
    """
    Neither outputs nor logs hold a credential or a token, and every token is given to be hidden.
    """
    caplog.set_level(logging.DEBUG)

    told = orjson.dumps(to_json(await account.handle(action_id, **CALLS[action_id]))).decode() + caplog.text

    assert account.secrets.hidden
    assert not [secret for secret in [*account.secrets.hidden, *account.secrets.values.values()] if secret in told]
