"""What the tests of this package share: a simulator on a free port of this machine, and the vendor's contract.

Every request that the client makes in a test, and every answer that the simulator gives, is held against the vendor's
document (``contract/vendor.json``). Requests that a test makes itself, and answers that a fault or a quirk has shaped,
are not.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import jsonschema
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from workflow_ninjaone.simulator import ApiApplication, SimulatorState, Timing, create_app
from workflow_ninjaone.simulator.vendor import DEVIATES

FULL = ApiApplication("full-client", "full-secret")
READER = ApiApplication("reader-client", "reader-secret", frozenset({"monitoring"}))
CALLBACK = "https://platform.example/callback"
USERS = ApiApplication(
    "user-client",
    "user-secret",
    grants=frozenset({"authorization_code", "refresh_token"}),
    redirect_uris=(CALLBACK,),
)
NATIVE = ApiApplication(
    "native-client",
    None,
    grants=frozenset({"authorization_code", "refresh_token"}),
    redirect_uris=("http://127.0.0.1/callback",),
)

BY_HAND = {"X-By-Hand": "1"}
"""Marks a request that a test makes itself, and that may be as wrong as it likes."""

_ERROR_SHAPES = (
    {"error", "error_description"},
    {"error", "error_description", "error_code"},
    {"resultCode", "errorMessage", "incidentId"},
)
_ALWAYS_POSSIBLE = {400, 401, 404, 405, 415, 429, 500}


class Contract:
    """The vendor's document, and what departed from it.

    Attributes:
        operations: By method and path.
        deviations: One sentence each.
        requested: The operations that the client has called.
        holds_answers: Whether the simulator's answers are held against it.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.operations = content["operations"]
        self.deviations: list[str] = []
        self.requested: set[str] = set()
        self.holds_answers = True
        self._definitions = {name: _json_schema(schema) for name, schema in content["schemas"].items()}
        # A path without parameters goes before one with them: /v2/devices/search is no device.
        self._templates = sorted(self.operations, key=lambda name: name.count("{"))

    def operation(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """The operation's name and the parameters in the path."""
        for name in self._templates:
            verb, _, template = name.partition(" ")
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
            match = re.fullmatch(pattern, path) if verb == method else None
            if match is not None:
                return name, match.groupdict()
        return None

    def check_request(self, method: str, url: URL, body: Any = None) -> None:
        """Holds a request of the client's against the document; ``body`` is ``None`` without one."""
        path = url.path.removeprefix("/api")
        if not path.startswith("/v2/"):
            return
        found = self.operation(method, path)
        if found is None:
            self.deviations.append(f"{method} {path}: the vendor has no such operation")
            return
        name, in_path = found
        self.requested.add(name)
        given = {"path": in_path, "query": dict(url.query)}
        known = {(parameter["in"], parameter["name"]) for parameter in self.operations[name]["parameters"]}
        for place, values in given.items():
            for key in values.keys() - {key for where, key in known if where == place}:
                self.deviations.append(f"{name}: unknown {place} parameter {key}")
        for parameter in self.operations[name]["parameters"]:
            value = given[parameter["in"]].get(parameter["name"])
            if value is not None:
                self._check(_typed(value, parameter["schema"]), parameter["schema"], f"{name} {parameter['name']}")
            elif parameter["required"]:
                self.deviations.append(f"{name}: {parameter['name']} is missing")
        declared = self.operations[name]["body"]
        if body is None:
            if declared is not None and declared["required"]:
                self.deviations.append(f"{name}: the body is missing")
        elif declared is None:
            self.deviations.append(f"{name}: it takes no body")
        else:
            self._check(body, declared["content"]["application/json"], f"{name} body")

    def check_answer(self, method: str, url: URL, status: int, content_type: str, body: bytes) -> None:
        """Holds an answer of the simulator's against the document."""
        found = self.operation(method, url.path.removeprefix("/api"))
        if found is None:
            if status not in {404, 405}:
                self.deviations.append(f"{method} {url.path}: answered {status}, the vendor has no such operation")
            return
        name, _ = found
        answers = self.operations[name]["answers"]
        content = answers.get(str(status), answers.get("default"))
        if status >= 400:
            if content is None and status not in _ALWAYS_POSSIBLE:
                self.deviations.append(f"{name}: answered {status}")
            if set(json.loads(body)) not in _ERROR_SHAPES:
                self.deviations.append(f"{name}: answered {status} with {body!r}")
        elif content is None:
            self.deviations.append(f"{name}: answered {status}")
        elif (schema := content.get("application/json")) is not None:
            if content_type != "application/json":
                self.deviations.append(f"{name}: answered {content_type}")
            self._check(json.loads(body), schema, f"{name} answer")
        elif body and "*/*" not in content:
            self.deviations.append(f"{name}: answered {status} with a body")

    def _check(self, value: Any, schema: Mapping[str, Any], what: str) -> None:
        whole = {**_json_schema(schema, nested=False), "$defs": self._definitions}
        checker = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
        self.deviations += [f"{what}: {error.json_path}: {error.message}"[:300] for error in checker.iter_errors(value)]


def _json_schema(schema: Mapping[str, Any], *, nested: bool = True) -> dict[str, Any]:
    """The schema as JSON Schema. An object has the fields that it declares and no other, unless it has subtypes."""
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    if nested and dict(schema) == {"type": "object"}:  # the vendor's way to say: any value
        return {}
    plain = {key: value for key, value in schema.items() if key not in {"discriminator", "properties", "items"}}
    if "properties" in schema:
        plain["properties"] = {name: _json_schema(value) for name, value in schema["properties"].items()}
        if "discriminator" not in schema:
            plain["additionalProperties"] = False
    if "items" in schema:
        plain["items"] = _json_schema(schema["items"])
    if isinstance(schema.get("additionalProperties"), Mapping):
        plain["additionalProperties"] = _json_schema(schema["additionalProperties"])
    if (bits := {"int32": 32, "int64": 64}.get(schema.get("format", ""))) is not None:
        plain |= {"minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1}
    return plain


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    """A parameter's text as its type; the text itself if it is none."""
    if schema.get("type") in {"integer", "boolean"}:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


@pytest.fixture
def odd_vendor(contract: Contract) -> None:
    """For a test in which the vendor answers what its document does not have."""
    contract.holds_answers = False


@pytest.fixture
def contract() -> Iterator[Contract]:
    """The vendor's document; the test fails at its end when something has departed from it."""
    content = json.loads(Path(__file__).with_name("contract").joinpath("vendor.json").read_text(encoding="utf-8"))
    document = Contract(content)
    yield document
    assert document.deviations == []


def _held_against(contract: Contract):
    """The middleware through which everything passes."""

    @web.middleware
    async def check(request: web.Request, handler):
        if BY_HAND.items() <= dict(request.headers).items():
            answer = await handler(request)
        else:
            raw = await request.read()
            kind = request.content_type
            body = json.loads(raw) if raw and kind == "application/json" else (raw.decode() or None)
            if request.path.startswith(("/v2/", "/api/")):
                contract.check_request(request.method, request.url, body)
            answer = await handler(request)
        if request.path.startswith(("/v2/", "/api/")) and contract.holds_answers and DEVIATES not in request:
            contract.check_answer(
                request.method, request.url, answer.status, answer.content_type, bytes(answer.body or b"")
            )
        return answer

    return check


@attrs.define
class Clock:
    """Epoch seconds that a test moves by hand."""

    now: float = 1_700_000_000.25

    def __call__(self) -> float:
        return self.now


@attrs.define
class Simulator:
    """A running simulator.

    Attributes:
        state: The account that it serves.
        clock: Its time.
        url: Where it listens.
        session: For raw requests.
    """

    state: SimulatorState
    clock: Clock
    url: str
    session: aiohttp.ClientSession

    async def token(self, application=FULL, scope="monitoring management control"):
        form = {
            "grant_type": "client_credentials",
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "scope": scope,
        }
        async with self.session.post(f"{self.url}/ws/oauth/token", data=form) as response:
            return (await response.json())["access_token"]

    async def call(self, method, path, *, token=None, **options):
        """Status and decoded body (``None`` for an empty one) of an authorized request."""
        bearer = token or await self.token()
        headers = {"Authorization": f"Bearer {bearer}", **BY_HAND, **options.pop("headers", {})}
        async with self.session.request(method, self.url + path, headers=headers, **options) as response:
            return response.status, (await response.json() if await response.read() else None)

    async def control(self, method, path, **options):
        """Status and decoded body of a request to the control paths."""
        async with self.session.request(method, f"{self.url}/_simulator/{path}", **options) as response:
            return response.status, (await response.json() if await response.read() else None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


@pytest.fixture
async def simulator(clock: Clock, session: aiohttp.ClientSession, contract: Contract) -> AsyncIterator[Simulator]:
    """A simulator with the default seed and four applications: one may only read, and two ask users."""
    state = SimulatorState(applications=[FULL, READER, USERS, NATIVE], clock=clock, timing=Timing(reboot_seconds=30))
    app = create_app(state)
    app.middlewares.insert(0, _held_against(contract))
    server = TestServer(app)
    await server.start_server()
    try:
        yield Simulator(state, clock, f"http://127.0.0.1:{server.port}", session)
    finally:
        await server.close()
