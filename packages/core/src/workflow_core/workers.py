"""The worker processes that are alive, and how what they can run differs from what this server shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from workflow_core.language.plan import PlannedAction
from workflow_core.manifest import Manifest
from workflow_core.storage.database import Connection

#: A worker that was not heard of for so many seconds, by the database's clock, does not count as alive.
LIVE_SECONDS: Final = 30

_LIVE = """
SELECT identity, fingerprint, manifest, extract(epoch FROM now() - heartbeat_at)::float8 AS age
FROM workflow_workers
WHERE heartbeat_at > now() - make_interval(secs => $1)
ORDER BY identity, worker_id
"""

_PLANNED = """
SELECT DISTINCT ON (called.key) called.key, planned -> called.key AS planned
FROM workflow_workers CROSS JOIN unnest($2::text[]) AS called (key)
WHERE heartbeat_at > now() - make_interval(secs => $1) AND planned ? called.key
ORDER BY called.key, started_at DESC
"""

_JOBS = """
SELECT DISTINCT job_id FROM workflow_workers, unnest(jobs) AS job_id
WHERE heartbeat_at > now() - make_interval(secs => $1)
"""


@attrs.frozen
class LiveWorker:
    """A worker process.

    Attributes:
        identity: Who it is, such as ``host:pid``.
        fingerprint: Of its manifest.
        manifest: What it can run.
        heartbeat_age: Seconds since it was last heard of.
    """

    identity: str
    fingerprint: str
    manifest: Manifest
    heartbeat_age: float

    def as_json(self, ours: Manifest) -> dict[str, Any]:
        """Plain JSON, with the difference from our own manifest."""
        theirs = self.manifest.actions
        return {
            "identity": self.identity,
            "fingerprint": self.fingerprint,
            "heartbeatAgeSeconds": round(self.heartbeat_age, 1),
            "sameFingerprint": self.fingerprint == ours.fingerprint,
            "missingActions": sorted(set(ours.actions) - set(theirs)),
            "differentActions": sorted(
                key for key, contract in ours.actions.items() if theirs.get(key, contract) != contract
            ),
            "additionalActions": sorted(set(theirs) - set(ours.actions)),
            "differentDistributions": [
                {"name": name, "here": here, "there": there}
                for name in sorted({*ours.distributions, *self.manifest.distributions})
                if (here := ours.distributions.get(name)) != (there := self.manifest.distributions.get(name))
            ],
        }


async def live_workers(conn: Connection) -> list[LiveWorker]:
    """The workers that are alive, by identity."""
    return [
        LiveWorker(
            identity=row["identity"],
            fingerprint=row["fingerprint"],
            manifest=Manifest(
                actions=row["manifest"].get("actions", {}), distributions=row["manifest"].get("distributions", {})
            ),
            heartbeat_age=row["age"],
        )
        for row in await conn.fetch(_LIVE, LIVE_SECONDS)
    ]


async def planned_by_workers(conn: Connection, keys: Iterable[str]) -> dict[str, PlannedAction]:
    """What the live worker that started last needs of each of these actions, by ``id@version``."""
    rows = await conn.fetch(_PLANNED, LIVE_SECONDS, sorted(keys))
    return {row["key"]: PlannedAction.from_json(row["planned"]) for row in rows}


async def jobs_of_workers(conn: Connection) -> list[str]:
    """The ids of the jobs that live workers have."""
    return [row["job_id"] for row in await conn.fetch(_JOBS, LIVE_SECONDS)]
