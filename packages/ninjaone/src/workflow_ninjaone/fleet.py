"""
The whole fleet becomes assets, page by page: with all that NinjaOne knows, or only with what changes by the hour.

A page is one request and one transaction, and the run of the job remembers where the next one begins: an attempt that
was interrupted is followed by one that goes on from there. Memory has two pages at a time: one is fetched while the one
before is stored.

A device is gone only when a list that was read to its end did not have it, and NinjaOne says so once more when it is
asked for the device itself. So neither a list that broke off nor one that left a device out takes an asset away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs

from workflow_core.errors import NotFoundError, PermissionDeniedError, WorkflowError
from workflow_core.jobs import JobContext
from workflow_core.records import devices, rmm
from workflow_core.records.assets import UpsertedAsset
from workflow_core.storage.database import Connection
from workflow_ninjaone import client as vendor
from workflow_ninjaone.actions.access import Access
from workflow_ninjaone.actions.normalise import clean, reported_device
from workflow_ninjaone.module import PROVIDER

#: Devices of one page: with all details about two megabytes.
PAGE: Final = 1000
#: Devices that are looked at one by one, between two checkpoints.
_STEP: Final = 25


async def store_devices(
    conn: Connection, tenant: UUID, integration_id: UUID, found: Sequence[vendor.Device], *, by_itself: bool = False
) -> dict[str, UpsertedAsset]:
    """
    Makes devices the assets of the clients that their organizations are.

    Args:
        conn: Bound to the tenant.
        tenant: Whose assets.
        integration_id: The connection that they come from.
        found: As NinjaOne gives them; what it leaves out stays as it is here.
        by_itself: Nobody has asked for these: those of organizations that are not synced stay as they are.
    """
    named = {
        str(device.organization_id): clean(device.organization_name)
        for device in found
        if device.organization_id is not None
    }
    organizations = await rmm.meet_organizations(conn, tenant, integration_id, named)
    reported, left_alone = [], []
    for device in map(reported_device, found):
        organization = None if device.organization_id is None else organizations[device.organization_id]
        if by_itself and organization is not None and not organization.auto_sync_assets:
            left_alone.append(device.device_id)
        else:
            client_id = None if organization is None else organization.client_id
            reported.append(attrs.evolve(device, client_id=client_id))
    if left_alone:
        await devices.see_devices(conn, tenant, PROVIDER, left_alone)
    return await devices.upsert_devices(conn, tenant, PROVIDER, reported)


async def sync_devices(ctx: JobContext) -> Mapping[str, Any]:
    """Everything of every device."""
    return await _Sync(ctx, full=True).run()


async def refresh_devices(ctx: JobContext) -> Mapping[str, Any]:
    """Who is online, names, organizations; of new devices everything."""
    return await _Sync(ctx, full=False).run()


@attrs.define
class _Course:
    """How far a run has come: its checkpoint.

    Attributes:
        began: When its first attempt began, by the database's clock.
        after: The page after which it goes on; None: at the beginning.
        is_listed: Whether the list has been read to its end.
        seen: Devices that NinjaOne has.
        created: Those that were new here.
        retired: Those that NinjaOne has no more.
    """

    began: str
    after: int | None = None
    is_listed: bool = False
    seen: int = 0
    created: int = 0
    retired: int = 0


class _Sync:
    def __init__(self, ctx: JobContext, *, full: bool) -> None:
        self._ctx = ctx
        self._full = full

    async def run(self) -> Mapping[str, Any]:
        """Reads the list, then looks for what it lacks; the connection's record says how it went."""
        await self._record("syncing")
        try:
            integration, client = await Access().connect(self._ctx)
            course = await self._begin(client, integration.integration_id)
            if not course.is_listed:
                await self._read_list(client, course)
            await self._look_for_missing(client, course)
        except WorkflowError as error:
            await self._record("error", error.message)
            raise
        await self._record("completed")
        return {"devices": course.seen, "created": course.created, "retired": course.retired}

    async def _record(self, status: str, error: str | None = None) -> None:
        ctx = self._ctx
        async with ctx.transaction() as conn:
            await rmm.record_sync(conn, ctx.tenant, ctx.integration_id, status=status, error=error, full=self._full)

    async def _begin(self, client: vendor.NinjaOneClient, integration_id: UUID) -> _Course:
        ctx = self._ctx
        if ctx.checkpoint:
            return _Course(**ctx.checkpoint)
        if self._full:
            named = {str(found.id): clean(found.name) async for found in client.list_organizations()}
            async with ctx.transaction() as conn:
                await rmm.meet_organizations(conn, ctx.tenant, integration_id, named)
        async with ctx.transaction() as conn:
            course = _Course(began=(await conn.fetchval("SELECT now()")).isoformat())
        await self._save(course)
        return course

    async def _save(self, course: _Course) -> None:
        await self._ctx.save(attrs.asdict(course))

    # ── What NinjaOne has ────────────────────────────────────────────────────────────────────────────────────────

    async def _read_list(self, client: vendor.NinjaOneClient, course: _Course) -> None:
        coming = _ahead(client.device_pages(after=course.after, page_size=PAGE, detailed=self._full))
        async with aclosing(coming) as pages:  # nothing is fetched any more when storing fails
            async for page in pages:
                found = page.devices if self._full else await self._with_details_of_new(client, page.devices)
                stored = await self._store(found)
                course.after = page.after
                course.seen += len(page.devices)
                course.created += sum(asset.created for asset in stored.values())
                await self._save(course)
                await self._ctx.progress(course.seen, message="Reading devices")
        course.is_listed = True
        await self._save(course)

    async def _store(self, found: Sequence[vendor.Device]) -> dict[str, UpsertedAsset]:
        ctx = self._ctx
        async with ctx.transaction() as conn:
            return await store_devices(conn, ctx.tenant, ctx.integration_id, found, by_itself=True)

    async def _with_details_of_new(
        self, client: vendor.NinjaOneClient, page: Sequence[vendor.Device]
    ) -> list[vendor.Device]:
        """The devices in their short form, but those in full that become assets: of them nothing else is known."""
        ctx = self._ctx
        async with ctx.transaction() as conn:
            known = await devices.known_devices(conn, ctx.tenant, PROVIDER, (str(device.id) for device in page))
            organizations = await rmm.list_organizations(conn, ctx.tenant, ctx.integration_id)
        left_alone = {each.external_organization_id for each in organizations if not each.auto_sync_assets}
        found = []
        for number, device in enumerate(page):
            is_enough = str(device.id) in known or str(device.organization_id) in left_alone
            detailed = device if is_enough else await _look_at(client, device.id)
            if detailed is not None:
                found.append(detailed)
            if number % _STEP == 0:
                await ctx.progress(number, len(page), "Reading new devices")
        return found

    # ── What it has no more ──────────────────────────────────────────────────────────────────────────────────────

    async def _look_for_missing(self, client: vendor.NinjaOneClient, course: _Course) -> None:
        """Devices that are known here and that the list did not have; those looked at already are seen by now."""
        ctx, began = self._ctx, datetime.fromisoformat(course.began)
        async with ctx.transaction() as conn:
            missing = await devices.unseen_devices(conn, ctx.tenant, PROVIDER, began)
        for start in range(0, len(missing), _STEP):
            gone, found, hidden = [], [], []
            for device_id in missing[start : start + _STEP]:
                try:
                    device = await client.get_device(int(device_id))
                except (NotFoundError, ValueError):
                    gone.append(device_id)
                except PermissionDeniedError:
                    hidden.append(device_id)  # it is there, and not ours to see
                else:
                    found.append(device)
            async with ctx.transaction() as conn:
                await store_devices(conn, ctx.tenant, ctx.integration_id, found, by_itself=True)
                await devices.see_devices(conn, ctx.tenant, PROVIDER, hidden)
                course.retired += await devices.retire_devices(conn, ctx.tenant, PROVIDER, gone, unseen_since=began)
            await self._save(course)
            await ctx.progress(start, len(missing), "Looking for devices that are gone")


async def _ahead(pages: AsyncIterator[vendor.DevicePage]) -> AsyncGenerator[vendor.DevicePage]:
    """The same, each asked for while the one before is being stored."""

    async def next_page() -> vendor.DevicePage | None:
        return await anext(pages, None)

    coming = asyncio.create_task(next_page())
    try:
        while (page := await coming) is not None:
            coming = asyncio.create_task(next_page())
            yield page
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError, WorkflowError):
            await coming


async def _look_at(client: vendor.NinjaOneClient, device_id: int) -> vendor.Device | None:
    """All of a device; None when it has just been deleted."""
    try:
        return await client.get_device(device_id)
    except NotFoundError:
        return None
