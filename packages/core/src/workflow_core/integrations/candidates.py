"""A connection that is not stored, yet or any more: its values are in memory only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

from workflow_core.connections import Connection, ConnectionContext, Grant
from workflow_core.errors import ActionError, IntegrationNotConfiguredError, TransientError, WorkflowError
from workflow_core.execution.handler_tools import RedactingLog
from workflow_core.redaction import Redactor

if TYPE_CHECKING:
    import aiohttp

    from workflow_core.integrations.entering import Entered

T = TypeVar("T")

#: Seconds that the other system gets for one thing that it is asked for.
CALL_LIMIT: Final = 30.0


class Candidate:
    """A connection with its values; see :class:`workflow_core.actions.SecretReader` for what its functions read.

    Args:
        tenant: Whose connection.
        connection: Its description.
        http: For calls.
        method: The key of its method.
        instance_url: The field of this name.
        settings: The other fields that are not secret.
        scopes: What the tenant allows.
        values: The fields that are secret.
        grant: Its tokens, if there are any.
    """

    def __init__(
        self,
        tenant: UUID,
        connection: Connection,
        http: aiohttp.ClientSession,
        *,
        method: str,
        instance_url: str | None,
        settings: Mapping[str, object],
        scopes: tuple[str, ...],
        values: Mapping[str, str],
        grant: Grant | None = None,
    ) -> None:
        self._connection = connection
        self.values = values
        self._grant: Grant | None = None
        self.redactor = Redactor(values.values())
        self.context = ConnectionContext(
            tenant=tenant,
            provider=connection.provider,
            method=method,
            instance_url=instance_url,
            settings=settings,
            scopes=scopes,
            http=http,
            log=RedactingLog("workflow.connection", f"{connection.provider} tenant={tenant}", self.redactor),
            secrets=self,
        )
        if grant is not None:
            self.keep(grant)

    @classmethod
    def of(
        cls,
        tenant: UUID,
        connection: Connection,
        http: aiohttp.ClientSession,
        entered: Entered,
        stored: Mapping[str, str],
    ) -> Candidate:
        """What was entered, with the secrets that it keeps."""
        return cls(
            tenant,
            connection,
            http,
            method=entered.method.key,
            instance_url=entered.instance_url,
            settings=entered.settings,
            scopes=entered.scopes,
            values={**stored, **entered.secrets},
        )

    @property
    def grant(self) -> Grant | None:
        """The tokens that it has come to."""
        return self._grant

    def keep(self, grant: Grant) -> None:
        """Takes tokens, to be used from now on."""
        if grant.refresh_token is None and self._grant is not None:
            grant = Grant(
                access_token=grant.access_token,
                lifetime=grant.lifetime,
                refresh_token=self._grant.refresh_token,
            )
        self._grant = grant
        self.hide(grant.access_token)
        if grant.refresh_token is not None:
            self.hide(grant.refresh_token)

    async def require(self, *names: str) -> dict[str, str]:
        """See :meth:`workflow_core.actions.SecretReader.require`."""
        missing = sorted(set(names) - self.values.keys())
        if missing:
            raise IntegrationNotConfiguredError(
                f"The connection lacks {', '.join(missing)}: enter it.", details={"missing": missing}
            )
        return {name: self.values[name] for name in names}

    async def token(self, *, refused: str | None = None) -> str:
        """See :meth:`workflow_core.actions.SecretReader.token`."""
        if self._grant is None or self._grant.access_token == refused:
            if self._connection.renew is None:
                raise IntegrationNotConfiguredError(f"{self._connection.label} has no access tokens.")
            refresh_token = None if self._grant is None else self._grant.refresh_token
            self.keep(await self._connection.renew(self.context, refresh_token))
            assert self._grant is not None  # noqa: S101 - kept just now
        return self._grant.access_token

    def hide(self, value: str) -> None:
        """See :meth:`workflow_core.actions.SecretReader.hide`."""
        self.redactor.add(value)


async def call(connection: Connection, redactor: Redactor, work: Awaitable[T], *, limit: float = CALL_LIMIT) -> T:
    """What a function of an integration gives.

    Raises:
        WorkflowError: Of the function, without any secret; for anything else that it raises, and when it takes too
            long, one that says so.
    """
    try:
        async with asyncio.timeout(limit):
            return await work
    except WorkflowError as error:
        error.message = redactor.redact_text(error.message)
        error.args = (error.message,)
        raise
    except TimeoutError:
        raise TransientError(
            f"{connection.label} did not answer within {limit:g} s; try again later.", code="UPSTREAM_TIMEOUT"
        ) from None
    except Exception as error:  # noqa: BLE001 - foreign code: its words may quote what it was given
        raise ActionError(f"Speaking to {connection.label} failed ({type(error).__name__}).") from None
