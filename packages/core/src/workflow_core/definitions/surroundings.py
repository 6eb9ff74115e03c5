"""What a tenant's definitions are held against: installed actions, available modules, secrets, live workers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import attrs

from workflow_core.availability import AVAILABLE, Availability, resolve_availability
from workflow_core.discovery import Registry
from workflow_core.language.calls import CalledWorkflows
from workflow_core.language.definition import iter_steps
from workflow_core.language.findings import Finding
from workflow_core.language.mapping import iter_secrets
from workflow_core.language.validation import validate_definition
from workflow_core.manifest import Manifest
from workflow_core.secrets import WORKFLOW_SCOPE, TenantSecrets
from workflow_core.storage.database import Database
from workflow_core.workers import live_workers


@attrs.frozen(kw_only=True, eq=False)
class Surroundings:
    """What definitions are held against.

    Attributes:
        registry: The actions and modules of this process.
        availability: The tenant's answers, by availability key.
        secret_names: The secrets that the tenant has stored; None: those that a definition names.
        workers: What the live workers can run; None leaves that question out.
    """

    registry: Registry
    availability: Mapping[str, Availability]
    secret_names: Collection[str] | None
    workers: Sequence[Manifest] | None

    @classmethod
    async def of_tenant(
        cls,
        database: Database,
        registry: Registry,
        tenant: UUID,
        *,
        availability: Mapping[str, Availability] | None = None,
    ) -> Surroundings:
        """Looks at the tenant's modules, unless their availability is known, its secrets, and the live workers."""
        if availability is None:
            availability = await resolve_availability(database, tenant, _keys(registry), registry.resolvers)
        async with database.tenant(tenant, readonly=True) as conn:
            secret_names = await TenantSecrets.names(conn, tenant, WORKFLOW_SCOPE)
            workers = await live_workers(conn)
        return cls(
            registry=registry,
            availability=dict(availability),
            secret_names=frozenset(secret_names),
            workers=[worker.manifest for worker in workers],
        )

    @classmethod
    def without_tenant(cls, registry: Registry) -> Surroundings:
        """For a look at a definition alone: whatever a tenant could have, it has."""
        return cls(
            registry=registry,
            availability=dict.fromkeys(_keys(registry), AVAILABLE),
            secret_names=None,
            workers=None,
        )

    def validate(
        self,
        definition: Any,
        *,
        allow_unavailable: bool = False,
        called: CalledWorkflows | None = None,
        permissions: Collection[str] | None = None,
    ) -> list[Finding]:
        """Everything that is wrong with a definition, or doubtful; see :func:`validate_definition`."""
        secret_names = self.secret_names
        if secret_names is None:
            secret_names = {name for _, step in iter_steps(definition) for _, name in iter_secrets(step)}
        return validate_definition(
            definition,
            registry=self.registry,
            availability=self.availability,
            secret_names=secret_names,
            workers=self.workers,
            allow_unavailable=allow_unavailable,
            called=called,
            permissions=permissions,
        )


def _keys(registry: Registry) -> set[str]:
    return {module.availability_key for module in registry.modules.values() if module.availability_key is not None}
