"""What a handler is handed beside its input: the connection's secrets, and a log that tells none of them."""

from __future__ import annotations

import contextlib
import logging
import traceback
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from workflow_core.connections import Connection as IntegrationConnection
from workflow_core.errors import IntegrationNotConfiguredError
from workflow_core.execution.database_errors import CONNECTION_GONE, explain
from workflow_core.redaction import Redactor
from workflow_core.secrets import TenantSecrets
from workflow_core.storage.database import Connection, Database

if TYPE_CHECKING:
    from workflow_core.integrations.tokens import ConnectionTokens


class ConnectionSecrets:
    """See :class:`workflow_core.actions.SecretReader`.

    Args:
        tenant: Whose secrets.
        connection: Whose secrets can be read; None: no installed distribution describes it.
        owner: The action or job that reads them, for messages.
        redactor: Learns what was read.
        secrets: None: this process has no key.
        database: Where they are read, if not in ``tx``.
        tx: The handler's own transaction.
        tokens: Keeps the connection's access tokens, for those who call over the network.
    """

    def __init__(
        self,
        tenant: UUID,
        connection: IntegrationConnection | None,
        *,
        owner: str,
        redactor: Redactor,
        secrets: TenantSecrets | None,
        database: Database,
        tx: Connection | None = None,
        tokens: ConnectionTokens | None = None,
    ) -> None:
        self._tenant = tenant
        self._connection = connection
        self._owner = owner
        self._redactor = redactor
        self._secrets = secrets
        self._database = database
        self._tx = tx
        self._tokens = tokens

    async def require(self, *names: str) -> dict[str, str]:
        """The values by name; only those that the connection declares as secret can be read.

        Raises:
            IntegrationNotConfiguredError: Some are missing.
            EngineUnavailableError: Our database is away.
        """
        connection, secrets = self._described(), self._opened()
        declared = {field.name for field in connection.fields if field.kind == "secret"}
        tenant, scope = self._tenant, connection.secret_scope
        own: AbstractAsyncContextManager[Connection] = (
            contextlib.nullcontext(self._tx) if self._tx is not None else self._database.tenant(tenant)
        )
        try:
            async with own as conn:
                values = await secrets.find(conn, tenant, scope, declared & set(names))
        except (*CONNECTION_GONE, FileNotFoundError) as error:  # a handler would take it for the other system's
            raise explain(error) from None
        missing = sorted(set(names) - set(values))
        if missing:
            raise IntegrationNotConfiguredError(
                f"The connection lacks {', '.join(missing)}: enter it under Connections.", details={"missing": missing}
            )
        for value in values.values():
            self.hide(value)
        return dict(values)

    async def token(self, *, refused: str | None = None) -> str:
        """See :meth:`workflow_core.actions.SecretReader.token`."""
        if self._tx is not None or self._tokens is None:
            raise RuntimeError("only what calls over the network has access tokens: declare io='external'")
        self._opened()
        current = await self._tokens.current(self._tenant, self._described(), refused=refused)
        self.hide(current.access_token)
        if current.refresh_token is not None:
            self.hide(current.refresh_token)
        return current.access_token

    def hide(self, value: str) -> None:
        """Has a value redacted from everything that the attempt shows."""
        self._redactor.add(value)

    def _described(self) -> IntegrationConnection:
        if self._connection is None:
            raise IntegrationNotConfiguredError(f"No installed distribution describes the connection of {self._owner}.")
        return self._connection

    def _opened(self) -> TenantSecrets:
        if self._secrets is None:
            raise IntegrationNotConfiguredError(
                "This worker has no key for the tenants' secrets: set WORKFLOW_SECRETS_KEY_FILE."
            )
        return self._secrets


class RedactingLog(logging.LoggerAdapter[logging.Logger]):
    """Logs with what is at work. What a handler logs is redacted, and a mistake in logging never fails an effect.

    Args:
        name: Of the logger.
        where: What is at work, such as an action, its run and step.
        redactor: Knows the secrets that the handler was given.
    """

    def __init__(self, name: str, where: str, redactor: Redactor) -> None:
        super().__init__(logging.getLogger(name), {})
        self._where = f"[{where}]"
        self._redactor = redactor

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """See :meth:`logging.Logger.log`."""
        if not self.isEnabledFor(level):
            return
        try:
            record = logging.LogRecord("", level, "", 0, msg, args, None)
            text = record.getMessage()
            if kwargs.get("exc_info"):
                text = f"{text}\n{traceback.format_exc()}"
        except Exception as error:  # noqa: BLE001 - guards a handler's own formatting
            text = f"(a log line could not be formatted: {type(error).__name__})"
        self.logger.log(level, "%s %s", self._where, self._redactor.redact_text(text))
