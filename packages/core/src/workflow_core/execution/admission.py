"""What has to hold before a handler is called: the actor's permission, a fitting input, the module's gate."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from workflow_core.availability import resolve_availability
from workflow_core.discovery import Registry
from workflow_core.errors import (
    ConfigurationError,
    EngineUnavailableError,
    IntegrationInactiveError,
    PermissionDeniedError,
    SecretNotFoundError,
    TransientError,
)
from workflow_core.execution.attempt import Attempt
from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.execution.models import ActionCall
from workflow_core.records.permissions import has_permission
from workflow_core.secrets import WORKFLOW_SCOPE, TenantSecrets
from workflow_core.storage.database import Connection, Database


class Admission:
    """Asks anew each time: what was allowed a moment ago may not be any more.

    Args:
        database: As the application role.
        registry: What this process discovered.
        secrets: Opens the tenants' secrets; without it an input that names one is refused.
    """

    def __init__(self, database: Database, registry: Registry, secrets: TenantSecrets | None) -> None:
        self._database = database
        self._registry = registry
        self._secrets = secrets

    async def input(self, conn: Connection, attempt: Attempt) -> Any:
        """The handler's input, with the secrets that the step names.

        Raises:
            PermissionDeniedError: The user in whose name the run acts may not do this.
            SecretNotFoundError: A secret is not stored, or cannot be opened here.
            ValidationError: The input does not fit.
        """
        await _permit(conn, attempt)
        names = sorted(set(attempt.secret_names.values()))
        if names and self._secrets is None:
            raise SecretNotFoundError("This worker has no key for the tenants' secrets: set WORKFLOW_SECRETS_KEY_FILE.")
        secrets = (
            await self._secrets.resolve(conn, attempt.tenant, WORKFLOW_SCOPE, names) if names and self._secrets else {}
        )
        return attempt.convert_input(dict(secrets))

    @staticmethod
    def asks(attempt: Attempt) -> bool:
        """Whether :meth:`input` asks the database anything."""
        return attempt.action.permission is not None or bool(attempt.call.secrets)

    def has_gate(self, call: ActionCall) -> bool:
        """Whether only some tenants have the action's module."""
        module = self._registry.module_of(call.action_id)
        return module is not None and module.availability_key is not None

    async def pass_gate(self, attempt: Attempt) -> None:
        """Sees that the tenant's connection is active at this moment.

        Raises:
            IntegrationInactiveError: It is not.
            TransientError: Nobody knows; ``AVAILABILITY_UNKNOWN``, or our own database is away.
        """
        module = self._registry.module_of(attempt.call.action_id)
        if module is None or module.availability_key is None:
            return
        key = module.availability_key
        answer = (await resolve_availability(self._database, attempt.tenant, [key], self._registry.resolvers))[key]
        if answer.failed:
            await self._ping()
            raise TransientError(f"{module.label}: {answer.reason}", code="AVAILABILITY_UNKNOWN")
        if not answer.available:
            raise IntegrationInactiveError(
                f"{module.label} integration is not active for this tenant", details={"reason": answer.reason}
            )

    async def _ping(self) -> None:
        """Tells our own database's absence from a failing resolver."""
        try:
            await self._database.ping()
        except (ConfigurationError, *DATABASE_AWAY) as error:
            raise EngineUnavailableError("The database could not be reached; the step goes on when it is.") from error


async def _permit(conn: Connection, attempt: Attempt) -> None:
    """Whether the user in whose name the run acts may do this."""
    permission, actor = attempt.action.permission, attempt.call.actor
    if permission is None:
        return
    if actor is None or not await has_permission(conn, attempt.tenant, UUID(actor), permission):
        raise PermissionDeniedError(
            f"{attempt.call.action_id} needs the permission {permission}, which the user in whose name this run acts "
            "does not have: give it to one of their roles, or have somebody else publish the workflow.",
            details={"permission": permission, "actor": actor},
        )
