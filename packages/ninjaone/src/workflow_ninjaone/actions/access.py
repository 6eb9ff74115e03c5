"""From a step to the tenant's NinjaOne account: the active connection, its credentials, a client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_core.errors import (
    IntegrationInactiveError,
    IntegrationNotConfiguredError,
    Refused,
    TransientError,
    ValidationError,
    WorkflowError,
)
from workflow_core.jobs import JobContext
from workflow_core.options import OptionContext
from workflow_core.records import rmm
from workflow_core.storage.database import Connection
from workflow_ninjaone.availability import is_available
from workflow_ninjaone.client import Buckets, ConnectionTokenSource, NinjaOneClient, Pace, RetryPolicy
from workflow_ninjaone.module import PROVIDER

Caller = ActionContext | JobContext | OptionContext
"""Who calls NinjaOne in a tenant's name."""

REQUEST_SECONDS = 15.0
"""How long one request may take; an action with a token request and two of its own stays below its time limit."""


#: A sync of a fleet would rather be late than begin anew.
_PATIENT: Final = RetryPolicy(tries=8, longest_retry_after=120.0, patient=True)
_buckets: Final = Buckets()


def require_tenant(tenant: UUID | None) -> UUID:
    """
    The tenant.

    Raises:
        ValidationError: There is none.
    """
    if tenant is None:
        raise ValidationError("tenantId is required")
    return tenant


async def active_integration(connection: Connection, tenant: UUID | None) -> rmm.Integration:
    """
    The tenant's connection to NinjaOne.

    Raises:
        IntegrationInactiveError: There is none that may be used (any more).
        ValidationError: There is no tenant.
    """
    integration = await rmm.get_integration(connection, require_tenant(tenant), PROVIDER)
    if integration is None or not is_available(integration):
        raise IntegrationInactiveError("NinjaOne integration is not active for this tenant")
    return integration


class Access:
    """Makes clients."""

    async def client(self, ctx: Caller, integration: rmm.Integration) -> NinjaOneClient:
        """
        A client for a step, a job or a picker. Sends nothing yet.

        Raises:
            IntegrationNotConfiguredError: The instance's address or a credential is missing.
        """
        if not integration.instance_url:
            raise IntegrationNotConfiguredError(
                "The NinjaOne connection has no instance address: complete it under Connections.",
                details={"missing": ["instance_url"]},
            )
        await ctx.secrets.require("client_id", "client_secret")
        return NinjaOneClient(
            ctx.http,
            base_url=integration.instance_url,
            tokens=ConnectionTokenSource(ctx.secrets),
            timeout=REQUEST_SECONDS,
            retry=_PATIENT if isinstance(ctx, JobContext) else None,
            pace=Pace(_buckets.of((ctx.tenant, integration.instance_url)), background=isinstance(ctx, JobContext)),
        )

    async def connect(self, ctx: Caller) -> tuple[rmm.Integration, NinjaOneClient]:
        """
        The active connection and a client for it.

        Raises:
            IntegrationInactiveError: The connection is not active.
            IntegrationNotConfiguredError: It is not complete.
        """
        async with ctx.transaction() as connection:
            integration = await active_integration(connection, ctx.tenant)
        return integration, await self.client(ctx, integration)


@contextmanager
def nothing_done_yet() -> Iterator[None]:
    """
    Around what an acting handler does before it acts: whatever fails there proves that nothing was done.

    Raises:
        Refused: Around the error; a foreign exception becomes a passing failure, without its text.
    """
    try:
        yield
    except Refused:
        raise
    except WorkflowError as error:
        raise Refused(error) from None
    except Exception as error:
        raise Refused(
            TransientError(f"NinjaOne was not called: preparing the call failed ({type(error).__name__}).")
        ) from error
