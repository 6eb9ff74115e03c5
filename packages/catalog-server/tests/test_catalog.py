"""What the designer is shown: records, visibility, entity tags, encodings, actions, icons."""

from __future__ import annotations

import gzip

import orjson
import pytest

CATALOG = "/api/workflow/registry/designer-catalog"
ACTIONS = "/api/workflow/registry/actions"

TICKET = {
    "groupKey": "ticket",
    "label": "Ticket",
    "iconToken": "ticket",
    "tileKind": "core-object",
    "allowedActionIds": ["tickets.create"],
    "defaultActionId": "tickets.create",
    "description": "Tickets.",
    "actions": [
        {
            "id": "tickets.create",
            "version": 1,
            "label": "Create ticket",
            "description": "Opens a ticket.",
            "inputFieldNames": ["title", "client_id", "description"],
            "outputFieldNames": ["ticket_id"],
        }
    ],
    "available": True,
}


async def _groups(caller, query=""):
    response = await caller("GET", f"{CATALOG}{query}")
    assert response.status == 200
    return {record["groupKey"]: record for record in orjson.loads(await response.read())}


async def test_only_a_connected_tenant_sees_the_module(server, connect_acme):
    """Each tenant sees what it has; the record is the contract's, sorted as it says."""
    await connect_acme(server.tenants.a)
    assert list(await _groups(server.a)) == ["ticket", "app:acme"]
    assert await _groups(server.b) == {"ticket": TICKET}
    acme = (await _groups(server.a))["app:acme"]
    assert acme["allowedActionIds"] == ["acme.backups.find", "acme.backups.start"]
    assert [action["label"] for action in acme["actions"]] == ["Find backup", "Start backup"]
    assert acme["available"] is True


async def test_unavailable_modules_are_shown_on_demand(server):
    """With `include=unavailable` the rest comes too, with the reason, for steps that exist already."""
    groups = await _groups(server.a, "?include=unavailable")
    assert groups["app:acme"]["available"] is False
    assert groups["app:acme"]["reason"] == "Connect Acme under Connections."
    assert groups["ticket"] == TICKET


@pytest.mark.parametrize(
    ("query", "header", "language", "label"),
    [
        ("", None, "en", "Ticket"),
        ("", "de", "de", "Vorgang"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de", "Vorgang"),
        ("", "fr;q=0.9, de;q=0.5, *;q=0.1", "de", "Vorgang"),
        ("", "de;q=0, en", "en", "Ticket"),
        ("", "en-GB,de", "en", "Ticket"),
        ("", ";;;,,=", "en", "Ticket"),
        ("?locale=de-CH", "en", "de", "Vorgang"),
        ("?locale=fr", "de", "en", "Ticket"),
        ("?locale=", None, "en", "Ticket"),
    ],
)
async def test_language_is_negotiated(server, query, header, language, label):
    """`?locale=` goes before `Accept-Language`; from locale to base to default; each language has its own tag."""
    headers = {} if header is None else {"Accept-Language": header}
    response = await server.a("GET", f"{CATALOG}{query}", headers=headers)
    [ticket] = orjson.loads(await response.read())
    assert (response.status, response.headers["Content-Language"], ticket["label"]) == (200, language, label)
    action = orjson.loads(await (await server.a("GET", f"{ACTIONS}/tickets.create/1{query}", headers=headers)).read())
    assert action["label"] == {"en": "Create ticket", "de": "Vorgang anlegen"}[language]
    said = {"en": (None, None), "de": ("Betreff", "Worum es geht.")}[language]
    fields = action["inputSchema"]["properties"]
    assert (fields["title"].get("title"), fields["title"].get("description")) == said
    assert "title" not in fields["client_id"]
    english = await server.a("GET", f"{CATALOG}?locale=en")
    assert (response.headers["ETag"] == english.headers["ETag"]) is (language == "en")


async def test_tag_changes_with_what_is_visible(server, connect_acme, until):
    """The entity tag answers 304 until something else is visible."""
    first = await server.a("GET", CATALOG)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert first.headers["Vary"] == "Authorization, X-Api-Key, X-Tenant-Id, Accept-Encoding, Accept-Language"
    again = await server.a("GET", CATALOG, headers={"If-None-Match": tag})
    assert (again.status, again.headers["ETag"], await again.read()) == (304, tag, b"")
    assert (await server.b("GET", CATALOG)).headers["ETag"] == tag
    await connect_acme(server.tenants.a)
    await until(lambda: _sees_acme(server))
    changed = await server.a("GET", CATALOG, headers={"If-None-Match": tag})
    assert changed.status == 200
    assert changed.headers["ETag"] != tag


async def _sees_acme(server):
    return (await server.services.availability.get(server.tenants.a)).answers["acme"].available


@pytest.mark.parametrize("known", ["W/{tag}", '"other", {tag}', "*", "{tag_gzip}", 'W/"x",W/{tag_gzip}'], ids=repr)
async def test_if_none_match(server, known):
    """Weak, listed and encoded tags are recognised."""
    tag = (await server.a("GET", CATALOG)).headers["ETag"]
    header = known.format(tag=tag, tag_gzip=f'{tag[:-1]}-gzip"')
    assert (await server.a("GET", CATALOG, headers={"If-None-Match": header})).status == 304


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate, gzip;q=0.5", "gzip"),
        ("*", "gzip"),
        ("GZIP ; Q=1", "gzip"),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=0.2, identity;q=0.8", None),
        ("gzip;q=high", None),
        ("*, gzip;q=0", None),
        ("br", None),
        ("", None),
    ],
)
async def test_encoding_is_negotiated(server, accepted, encoding):
    """gzip only where it is accepted and not less welcome than plain; the tag tells them apart."""
    plain = await server.a("GET", CATALOG, headers={"Accept-Encoding": "identity"})
    response = await server.a("GET", CATALOG, headers={"Accept-Encoding": accepted})
    body = await response.read()
    assert response.headers.get("Content-Encoding") == encoding
    assert (gzip.decompress(body) if encoding else body) == await plain.read()
    assert (response.headers["ETag"] == plain.headers["ETag"]) is (encoding is None)


async def test_head_has_no_body(server):
    """HEAD answers like GET, without the body."""
    response = await server.a("HEAD", CATALOG)
    assert (response.status, await response.read()) == (200, b"")
    assert response.headers["ETag"]


async def test_actions_have_schemas(server, connect_acme, until):
    """Actions carry their contract; those of a hidden module are shown on demand only."""
    listed = await (await server.a("GET", ACTIONS)).json()
    assert [action["id"] for action in listed] == ["tickets.create"]
    action = await (await server.a("GET", f"{ACTIONS}/tickets.create/1")).json()
    assert action == listed[0]
    assert action["inputSchema"]["required"] == ["title", "client_id"]
    assert action["outputSchema"]["properties"]["ticket_id"]["format"] == "uuid"
    assert {name: action[name] for name in ("effect", "io", "sideEffectful", "distribution", "groupKey")} == {
        "effect": "LOCAL",
        "io": "database",
        "sideEffectful": True,
        "distribution": "workflow-acme",
        "groupKey": "ticket",
    }
    assert action["examples"][0]["title"] == "A ticket"
    everything = await (await server.a("GET", f"{ACTIONS}?include=unavailable")).json()
    hidden = next(action for action in everything if action["id"] == "acme.backups.find")
    assert (hidden["available"], hidden["reason"]) == (False, "Connect Acme under Connections.")
    assert (await server.a("GET", f"{ACTIONS}/acme.backups.find/1")).status == 404
    assert (await server.a("GET", f"{ACTIONS}/acme.backups.find/1?include=unavailable")).status == 200
    await connect_acme(server.tenants.a)
    await until(lambda: _sees_acme(server))
    assert (await server.a("GET", f"{ACTIONS}/acme.backups.find/1")).status == 200


async def test_icon_is_served_harmlessly(server):
    """Anybody may load an icon; it can do nothing but be looked at."""
    response = await server.client.get("/api/workflow/registry/icons/acme.svg")
    assert response.status == 200
    assert response.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    again = await server.client.get(
        "/api/workflow/registry/icons/acme.svg", headers={"If-None-Match": response.headers["ETag"]}
    )
    assert again.status == 304
