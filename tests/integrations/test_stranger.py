"""A stranger's integration connects, maps, is picked from, syncs, receives and disconnects; nothing knows it."""

import io
import random
import string

import aiohttp
import asyncpg
import pytest
from yarl import URL

EVENTS = "SELECT event_name, payload->>'door' FROM workflow_runtime_events"


async def test_a_life(platform, system, tenants, migrated_database, caplog):
    """From the first look at it to its end; and none of its secrets is shown anywhere."""
    before = await platform.read()
    assert (before["status"], before["webhook"]["status"]) == ("not_connected", "off")
    await platform.connect()

    after = await platform.read()
    assert (after["status"], after["account"], after["webhook"]["status"]) == (
        "connected",
        "Globex Ltd",
        "registered",
    )
    fields = {field["name"]: (field["value"], field["isStored"]) for field in after["methods"][0]["fields"]}
    assert fields == {"instance_url": (system.url, True), "client_id": (None, True), "client_secret": (None, True)}
    assert [scope["granted"] for scope in after["scopes"]] == [True, True]
    catalog = await platform.read("/api/workflow/registry/designer-catalog")
    assert "app:globex" in {module["groupKey"] for module in catalog}

    # ── Mappings ──
    sites = "/api/integrations/globex/mappings/site"
    [client] = await platform.rows(
        "INSERT INTO clients (tenant, client_name) VALUES ($1, 'LAMNA') RETURNING client_id::text", tenants.a
    )
    assert (await platform.read(sites))["refreshedAt"] is None
    assert await platform("POST", f"{sites}/refresh") == (200, {"total": 3})
    listed = await platform.read(f"{sites}?limit=2")
    assert [(row["name"], row["suggestion"]) for row in listed["mappings"]] == [
        ("Adatum", None),
        ("Lamna Inc.", {"id": client["client_id"], "name": "LAMNA"}),
    ]
    wanted = {"mappings": [{"externalId": "1", "id": client["client_id"]}, {"externalId": "2", "create": "Adatum"}]}
    for _ in range(2):  # asked for twice, it is done once
        status, put = await platform("PUT", sites, json=wanted)
        assert (status, [row["mappedTo"]["name"] for row in put["mappings"]]) == (200, ["Adatum", "LAMNA"])
    last = await platform.read(f"{sites}?cursor={listed['nextCursor']}&state=unmapped")
    assert ([row["name"] for row in last["mappings"]], last["total"]) == (["Proseware"], 1)

    # ── Something to pick, with the connection's token ──
    options = "/api/workflow/registry/actions/globex.open/1/options/site?q=ada"
    assert (await platform.read(options))["options"] == [{"value": "2", "label": "Adatum", "description": None}]

    # ── A job, with the connection's token ──
    run = await platform.run_job("globex.sync")
    assert (run.status, run.result) == ("succeeded", {"sites": 3})

    # ── A webhook ──
    assert await platform.send({"id": "e1", "door": "front"}) == 202
    assert await platform.send({"id": "e1", "door": "front"}) == 202
    assert await platform.send({"id": "e2", "door": "broken"}) == 202
    async with platform.worker():
        await platform.until(EVENTS, [("GLOBEX_DOOR_OPENED", "front")])
        await platform.until(
            "SELECT attempts > 0 AS tried, error->>'code' AS code FROM workflow_webhook_deliveries",
            [(True, "ACTION_FAILED")],
        )
    hook = dict(system.hook)

    # ── Its end ──
    preview = (await platform("POST", "/api/integrations/globex/disconnect?preview=true"))[1]
    assert (preview["disconnected"], system.hook == hook) == (False, True)
    last_refresh = system.refresh
    for revoked in (True, False):  # what has ended stays so
        status, ended = await platform("POST", "/api/integrations/globex/disconnect")
        assert (status, ended) == (200, {"disconnected": True, "revoked": revoked, "workflows": []})
    assert (system.revoked, system.hook) == ([last_refresh], None)
    assert (await platform.read())["status"] == "not_connected"
    system.hook = hook
    catalog = await platform.read("/api/workflow/registry/designer-catalog")
    assert "app:globex" not in {module["groupKey"] for module in catalog}
    assert await platform.rows("SELECT name FROM tenant_secrets WHERE scope = 'integration:globex'") == []
    assert await platform.rows("SELECT 1 FROM rmm_organization_mappings WHERE client_id IS NOT NULL") != []

    # ── Again, with its mappings ──
    system.code = "canary-code-2"
    await platform.connect()
    assert (await platform.read(f"{sites}?state=mapped"))["total"] == 2
    assert await platform.send({"id": "e3", "door": "back"}, url=hook["url"]) == 404
    await assert_nothing_told(platform, migrated_database, caplog)


async def assert_nothing_told(platform, database, caplog):
    """No secret stands in an answer, a log, or a table."""
    platform.log.flush()
    assert "/api/webhooks/{token}" in "".join(platform.told)
    shown = "\n".join([*platform.told, caplog.text, await everything(database)])
    assert len(platform.system.canaries) >= 10
    assert [canary for canary in platform.system.canaries if canary in shown] == []


async def everything(database):
    """All rows of all tables, as text."""
    conn = await asyncpg.connect(database.admin_dsn)
    try:
        tables = await conn.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        rows = [await conn.fetch(f'SELECT t::text FROM "{table["relname"]}" t') for table in tables]
    finally:
        await conn.close()
    return "\n".join(str(row[0]) for found in rows for row in found)


async def test_states(platform, system):
    """A state is good once, in the browser that was sent with it, and for nothing else."""
    url = await platform.begin()
    async with platform.browser.get(url, allow_redirects=False) as answer:
        back = URL(answer.headers["Location"])
    forged = back.update_query(state=back.query["state"][:-3] + "AAA")
    for wrong in (forged, back.update_query(state=""), back.update_query(state="é")):
        assert await platform.land(wrong) == {"result": "failed", "code": "STATE_INVALID"}
    cookies = {cookie.key: cookie.value for cookie in platform.browser.cookie_jar}
    assert cookies == {}  # whatever comes back, the browser has come back

    url = await platform.begin()
    async with aiohttp.ClientSession() as other:
        assert await platform.follow(url, other) == {"result": "failed", "code": "STATE_INVALID"}
    assert await platform.follow(url) == {"result": "failed", "code": "STATE_EXPIRED"}
    assert (await platform.read())["status"] == "not_connected"
    await platform.connect()


async def test_too_late(platform, system, tenants):
    """After ten minutes it is too late, and what was entered goes with the next attempt."""
    url = await platform.begin()
    await platform.rows("UPDATE workflow_connection_attempts SET expires_at = now() - interval '1 second'")
    assert await platform.follow(url) == {"result": "failed", "code": "STATE_EXPIRED"}
    await platform.begin()
    await platform.rows("UPDATE workflow_connection_attempts SET expires_at = now() - interval '1 second'")
    await platform.begin()
    assert len(await platform.rows("SELECT 1 FROM workflow_connection_attempts")) == 1


async def test_not_allowed(platform, system):
    """Whoever does not allow it over there is told so, and a connection that there was is as before."""
    await platform.connect()
    stored = await platform.rows("SELECT name, ciphertext FROM tenant_secrets ORDER BY name")
    url = URL(await platform.begin(client_secret="another"))
    back = URL(url.query["back"]).with_query(state=url.query["state"], error="access_denied")
    assert await platform.land(back) == {"result": "failed", "code": "ACCESS_DENIED"}
    url = await platform.begin(client_secret="another")
    assert await platform.follow(url) == {"result": "failed", "code": "RECONNECT_REQUIRED"}
    assert await platform.rows("SELECT name, ciphertext FROM tenant_secrets ORDER BY name") == stored
    assert (await platform.read())["status"] == "connected"


async def test_over_there_it_is_over(platform, system):
    """After the final answer the status tells, the module stays, nobody asks again; connecting again mends it."""
    system.lifetime = 0.001
    await platform.connect()
    system.over = True
    for _ in range(2):
        asked = system.number
        status, answer = await platform("POST", "/api/integrations/globex/test")
        assert (status, answer["ok"], answer["reason"]["code"]) == (200, False, "RECONNECT_REQUIRED")
    assert asked == system.number
    detail = await platform.read()
    assert (detail["status"], detail["reason"]["message"]) == (
        "reconnect_required",
        "Globex has ended the connection: connect it again.",
    )
    catalog = await platform.read("/api/workflow/registry/designer-catalog")
    assert "app:globex" in {module["groupKey"] for module in catalog}
    status, answer = await platform("POST", "/api/integrations/globex/mappings/site/refresh")
    assert (status, answer["code"]) == (409, "RECONNECT_REQUIRED")
    run = await platform.run_job("globex.sync")
    assert (run.status, run.error["code"]) == ("failed", "RECONNECT_REQUIRED")

    system.over, system.lifetime, system.code = False, 3600.0, "canary-code-2"
    await platform.connect(client_id=None, client_secret=None)  # what is stored may be left out
    assert (await platform.read())["status"] == "connected"


async def test_down(platform, system):
    """A system that does not work now is an error with its reason, until it works again."""
    await platform.connect()
    system.down = True
    status, answer = await platform("POST", "/api/integrations/globex/test")
    assert (answer["ok"], answer["reason"]) == (
        False,
        {"code": "ACTION_FAILED", "message": "Globex answered 500 to /account."},
    )
    assert (await platform.read())["status"] == "error"
    status, answer = await platform("POST", "/api/integrations/globex/webhook")
    assert (status, answer["status"], answer["reason"]["code"]) == (200, "failed", "ACTION_FAILED")
    assert await platform.send({"id": "e1", "door": "front"}) == 202  # the address before still works
    system.down = False
    assert (await platform("POST", "/api/integrations/globex/test"))[1]["ok"]
    assert (await platform.read())["status"] == "connected"
    assert (await platform("POST", "/api/integrations/globex/webhook"))[1]["status"] == "registered"
    assert (await platform.read())["webhook"]["status"] == "registered"
    system.down = True
    assert (await platform("POST", "/api/integrations/globex/disconnect"))[1]["disconnected"]
    assert (await platform.read())["status"] == "not_connected"


async def test_webhooks_without_proof(platform, system, tenants):
    """Without the right address and header nothing is taken, and nobody learns which was wrong."""
    await platform.connect()
    url, value = system.hook["url"], system.hook["value"]
    answers = set()
    for address, header in [(url, "x"), (url, ""), (url[:-1] + "_", value), (f"{platform.url}/api/webhooks/x", value)]:
        headers = {system.hook["header"]: header} if header else {}
        async with platform.browser.post(address, data="not even JSON", headers=headers) as answer:
            answers.add((answer.status, await answer.text()))
    assert len(answers) == 1
    assert answers.pop()[0] == 404
    async with platform.browser.post(url, data=b"{", headers={system.hook["header"]: value}) as answer:
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (400, "MALFORMED_JSON")
    big = io.BytesIO(b'"' + b"x" * 1024 * 1024 + b'"')
    async with platform.browser.post(url, data=big, headers={system.hook["header"]: value}) as answer:
        assert answer.status == 413
    assert await platform.rows("SELECT 1 FROM workflow_webhook_deliveries") == []


async def test_parked(platform, system):
    """What fails again and again is parked, and an admin sees how many."""
    await platform.connect()
    assert await platform.send({"id": "e1", "door": "broken"}) == 202
    await platform.rows("UPDATE workflow_webhook_deliveries SET attempts = 11")
    async with platform.worker():
        await platform.until(
            "SELECT due_at, error->>'message' FROM workflow_webhook_deliveries",
            [(None, "The receiver failed (ValueError).")],
        )
    webhook = (await platform.read())["webhook"]
    assert (webhook["waiting"], webhook["parked"]) == (0, 1)


async def test_other_tenants(platform, system, tenants):
    """Another tenant sees nothing of a connection, and its state opens nothing of theirs."""
    await platform.connect()
    detail = await platform.read(tenant=tenants.b)
    assert (detail["status"], detail["account"], detail["methods"][0]["fields"][0]["value"]) == (
        "not_connected",
        None,
        None,
    )
    status, answer = await platform("POST", "/api/integrations/globex/disconnect", tenant=tenants.b)
    assert (status, answer["revoked"]) == (200, False)
    assert (await platform.read())["status"] == "connected"
    for path in ("test", "webhook", "mappings/site/refresh"):
        status, answer = await platform("POST", f"/api/integrations/globex/{path}", tenant=tenants.b)
        assert (status, answer["code"]) == (409, "NOT_CONNECTED")


async def test_affected_workflows(platform, system, tenants):
    """Who disconnects is told of the published workflows that it stops: by their actions, and by what starts them."""
    step = {"id": "s", "type": "action.call", "config": {"actionId": "globex.open", "version": 1}}
    by_action = {"steps": [{"id": "if", "type": "control.if", "then": [step]}]}
    by_event = {"trigger": {"type": "event", "eventName": "GLOBEX_DOOR_OPENED"}, "steps": []}
    for name, published, definition in [
        ("By action", 1, by_action),
        ("By event", 1, by_event),
        ("A draft", None, by_action),
        ("Of others", 1, {"steps": [{"config": {"actionId": "tickets.create"}}]}),
    ]:
        [row] = await platform.rows(
            "INSERT INTO workflow_definitions (tenant, name, draft_definition, published_version) "
            "VALUES ($1, $2, $3, $4) RETURNING workflow_id",
            tenants.a,
            name,
            definition,
            published,
        )
        await platform.rows(
            "INSERT INTO workflow_definition_versions (tenant, workflow_id, version, definition_json, "
            "definition_sha256) VALUES ($1, $2, 1, $3, '')",
            tenants.a,
            row["workflow_id"],
            definition,
        )
    preview = (await platform("POST", "/api/integrations/globex/disconnect?preview=true"))[1]
    assert [(use["name"], use["uses"]) for use in preview["workflows"]] == [
        ("By action", ["globex.open"]),
        ("By event", ["GLOBEX_DOOR_OPENED"]),
    ]
    listed = await platform.read("/api/integrations")
    affected = {one["provider"]: one["affectedWorkflows"] for one in listed["integrations"]}
    assert (affected["globex"], affected["ninjaone"]) == (2, 0)


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/api/integrations/nobody", {}, 404, "NOT_FOUND"),
        ("GET", "/api/integrations/globex/mappings/nothing", {}, 404, "NOT_FOUND"),
        ("GET", "/api/integrations/globex/mappings/nothing/targets", {}, 404, "NOT_FOUND"),
        ("GET", "/api/integrations/globex/mappings/site?cursor=x", {}, 422, "VALIDATION_ERROR"),
        ("PUT", "/api/integrations/globex/mappings/site", {"json": {"mappings": []}}, 422, "VALIDATION_ERROR"),
        ("POST", "/api/integrations/globex/connect", {"json": {"values": {"no": "field"}}}, 422, "VALIDATION_ERROR"),
        ("POST", "/api/integrations/nobody/connect", {"json": {}}, 404, "NOT_FOUND"),
        ("POST", "/api/integrations/globex/test", {}, 409, "NOT_CONNECTED"),
        ("POST", "/api/integrations/email/webhook", {}, 409, "NO_WEBHOOK"),
        ("GET", "/api/integrations/globex", {"permissions": ["workflow:read"]}, 403, "PERMISSION_DENIED"),
    ],
)
async def test_refusals(platform, method, path, options, status, code):
    """Wrong requests are told apart by their code."""
    answered, problem = await platform(method, path, **options)
    assert (answered, problem["code"]) == (status, code)


async def test_what_a_record_can_be(platform, tenants):
    """Active clients of the tenant, found by a part of their names."""
    clients = ((tenants.a, "Lamna", False), (tenants.a, "adatum", False), (tenants.a, "Gone", True))
    for tenant, name, gone in (*clients, (tenants.b, "Foreign", False)):
        async with platform.services.database.tenant(tenant) as conn:
            await conn.execute(
                "INSERT INTO clients (tenant, client_name, is_inactive) VALUES ($1, $2, $3)", tenant, name, gone
            )
    targets = "/api/integrations/globex/mappings/site/targets"
    assert [row["name"] for row in (await platform.read(targets))["targets"]] == ["adatum", "Lamna"]
    assert [row["name"] for row in (await platform.read(f"{targets}?q=AMN&limit=1"))["targets"]] == ["Lamna"]


async def test_wrong_mappings(platform, system, tenants):
    """Of mappings that cannot all be, none is."""
    await platform.connect()
    sites = "/api/integrations/globex/mappings/site"
    await platform("POST", f"{sites}/refresh")
    stranger = "99999999-9999-4999-8999-999999999999"
    status, problem = await platform(
        "PUT",
        sites,
        json={
            "mappings": [
                {"externalId": "1", "create": "Lamna"},
                {"externalId": "1"},
                {"externalId": "9"},
                {"externalId": "2", "id": stranger},
                {"externalId": "3", "id": stranger, "create": "Proseware"},
            ]
        },
    )
    assert status == 422
    assert {(error["path"], error["code"]) for error in problem["errors"]} == {
        ("mappings[1].externalId", "DUPLICATE"),
        ("mappings[2].externalId", "NOT_FOUND"),
        ("mappings[3].id", "NOT_FOUND"),
        ("mappings[4]", "RULE"),
        ("mappings[4].id", "NOT_FOUND"),
    }
    assert await platform.rows("SELECT 1 FROM clients") == []


async def test_names_have_an_end(platform, system):
    """What no index takes, is told as what it is: too long."""
    await platform.connect()
    sites = "/api/integrations/globex/mappings/site"
    await platform("POST", f"{sites}/refresh")
    name = "".join(random.Random(1).choices(string.ascii_letters, k=9000))
    status, problem = await platform("PUT", sites, json={"mappings": [{"externalId": "1", "create": name}]})
    assert (status, problem["code"]) == (422, "VALIDATION_ERROR")
