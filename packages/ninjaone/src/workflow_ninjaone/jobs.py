"""What NinjaOne does for a tenant by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from workflow_core.jobs import Job, JobContext
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
            id="ninjaone.reconcile_alerts",
            label="Reconcile alerts",
            description="Fetches the alerts and events that the webhook has not brought.",
            provider=PROVIDER,
            handler=reconcile_alerts,
            every=timedelta(minutes=5),
            on_connect=True,
        ),
    ]
