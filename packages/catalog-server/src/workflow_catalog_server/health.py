"""Whether this process can do its work, and what exactly is wrong when it cannot."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

import attrs
from packaging.utils import canonicalize_name
from temporalio.client import Client

from workflow_core.discovery import DiscoveryReport
from workflow_core.manifest import Manifest
from workflow_core.storage.database import Database
from workflow_core.storage.migrations import MigrationSource, installed_sources, pending_migrations
from workflow_core.workers import live_workers

_log = logging.getLogger(__name__)

_TIMEOUT: Final = 3.0
#: Anybody may ask: within so many seconds all get the same answer.
_KEPT_FOR: Final = 1.0


@attrs.frozen
class Readiness:
    """One answer: whether to send requests here, and everything that was looked at."""

    ready: bool
    document: dict[str, Any]


class Health:
    """Looks at what the server depends on.

    Args:
        database: Asked for an answer, migrations and workers.
        temporal: Asked for its health.
        manifest: Of this process.
        report: What discovery found at start.
        required: Distributions without which the server is not ready.
        tenant_runs: How many runs of a tenant may be busy at once; None: as many as there are.
        migration_sources: Where migrations are looked for; all that are installed when left out.
    """

    def __init__(
        self,
        database: Database,
        temporal: Client,
        manifest: Manifest,
        report: DiscoveryReport,
        required: frozenset[str],
        *,
        tenant_runs: int | None = None,
        migration_sources: Sequence[MigrationSource] | None = None,
    ) -> None:
        self._database = database
        self._temporal = temporal
        self._manifest = manifest
        self._report = report
        self._required = frozenset(str(canonicalize_name(name)) for name in required)
        self._tenant_runs = tenant_runs
        self._sources = migration_sources
        self._question: asyncio.Task[Readiness] | None = None
        self._asked_at = float("-inf")

    async def readiness(self) -> Readiness:
        """Looks at everything at once; those who ask at the same time share the answer."""
        now = time.monotonic()
        if self._question is None or (self._question.done() and now - self._asked_at > _KEPT_FOR):
            self._asked_at = now
            self._question = asyncio.create_task(self._look(), name="readiness")
        return await asyncio.shield(self._question)

    async def close(self) -> None:
        """Waits for a question that is still open."""
        if self._question is not None:
            await asyncio.wait([self._question])

    async def _look(self) -> Readiness:
        database, temporal, migrations, workers = await asyncio.gather(
            _guarded("the database", self._ask_database),
            _guarded("Temporal", self._ask_temporal),
            _guarded("the migrations", self._ask_migrations),
            _guarded("the workers", self._ask_workers),
        )
        missing = sorted(self._required - {entry.distribution for entry in self._report.loaded})
        ready = bool(database["ok"] and temporal["ok"] and not missing)
        complete = ready and self._report.healthy and migrations.get("pending") == {} and workers["ok"]
        return Readiness(
            ready,
            {
                "status": "ready" if complete else "degraded" if ready else "unavailable",
                "database": database,
                "temporal": temporal,
                "migrations": migrations,
                "fingerprint": self._manifest.fingerprint,
                "discovery": {**self._report.as_json(), "missingRequired": missing},
                "workers": workers,
                "limits": {"tenantRuns": self._tenant_runs},
            },
        )

    async def _ask_database(self) -> dict[str, Any]:
        await self._database.ping()
        return {}

    async def _ask_temporal(self) -> dict[str, Any]:
        await self._temporal.service_client.check_health(timeout=timedelta(seconds=_TIMEOUT))
        return {}

    async def _ask_migrations(self) -> dict[str, Any]:
        sources = installed_sources() if self._sources is None else self._sources
        return {"pending": await pending_migrations(self._database, sources)}

    async def _ask_workers(self) -> dict[str, Any]:
        async with self._database.untenanted() as conn:
            live = await live_workers(conn)
        entries = [worker.as_json(self._manifest) for worker in live]
        return {"ok": bool(entries) and all(entry["sameFingerprint"] for entry in entries), "live": entries}


async def _guarded(what: str, ask: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """An answer with ``ok``; a failure is an answer too. The cause goes to the log: anybody may read the answer."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            return {"ok": True, **await ask()}
    except Exception as error:  # noqa: BLE001 - guards the answer against every way in which a server can be gone
        _log.warning("readiness: %s: %s: %s", what, type(error).__name__, error)
        return {"ok": False, "cause": f"{what} did not answer ({type(error).__name__})"}
