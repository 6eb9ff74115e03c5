"""A tenant connects the simulator, as an admin does, and stays connected."""

import importlib.metadata
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import attrs
import pytest
from yarl import URL

from workflow_core.connections import Account
from workflow_core.discovery import discover
from workflow_core.errors import ConflictError, PermissionDeniedError, ReconnectRequiredError, Refused, ValidationError
from workflow_core.integrations.connecting import Checked, Connected, Connector, Redirected
from workflow_core.integrations.mapping import list_mapped, refresh
from workflow_core.integrations.stored import read_connection
from workflow_core.integrations.tokens import ConnectionTokens, read_tokens, write_tokens
from workflow_core.secrets import KeyEncryptionKey, TenantSecrets
from workflow_core.storage.migrations import CORE_SOURCE
from workflow_ninjaone.connection import client_of
from workflow_ninjaone.jobs import refresh_tokens
from workflow_ninjaone.plugin import plugin
from workflow_ninjaone.simulator import ApiApplication

PUBLIC_URL = "https://workflows.test"
SECRETS = TenantSecrets(KeyEncryptionKey(b"s" * 32))
USER = uuid4()
FULL = ApiApplication("full-client", "full-secret")
READER = ApiApplication("reader-client", "reader-secret")
WEB = ApiApplication(
    "web-client",
    "web-secret",
    grants=frozenset({"authorization_code", "refresh_token"}),
    redirect_uris=(f"{PUBLIC_URL}/api/integrations/ninjaone/callback",),
)


@pytest.fixture
def migration_sources():
    return (CORE_SOURCE,)


@attrs.define
class Desk:
    """An admin of one tenant.

    Attributes:
        connector: The platform's.
    """

    db: object
    tenant: UUID
    simulator: object
    connector: Connector

    async def begin(self, client=WEB, **given):
        values = {
            "instance_url": self.simulator.url,
            "client_id": client.client_id,
            "client_secret": client.client_secret,
        }
        return await self.connector.begin(
            self.tenant, USER, "ninjaone", **{"method": None, "values": values, "scopes": None, **given}
        )

    async def allow(self, sent):
        """Comes back from where somebody was sent."""
        async with self.simulator.session.get(sent.url, allow_redirects=False) as answer:
            back = URL(answer.headers["Location"])
        assert urlsplit(str(back)).path == "/api/integrations/ninjaone/callback"
        return await self.connector.finish(
            "ninjaone", state=back.query["state"], code=back.query.get("code", ""), browser=sent.browser
        )

    async def connect(self, **given):
        await self.allow(await self.begin(**given))

    async def row(self):
        async with self.db.tenant(self.tenant) as conn:
            return await read_connection(conn, self.tenant, "ninjaone")

    async def tokens(self):
        async with self.db.tenant(self.tenant) as conn:
            return await read_tokens(conn, SECRETS, self.tenant, "integration:ninjaone")

    async def context(self):
        return (await self.connector.context(self.tenant, self.connector.connection("ninjaone")))[1]

    async def expire(self):
        """Lets the access token expire, for us."""
        async with self.db.tenant(self.tenant) as conn:
            tokens = await read_tokens(conn, SECRETS, self.tenant, "integration:ninjaone")
            await write_tokens(conn, SECRETS, self.tenant, "integration:ninjaone", attrs.evolve(tokens, good_until=0.0))


@pytest.fixture
async def desk(db, tenants, simulator, session):
    simulator.state.authority.applications[WEB.client_id] = WEB
    points = importlib.metadata.entry_points(group="workflow.modules", name="ninjaone")
    registry = discover(entry_points=list(points), required=()).registry
    tokens = ConnectionTokens(db, SECRETS, session)
    connector = Connector(
        database=db, registry=registry, secrets=SECRETS, tokens=tokens, http=session, public_url=PUBLIC_URL
    )
    return Desk(db, tenants.a, simulator, connector)


async def test_sign_in(desk):
    """Somebody signs in over there; the connection has tokens that rotate, and reads with them."""
    sent = await desk.begin()
    assert isinstance(sent, Redirected)
    assert await desk.allow(sent) == desk.tenant
    row = await desk.row()
    assert (row.is_connected, row.method, row.scopes, row.account_name) == (
        True,
        "authorization_code",
        ["monitoring", "management", "control"],
        "127.0.0.1",
    )
    before = await desk.tokens()
    await desk.expire()
    assert await refresh(desk.connector, desk.tenant, "ninjaone", "organization") == 3
    after = await desk.tokens()
    assert before.refresh_token != after.refresh_token
    async with desk.db.tenant(desk.tenant) as conn:
        page = await list_mapped(conn, desk.tenant, row.integration_id, q=None, state="all", limit=10, after=None)
    assert page.total == 3


async def test_as_an_application(desk):
    """An application of its own needs nobody to sign in; what it is given is kept like any other."""
    assert isinstance(await desk.begin(FULL, method="client_credentials"), Connected)
    before = await desk.tokens()
    assert before.refresh_token is None
    await desk.expire()
    assert await desk.connector.test(desk.tenant, "ninjaone") == Checked(account=Account("127.0.0.1"))
    assert (await desk.tokens()).access_token != before.access_token
    token = (await desk.tokens()).access_token
    assert await desk.connector.disconnect(desk.tenant, USER, "ninjaone")
    assert (await desk.simulator.call("GET", "/v2/organizations", token=token))[0] == 401


async def test_idle_tenants(desk):
    """The job renews the tokens of a connection that nothing uses."""
    await desk.connect()
    before = await desk.tokens()
    await desk.expire()
    await refresh_tokens(await desk.context())
    assert (await desk.tokens()).refresh_token != before.refresh_token
    assert "ninjaone.refresh_tokens" in {job.id for job in plugin.workflow_jobs()}


async def test_refused_for_good(desk):
    """A connection whose refresh token NinjaOne has ended has to be made again; nobody asks before."""
    await desk.connect()
    assert (await desk.simulator.control("DELETE", "grants"))[0] < 300
    await desk.expire()
    for _ in range(2):
        with pytest.raises(ReconnectRequiredError):
            await (await desk.context()).secrets.token()
    assert (await desk.row()).needs_reconnecting
    await desk.connect()
    assert not (await desk.row()).needs_reconnecting
    assert (await desk.connector.test(desk.tenant, "ninjaone")).error is None


async def test_monitoring_only(desk):
    """A tenant that allows only monitoring can read; what acts is refused with what to change."""
    await desk.connect(scopes=["monitoring"])
    client = client_of(await desk.context())
    assert await client.get_device(101)
    with pytest.raises(Refused, match="allow it under Connections") as raised:
        await client.reboot_device(101)
    assert isinstance(raised.value.cause, PermissionDeniedError)


async def test_disconnect(desk):
    """NinjaOne takes its tokens back, and nothing of them is left."""
    await desk.connect()
    tokens = await desk.tokens()
    assert await desk.connector.disconnect(desk.tenant, USER, "ninjaone")
    assert (await desk.simulator.call("GET", "/v2/organizations", token=tokens.access_token))[0] == 401
    assert await desk.tokens() is None
    with pytest.raises(ConflictError) as raised:
        await desk.context()
    assert raised.value.code == "NOT_CONNECTED"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"client": attrs.evolve(FULL, client_secret="wrong")}, "INTEGRATION_NOT_CONFIGURED"),
        ({"client": READER}, "PERMISSION_DENIED"),
        ({"client": WEB}, "INTEGRATION_NOT_CONFIGURED"),
    ],
)
async def test_refused_credentials(desk, given, reason):
    """What NinjaOne refuses is not stored, and the admin is told what to change."""
    with pytest.raises(ValidationError) as raised:
        await desk.begin(method="client_credentials", **given)
    assert (raised.value.code, raised.value.details["reason"]) == ("CONNECTION_REFUSED", reason)
    assert await desk.row() is None


async def test_without_refresh_token(desk, monkeypatch):
    """A connection that would end within the hour is refused at once."""
    given = desk.simulator.state.authority.token
    monkeypatch.setattr(desk.simulator.state.authority, "token", lambda *args: {**given(*args), "refresh_token": None})
    with pytest.raises(ValidationError, match="tick the grant type Refresh Token"):
        await desk.connect()
    assert await desk.row() is None
