"""A connection comes about, is tested, and ends.

Nothing is stored before all of it works, and then in one transaction; a connection that is made anew keeps its row, and
with it mappings, devices and alerts. It ends here first, whatever the other system says to that.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs

from workflow_core import audit
from workflow_core.connections import (
    Account,
    Connection,
    ConnectionContext,
    Consent,
    Consented,
    Grant,
)
from workflow_core.discovery import Registry
from workflow_core.errors import (
    ConfigurationError,
    ConflictError,
    NotFoundError,
    ReconnectRequiredError,
    TransientError,
    ValidationError,
    WorkflowError,
)
from workflow_core.execution.handler_tools import ConnectionSecrets
from workflow_core.integrations import consent
from workflow_core.integrations.candidates import Candidate, call
from workflow_core.integrations.entering import Entered, check_entered
from workflow_core.integrations.renewing import merge
from workflow_core.integrations.stored import (
    RECONNECT_REQUIRED,
    StoredConnection,
    clear_problem,
    read_connection,
    write_problem,
)
from workflow_core.integrations.tokens import (
    LOCK_LIMIT,
    ConnectionTokens,
    context_of,
    hold_tokens,
    read_tokens,
    write_tokens,
)
from workflow_core.redaction import Redactor
from workflow_core.secrets import TenantSecrets
from workflow_core.storage.database import Connection as DatabaseConnection
from workflow_core.storage.database import Database

if TYPE_CHECKING:
    import aiohttp

_log = logging.getLogger(__name__)

#: Seconds that the other system gets for what is done only if it works.
FAREWELL_LIMIT: Final = 10.0


@attrs.frozen(kw_only=True)
class Connected:
    """It works, and is stored."""

    account: Account


@attrs.frozen(kw_only=True)
class Redirected:
    """Somebody has to allow it over there.

    Attributes:
        url: Where.
        browser: What the browser has to bring back as a cookie.
    """

    url: str
    browser: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Checked:
    """Whether a connection works now.

    Attributes:
        account: If it does.
        error: If it does not.
    """

    account: Account | None = None
    error: WorkflowError | None = None


class Connector:
    """Connects, tests and disconnects, for all tenants and integrations.

    Args:
        database: As the application role.
        registry: The integrations.
        secrets: Keeps what is secret.
        tokens: The process's access tokens.
        http: The process's HTTP session.
        public_url: Where browsers and other systems reach the platform; None: nobody has said.
    """

    def __init__(
        self,
        *,
        database: Database,
        registry: Registry,
        secrets: TenantSecrets,
        tokens: ConnectionTokens,
        http: aiohttp.ClientSession,
        public_url: str | None,
    ) -> None:
        self.database = database
        self.registry = registry
        self.public_url = public_url
        self._secrets = secrets
        self._tokens = tokens
        self._http = http

    def connection(self, provider: str) -> Connection:
        """The description of an installed integration.

        Raises:
            NotFoundError: None is installed for this provider.
        """
        found = self.registry.connections.get(provider)
        if found is None:
            raise NotFoundError("No installed integration has this name.")
        return found

    def redirect_uri(self, provider: str) -> str:
        """Where the other system sends people back to.

        Raises:
            ConflictError: ``PUBLIC_URL_NOT_SET``.
        """
        return f"{self.address()}/api/integrations/{provider}/callback"

    def address(self) -> str:
        """Where the platform is reached.

        Raises:
            ConflictError: ``PUBLIC_URL_NOT_SET``.
        """
        if self.public_url is None:
            raise ConflictError(
                "The server does not know under which address others reach it: an operator sets WORKFLOW_PUBLIC_URL.",
                code="PUBLIC_URL_NOT_SET",
            )
        return self.public_url

    async def context(
        self, tenant: UUID, connection: Connection
    ) -> tuple[StoredConnection, ConnectionContext, Redactor]:
        """What the functions of a connection that works are given, and what hides their secrets.

        Raises:
            ConflictError: ``NOT_CONNECTED``.
        """
        async with self.database.tenant(tenant) as conn:
            stored = await read_connection(conn, tenant, connection.provider)
        if stored is None or not stored.is_connected:
            raise ConflictError(f"{connection.label} is not connected: connect it first.", code="NOT_CONNECTED")
        redactor = Redactor()
        secrets = ConnectionSecrets(
            tenant,
            connection,
            owner=connection.label,
            redactor=redactor,
            secrets=self._secrets,
            database=self.database,
            tokens=self._tokens,
        )
        context = context_of(stored, tenant, connection, http=self._http, redactor=redactor, secrets=secrets)
        return stored, context, redactor

    # ── Connecting ───────────────────────────────────────────────────────────────────────────────────────────────

    async def begin(
        self,
        tenant: UUID,
        user: UUID,
        provider: str,
        *,
        method: str | None,
        values: dict[str, str],
        scopes: list[str] | None,
    ) -> Connected | Redirected:
        """Connects with what was entered, or says where somebody has to allow it.

        Raises:
            NotFoundError: There is no such integration.
            ValidationError: What was entered is not complete, or ``CONNECTION_REFUSED``: it does not work.
            TransientError: The other system cannot be asked now.
            ConflictError: ``PUBLIC_URL_NOT_SET``.
        """
        connection = self.connection(provider)
        async with self.database.tenant(tenant) as conn:
            stored = await read_connection(conn, tenant, provider)
            entered = check_entered(
                connection,
                method=method,
                values=values,
                scopes=scopes,
                stored_secrets=await self._secrets.names(conn, tenant, connection.secret_scope),
                stored_instance_url=None if stored is None else stored.instance_url,
            )
            kept = await self._secrets.find(conn, tenant, connection.secret_scope, entered.kept)
        candidate = Candidate.of(tenant, connection, self._http, entered, kept)
        oauth = entered.method.oauth
        if oauth is None:
            return Connected(account=await self._take(user, connection, candidate))
        redirect_uri = self.redirect_uri(provider)
        async with self.database.tenant(tenant) as conn:
            sent = await consent.send(
                conn,
                self._secrets,
                tenant,
                user,
                provider=provider,
                entered={**_as_json(entered), "secrets": candidate.values},
            )
        asked = Consent(redirect_uri=redirect_uri, state=sent.state, code_challenge=sent.code_challenge)
        with refused_as_wrong():
            url = await call(connection, candidate.redactor, oauth.authorize_url(candidate.context, asked))
        return Redirected(url=url, browser=sent.browser)

    async def finish(self, provider: str, *, state: str, code: str, browser: str) -> UUID:
        """Connects with what somebody came back with.

        Args:
            provider: Of the connection.
            state: As they brought it.
            code: The permission; empty: they did not give it.
            browser: What their browser has kept.

        Returns:
            The tenant.

        Raises:
            ValidationError: ``STATE_INVALID``, ``STATE_EXPIRED``, ``ACCESS_DENIED``, ``CONNECTION_REFUSED``.
            TransientError: The other system cannot be asked now.
        """
        connection = self.connection(provider)
        back = await consent.come_back(self.database, self._secrets, provider, state, browser)
        if not code:
            raise ValidationError("The permission was not given: connect again, and allow it.", code="ACCESS_DENIED")
        method = connection.method(back.entered["method"])
        if method is None or method.oauth is None:
            raise ValidationError("This way of connecting is gone: connect again.", code="STATE_EXPIRED")
        candidate = Candidate(
            back.tenant,
            connection,
            self._http,
            method=method.key,
            instance_url=back.entered["instanceUrl"],
            settings=back.entered["settings"],
            scopes=tuple(back.entered["scopes"]),
            values=back.entered["secrets"],
        )
        for secret in (code, back.verifier):
            candidate.hide(secret)
        consented = Consented(code=code, verifier=back.verifier, redirect_uri=self.redirect_uri(provider))
        with refused_as_wrong():
            grant = await call(connection, candidate.redactor, method.oauth.complete(candidate.context, consented))
        candidate.keep(grant)
        await self._take(back.user, connection, candidate)
        return back.tenant

    async def _take(self, user: UUID, connection: Connection, candidate: Candidate) -> Account:
        """Stores a connection if it works."""
        account = Account()
        if connection.check is not None:
            with refused_as_wrong():
                account = await call(connection, candidate.redactor, connection.check(candidate.context))
        context = candidate.context
        tenant, scope = context.tenant, connection.secret_scope
        async with self.database.tenant(tenant, transaction_timeout=LOCK_LIMIT) as conn:
            await hold_tokens(conn, tenant, connection.provider)
            for name, value in candidate.values.items():
                await self._secrets.write(conn, tenant, scope, name, value, actor=user)
            await self._secrets.forget(conn, tenant, scope, besides=candidate.values)
            if candidate.grant is not None:
                now = await conn.fetchval("SELECT extract(epoch FROM clock_timestamp())::double precision")
                await write_tokens(conn, self._secrets, tenant, scope, merge(candidate.grant, None, now))
            integration_id = await conn.fetchval(
                _CONNECT,
                tenant,
                connection.provider,
                context.instance_url,
                dict(context.settings),
                context.method,
                list(context.scopes),
                account.name,
                user,
            )
            await _record(conn, tenant, user, "connect", integration_id, context=context)
        return account

    # ── Testing ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def test(self, tenant: UUID, provider: str) -> Checked:
        """Looks whether a connection works, and remembers it.

        Raises:
            NotFoundError: There is no such integration.
            ConflictError: ``NOT_CONNECTED``.
        """
        connection = self.connection(provider)
        _, context, redactor = await self.context(tenant, connection)
        if connection.check is None:
            return Checked(account=Account())
        try:
            account = await call(connection, redactor, connection.check(context))
        except WorkflowError as error:
            # Only an answer to a refresh token is final; whoever renews has remembered that.
            if error.code != RECONNECT_REQUIRED or connection.renew is None:
                async with self.database.tenant(tenant) as conn:
                    await write_problem(conn, tenant, provider, error.code, error.message)
            return Checked(error=error)
        async with self.database.tenant(tenant) as conn:
            await clear_problem(conn, tenant, provider)
        return Checked(account=account)

    # ── Disconnecting ────────────────────────────────────────────────────────────────────────────────────────────

    async def disconnect(self, tenant: UUID, user: UUID, provider: str) -> bool:
        """Ends a connection; what is ended stays so.

        Returns:
            Whether the other system has taken the tokens back.

        Raises:
            NotFoundError: There is no such integration.
        """
        connection = self.connection(provider)
        async with self.database.tenant(tenant, transaction_timeout=LOCK_LIMIT) as conn:
            await hold_tokens(conn, tenant, provider)
            stored = await read_connection(conn, tenant, provider)
            last = await self._read_for_the_last_time(conn, tenant, connection, stored)
            await self._secrets.forget(conn, tenant, connection.secret_scope)
            if stored is not None and stored.is_active:
                await conn.execute(_DISCONNECT, tenant, stored.integration_id)
                await _record(conn, tenant, user, "disconnect", stored.integration_id)
        if last is None:
            return False
        receiver = self.registry.receivers.get(provider)
        if receiver is not None and receiver.remove is not None and stored is not None:
            await self._farewell(connection, last, receiver.remove(last.context))
        if connection.revoke is None or last.grant is None:
            return False
        return await self._farewell(connection, last, connection.revoke(last.context, last.grant.refresh_token))

    async def _read_for_the_last_time(
        self, conn: DatabaseConnection, tenant: UUID, connection: Connection, stored: StoredConnection | None
    ) -> Candidate | None:
        """The connection with everything that is about to be forgotten; None: there is nothing to give back."""
        if stored is None:
            return None
        scope = connection.secret_scope
        try:
            names = [field.name for field in connection.fields if field.kind == "secret"]
            values = await self._secrets.find(conn, tenant, scope, names)
            tokens = await read_tokens(conn, self._secrets, tenant, scope)
        except ConfigurationError:  # whatever nobody can read any more can be forgotten all the same
            return None
        if not values and tokens is None:
            return None
        grant = None
        if tokens is not None:
            grant = Grant(access_token=tokens.access_token, lifetime=1.0, refresh_token=tokens.refresh_token)
        return Candidate(
            tenant,
            connection,
            self._http,
            method=stored.method_of(connection),
            instance_url=stored.instance_url,
            settings=stored.settings,
            scopes=tuple(stored.scopes),
            values=values,
            grant=grant,
        )

    async def _farewell(self, connection: Connection, last: Candidate, work: Awaitable[None]) -> bool:
        """Asks for something that is done only if it works."""
        try:
            await call(connection, last.redactor, work, limit=FAREWELL_LIMIT)
        except WorkflowError as error:
            _log.warning("disconnecting %s: %s: %s", connection.provider, error.code, error.message)
            return False
        return True


@contextmanager
def refused_as_wrong() -> Iterator[None]:
    """What does not work for good is wrong input: whoever entered it has to change it.

    Raises:
        ValidationError: ``CONNECTION_REFUSED``, or one that was raised.
        TransientError: As it was raised; so are NotFoundError, ConflictError and ReconnectRequiredError.
    """
    try:
        yield
    except (TransientError, ValidationError, NotFoundError, ConflictError, ReconnectRequiredError):
        raise
    except WorkflowError as error:
        raise ValidationError(error.message, code="CONNECTION_REFUSED", details={"reason": error.code}) from None


def _as_json(entered: Entered) -> dict[str, Any]:
    return {
        "method": entered.method.key,
        "scopes": entered.scopes,
        "instanceUrl": entered.instance_url,
        "settings": entered.settings,
    }


async def _record(
    conn: DatabaseConnection,
    tenant: UUID,
    user: UUID,
    operation: str,
    integration_id: UUID,
    *,
    context: ConnectionContext | None = None,
) -> None:
    details = {} if context is None else {"method": context.method, "scopes": list(context.scopes)}
    change = audit.Change(
        operation=operation, table_name="rmm_integrations", record_id=str(integration_id), details=details
    )
    await audit.record(conn, tenant, user, [change])


_CONNECT: Final = """
INSERT INTO rmm_integrations AS i
    (tenant, provider, is_active, connected_at, instance_url, settings, method, scopes, account_name, connected_by)
VALUES ($1, $2, true, now(), $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant, provider) DO UPDATE
SET is_active = true, connected_at = now(), disconnected_at = NULL, instance_url = EXCLUDED.instance_url,
    settings = i.settings || EXCLUDED.settings, method = EXCLUDED.method, scopes = EXCLUDED.scopes,
    account_name = EXCLUDED.account_name, connected_by = EXCLUDED.connected_by,
    renewal_by = NULL, renewal_since = NULL,
    problem_code = NULL, problem_message = NULL, problem_since = NULL
RETURNING integration_id
"""

_DISCONNECT: Final = """
WITH ended AS (
    UPDATE rmm_integrations
    SET is_active = false, disconnected_at = now(), problem_code = NULL, problem_message = NULL, problem_since = NULL,
        renewal_by = NULL, renewal_since = NULL, webhook_registered_at = NULL, webhook_error = NULL
    WHERE tenant = $1 AND integration_id = $2
), closed AS (
    DELETE FROM workflow_webhook_routes WHERE tenant = $1 AND integration_id = $2
)
DELETE FROM workflow_webhook_deliveries WHERE tenant = $1 AND integration_id = $2
"""
