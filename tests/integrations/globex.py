"""A tiny integration, as a stranger would write and package it: nothing of the platform knows it."""

from typing import Annotated

import attrs
import msgspec
from aiohttp import ClientTimeout

from workflow_core.actions import Action, Effect, Example
from workflow_core.availability import AVAILABLE, Availability, AvailabilityResolver
from workflow_core.connections import (
    Account,
    Connection,
    ConnectionField,
    ConnectionMethod,
    ConnectionScope,
    Grant,
    Mappable,
    MappingKind,
    OAuth,
)
from workflow_core.errors import ActionError, ReconnectRequiredError
from workflow_core.events import EventType
from workflow_core.hookspecs import hookimpl
from workflow_core.jobs import Job
from workflow_core.modules import Module
from workflow_core.options import Option, OptionPage, OptionSource, picker
from workflow_core.records import rmm
from workflow_core.webhooks import WebhookReceiver

LIMIT = ClientTimeout(total=5)


async def ask_for_token(ctx, **form):
    form |= await ctx.secrets.require("client_id", "client_secret")
    async with ctx.http.post(f"{ctx.instance_url}/token", data=form, timeout=LIMIT) as answer:
        if answer.status != 200:
            raise ReconnectRequiredError("Globex has ended the connection: connect it again.")
        body = await answer.json()
    return Grant(access_token=body["access"], lifetime=body["lifetime"], refresh_token=body["refresh"])


async def authorize_url(ctx, consent):
    known = await ctx.secrets.require("client_id")
    return (
        f"{ctx.instance_url}/authorize?client={known['client_id']}&back={consent.redirect_uri}"
        f"&state={consent.state}&challenge={consent.code_challenge}&scopes={'+'.join(ctx.scopes)}"
    )


async def complete(ctx, consented):
    return await ask_for_token(ctx, code=consented.code, verifier=consented.verifier, back=consented.redirect_uri)


async def renew(ctx, refresh_token):
    return await ask_for_token(ctx, refresh=refresh_token)


async def revoke(ctx, refresh_token):
    async with ctx.http.post(f"{ctx.instance_url}/revoke", data={"refresh": refresh_token}, timeout=LIMIT) as answer:
        answer.raise_for_status()


async def call(ctx, method, path, **options):
    headers = {"Authorization": f"Bearer {await ctx.secrets.token()}"}
    async with ctx.http.request(
        method, f"{ctx.instance_url}{path}", headers=headers, timeout=LIMIT, **options
    ) as answer:
        if answer.status >= 400:
            raise ActionError(f"Globex answered {answer.status} to {path}.")
        return await answer.json()


async def check(ctx):
    return Account(name=(await call(ctx, "GET", "/account"))["name"])


async def list_mappable(ctx, kind):
    for site in await call(ctx, "GET", "/sites"):
        yield Mappable(site["id"], site["name"])


async def register(ctx, target):
    await call(ctx, "PUT", "/hook", json={"url": target.url, "header": target.header, "value": target.value})


async def remove(ctx):
    await call(ctx, "DELETE", "/hook")


@attrs.frozen(kw_only=True)
class DoorOpened:
    door: str


DOOR_OPENED = EventType(
    name="GLOBEX_DOOR_OPENED",
    label="Door opened",
    description="A door was opened.",
    payload=DoorOpened,
    schema_ref="payload.GlobexDoorOpened.v1",
)


async def handle(ctx, body):
    if body["door"] == "broken":
        raise ValueError(body["door"])
    await ctx.emit(DOOR_OPENED, DoorOpened(door=body["door"]), key=body["id"])


async def sync(ctx):
    sites = await call(ctx, "GET", "/sites")
    async with ctx.transaction() as conn:
        for site in sites:
            await rmm.put_organization(conn, ctx.tenant, ctx.integration_id, site["id"], site["name"])
    return {"sites": len(sites)}


@attrs.frozen(kw_only=True)
class OpenDoor:
    site: Annotated[str | None, msgspec.Meta(extra_json_schema=picker("globex.sites"))] = None
    door: str


@attrs.frozen(kw_only=True)
class Opened:
    door: str


async def search_sites(query, ctx):
    async with ctx.transaction() as conn:
        address = (await rmm.get_active_integration(conn, ctx.tenant, "globex")).instance_url
    headers = {"Authorization": f"Bearer {await ctx.secrets.token()}"}
    async with ctx.http.get(f"{address}/sites", headers=headers, timeout=LIMIT) as answer:
        sites = await answer.json()
    found = [Option(site["id"], site["name"]) for site in sites if query.q.lower() in site["name"].lower()]
    return OptionPage(found[: query.limit])


async def open_door(given, ctx):
    raise AssertionError("nobody opens a door in this test")


async def resolve(conn, tenant):
    if await rmm.get_active_integration(conn, tenant, "globex") is not None:
        return AVAILABLE
    return Availability(available=False, reason="Connect Globex under Connections.")


class Globex:
    @hookimpl
    def workflow_modules(self):
        return [
            Module(
                group_key="app:globex",
                label="Globex",
                description="Doors.",
                tile_kind="app",
                default_action_id="globex.open",
                allowed_action_ids=("globex.open",),
                availability_key="globex",
            )
        ]

    @hookimpl
    def workflow_actions(self):
        return [
            Action(
                id="globex.open",
                label="Open",
                description="Opens a door.",
                input=OpenDoor,
                output=Opened,
                effect=Effect.ONCE,
                io="external",
                handler=open_door,
                examples=(Example("The front door", {"door": "front"}, {"door": "front"}),),
            )
        ]

    @hookimpl
    def workflow_availability(self):
        return [AvailabilityResolver("globex", resolve)]

    @hookimpl
    def workflow_connections(self):
        return [
            Connection(
                provider="globex",
                label="Globex",
                description="Doors and who opens them.",
                segments=("globex",),
                fields=(
                    ConnectionField(name="instance_url", label="Address", kind="url"),
                    ConnectionField(name="client_id", label="Client ID", kind="secret"),
                    ConnectionField(name="client_secret", label="Client secret", kind="secret"),
                ),
                methods=(
                    ConnectionMethod(
                        key="sign_in", label="Sign in", oauth=OAuth(authorize_url=authorize_url, complete=complete)
                    ),
                ),
                scopes=(
                    ConnectionScope(key="look", label="Look", required=True),
                    ConnectionScope(key="open", label="Open"),
                ),
                mappings=(MappingKind(key="site", label="Sites"),),
                check=check,
                renew=renew,
                revoke=revoke,
                list_mappable=list_mappable,
            )
        ]

    @hookimpl
    def workflow_events(self):
        return [DOOR_OPENED]

    @hookimpl
    def workflow_webhooks(self):
        return [WebhookReceiver(provider="globex", handle=handle, register=register, remove=remove)]

    @hookimpl
    def workflow_options(self):
        return [OptionSource(id="globex.sites", search=search_sites)]

    @hookimpl
    def workflow_jobs(self):
        return [Job(id="globex.sync", label="Sync", description="Reads sites.", provider="globex", handler=sync)]


plugin = Globex()
