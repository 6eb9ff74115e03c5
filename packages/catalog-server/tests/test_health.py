"""What watches the process is told: alive or not, ready or not, and what is wrong."""

from __future__ import annotations

import pytest

from workflow_catalog_server.health import Health
from workflow_core.discovery import Blocked, DiscoveryReport, Failure, Loaded, Phase
from workflow_core.storage.migrations import CORE_SOURCE, MigrationSource

LOADED = (Loaded("workflow-acme", "1.2.3"),)


async def ready(server):
    response = await server.client.get("/health/ready")
    return response.status, await response.json()


async def test_alive_without_anything(server):
    """Nobody has to say who they are, and Temporal may be down."""
    response = await server.client.get("/health/live")
    assert (response.status, await response.json()) == (200, {"status": "live"})


async def test_temporal_down_is_not_ready(server):
    """The catalog is served all the same."""
    status, document = await ready(server)
    assert (status, document["status"]) == (503, "unavailable")
    assert document["temporal"] == {"ok": False, "cause": "Temporal did not answer (RuntimeError)"}
    assert document["database"] == {"ok": True}
    assert (await server.a("GET", "/api/workflow/registry/designer-catalog")).status == 200


async def test_ready_with_everything(serve, temporal_client, registry, worker):
    """Database, Temporal, discovery, migrations and a worker with our fingerprint."""
    async with serve(temporal=temporal_client) as server:
        status, document = await ready(server)
    assert (status, document["status"]) == (200, "ready")
    assert document["fingerprint"] == registry.manifest.fingerprint
    assert document["migrations"] == {"ok": True, "pending": {}}
    assert document["discovery"]["loaded"] == [{"distribution": "workflow-acme", "version": "1.2.3"}]
    (live,) = document["workers"]["live"]
    assert (live["identity"], live["sameFingerprint"], live["missingActions"]) == ("worker@test", True, [])
    assert 0 <= live["heartbeatAgeSeconds"] < 30


async def test_workers_that_differ(serve, temporal_client, register_worker):
    """Each difference is named; a worker that fell silent is not shown."""
    await register_worker(identity="old", actions={"tickets.create@1": "0" * 64, "more.things@1": "1" * 64})
    await register_worker(identity="dead", age=31)
    async with serve(temporal=temporal_client) as server:
        status, document = await ready(server)
    assert (status, document["status"]) == (200, "degraded")
    (live,) = document["workers"]["live"]
    assert live["sameFingerprint"] is False
    assert live["missingActions"] == ["acme.backups.find@1", "acme.backups.start@1"]
    assert live["differentActions"] == ["tickets.create@1"]
    assert live["additionalActions"] == ["more.things@1"]
    assert live["differentDistributions"] == []


async def test_worker_of_another_version(serve, temporal_client, register_worker):
    """The same actions from another version, without one package and with another, are told apart."""
    await register_worker(distributions={"workflow-acme": "0.9", "workflow-more": "2"})
    async with serve(temporal=temporal_client) as server:
        _, document = await ready(server)
    (live,) = document["workers"]["live"]
    found = {entry["name"]: (entry["here"], entry["there"]) for entry in live["differentDistributions"]}
    loaded = {entry["distribution"]: entry["version"] for entry in document["discovery"]["loaded"]}
    assert found["workflow-acme"] == (loaded["workflow-acme"], "0.9")
    assert found["workflow-more"] == (None, "2")


@pytest.mark.parametrize(
    ("report", "status", "word"),
    [
        (
            DiscoveryReport(loaded=LOADED, failed=(Failure("workflow-bad", "1", Phase.LOAD, "ImportError: x"),)),
            200,
            "degraded",
        ),
        (
            DiscoveryReport(loaded=LOADED, blocked=(Blocked("workflow-new", "1", "migrations pending: 0001"),)),
            200,
            "degraded",
        ),
        (DiscoveryReport(failed=(Failure("workflow-acme", "1", Phase.LOAD, "x"),)), 503, "unavailable"),
    ],
    ids=["optional failed", "optional blocked", "required failed"],
)
async def test_discovery_decides(serve, temporal_client, worker, *, report, status, word):
    """What is required keeps the server from being ready; what is not is shown."""
    async with serve(temporal=temporal_client, report=report) as server:
        found, document = await ready(server)
    assert (found, document["status"]) == (status, word)
    names = [entry["distribution"] for kind in ("failed", "blocked") for entry in document["discovery"][kind]]
    assert names == [entry.distribution for entry in (*report.failed, *report.blocked)]


async def test_pending_migrations_are_named(serve, temporal_client, registry, db, worker):
    """After an upgrade the database is behind until somebody migrates it."""
    sources = (CORE_SOURCE, MigrationSource("workflow-gone", "no_such_package"))
    health = Health(
        db, temporal_client, registry.manifest, DiscoveryReport(loaded=LOADED), frozenset(), migration_sources=sources
    )
    async with serve(temporal=temporal_client, health=health) as server:
        status, document = await ready(server)
    assert (status, document["status"]) == (200, "degraded")
    assert list(document["migrations"]["pending"]) == ["workflow-gone"]


async def test_database_down_is_not_ready(serve, temporal_client, registry, migrated_database):
    """The process lives on, and says what is missing."""
    from workflow_core.storage.database import Database

    database = await Database.connect(migrated_database.dsn, application_name="gone")
    await database.close()
    health = Health(database, temporal_client, registry.manifest, DiscoveryReport(loaded=LOADED), frozenset())
    async with serve(temporal=temporal_client, health=health) as server:
        status, document = await ready(server)
    assert (status, document["status"], document["database"]["ok"]) == (503, "unavailable", False)
