"""What a plugin can contribute: every hook, in one place.

A distribution names an object with hook implementations in the entry-point group ``workflow.modules``:

```toml
[project.entry-points."workflow.modules"]
acme = "workflow_acme.plugin:plugin"
```

Hooks are declarative and synchronous: they return records, do no work, open no connections. Discovery calls each
once per process and validates what it returns.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from workflow_core.actions import Action
from workflow_core.availability import AvailabilityResolver
from workflow_core.connections import Connection
from workflow_core.events import EventType
from workflow_core.jobs import Job
from workflow_core.modules import Module
from workflow_core.options import OptionSource
from workflow_core.webhooks import WebhookReceiver

PROJECT = "workflow"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class WorkflowSpecs:
    """The hooks. Each docstring holds a complete plugin."""

    @hookspec
    def workflow_modules(self) -> Iterable[Module]:  # type: ignore[empty-body]  # a specification has no body
        """Modules for the designer's palette.

        Example:
            ```python
            from workflow_core.hookspecs import hookimpl
            from workflow_core.modules import Icon, Module


            class AcmePlugin:
                @hookimpl
                def workflow_modules(self):
                    return [
                        Module(
                            group_key="app:acme",
                            label="Acme",
                            description="Acme backup jobs.",
                            tile_kind="app",
                            icon=Icon("acme", '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9v9z"/></svg>'),
                            default_action_id=None,
                            allowed_action_ids=(),
                        )
                    ]


            plugin = AcmePlugin()
            ```
        """

    @hookspec
    def workflow_actions(self) -> Iterable[Action]:  # type: ignore[empty-body]  # a specification has no body
        """Actions that steps can call. A module of the same distribution must claim each id's first segment.

        Example:
            ```python
            import attrs

            from workflow_core.actions import Action, ActionContext, Effect, Example
            from workflow_core.hookspecs import hookimpl
            from workflow_core.modules import Module


            @attrs.frozen
            class Greeting:
                name: str


            @attrs.frozen
            class Greeted:
                text: str


            async def greet(given: Greeting, ctx: ActionContext) -> Greeted:
                return Greeted(text=f"Hello, {given.name}!")


            class AcmePlugin:
                @hookimpl
                def workflow_modules(self):
                    return [
                        Module(
                            group_key="app:acme",
                            label="Acme",
                            description="Acme says hello.",
                            tile_kind="app",
                            default_action_id="acme.greet",
                            allowed_action_ids=("acme.greet",),
                        )
                    ]

                @hookimpl
                def workflow_actions(self):
                    return [
                        Action(
                            id="acme.greet",
                            label="Greet",
                            description="Says hello.",
                            input=Greeting,
                            output=Greeted,
                            effect=Effect.READ,
                            io="database",
                            handler=greet,
                            examples=(Example("Ada", {"name": "Ada"}, {"text": "Hello, Ada!"}),),
                        )
                    ]


            plugin = AcmePlugin()
            ```
        """

    @hookspec
    def workflow_availability(self) -> Iterable[AvailabilityResolver]:  # type: ignore[empty-body]  # as above
        """Resolvers that say whether a tenant has a module.

        Each is given a read-only transaction of the tenant, has a time limit, and hides its modules when it fails.

        Example:
            ```python
            from workflow_core.availability import AVAILABLE, Availability, AvailabilityResolver
            from workflow_core.hookspecs import hookimpl
            from workflow_core.records import rmm


            async def acme_connected(connection, tenant):
                if await rmm.get_active_integration(connection, tenant, "acme") is not None:
                    return AVAILABLE
                return Availability(available=False, reason="Connect Acme under Connections.")


            class AcmePlugin:
                @hookimpl
                def workflow_availability(self):
                    return [AvailabilityResolver("acme", acme_connected)]


            plugin = AcmePlugin()
            ```
        """

    @hookspec
    def workflow_connections(self) -> Iterable[Connection]:  # type: ignore[empty-body]  # as above
        """How a tenant connects the integration: its forms, and how its own system is spoken to.

        Example:
            ```python
            import aiohttp

            from workflow_core.connections import Account, Connection, ConnectionField, ConnectionMethod, MappingKind
            from workflow_core.connections import Mappable
            from workflow_core.errors import ActionError
            from workflow_core.hookspecs import hookimpl


            async def get(ctx, path):
                secrets = await ctx.secrets.require("api_key")
                headers = {"Authorization": f"Bearer {secrets['api_key']}"}
                timeout = aiohttp.ClientTimeout(total=10)
                async with ctx.http.get(f"{ctx.instance_url}{path}", headers=headers, timeout=timeout) as answer:
                    if answer.status != 200:
                        raise ActionError(f"Acme answered {answer.status}: check the address and the API key.")
                    return await answer.json()


            async def check(ctx):
                return Account(name=(await get(ctx, "/account"))["name"])


            async def list_mappable(ctx, kind):
                for company in await get(ctx, "/companies"):
                    yield Mappable(str(company["id"]), company["name"])


            class AcmePlugin:
                @hookimpl
                def workflow_connections(self):
                    return [
                        Connection(
                            provider="acme",
                            label="Acme",
                            description="Backup jobs and their alerts.",
                            segments=("acme",),
                            fields=(
                                ConnectionField(name="instance_url", label="Address", kind="url"),
                                ConnectionField(name="api_key", label="API key", kind="secret"),
                            ),
                            methods=(ConnectionMethod(key="api_key", label="API key"),),
                            mappings=(MappingKind(key="company", label="Companies"),),
                            check=check,
                            list_mappable=list_mappable,
                        )
                    ]


            plugin = AcmePlugin()
            ```
        """

    @hookspec
    def workflow_webhooks(self) -> Iterable[WebhookReceiver]:  # type: ignore[empty-body]  # as above
        """Receivers of what another system sends for a connection of the same distribution.

        Example:
            ```python
            import attrs

            from workflow_core.connections import Connection
            from workflow_core.events import EventType
            from workflow_core.hookspecs import hookimpl
            from workflow_core.webhooks import WebhookReceiver


            @attrs.frozen(kw_only=True)
            class BackupFailed:
                jobId: str


            BACKUP_FAILED = EventType(
                name="BACKUP_FAILED",
                label="Backup failed",
                description="A backup job has ended with an error.",
                payload=BackupFailed,
                schema_ref="payload.BackupFailed.v1",
            )


            async def handle(ctx, body):
                if body.get("status") == "failed":  # under its own id: sent twice, it starts workflows once
                    await ctx.emit(BACKUP_FAILED, BackupFailed(jobId=body["job"]), key=body["id"])


            class AcmePlugin:
                @hookimpl
                def workflow_connections(self):
                    return [Connection(provider="acme", label="Acme", description="", segments=("acme",), fields=())]

                @hookimpl
                def workflow_events(self):
                    return [BACKUP_FAILED]

                @hookimpl
                def workflow_webhooks(self):
                    return [WebhookReceiver(provider="acme", header="X-Acme-Secret", handle=handle)]


            plugin = AcmePlugin()
            ```
        """

    @hookspec
    def workflow_events(self) -> Iterable[EventType]:  # type: ignore[empty-body]  # as above
        """Types of events that can start workflows, with the schema of what they bring.

        A ``database`` action says that one has happened with :func:`workflow_core.events.emit`, in its own
        transaction.

        Example:
            ```python
            import attrs

            from workflow_core.events import EventType
            from workflow_core.hookspecs import hookimpl


            @attrs.frozen(kw_only=True)
            class BackupFailed:
                jobId: str
                reason: str | None = None


            class AcmePlugin:
                @hookimpl
                def workflow_events(self):
                    return [
                        EventType(
                            name="BACKUP_FAILED",
                            label="Backup failed",
                            description="A backup job has ended with an error.",
                            payload=BackupFailed,
                            schema_ref="payload.BackupFailed.v1",
                        )
                    ]


            plugin = AcmePlugin()
            ```
        """

    @hookspec
    def workflow_jobs(self) -> Iterable[Job]:  # type: ignore[empty-body]  # as above
        """Work that the integration does by itself, for each tenant that has connected it.

        A module of the same distribution must claim each id's first segment, and the connection is one of the same
        distribution.

        Example:
            ```python
            from datetime import timedelta

            import attrs

            from workflow_core.actions import Action, ActionContext, Effect
            from workflow_core.connections import Connection, ConnectionField
            from workflow_core.hookspecs import hookimpl
            from workflow_core.jobs import Job, JobContext
            from workflow_core.modules import Module


            @attrs.frozen
            class CountBackups:
                pass


            @attrs.frozen
            class CountedBackups:
                number: int


            async def count_backups(given: CountBackups, ctx: ActionContext) -> CountedBackups:
                found = await ctx.tx.fetchval(
                    "SELECT count(*) FROM tenant_external_entity_mappings "
                    "WHERE tenant = $1 AND integration_type = 'acme'",
                    ctx.tenant,
                )
                return CountedBackups(number=found)


            async def sync_backups(ctx: JobContext) -> dict[str, int]:
                pages = ctx.settings.get("pages", 3)
                first = ctx.checkpoint.get("page", 0)  # where an attempt that was interrupted had come to
                for page in range(first, pages):
                    await ctx.progress(page, pages, "Reading backups")
                    async with ctx.transaction() as conn:
                        await conn.execute(
                            "INSERT INTO tenant_external_entity_mappings "
                            "(tenant, integration_type, alga_entity_type, alga_entity_id, external_entity_id) "
                            "VALUES ($1, 'acme', 'backup', $2, $2) ON CONFLICT DO NOTHING",
                            ctx.tenant,
                            f"page-{page}",
                        )
                    await ctx.save({"page": page + 1})
                return {"pages": pages}


            class AcmePlugin:
                @hookimpl
                def workflow_modules(self):
                    return [
                        Module(
                            group_key="app:acme",
                            label="Acme",
                            description="Acme backup jobs.",
                            tile_kind="app",
                            default_action_id="acme.count_backups",
                            allowed_action_ids=("acme.count_backups",),
                        )
                    ]

                @hookimpl
                def workflow_actions(self):
                    return [
                        Action(
                            id="acme.count_backups",
                            label="Count backups",
                            description="How many backups the last sync has found.",
                            input=CountBackups,
                            output=CountedBackups,
                            effect=Effect.READ,
                            io="database",
                            handler=count_backups,
                        )
                    ]

                @hookimpl
                def workflow_connections(self):
                    return [
                        Connection(
                            provider="acme",
                            label="Acme",
                            description="Backup jobs and their alerts.",
                            segments=("acme",),
                            fields=(ConnectionField(name="api_key", label="API key", kind="secret"),),
                        )
                    ]

                @hookimpl
                def workflow_jobs(self):
                    return [
                        Job(
                            id="acme.sync_backups",
                            label="Sync backups",
                            description="Brings the list of backups up to date.",
                            provider="acme",
                            handler=sync_backups,
                            every=timedelta(hours=1),
                            on_connect=True,
                        )
                    ]


            plugin = AcmePlugin()
            ```
        """

    @hookspec
    def workflow_options(self) -> Iterable[OptionSource]:  # type: ignore[empty-body]  # as above
        """Sources of the values that input fields can have, for a person who fills them in.

        A field of an action of the same distribution names its source. A module of that distribution must claim each
        id's first segment.

        Example:
            ```python
            from typing import Annotated
            from uuid import UUID

            import attrs
            import msgspec

            from workflow_core.actions import Action, ActionContext, Effect
            from workflow_core.hookspecs import hookimpl
            from workflow_core.modules import Module
            from workflow_core.options import OptionSource, picker, select_options


            @attrs.frozen(kw_only=True)
            class BackUp:
                client_id: Annotated[UUID | None, msgspec.Meta(extra_json_schema=picker("acme.clients"))] = None
                asset_id: Annotated[
                    UUID, msgspec.Meta(extra_json_schema=picker("acme.assets", client_id="client_id"))
                ]


            @attrs.frozen
            class BackedUp:
                name: str


            async def back_up(given: BackUp, ctx: ActionContext) -> BackedUp:
                name = await ctx.tx.fetchval(
                    "SELECT name FROM assets WHERE tenant = $1 AND asset_id = $2", ctx.tenant, given.asset_id
                )
                return BackedUp(name=name)


            async def search_clients(query, ctx):
                async with ctx.transaction() as conn:
                    return await select_options(
                        conn,
                        query,
                        "SELECT client_id::text AS value, client_name AS label, url AS description, 0 AS rank "
                        "FROM clients WHERE tenant = $1 AND NOT is_inactive",
                        ctx.tenant,
                    )


            async def search_assets(query, ctx):
                async with ctx.transaction() as conn:
                    return await select_options(
                        conn,
                        query,
                        "SELECT asset_id::text AS value, name AS label, serial_number AS description, 0 AS rank "
                        "FROM assets WHERE tenant = $1 AND ($2::uuid IS NULL OR client_id = $2)",
                        ctx.tenant,
                        query.uuid("client_id"),
                    )


            class AcmePlugin:
                @hookimpl
                def workflow_modules(self):
                    return [
                        Module(
                            group_key="app:acme",
                            label="Acme",
                            description="Acme backup jobs.",
                            tile_kind="app",
                            default_action_id="acme.back_up",
                            allowed_action_ids=("acme.back_up",),
                        )
                    ]

                @hookimpl
                def workflow_actions(self):
                    return [
                        Action(
                            id="acme.back_up",
                            label="Back up",
                            description="Backs an asset up.",
                            input=BackUp,
                            output=BackedUp,
                            effect=Effect.READ,
                            io="database",
                            handler=back_up,
                        )
                    ]

                @hookimpl
                def workflow_options(self):
                    return [
                        OptionSource(id="acme.clients", search=search_clients),
                        OptionSource(id="acme.assets", search=search_assets, depends_on=("client_id",)),
                    ]


            plugin = AcmePlugin()
            ```
        """
