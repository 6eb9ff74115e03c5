"""What a handler is handed beside its input: the connection's secrets, and a log that tells none of them."""

from __future__ import annotations

import contextlib
import logging
import traceback
from contextlib import AbstractAsyncContextManager
from typing import Any

from workflow_core.discovery import Registry
from workflow_core.errors import IntegrationNotConfiguredError
from workflow_core.execution.attempt import Attempt
from workflow_core.execution.database_errors import CONNECTION_GONE, explain
from workflow_core.secrets import TenantSecrets
from workflow_core.storage.database import Connection, Database


class ConnectionSecrets:
    """See :class:`workflow_core.actions.SecretReader`."""

    def __init__(
        self,
        attempt: Attempt,
        registry: Registry,
        secrets: TenantSecrets | None,
        database: Database,
        tx: Connection | None,
    ) -> None:
        self._attempt = attempt
        self._registry = registry
        self._secrets = secrets
        self._database = database
        self._tx = tx

    async def require(self, *names: str) -> dict[str, str]:
        """The values by name; only those that the connection declares as secret can be read.

        Raises:
            IntegrationNotConfiguredError: Some are missing.
            EngineUnavailableError: Our database is away.
        """
        connection = self._registry.connection_of(self._attempt.call.action_id)
        if connection is None:
            raise IntegrationNotConfiguredError(
                f"No installed distribution describes the connection of {self._attempt.call.action_id}."
            )
        if self._secrets is None:
            raise IntegrationNotConfiguredError(
                "This worker has no key for the tenants' secrets: set WORKFLOW_SECRETS_KEY_FILE."
            )
        declared = {field.name for field in connection.fields if field.kind == "secret"}
        tenant, scope = self._attempt.tenant, connection.secret_scope
        own: AbstractAsyncContextManager[Connection] = (
            contextlib.nullcontext(self._tx) if self._tx is not None else self._database.tenant(tenant)
        )
        try:
            async with own as conn:
                stored = declared & set(await self._secrets.names(conn, tenant, scope))
                missing = sorted(set(names) - stored)
                if missing:
                    raise IntegrationNotConfiguredError(
                        f"The connection lacks {', '.join(missing)}: enter it under Connections.",
                        details={"missing": missing},
                    )
                values = await self._secrets.resolve(conn, tenant, scope, names)
        except (*CONNECTION_GONE, FileNotFoundError) as error:  # a handler would take it for the other system's
            raise explain(error) from None
        for value in values.values():
            self.hide(value)
        return dict(values)

    def hide(self, value: str) -> None:
        """Has a value redacted from everything that this attempt shows."""
        self._attempt.redactor.add(value)


class RedactingLog(logging.LoggerAdapter[logging.Logger]):
    """Logs with run and step. What a handler logs is redacted, and a mistake in logging never fails an effect."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(logging.getLogger("workflow.action"), {})
        call = attempt.call
        self._where = f"[{call.action_id} run={call.run_id} step={call.step_path} attempt={call.attempt}]"
        self._redactor = attempt.redactor

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
