import base64
import hashlib
import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

CALLBACK = "https://platform.example/callback"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASK = {
    "response_type": "code",
    "client_id": "user-client",
    "redirect_uri": CALLBACK,
    "scope": "monitoring control offline_access",
    "state": "s&1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
PROOF = {"client_id": "user-client", "client_secret": "user-secret"}


async def authorize(simulator, **change):
    """Status, and where the user is sent with what, or the body."""
    query = {key: value for key, value in {**ASK, **change}.items() if value is not None}
    async with simulator.session.get(
        f"{simulator.url}/ws/oauth/authorize", params=query, allow_redirects=False
    ) as response:
        return response.status, await landed(response)


async def landed(response):
    if response.status != 302:
        return await (response.json() if response.content_type == "application/json" else response.text())
    location = urlsplit(response.headers["Location"])
    assert location._replace(query="").geturl() in {CALLBACK, "http://127.0.0.1:5123/callback"}
    return {key: value for key, (value,) in parse_qs(location.query).items()}


async def post(simulator, page, **form):
    form = {key: value for key, value in form.items() if value is not None}
    async with simulator.session.post(f"{simulator.url}/ws/oauth/{page}", data=form) as response:
        return response.status, (await response.json() if await response.read() else None)


async def exchange(simulator, code, **change):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return await post(simulator, "token", **{**form, **PROOF, **change})


async def sign_in(simulator, **change):
    """The token answer for a user who consents."""
    _, answer = await authorize(simulator, **change)
    status, tokens = await exchange(simulator, answer["code"])
    assert status == 200
    return tokens


async def refresh(simulator, token):
    return await post(simulator, "token", grant_type="refresh_token", refresh_token=token, **PROOF)


async def usable(simulator, tokens):
    return (await simulator.call("GET", "/v2/alerts", token=tokens["access_token"]))[0] == 200


async def sessions(simulator):
    _, grants = await simulator.control("GET", "grants")
    return [(session["state"], session["refreshes"]) for session in grants["sessions"]]


async def test_code(simulator):
    """
    A user who consents is sent back with a code and the state as it was; the code gives both tokens.
    """
    status, answer = await authorize(simulator)
    code = answer.pop("code")
    exchanged, tokens = await exchange(simulator, code)

    assert (status, answer) == (302, {"state": "s&1"})
    assert (exchanged, tokens["scope"]) == (200, "monitoring control offline_access")
    assert tokens["expires_in"] == 3600
    assert "refresh_token" in tokens
    assert await usable(simulator, tokens)


async def test_without_offline_access(simulator):
    """
    There is a refresh token only for who asks for it.
    """
    assert "refresh_token" not in await sign_in(simulator, scope="monitoring")


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_id": "unknown"}, 404, None),
        ({"client_id": "full-client"}, 404, None),
        ({"redirect_uri": CALLBACK + "/"}, 400, "invalid_request"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"response_type": "token"}, 400, "unsupported_response_type"),
        ({"scope": "monitoring everything"}, 400, "invalid_scope"),
        ({"scope": "offline_access"}, 400, "invalid_scope"),
        ({"scope": None}, 400, "invalid_scope"),
        ({"code_challenge_method": "plain"}, 400, "invalid_request"),
        ({"code_challenge_method": None}, 400, "invalid_request"),
        ({"client_id": "native-client", "redirect_uri": "http://127.0.0.1:5/other"}, 400, "invalid_request"),
        (
            {"client_id": "native-client", "redirect_uri": "http://127.0.0.1/callback", "code_challenge": None},
            400,
            "invalid_request",
        ),
    ],
)
async def test_not_asked(simulator, change, status, error):
    """
    A request that cannot be granted sends nobody back; an application of another kind is unknown here.
    """
    answered, body = await authorize(simulator, **change)

    assert (answered, body.get("error")) == (status, error)


@pytest.mark.parametrize(
    "change",
    [
        {"code": "nonsense"},
        {"redirect_uri": CALLBACK + "?"},
        {"code_verifier": "w" * 50},
        {"code_verifier": None},
        {"client_id": "native-client", "client_secret": None},
    ],
)
async def test_code_that_proves_nothing(simulator, change):
    """
    A code is good for its application with its redirect address and verifier; another try may still be right.
    """
    _, answer = await authorize(simulator)
    status, body = await exchange(simulator, **{"code": answer["code"], **change})

    assert (status, body["error"]) == (400, "invalid_grant")
    assert (await exchange(simulator, answer["code"]))[0] == 200


async def test_code_expires(simulator):
    """
    A code lives for a minute.
    """
    _, answer = await authorize(simulator)
    simulator.clock.now += 60

    assert (await exchange(simulator, answer["code"]))[1]["error"] == "invalid_grant"


async def test_code_used_twice(simulator):
    """
    A code is good once; whoever used it is logged out when it comes again.
    """
    _, answer = await authorize(simulator)
    _, tokens = await exchange(simulator, answer["code"])
    status, body = await exchange(simulator, answer["code"])

    assert (status, body["error"]) == (400, "invalid_grant")
    assert not await usable(simulator, tokens)
    assert await sessions(simulator) == [("logged_out", 0)]


async def test_native_application(simulator):
    """
    A native application has no secret, and listens on any port of its machine.
    """
    uri = "http://127.0.0.1:5123/callback"
    _, answer = await authorize(simulator, client_id="native-client", redirect_uri=uri)
    status, _ = await exchange(
        simulator, answer["code"], client_id="native-client", client_secret=None, redirect_uri=uri
    )

    assert status == 200


async def test_consent_page(simulator):
    """
    The page can ask: its buttons send the user back with a code, or with a refusal; each page is good once.
    """
    await simulator.control("POST", "tokens", json={"consent": "ask"})
    answers = []
    for decision in ("allow", "deny"):
        status, page = await authorize(simulator)
        fields = {
            "ticket": html.unescape(re.search(r'name="ticket" value="([^"]+)"', page)[1]),
            "decision": decision,
        }
        action = re.search(r'action="([^"]+)"', page)[1]
        async with simulator.session.post(simulator.url + action, data=fields, allow_redirects=False) as response:
            answers.append(await landed(response))
        again, _ = await post(simulator, "consent", **fields)
        assert (status, again) == (200, 400)

    assert (await exchange(simulator, answers[0]["code"]))[0] == 200
    assert answers[1] == {"error": "access_denied", "state": "s&1"}


async def test_consent_refused(simulator):
    """
    The page can refuse at once.
    """
    await simulator.control("POST", "tokens", json={"consent": "deny"})

    assert await authorize(simulator) == (302, {"error": "access_denied", "state": "s&1"})


async def test_rotation(simulator):
    """
    Each refresh gives new tokens; the access token before stays good until it expires.
    """
    first = await sign_in(simulator)
    status, second = await refresh(simulator, first["refresh_token"])
    _, third = await refresh(simulator, second["refresh_token"])

    assert status == 200
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    assert all([await usable(simulator, tokens) for tokens in (first, second, third)])
    assert await sessions(simulator) == [("active", 2)]


async def test_refresh_token_used_twice(simulator):
    """
    Who uses a refresh token that has been replaced logs the tenant out: nothing is good any more.
    """
    first = await sign_in(simulator)
    _, second = await refresh(simulator, first["refresh_token"])
    status, body = await refresh(simulator, first["refresh_token"])
    _, after = await refresh(simulator, second["refresh_token"])

    assert (status, body["error"]) == (400, "invalid_token")
    assert after["error"] == "invalid_grant"
    assert not await usable(simulator, second)
    assert await sessions(simulator) == [("logged_out", 1)]


@pytest.mark.parametrize(("rotation", "given"), [("never", [False] * 4), ("alternate", [False, True, False, True])])
async def test_refresh_without_a_new_token(simulator, rotation, given):
    """
    An answer without a refresh token leaves the old one good.
    """
    await simulator.control("POST", "tokens", json={"rotation": rotation, "shows_scope": False})
    token = (await sign_in(simulator))["refresh_token"]
    answers = []
    for _ in range(4):
        status, answer = await refresh(simulator, token)
        assert (status, "scope" in answer) == (200, False)
        answers.append("refresh_token" in answer)
        token = answer.get("refresh_token", token)

    assert answers == given


async def test_refresh_token_expires(simulator):
    """
    A refresh token grows old; every rotation gives it its whole life again.
    """
    await simulator.control("POST", "tokens", json={"refresh_seconds": 1000})
    tokens = await sign_in(simulator)
    simulator.clock.now += 999
    _, tokens = await refresh(simulator, tokens["refresh_token"])
    simulator.clock.now += 1000
    status, body = await refresh(simulator, tokens["refresh_token"])

    assert (status, body["error"]) == (400, "expired_token")


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
async def test_revocation(simulator, which):
    """
    A revoked refresh token ends its session, an access token only itself; an unknown one is no error.
    """
    tokens = await sign_in(simulator)
    revoked = await post(simulator, "revoke", token=tokens[which], **PROOF)
    again = await post(simulator, "revoke", token=tokens[which], **PROOF)
    _, after = await refresh(simulator, tokens["refresh_token"])

    assert revoked == again == (200, None)
    assert not await usable(simulator, tokens)
    assert after.get("error") == ("invalid_grant" if which == "refresh_token" else None)
    assert (await post(simulator, "revoke", token="x", client_id="user-client"))[0] == 401


async def test_logout(simulator):
    """
    A test can end all sessions, and make all access tokens useless.
    """
    tokens = await sign_in(simulator)
    await simulator.control("DELETE", "tokens")
    useless = await usable(simulator, tokens)
    _, refreshed = await refresh(simulator, tokens["refresh_token"])
    await simulator.control("DELETE", "grants")

    assert (useless, await usable(simulator, refreshed)) == (False, False)
    assert (await refresh(simulator, refreshed["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_log(simulator):
    """
    Every request for a token is in the log with what came of it, and no token is.
    """
    tokens = await sign_in(simulator)
    await refresh(simulator, tokens["refresh_token"])
    await refresh(simulator, "nonsense")
    _, grants = await simulator.control("GET", "grants")

    assert [(entry["grant_type"], entry["outcome"]) for entry in grants["log"]] == [
        ("authorization_code", "granted"),
        ("refresh_token", "granted"),
        ("refresh_token", "invalid_token"),
    ]
    assert tokens["refresh_token"] not in str(grants)
    assert tokens["access_token"] not in str(grants)


@pytest.mark.parametrize(
    ("grant_type", "client", "error"),
    [
        ("client_credentials", PROOF, "unauthorized_client"),
        ("refresh_token", {"client_id": "full-client", "client_secret": "full-secret"}, "unauthorized_client"),
        ("refresh_token", {**PROOF, "client_secret": "wrong"}, "invalid_client"),
        ("refresh_token", {"client_id": "native-client"}, "invalid_token"),
    ],
)
async def test_other_grants(simulator, grant_type, client, error):
    """
    An application uses the grants that it has, and its own tokens.
    """
    token = (await sign_in(simulator))["refresh_token"]
    _, body = await post(simulator, "token", grant_type=grant_type, scope="monitoring", refresh_token=token, **client)

    assert body["error"] == error


async def test_basic_authentication(simulator):
    """
    The application may prove itself by HTTP Basic instead.
    """
    form = {"grant_type": "client_credentials", "scope": "monitoring"}
    value = base64.b64encode(b"full-client:full-secret").decode()
    headers = {"Authorization": f"Basic {value}"}
    async with simulator.session.post(f"{simulator.url}/oauth/token", data=form, headers=headers) as response:
        assert response.status == 200


async def test_offline_access_for_machines(simulator):
    """
    Some instances tolerate offline_access with client credentials, and give no refresh token for it.
    """
    client = {"client_id": "full-client", "client_secret": "full-secret", "scope": "monitoring offline_access"}
    await simulator.control("POST", "quirks", json={"offline_for_machines": True})
    status, tokens = await post(simulator, "token", grant_type="client_credentials", **client)

    assert (status, tokens["scope"], "refresh_token" in tokens) == (200, "monitoring", False)


async def test_added_application(simulator):
    """
    An application can be added while the simulator runs.
    """
    status, _ = await simulator.control(
        "POST",
        "applications",
        json={
            "client_id": "late",
            "client_secret": "hush",
            "scopes": ["monitoring"],
            "grants": ["authorization_code", "refresh_token"],
            "redirect_uris": [CALLBACK],
        },
    )

    assert status == 201
    assert (await authorize(simulator, client_id="late", scope="monitoring"))[0] == 302
