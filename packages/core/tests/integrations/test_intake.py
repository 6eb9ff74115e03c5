"""Taking deliveries in: authenticated, stored, and told to the workers."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from workflow_core.integrations.webhook_routes import CHANNEL, Arrivals
from workflow_core.records import rmm
from workflow_core.webhooks import WebhookReceiver

TOKEN, VALUE = "an address", "a value"


async def _handle(_ctx, _body):
    raise NotImplementedError  # declared only: a test that came to call it should fail


RECEIVER = WebhookReceiver(provider="acme", header="X-Acme", handle=_handle)


@pytest.fixture
async def arrivals(db, tenants):
    """With one route, of tenant A."""
    async with db.tenant(tenants.a) as conn:
        integration = await rmm.put_integration(conn, tenants.a, "acme", is_active=True)
        await conn.execute(
            "INSERT INTO workflow_webhook_routes (token_sha256, header_sha256, tenant, integration_id, provider) "
            "VALUES ($1, $2, $3, $4, 'acme')",
            hashlib.sha256(TOKEN.encode()).digest(),
            hashlib.sha256(VALUE.encode()).digest(),
            tenants.a,
            integration.integration_id,
        )
    taking = Arrivals(db, {"acme": RECEIVER})
    yield taking
    await taking.close()


async def test_workers_are_told(db, tenants, arrivals):
    """At once of the first; of many that come together not each, and of the last always."""
    heard = asyncio.Queue()
    listener = await db.listen(CHANNEL, on_payload=heard.put_nowait, on_lost=lambda: None, on_restored=lambda: None)
    try:
        route = await arrivals.authenticate(TOKEN, {"X-Acme": VALUE})
        assert route is not None
        assert await asyncio.gather(*(arrivals.store(route, b"{}") for _ in range(20))) == [True] * 20
        async with asyncio.timeout(10):
            await heard.get()
            await arrivals.close()
            async with db.tenant(tenants.a) as conn:
                assert await conn.fetchval("SELECT count(*) FROM workflow_webhook_deliveries") == 20
            assert await arrivals.store(route, b"{}")
            await heard.get()
    finally:
        await listener.close()
    assert heard.qsize() < 20


async def test_who_does_not_prove_himself(arrivals):
    """Another address, another value, or none."""
    assert await arrivals.authenticate("another", {"X-Acme": VALUE}) is None
    for headers in ({}, {"X-Acme": ""}, {"X-Acme": "another"}, {"X-Other": VALUE}):
        assert await arrivals.authenticate(TOKEN, headers) is None


async def test_a_connection_that_is_gone(db, tenants, arrivals):
    """Nothing is stored for it."""
    route = await arrivals.authenticate(TOKEN, {"X-Acme": VALUE})
    async with db.tenant(tenants.a) as conn:
        await conn.execute("DELETE FROM rmm_integrations WHERE tenant = $1", tenants.a)
    assert await arrivals.store(route, b"{}") is False
