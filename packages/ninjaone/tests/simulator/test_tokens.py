import pytest

GOOD = {
    "grant_type": "client_credentials",
    "client_id": "full-client",
    "client_secret": "full-secret",
    "scope": "monitoring control",
}


@pytest.mark.parametrize("path", ["/ws/oauth/token", "/oauth/token"])
async def test_token(simulator, path):
    """
    Both forms of the path give a bearer token with the scopes that were asked for.
    """
    async with simulator.session.post(simulator.url + path, data=GOOD) as response:
        body = await response.json()

    token = body.pop("access_token")
    assert body == {"token_type": "Bearer", "expires_in": 3600, "scope": "monitoring control"}
    assert (await simulator.call("GET", "/v2/alerts", token=token))[0] == 200


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "unknown"}, 401, "invalid_client"),
        ({"scope": "monitoring offline_access"}, 400, "invalid_scope"),
        ({"scope": ""}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"client_id": "reader-client", "client_secret": "reader-secret"}, 400, "invalid_scope"),
    ],
)
async def test_refusals(simulator, change, status, error):
    """
    Wrong credentials give 401; a scope that the application lacks refuses the whole request.
    """
    async with simulator.session.post(f"{simulator.url}/ws/oauth/token", data={**GOOD, **change}) as response:
        body = await response.json()

    assert (status, error) == (response.status, body["error"])


async def test_json_is_no_form(simulator):
    """
    The token endpoint reads forms only.
    """
    async with simulator.session.post(f"{simulator.url}/ws/oauth/token", json=GOOD) as response:
        assert (response.status, (await response.json())["error"]) == (400, "invalid_request")


async def test_expiry(simulator):
    """
    A token is good until it expires, or until all are revoked.
    """
    first = await simulator.token()
    simulator.clock.now += 3600
    assert (await simulator.call("GET", "/v2/alerts", token=first))[0] == 401

    second = await simulator.token()
    assert (await simulator.call("GET", "/v2/alerts", token=second))[0] == 200
    await simulator.control("DELETE", "tokens")
    assert (await simulator.call("GET", "/v2/alerts", token=second))[0] == 401


@pytest.mark.parametrize("value", [None, "Bearer nonsense", "Basic abc", "Bearer"])
async def test_no_good_token(simulator, value):
    """
    Without a good bearer token the vendor's 401 comes back.
    """
    headers = {} if value is None else {"Authorization": value}
    async with simulator.session.get(f"{simulator.url}/v2/alerts", headers=headers) as response:
        body = await response.json()

    assert response.status == 401
    assert body == {"error": "not_authenticated", "error_description": "Invalid credentials", "error_code": 10}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v2/devices", "management control"),
        ("GET", "/v2/activities", "management control"),
        ("POST", "/v2/alert/x/reset", "monitoring control"),
        ("DELETE", "/v2/alert/x", "monitoring control"),
        ("POST", "/v2/device/101/reboot/NORMAL", "monitoring management"),
    ],
)
async def test_scopes(simulator, method, path, scope):
    """
    Reads need monitoring, resets management, reboots control; else 401 with insufficient_privileges.
    """
    token = await simulator.token(scope=scope)

    status, body = await simulator.call(method, path, token=token)

    assert (status, body["error"]) == (401, "insufficient_privileges")
