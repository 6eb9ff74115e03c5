"""What NinjaOne does for a tenant by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from workflow_core.jobs import Job, JobContext
from workflow_ninjaone.fleet import refresh_devices, sync_devices
from workflow_ninjaone.module import PROVIDER
from workflow_ninjaone.reconciling import reconcile_alerts


async def refresh_tokens(ctx: JobContext) -> dict[str, Any]:
    """A refresh token dies of not being used, after a month or so; an access token lives an hour."""
    await ctx.secrets.token()
    return {}


def ninjaone_jobs() -> list[Job]:
    """All of them."""
    return [
        Job(
            id="ninjaone.refresh_tokens",
            label="Keep connected",
            description="Renews the access token of a connection that nothing uses, so that NinjaOne does not end it.",
            provider=PROVIDER,
            handler=refresh_tokens,
            every=timedelta(hours=12),
        ),
        Job(
            id="ninjaone.sync_devices",
            label="Sync devices",
            description="Makes every device of NinjaOne an asset, with its hardware, its addresses and its client. "
            "Devices that NinjaOne has no more become inactive.",
            provider=PROVIDER,
            handler=sync_devices,
            every=timedelta(days=1),
            time_limit=timedelta(hours=1),
            on_connect=True,
        ),
        Job(
            id="ninjaone.refresh_devices",
            label="Refresh devices",
            description="Fetches which devices are online, their names and organizations, and devices that are new.",
            provider=PROVIDER,
            handler=refresh_devices,
            every=timedelta(minutes=15),
        ),
        Job(
            id="ninjaone.reconcile_alerts",
            label="Reconcile alerts",
            description="Fetches the alerts and events that the webhook has not brought.",
            provider=PROVIDER,
            handler=reconcile_alerts,
            every=timedelta(minutes=5),
            on_connect=True,
        ),
    ]
