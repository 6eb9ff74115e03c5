"""How a tenant connects NinjaOne: by an API application of its own account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from yarl import URL

from workflow_core.connections import (
    Account,
    Connection,
    ConnectionContext,
    ConnectionField,
    ConnectionMethod,
    ConnectionScope,
    Consent,
    Consented,
    Grant,
    Mappable,
    MappingKind,
    OAuth,
)
from workflow_core.errors import IntegrationNotConfiguredError
from workflow_ninjaone.client import ConnectionTokenSource, NinjaOneClient
from workflow_ninjaone.client.auth import ApiApplication, TokenEndpoint, authorize_url
from workflow_ninjaone.module import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, PROVIDER

REQUEST_SECONDS: Final = 10.0

#: Where tenants log in; an application works on the one that it was created on.
_INSTANCES: Final = (
    ("https://app.ninjarmm.com", "United States"),
    ("https://us2.ninjarmm.com", "United States 2"),
    ("https://eu.ninjarmm.com", "Europe"),
    ("https://oc.ninjarmm.com", "Oceania"),
    ("https://ca.ninjarmm.com", "Canada"),
    ("https://fed.ninjarmm.com", "United States, Federal"),
)


def instance_of(ctx: ConnectionContext) -> str:
    """The address of the tenant's instance.

    Raises:
        IntegrationNotConfiguredError: There is none.
    """
    if not ctx.instance_url:
        raise IntegrationNotConfiguredError(
            "The NinjaOne connection has no instance address: complete it under Connections.",
            details={"missing": ["instance_url"]},
        )
    return ctx.instance_url


async def _application(ctx: ConnectionContext) -> ApiApplication:
    secrets = await ctx.secrets.require("client_id", "client_secret")
    return ApiApplication(secrets["client_id"], secrets["client_secret"])


async def _endpoint(ctx: ConnectionContext) -> TokenEndpoint:
    return TokenEndpoint(
        ctx.http, base_url=instance_of(ctx), application=await _application(ctx), timeout=REQUEST_SECONDS
    )


def client_of(ctx: ConnectionContext) -> NinjaOneClient:
    """A client for the connection. Sends nothing yet.

    Raises:
        IntegrationNotConfiguredError: The address is missing or unfit.
    """
    return NinjaOneClient(
        ctx.http,
        base_url=instance_of(ctx),
        tokens=ConnectionTokenSource(ctx.secrets),
        timeout=REQUEST_SECONDS,
    )


async def _authorize_url(ctx: ConnectionContext, consent: Consent) -> str:
    return authorize_url(instance_of(ctx), await _application(ctx), ctx.scopes, consent)


async def _complete(ctx: ConnectionContext, consented: Consented) -> Grant:
    grant = await (await _endpoint(ctx)).by_code(consented, ctx.scopes)
    if grant.refresh_token is None:
        raise IntegrationNotConfiguredError(
            "NinjaOne gave no refresh token, so that the connection would end within the hour: tick the grant type "
            "Refresh Token at the API application, and connect again."
        )
    return grant


async def _renew(ctx: ConnectionContext, refresh_token: str | None) -> Grant:
    endpoint = await _endpoint(ctx)
    if ctx.method == AUTHORIZATION_CODE and refresh_token is not None:
        return await endpoint.by_refresh_token(refresh_token)
    return await endpoint.by_credentials(ctx.scopes)


async def _revoke(ctx: ConnectionContext, refresh_token: str | None) -> None:
    await (await _endpoint(ctx)).revoke(refresh_token or await ctx.secrets.token())


async def _check(ctx: ConnectionContext) -> Account:
    """The API does not tell an account's name; its address is what an admin knows it by."""
    async for _ in client_of(ctx).list_organizations(page_size=1):
        break
    return Account(name=URL(instance_of(ctx)).host)


async def _list_mappable(ctx: ConnectionContext, _kind: str) -> AsyncIterator[Mappable]:
    async for organization in client_of(ctx).list_organizations():
        yield Mappable(str(organization.id), organization.name or "")


def ninjaone_connection() -> Connection:
    """Its forms, and how NinjaOne is spoken to."""
    return Connection(
        provider=PROVIDER,
        label="NinjaOne",
        description="Devices and alerts of NinjaOne RMM.",
        segments=("ninjaone",),
        fields=(
            ConnectionField(
                name="instance_url",
                label="Instance",
                kind="choice",
                choices=_INSTANCES,
                other=True,
                help="Where you log in to NinjaOne: its region, or an address of your own that begins with https://.",
            ),
            ConnectionField(
                name="client_id",
                label="Client ID",
                kind="secret",
                help="In NinjaOne under Administration, Apps, API: of an application of the type that this way of "
                "connecting asks for, with all the scopes that you allow here.",
            ),
            ConnectionField(
                name="client_secret",
                label="Client secret",
                kind="secret",
                help="NinjaOne shows it once, when the application is created.",
            ),
        ),
        methods=(
            ConnectionMethod(
                key=AUTHORIZATION_CODE,
                label="Sign in to NinjaOne",
                description="Acts as the user who signs in, and can run scripts. The application is of the type Web, "
                "with the grant types Authorization Code and Refresh Token, and our address to come back to.",
                oauth=OAuth(authorize_url=_authorize_url, complete=_complete),
            ),
            ConnectionMethod(
                key=CLIENT_CREDENTIALS,
                label="Client credentials",
                description="Acts as the application itself; NinjaOne does not let it run scripts. The application is "
                "of the type API Services, with the grant type Client Credentials.",
            ),
        ),
        scopes=(
            ConnectionScope(
                key="monitoring", label="Monitoring", description="Read devices, alerts and activities.", required=True
            ),
            ConnectionScope(key="management", label="Management", description="Acknowledge alerts."),
            ConnectionScope(key="control", label="Control", description="Reboot devices and run scripts."),
        ),
        mappings=(
            MappingKind(
                key="organization",
                label="Organizations",
                description="Which client an organization is: its devices become that client's assets.",
            ),
        ),
        check=_check,
        renew=_renew,
        revoke=_revoke,
        list_mappable=_list_mappable,
    )
