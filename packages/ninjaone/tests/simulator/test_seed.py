import json

import pytest

from workflow_ninjaone.simulator import ApiApplication, Seed, SimulatorState, Timing, default_seed, load_seed

APP = ApiApplication("id", "secret")


def test_deterministic():
    """
    The seed is the same every time, and leaves its caller's records alone.
    """
    first = default_seed()
    state = SimulatorState(applications=[APP], seed=first, clock=lambda: 1000.0)
    state.devices[101]["os"]["lastBootTime"] = 5.0

    assert first == default_seed()


def test_consistent():
    """
    Every record refers to records that exist.
    """
    seed = default_seed()
    organizations = {row["id"] for row in seed.organizations}
    locations = {row["id"]: row["organizationId"] for row in seed.locations}

    assert {row["organizationId"] for row in seed.devices} <= organizations
    assert all(locations[row["locationId"]] == row["organizationId"] for row in seed.devices)
    assert {row["deviceId"] for row in seed.alerts} <= {row["id"] for row in seed.devices}
    assert len({row["uid"] for row in (*seed.alerts, *seed.devices)}) == len(seed.alerts) + len(seed.devices)
    assert [row["id"] for row in seed.activities] == sorted(row["id"] for row in seed.activities)


def test_times():
    """
    Times at or below zero are relative to the start, others are kept.
    """
    seed = Seed(
        devices=({"id": 1, "created": -10.5, "lastContact": 0, "lastUpdate": 99.0, "os": {"lastBootTime": -1}},)
    )

    (device,) = seed.at(1000.0).devices

    assert device == {
        "id": 1,
        "created": 989.5,
        "lastContact": 1000.0,
        "lastUpdate": 99.0,
        "os": {"lastBootTime": 999.0},
    }


def test_file(tmp_path):
    """
    A seed file may hold some of the lists only.
    """
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"organizations": [{"id": 5, "name": "Litware"}]}))

    assert load_seed(path) == Seed(organizations=({"id": 5, "name": "Litware"},))


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        '{"people": []}',
        '{"devices": {}}',
        '{"devices": [1]}',
        '{"devices": [{}]}',
        '{"devices": [{"id": "1"}]}',
        '{"alerts": [{"id": 1}]}',
        '{"devices": [{"id": 1}, {"id": 1}]}',
    ],
)
def test_bad_file(tmp_path, content):
    """
    A file that is no seed is refused.
    """
    path = tmp_path / "seed.json"
    path.write_text(content)

    with pytest.raises(ValueError, match=r"."):
        load_seed(path)


def test_state_file(tmp_path):
    """
    Records and journal survive a restart; tokens do not.
    """
    path, journal = tmp_path / "state.json", tmp_path / "journal.jsonl"
    first = SimulatorState(applications=[APP], state_file=path, journal_file=journal, timing=Timing(reboot_seconds=1e6))
    form = {"grant_type": "client_credentials", "client_id": "id", "client_secret": "secret", "scope": "monitoring"}
    token = first.authority.token(form, first.quirks)["access_token"]
    gone = next(iter(first.alerts))
    first.reset_alert(gone, None)
    first.request_reboot(101, "NORMAL", None)
    first.record(kind="reboot", outcome="done", device_id=101)

    second = SimulatorState(applications=[APP], state_file=path)

    assert second.to_json() == first.to_json()
    assert gone not in second.alerts
    assert second.authority.grant(token) is None
    assert [json.loads(line) for line in journal.read_text().splitlines()] == first.journal
    assert token not in path.read_text()


def test_sessions_and_webhooks_outlive_the_process(tmp_path):
    """
    A user who has signed in stays so over a restart, and the webhook stays registered; its owner alone reads the file.
    """
    users = ApiApplication(
        "users", "secret", grants=("authorization_code", "refresh_token"), redirect_uris=("http://x",)
    )
    path = tmp_path / "state.json"
    config = {"url": "http://y", "activities": {"SYSTEM": ["*"]}, "headers": [{"name": "A", "value": "B"}]}
    first = SimulatorState(applications=[users], state_file=path)
    ask = {"client_id": "users", "redirect_uri": "http://x", "response_type": "code", "scope": "control offline_access"}
    client = {"client_id": "users", "client_secret": "secret"}
    code = first.authority.code(first.authority.consent_request(ask))
    exchange = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://x", **client}
    token = first.authority.token(exchange, first.quirks)["refresh_token"]
    first.post_office.register("users", config)
    first.save()

    second = SimulatorState(applications=[users], state_file=path)

    refresh = {"grant_type": "refresh_token", "refresh_token": token, **client}
    assert second.authority.token(refresh, second.quirks)["scope"] == "control offline_access"
    assert second.post_office.webhooks == first.post_office.webhooks
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 0}', '{"format": 1}', '{"format": 1, "devices": [1]}'])
def test_bad_state_file(tmp_path, content):
    """
    A file that is no state is refused, never overwritten.
    """
    path = tmp_path / "state.json"
    path.write_text(content)

    with pytest.raises(ValueError, match=r"."):
        SimulatorState(applications=[APP], state_file=path)

    assert path.read_text() == content
