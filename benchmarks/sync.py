"""A sync of NinjaOne's whole fleet, against the bare fetch of its pages and a ``COPY`` of the same rows."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import attrs
from rich.console import Console
from rich.table import Table

from benchmarks.platform import Platform
from workflow_devstack.api import Api
from workflow_devstack.seed import CONNECTED
from workflow_devstack.simulator import CLIENT_ID

DEVICES = 50_000
PAGE = 1000
TARGET = 3.0
_JOB = "ninjaone.sync_devices"
_TABLES = (
    *("assets", "workstation_assets", "server_assets", "network_device_assets", "mobile_device_assets"),
    "tenant_external_entity_mappings",
)


@attrs.define
class Memory:
    """Megabytes that the worker has in memory: at first, and at most."""

    process: int
    first: float = attrs.field(init=False)
    most: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Looks for the first time."""
        self.first = self.most = self._now()

    def look(self) -> None:
        """Notes how much it is now."""
        self.most = max(self.most, self._now())

    def _now(self) -> float:
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


async def measure(platform: Platform, console: Console) -> None:
    """Prints how long the first sync and another one take, and the worker's memory."""
    admin = await asyncpg.connect(platform.admin_dsn)
    try:
        simulator = await admin.fetchval(
            "SELECT instance_url FROM rmm_integrations WHERE tenant = $1 AND provider = 'ninjaone'", CONNECTED.tenant
        )
        async with aiohttp.ClientSession() as session, Api(platform.url, platform.token) as api:
            async with session.post(f"{simulator}/_simulator/fleet", json={"devices": DEVICES}) as answer:
                total = (await answer.json())["devices"]
            await _settled(api)
            memory = Memory(_worker(platform))
            taken = {"first": await _sync(api, memory), "again": await _sync(api, memory)}
            fetch = await _fetch(session, simulator, platform.simulator_secret)
        copy = await _copy(admin)
        stored = await admin.fetchval(
            "SELECT count(*) FROM assets WHERE tenant = $1 AND status = 'active'", CONNECTED.tenant
        )
    finally:
        await admin.close()
    table = Table("what", "seconds", "ratio", "target", title=f"A sync of {total:,} devices ({stored:,} are assets)")
    table.add_row("bare: fetching the pages", f"{fetch:.1f}", "", "")
    table.add_row("bare: COPY of the same rows", f"{copy:.1f}", "", "")
    for name, what in (("first", "sync: all devices are new"), ("again", "sync: all devices are known")):
        ratio = taken[name] / (fetch + copy)
        table.add_row(what, f"{taken[name]:.1f}", f"{ratio:.2f}", f"≤ {TARGET:g} {'✓' if ratio <= TARGET else '✗'}")
    console.print(table)
    console.print(f"The worker's memory: {memory.first:.0f} MB before, {memory.most:.0f} MB at most.")


def _worker(platform: Platform) -> int:
    """The process of the platform's worker."""
    mark = platform.worker["WORKFLOW_SECRETS_KEY_FILE"].encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found = (
                b"workflow-worker" in (process / "cmdline").read_bytes() and mark in (process / "environ").read_bytes()
            )
        except OSError:
            continue
        if found:
            return int(process.name)
    raise LookupError("the platform has no worker")


async def _settled(api: Api) -> None:
    """Waits until no run of the job is under way: connecting has begun one."""
    while (await _job(api))["underWay"] is not None:
        await asyncio.sleep(0.1)


async def _job(api: Api) -> Any:
    jobs = await api.call("GET", "/api/jobs?provider=ninjaone")
    return next(job for job in jobs["jobs"] if job["id"] == _JOB)


async def _sync(api: Api, memory: Memory) -> float:
    began = time.perf_counter()
    await api.call("POST", f"/api/jobs/{_JOB}/run", body={})
    while (await _job(api))["underWay"] is not None:
        memory.look()
        await asyncio.sleep(0.05)
    took = time.perf_counter() - began
    last = (await _job(api))["last"]
    if last["status"] != "succeeded":
        raise RuntimeError(f"the sync ended as {last}")
    return took


async def _fetch(session: aiohttp.ClientSession, simulator: str, secret: str) -> float:
    application = {"client_id": CLIENT_ID, "client_secret": secret}
    form = {"grant_type": "client_credentials", "scope": "monitoring", **application}
    async with session.post(f"{simulator}/ws/oauth/token", data=form) as answer:
        token = (await answer.json())["access_token"]
    began, after = time.perf_counter(), 0
    while True:
        async with session.get(
            f"{simulator}/v2/devices-detailed",
            params={"pageSize": str(PAGE), "after": str(after)},
            headers={"Authorization": f"Bearer {token}"},
        ) as answer:
            rows = await answer.json()
        if not rows:
            return time.perf_counter() - began
        after = rows[-1]["id"]


async def _copy(admin: asyncpg.Connection[asyncpg.Record]) -> float:
    took = 0.0
    for table in _TABLES:
        rows = io.BytesIO()
        await admin.copy_from_query(f"SELECT * FROM {table}", output=rows, format="binary")
        rows.seek(0)
        await admin.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES)")
        began = time.perf_counter()
        await admin.copy_to_table(f"bare_{table}", source=rows, format="binary")
        took += time.perf_counter() - began
    return took
