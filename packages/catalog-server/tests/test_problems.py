"""Bad input: always a problem document with a stable code and the paths, never a 500, and nothing half-written."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from workflow_catalog_server.app import create_app
from workflow_catalog_server.problems import problem
from workflow_catalog_server.request_log import RequestLog
from workflow_core.locales import NO_TRANSLATIONS
from workflow_core.secrets import KeyEncryptionKey, TenantSecrets

DEFINITIONS = "/api/workflow-definitions"
RUNS = "/api/workflow-runs"
SECRETS = "/api/workflow/secrets"
UNKNOWN = "99999999-9999-4999-8999-999999999999"
JSON = {"Content-Type": "application/json"}

BAD_BODIES = {
    "no body": (b"", JSON, 400, "MALFORMED_JSON", []),
    "half a body": (b'{"definition": {', JSON, 400, "MALFORMED_JSON", []),
    "not UTF-8": (b'{"definition": "\xff"}', JSON, 400, "MALFORMED_JSON", []),
    "NaN": (b'{"definition": NaN}', JSON, 400, "MALFORMED_JSON", []),
    "lone surrogate": (b'{"definition": "\\ud800"}', JSON, 400, "MALFORMED_JSON", []),
    "more than 64 bits": (b'{"definition": [18446744073709551616]}', JSON, 400, "NUMBER_TOO_LARGE", []),
    "too deep": (b'{"definition":' + b"[" * 400 + b"]" * 400 + b"}", JSON, 400, "JSON_TOO_DEEP", []),
    "a form": (b"definition=1", {"Content-Type": "multipart/form-data"}, 415, "UNSUPPORTED_MEDIA_TYPE", []),
    "no content type": (b"{}", {"Content-Type": ""}, 415, "UNSUPPORTED_MEDIA_TYPE", []),
    "too large": (b'{"a":"' + b"x" * (4 * 1024 * 1024) + b'"}', JSON, 413, "BODY_TOO_LARGE", []),
    "an array": (b"[]", JSON, 422, "VALIDATION_ERROR", [("", "TYPE")]),
    "null": (b"null", JSON, 422, "VALIDATION_ERROR", [("", "TYPE")]),
    "nothing in it": (b"{}", JSON, 422, "VALIDATION_ERROR", [("definition", "REQUIRED")]),
    "everything wrong at once": (
        b'{"definition": 3, "key": "Bad Key", "colour": "red"}',
        JSON,
        422,
        "VALIDATION_ERROR",
        [("colour", "UNKNOWN_FIELD"), ("definition", "TYPE"), ("key", "FORMAT")],
    ),
    "a key with a line feed": (
        b'{"definition": {"name": "x", "steps": []}, "key": "key\\n"}',
        JSON,
        422,
        "VALIDATION_ERROR",
        [("key", "FORMAT")],
    ),
    "no name and steps": (
        b'{"definition": {"description": 4}}',
        JSON,
        422,
        "INVALID_WORKFLOW_DEFINITION",
        [("definition.description", "TYPE"), ("definition.name", "REQUIRED"), ("definition.steps", "REQUIRED")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "headers", "status", "code", "errors"), BAD_BODIES.values(), ids=BAD_BODIES)
async def test_bad_body(server, assert_problem, *, body, headers, status, code, errors):
    """Each gets its own code and the paths of all that is wrong; nothing is stored."""
    response = await server.a("POST", DEFINITIONS, data=io.BytesIO(body), headers=headers)
    document = await assert_problem(response, status, code)
    found = sorted((error["path"], error["code"]) for error in document.get("errors", []))
    assert found == errors
    assert (await (await server.a("GET", DEFINITIONS)).json())["workflows"] == []


BAD_STREAMS = {
    "not gzip": (b"Content-Encoding: gzip\r\nContent-Length: 5\r\n", b"hello"),
    "a bomb": (None, gzip.compress(b" " * (64 * 1024 * 1024))),
    "bad chunks": (b"Transfer-Encoding: chunked\r\n", b"zz\r\nhello\r\n"),
    "chunk of a lie": (b"Transfer-Encoding: chunked\r\n", b"5\r\nhelloXX0\r\n\r\n"),
}


@pytest.mark.parametrize(("headers", "body"), BAD_STREAMS.values(), ids=BAD_STREAMS)
async def test_bad_stream(server, headers, body):
    """Whatever comes over the wire is refused, and the server goes on."""
    if headers is None:
        headers = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(body)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.client.port)
    try:
        writer.write(
            b"POST /api/workflow-definitions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer " + server.a.token.encode() + b"\r\n" + headers + b"\r\n" + body
        )
        status = int((await asyncio.wait_for(reader.readline(), 10)).split()[1])
    finally:
        writer.close()
        await writer.wait_closed()
    assert status in (400, 413)
    assert (await server.a("GET", DEFINITIONS)).status == 200


BAD_ADDRESSES = [
    ("GET", f"{DEFINITIONS}/{UNKNOWN}/draft", None),
    ("GET", f"{DEFINITIONS}/nonsense/draft", None),
    ("GET", f"{DEFINITIONS}/{{{UNKNOWN}}}/draft", None),
    ("GET", f"{DEFINITIONS}/{UNKNOWN}/versions", None),
    ("GET", f"{DEFINITIONS}/{UNKNOWN}/0", None),
    ("GET", f"{DEFINITIONS}/{UNKNOWN}/99999999999999999999", None),
    ("GET", f"{DEFINITIONS}/{UNKNOWN}/-1", None),
    ("GET", f"{DEFINITIONS}/%00/draft", None),
    ("PUT", f"{DEFINITIONS}/{UNKNOWN}/draft", {"definition": {"name": "x", "steps": []}}),
    ("POST", f"{DEFINITIONS}/{UNKNOWN}/draft/publish", {}),
    ("GET", f"{RUNS}/{UNKNOWN}", None),
    ("GET", f"{RUNS}/{UNKNOWN}/steps", None),
    ("GET", f"{RUNS}/nonsense", None),
    ("POST", RUNS, {"workflowId": UNKNOWN}),
    ("DELETE", f"{SECRETS}/UNKNOWN", None),
    ("DELETE", f"{SECRETS}/%00%FF", None),
    ("GET", "/api/workflow/registry/actions/tickets.create/99", None),
    ("GET", "/api/workflow/registry/actions/tickets.create/one", None),
    ("GET", "/api/workflow/registry/actions/%00/1", None),
    ("GET", "/api/workflow/registry/icons/unknown.svg", None),
    ("GET", "/api/workflow/registry/icons/..%2F..%2Fetc.svg", None),
    ("GET", "/nowhere", None),
    ("GET", "/api/workflow-definitions/", None),
]


@pytest.mark.parametrize(("method", "path", "body"), BAD_ADDRESSES)
async def test_unknown_address(server, assert_problem, method, path, body):
    """Whatever does not exist is 404, well-formed or not."""
    await assert_problem(await server.a(method, path, json=body), 404, "NOT_FOUND")


def cursor(moment):
    """Like a cursor that the server gave."""
    return base64.urlsafe_b64encode(json.dumps([moment, str(UNKNOWN)]).encode()).decode()


BAD_VALUES = [
    ("GET", f"{RUNS}?limit=abc", None, ["limit"]),
    ("GET", f"{RUNS}?limit=0", None, ["limit"]),
    ("GET", f"{RUNS}?limit=100000", None, ["limit"]),
    ("GET", f"{RUNS}?status=DONE", None, ["status[0]"]),
    ("GET", f"{RUNS}?cursor=xyz", None, ["cursor"]),
    ("GET", f"{RUNS}?cursor=MjAyNi0wMS0wMSB4", None, ["cursor"]),
    ("GET", f"{RUNS}?cursor={cursor('0001-01-01T00:00:00+14:00')}", None, ["cursor"]),
    ("GET", f"{RUNS}?cursor={cursor('9999-12-31T23:59:59-14:00')}", None, ["cursor"]),
    ("GET", f"{RUNS}?workflowId=1", None, ["workflowId"]),
    ("GET", "/api/workflow/registry/designer-catalog?include=everything", None, ["include"]),
    ("POST", RUNS, {}, ["workflowId"]),
    ("POST", RUNS, {"workflowId": 1, "payload": [], "x": 1}, ["payload", "workflowId", "x"]),
    ("POST", RUNS, {"workflowId": UNKNOWN, "workflowVersion": 2**40}, ["workflowVersion"]),
    ("POST", RUNS, {"workflowId": UNKNOWN, "workflowVersion": True}, ["workflowVersion"]),
    ("PUT", f"{SECRETS}/NAME", {"value": 1}, ["value"]),
    ("POST", f"{DEFINITIONS}/validate", {"definition": {}, "allowUnavailable": "yes"}, ["allowUnavailable"]),
]


@pytest.mark.parametrize(("method", "path", "body", "paths"), BAD_VALUES)
async def test_bad_value(server, assert_problem, *, method, path, body, paths):
    """Every wrong value is named by its path."""
    document = await assert_problem(await server.a(method, path, json=body), 422, "VALIDATION_ERROR")
    assert sorted(error["path"] for error in document["errors"]) == paths


async def test_wrong_method_says_which_are_right(server, assert_problem):
    """The Allow header survives."""
    response = await server.a("PATCH", DEFINITIONS)
    await assert_problem(response, 405, "METHOD_NOT_ALLOWED")
    assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize(
    ("method", "path"), [("OPTIONS", "/nowhere"), ("POST", "/a%0Ab"), ("GET", "/nowhere/"), ("GET", "/%2F")]
)
async def test_what_no_route_takes(server, assert_problem, method, path):
    """Any method, with any characters in the address, with or without a token."""
    await assert_problem(await server.client.request(method, URL(path, encoded=True)), 404, "NOT_FOUND")


async def test_another_tenants_ids_are_unknown(server, assert_problem, definition, db, worker):
    """B cannot tell A's records from none, and cannot change them."""
    created = await (await server.a("POST", DEFINITIONS, json={"definition": definition})).json()
    path = f"{DEFINITIONS}/{created['workflowId']}"
    for method, address, body in (
        ("GET", path, None),
        ("DELETE", path, None),
        ("GET", f"{path}/draft", None),
        ("GET", f"{path}/1", None),
        ("GET", f"{path}/diff?from=draft&to=1", None),
        ("GET", f"{path}/audit", None),
        ("GET", f"{path}/export", None),
        ("PUT", f"{path}/metadata", {"isPaused": True}),
        ("POST", f"{path}/1/rollback", {}),
        ("GET", f"{path}/versions", None),
        ("PUT", f"{path}/draft", {"definition": {"name": "mine", "steps": []}}),
        ("POST", f"{path}/draft/publish", {}),
        ("POST", RUNS, {"workflowId": created["workflowId"]}),
    ):
        await assert_problem(await server.b(method, address, json=body), 404, "NOT_FOUND")
    assert (await (await server.b("GET", DEFINITIONS)).json())["workflows"] == []
    draft = await (await server.a("GET", f"{path}/draft")).json()
    assert draft["definition"]["name"] == "Open a ticket"
    assert (await (await server.a("GET", f"{path}/versions")).json())["versions"] == []


async def test_unexpected_error_gives_an_id_only(serve, assert_problem, caplog):
    """The log has the trace under the id that the client got."""

    class Broken:
        translations = NO_TRANSLATIONS

        def modules(self, *_arguments, **_options):
            raise RuntimeError("password=hunter2")

    async with serve(catalog=Broken()) as server:
        response = await server.a("GET", "/api/workflow/registry/designer-catalog")
        document = await assert_problem(response, 500, "INTERNAL_ERROR")
    assert "hunter2" not in json.dumps(document)
    assert document["incident"] in caplog.text
    assert "hunter2" in caplog.text


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00"])
async def test_cursor_at_the_ends_of_the_calendar(server, moment):
    """It is a moment like any other."""
    assert (await server.a("GET", f"{RUNS}?cursor={cursor(moment)}")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", DEFINITIONS, {"definition": {"name": "x", "steps": []}}),
        ("PUT", f"{SECRETS}/NAME", {"value": "x"}),
    ],
)
async def test_tenant_that_does_not_exist(server, assert_problem, make_token, *, method, path, body):
    """A valid token of a tenant that is gone writes nothing, and is told why."""
    stranger = server.a.with_token(make_token(UUID(UNKNOWN)))
    await assert_problem(await stranger(method, path, json=body), 403, "UNKNOWN_TENANT")


async def test_connection_that_ends_in_mid_use(serve, db, assert_problem):
    """The next request has a new connection."""

    class Interrupted(TenantSecrets):
        async def write(self, conn, *_arguments, **_options):
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    async with serve(secrets=Interrupted(KeyEncryptionKey(b"s" * 32))) as server:
        response = await server.a("PUT", f"{SECRETS}/NAME", json={"value": "x"})
        await assert_problem(response, 503, "DATABASE_UNAVAILABLE")
        assert (await server.a("GET", SECRETS)).status == 200


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CannotConnectNowError("x"),
        asyncpg.InterfaceError("x"),
        asyncpg.InternalClientError("x"),
        ConnectionResetError(),
        FileNotFoundError(2, "No such file or directory"),
        TimeoutError(),
    ],
)
async def test_database_that_is_gone(serve, assert_problem, error):
    """It is not the client's fault, and passes."""

    class Gone:
        translations = NO_TRANSLATIONS

        def modules(self, *_arguments, **_options):
            raise error

    async with serve(catalog=Gone()) as server:
        response = await server.a("GET", "/api/workflow/registry/designer-catalog")
        await assert_problem(response, 503, "DATABASE_UNAVAILABLE")
        assert response.headers["Retry-After"]


async def test_requests_are_logged_without_what_they_carry(server):
    """Pattern, status and tenant; no query, no token."""
    lines = []
    log = RequestLog(lines.append)
    logging_server = TestServer(create_app(server.services))
    await logging_server.start_server(access_log_class=log.logger_class())
    async with server.a.at(TestClient(logging_server)) as caller:
        await caller("GET", f"{RUNS}/{uuid4()}?secret=hunter2")
        await caller("GET", "/nowhere/hunter2")
    log.flush()
    first, second = "".join(lines).splitlines()
    assert f" INFO request: GET {RUNS}/{{id}} 404 " in first
    assert first.endswith(f"tenant={server.tenants.a}")
    assert " INFO request: GET (no route) 404 " in second
    assert "hunter2" not in first + second


async def test_request_line_that_is_none(server, caplog):
    """It is refused and logged like any other request."""
    lines = []
    log = RequestLog(lines.append)
    logging_server = TestServer(create_app(server.services))
    await logging_server.start_server(access_log_class=log.logger_class())
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", logging_server.port)
        writer.write(b"this is no request\r\n\r\n")
        assert b" 400 " in await asyncio.wait_for(reader.readline(), 10)
        await asyncio.wait_for(reader.read(), 10)  # until the server closes, after it has logged
        writer.close()
    finally:
        await logging_server.close()
    log.flush()
    (line,) = lines
    assert " INFO request: UNKNOWN (no route) 400 " in line
    assert "no request" not in line
    assert "Traceback" not in caplog.text


async def test_log_survives_its_reader():
    """When nobody reads the log any more, requests go on."""

    def closed(_text):
        raise BrokenPipeError

    log = RequestLog(closed)
    for _ in range(150):
        log.note("GET", "/", 200, 0.1, "-")
    log.flush()


async def test_lines_are_not_kept_for_long():
    """The hundredth has all of them written."""
    written = []
    log = RequestLog(written.append)
    for _ in range(150):
        log.note("GET", "/", 200, 0.1234, "-")
    (first,) = written
    assert first.count("\n") == 100
    log.flush()
    assert written[1].count(" INFO request: GET / 200 123.4 ms tenant=-\n") == 50


async def test_problem_keeps_its_headers():
    """What a caller must read beside the document is sent."""
    assert problem(429, "SLOW_DOWN", "Wait.", headers={"Retry-After": "3"}).headers["Retry-After"] == "3"
