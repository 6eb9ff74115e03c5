"""The server with a stranger's integration installed, the system that it connects to, and what a worker adds."""

import asyncio
import base64
import hashlib
import logging
import time
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import aiohttp
import attrs
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from workflow_catalog_server.app import create_app
from workflow_catalog_server.request_log import RequestLog
from workflow_catalog_server.server import open_services
from workflow_catalog_server.settings import load_settings
from workflow_core.integrations.deliveries import Deliveries
from workflow_core.job_runs.attempts import JobRunner
from workflow_core.job_runs.runs import read_run
from workflow_devstack.ports import free_ports
from workflow_worker.webhooks import WebhookProcessor

KEY = "a key of thirty-two characters or more"
USER = "11111111-1111-4111-8111-111111111111"
#: What must be shown nowhere; the verifier, the header and what the system gives are added as they come.
CLIENT_SECRET = "canary-client-secret"


@attrs.define
class System:
    """What Globex runs: OAuth with PKCE and rotation, sites, and a webhook."""

    url: str = ""
    code: str = "canary-code-1"
    refresh: str = "canary-refresh-0"
    access: str = "canary-access-0"
    challenge: str = ""
    back: str = ""
    hook: dict | None = None
    revoked: list = attrs.Factory(list)
    canaries: set = attrs.Factory(lambda: {CLIENT_SECRET})
    lifetime: float = 3600.0
    down: bool = False
    over: bool = False
    number: int = 0
    sites: list = attrs.Factory(
        lambda: [{"id": str(n), "name": name} for n, name in enumerate(["Lamna Inc.", "Adatum", "Proseware"], start=1)]
    )

    async def authorize(self, request):
        self.challenge, self.back = request.query["challenge"], request.query["back"]
        self.canaries.add(self.code)
        raise web.HTTPFound(f"{self.back}?code={self.code}&state={request.query['state']}&session=1")

    async def token(self, request):
        form = await request.post()
        refused = web.Response(status=400, text=f"canary-body {form.get('client_secret')}")
        self.canaries.add("canary-body")
        if form["client_secret"] != CLIENT_SECRET or self.over:
            return refused
        if "code" in form:
            self.canaries.add(form["verifier"])
            digest = hashlib.sha256(form["verifier"].encode()).digest()
            proven = base64.urlsafe_b64encode(digest).decode().rstrip("=") == self.challenge
            if form["code"] != self.code or not proven or form["back"] != self.back:
                return refused
            self.code = "used"
        elif form["refresh"] != self.refresh:
            return refused
        self.number += 1
        self.access, self.refresh = f"canary-access-{self.number}", f"canary-refresh-{self.number}"
        self.canaries |= {self.access, self.refresh}
        return web.json_response({"access": self.access, "refresh": self.refresh, "lifetime": self.lifetime})

    async def revoke(self, request):
        self.revoked.append((await request.post())["refresh"])
        return web.Response()

    async def api(self, request):
        if self.down or request.headers.get("Authorization") != f"Bearer {self.access}":
            return web.Response(status=500 if self.down else 401, text=f"canary-body {self.access}")
        if request.method == "PUT":
            self.hook = await request.json()
            self.canaries |= {self.hook["value"], self.hook["url"].rsplit("/", 1)[-1]}
        elif request.method == "DELETE":
            self.hook = None
        return web.json_response({"/account": {"name": "Globex Ltd"}, "/sites": self.sites}.get(request.path, {}))

    def app(self):
        app = web.Application()
        app.router.add_get("/authorize", self.authorize)
        app.router.add_post("/token", self.token)
        app.router.add_post("/revoke", self.revoke)
        app.router.add_route("*", "/{path}", self.api)
        return app


@attrs.define
class Platform:
    """The server and its users.

    Attributes:
        told: Every answer of the server, as text, and what it logs of requests.
    """

    url: str
    services: object
    system: System
    tenants: object
    browser: aiohttp.ClientSession
    told: list = attrs.Factory(list)
    log: RequestLog = attrs.field(init=False)

    def __attrs_post_init__(self):
        self.log = RequestLog(self.told.append)

    async def __call__(self, method, path, *, tenant=None, permissions=("workflow:read", "workflow:admin"), **options):
        claims = {
            "tenant": str(tenant or self.tenants.a),
            "sub": USER,
            "permissions": list(permissions),
            "exp": int(time.time()) + 600,
        }
        headers = {"Authorization": f"Bearer {jwt.encode(claims, KEY)}"}
        async with self.browser.request(method, self.url + path, headers=headers, **options) as answer:
            self.told.append(await answer.text())
            return answer.status, (await answer.json(content_type=None) if self.told[-1] else None)

    async def begin(self, **values):
        """What connecting answers, and the page at which it ends when one follows it."""
        given = {"instance_url": self.system.url, "client_id": "id", "client_secret": CLIENT_SECRET, **values}
        body = {"values": {name: value for name, value in given.items() if value is not None}}
        status, answer = await self("POST", "/api/integrations/globex/connect", json=body)
        assert (status, answer["status"]) == (200, "redirect"), answer
        return answer["authorizeUrl"]

    async def follow(self, url, browser=None):
        """Where the browser ends up, when it is sent to an address."""
        browser = browser or self.browser
        async with browser.get(url, allow_redirects=False) as answer:
            back = answer.headers["Location"]
        return await self.land(back, browser)

    async def land(self, back, browser=None):
        async with (browser or self.browser).get(back, allow_redirects=False) as answer:
            assert answer.status == 303
            landed = urlsplit(answer.headers["Location"])
            self.told.append(str(answer.headers))
        assert landed.path == "/connections/globex"
        return {name: value[0] for name, value in parse_qs(landed.query).items()}

    async def connect(self, **values):
        assert await self.follow(await self.begin(**values)) == {"result": "connected"}

    async def read(self, path="/api/integrations/globex", **options):
        status, answer = await self("GET", path, **options)
        assert status == 200, answer
        return answer

    async def send(self, body, *, url=None, **headers):
        """What the system sends, to where it was told to."""
        hook = self.system.hook
        sent = {hook["header"]: hook["value"], **headers}
        async with aiohttp.ClientSession() as other, other.post(url or hook["url"], json=body, headers=sent) as answer:
            self.told.append(await answer.text())
            return answer.status

    async def run_job(self, job_id):
        """Asks for a run of a job, and makes the attempt that a worker would make."""
        status, answer = await self("POST", f"/api/jobs/{job_id}/run", json={})
        assert status == 202, answer
        services = self.services
        runner = JobRunner(
            database=services.database, registry=services.registry, secrets=services.secrets, http=services.http
        )
        await runner.run(self.tenants.a, job_id, UUID(answer["runId"]))
        async with services.database.tenant(self.tenants.a) as conn:
            return await read_run(conn, self.tenants.a, UUID(answer["runId"]))

    @asynccontextmanager
    async def worker(self):
        """What a worker does with webhooks."""
        deliveries = Deliveries(self.services.database, self.services.registry.receivers)
        processor = WebhookProcessor(self.services.database, deliveries, poll=0.05)
        running = asyncio.create_task(processor.run())
        try:
            yield
        finally:
            processor.stop()
            await running

    async def rows(self, sql, *arguments):
        async with self.services.database.tenant(self.tenants.a) as conn:
            return [dict(row) for row in await conn.fetch(sql, *arguments)]

    async def until(self, sql, expected):
        async with asyncio.timeout(20):
            while (found := [tuple(row.values()) for row in await self.rows(sql)]) != expected:
                await asyncio.sleep(0.02)  # what it waits for happens elsewhere
        return found


@pytest.fixture
async def system():
    globex = System()
    server = TestServer(globex.app())
    await server.start_server(access_log=None)  # it would tell its own secrets
    globex.url = str(server.make_url("")).rstrip("/")
    yield globex
    await server.close()


@pytest.fixture
async def platform(migrated_database, fake_distribution, system, tenants, caplog):
    """A server beside which a stranger's integration was installed."""
    caplog.set_level(logging.DEBUG)
    fake_distribution("workflow-globex", Path(__file__).with_name("globex.py").read_text())
    (port,) = free_ports(1)
    settings = load_settings(
        {
            "WORKFLOW_DATABASE_URL": migrated_database.dsn,
            "WORKFLOW_SECRETS_KEY": base64.b64encode(bytes(range(32))).decode(),
            "WORKFLOW_TEMPORAL_ADDRESS": "127.0.0.1:1",
            "WORKFLOW_JWT_KEY": KEY,
            "WORKFLOW_HTTP_PORT": str(port),
        }
    )
    async with (
        open_services(settings) as services,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
    ):
        platform = Platform(settings.public_url, services, system, tenants, browser)
        logged = platform.log.logger_class()
        runner = web.AppRunner(create_app(services), access_log_class=logged, handle_signals=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield platform
        await runner.cleanup()
        platform.log.flush()
