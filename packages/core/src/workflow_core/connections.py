"""How a tenant connects an integration: a description of its forms, and what it can do with a connection.

The description is all that the platform knows of an integration's connection. The catalog server shows the forms, keeps
what is entered, sends people to the other system and back, and disconnects; executor, jobs and server hand out access
tokens. An integration only says how its own system is spoken to.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args
from uuid import UUID

import attrs
from attrs.validators import deep_iterable, gt, in_, instance_of, is_callable, matches_re, optional

from workflow_core.actions import SecretReader

if TYPE_CHECKING:
    import aiohttp

FieldKind = Literal["text", "url", "choice", "secret"]

TOKENS: Final = "tokens"
"""Under this name a connection's scope holds its tokens, beside the secrets that an admin enters."""
ENTERED: Final = "credentials"
"""The method of a connection that declares none: what is entered is all there is."""
INSTANCE_URL: Final = "instance_url"
"""A field of this name is the address of the other system: ``rmm_integrations.instance_url``."""

_NAME = matches_re(re.compile(r"[a-z][a-z0-9_]{0,63}"))


@attrs.frozen(kw_only=True)
class ConnectionField:
    """One field of the form that connects an integration.

    Attributes:
        name: The key under which it is stored: a ``secret`` among the tenant's secrets (scope
            ``integration:<provider>``), ``instance_url`` in its own column, any other in the integration's settings.
        label: What an admin reads.
        kind: How it is entered; a ``secret`` is write-only, a ``url`` is ``https`` (or ``http`` to this machine).
        required: Whether the connection works without it.
        help: A sentence that says where to find the value.
        choices: ``(value, label)`` pairs of a ``choice``.
        other: Whether a ``choice`` may be another value, too: an address of one's own, where the choices are addresses.
        methods: The keys of the methods that ask for it; all of them when empty.
    """

    name: str = attrs.field(validator=[instance_of(str), _NAME])
    label: str = attrs.field(validator=instance_of(str))
    kind: FieldKind = attrs.field(default="text", validator=in_(get_args(FieldKind)))
    required: bool = True
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    other: bool = False
    methods: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class ConnectionScope:
    """Something that a tenant can allow the platform to do over there.

    Attributes:
        key: As the other system calls it.
        label: What an admin reads.
        description: What works only with it.
        required: Whether there is no connection without it.
    """

    key: str = attrs.field(validator=instance_of(str))
    label: str = attrs.field(validator=instance_of(str))
    description: str = ""
    required: bool = False


@attrs.frozen(kw_only=True)
class MappingKind:
    """Records over there that a tenant maps to records here. At present those are clients.

    Attributes:
        key: In addresses, such as ``organization``.
        label: What an admin reads, in the plural: "Organizations".
        description: What mapping them gives.
        entity: What they are mapped to.
    """

    key: str = attrs.field(validator=[instance_of(str), _NAME])
    label: str = attrs.field(validator=instance_of(str))
    description: str = ""
    entity: Literal["client"] = attrs.field(default="client", validator=in_(("client",)))


@attrs.frozen
class Mappable:
    """A record over there: its id, and its name for a person."""

    id: str
    name: str


@attrs.frozen
class Account:
    """What a working connection leads to.

    Attributes:
        name: Of the account, for a person; None: the other system does not tell.
    """

    name: str | None = None


@attrs.frozen(kw_only=True)
class Grant:
    """Tokens that the other system has given.

    Attributes:
        access_token: For calls.
        lifetime: Seconds for which it is good.
        refresh_token: For the next grant; None keeps the one before.
    """

    access_token: str = attrs.field(repr=False, validator=instance_of(str))
    lifetime: float = attrs.field(validator=gt(0))
    refresh_token: str | None = attrs.field(default=None, repr=False, validator=optional(instance_of(str)))


@attrs.frozen(kw_only=True)
class Consent:
    """What a person is sent to the other system with.

    Attributes:
        redirect_uri: Where the other system sends them back to.
        state: To be sent along; ours.
        code_challenge: Of PKCE, method S256.
    """

    redirect_uri: str
    state: str = attrs.field(repr=False)
    code_challenge: str


@attrs.frozen(kw_only=True)
class Consented:
    """What they came back with.

    Attributes:
        code: To be exchanged, once.
        verifier: Of PKCE.
        redirect_uri: The same as before, byte for byte.
    """

    code: str = attrs.field(repr=False)
    verifier: str = attrs.field(repr=False)
    redirect_uri: str


@attrs.frozen(kw_only=True, eq=False)
class ConnectionContext:
    """What the functions of a connection are given.

    While it is being connected these are the values that were entered: nothing is stored before all of it works.

    Attributes:
        tenant: Whose connection.
        provider: Of the connection.
        method: The key of the method by which it is connected.
        instance_url: The value of the field of this name.
        settings: The other fields that are not secret.
        scopes: What the tenant allows.
        http: The process's HTTP session. Every call needs a time limit of its own.
        log: Never log a secret, and never an upstream body.
        secrets: The fields that are secret, and access tokens.
    """

    tenant: UUID
    provider: str
    method: str
    instance_url: str | None
    settings: Mapping[str, Any]
    scopes: tuple[str, ...]
    http: aiohttp.ClientSession
    log: logging.LoggerAdapter[logging.Logger]
    secrets: SecretReader


@attrs.frozen(kw_only=True)
class OAuth:
    """The authorization-code grant (RFC 6749, section 4.1) with PKCE, whose state and verifier the platform keeps.

    Attributes:
        authorize_url: ``async (ctx, consent) -> str``: where the person is sent.
        complete: ``async (ctx, consented) -> Grant``: exchanges the code.
    """

    authorize_url: Callable[[ConnectionContext, Consent], Awaitable[str]] = attrs.field(validator=is_callable())
    complete: Callable[[ConnectionContext, Consented], Awaitable[Grant]] = attrs.field(validator=is_callable())


@attrs.frozen(kw_only=True)
class ConnectionMethod:
    """A way to connect.

    Attributes:
        key: Kept with the connection.
        label: What an admin reads.
        description: When to choose it.
        oauth: How a person allows it over there; None: what is entered is enough.
    """

    key: str = attrs.field(validator=[instance_of(str), _NAME])
    label: str = attrs.field(validator=instance_of(str))
    description: str = ""
    oauth: OAuth | None = attrs.field(default=None, validator=optional(instance_of(OAuth)))


Check = Callable[[ConnectionContext], Awaitable[Account]]
Renew = Callable[[ConnectionContext, str | None], Awaitable[Grant]]
Revoke = Callable[[ConnectionContext, str | None], Awaitable[None]]
ListMappable = Callable[[ConnectionContext, str], AsyncIterator[Mappable]]


@attrs.frozen(kw_only=True, eq=False)
class Connection:
    """An integration that a tenant can connect.

    Attributes:
        provider: The key in ``rmm_integrations.provider`` and in the scope of its secrets.
        label: What an admin reads.
        description: What connecting it gives.
        segments: The first segments of the action ids that use this connection's secrets.
        fields: What the admin enters.
        methods: The ways to connect, the usual one first; without any, what is entered is all there is.
        scopes: What the tenant can allow.
        mappings: What the tenant maps, one kind for each entity.
        check: ``async (ctx) -> Account``: proves that the connection works, or raises what a person has to do about
            it. None: what is entered is taken as it is.
        renew: ``async (ctx, refresh_token) -> Grant``: a new access token; without a refresh token, by the credentials
            that were entered. The platform keeps tokens, and calls this for one process at a time. It raises
            :class:`~workflow_core.errors.ReconnectRequiredError` for an answer that is final, and only then: the
            platform never asks again after it.
        revoke: ``async (ctx, refresh_token) -> None``: gives tokens back when the tenant disconnects.
        list_mappable: ``(ctx, kind)``, an async generator of every :class:`Mappable` there is of a kind.
    """

    provider: str = attrs.field(validator=instance_of(str))
    label: str = attrs.field(validator=instance_of(str))
    description: str = attrs.field(validator=instance_of(str))
    segments: tuple[str, ...] = attrs.field(validator=deep_iterable(instance_of(str), instance_of(tuple)))
    fields: tuple[ConnectionField, ...] = attrs.field(
        validator=deep_iterable(instance_of(ConnectionField), instance_of(tuple))
    )
    methods: tuple[ConnectionMethod, ...] = attrs.field(
        default=(), validator=deep_iterable(instance_of(ConnectionMethod), instance_of(tuple))
    )
    scopes: tuple[ConnectionScope, ...] = attrs.field(
        default=(), validator=deep_iterable(instance_of(ConnectionScope), instance_of(tuple))
    )
    mappings: tuple[MappingKind, ...] = attrs.field(
        default=(), validator=deep_iterable(instance_of(MappingKind), instance_of(tuple))
    )
    check: Check | None = attrs.field(default=None, validator=optional(is_callable()))
    renew: Renew | None = attrs.field(default=None, validator=optional(is_callable()))
    revoke: Revoke | None = attrs.field(default=None, validator=optional(is_callable()))
    list_mappable: ListMappable | None = attrs.field(default=None, validator=optional(is_callable()))

    @property
    def secret_scope(self) -> str:
        """The scope of its secrets in ``tenant_secrets``."""
        return f"integration:{self.provider}"

    def method(self, key: str) -> ConnectionMethod | None:
        """The method with this key; a connection that declares none has :data:`ENTERED`."""
        if not self.methods and key == ENTERED:
            return ConnectionMethod(key=ENTERED, label=self.label)
        return next((method for method in self.methods if method.key == key), None)

    def fields_of(self, method: str) -> tuple[ConnectionField, ...]:
        """The fields that a method asks for."""
        return tuple(field for field in self.fields if not field.methods or method in field.methods)


def connection_problems(connection: Connection) -> list[str]:
    """Where a description contradicts itself, in sentences; empty when all is well."""
    where = f"connection {connection.provider}"
    keys = [method.key for method in connection.methods]
    problems = [
        f"{where}: {what} {key} is given twice"
        for what, given in (
            ("the method", keys),
            ("the field", [field.name for field in connection.fields]),
            ("the scope", [scope.key for scope in connection.scopes]),
            ("the mapping", [mapping.key for mapping in connection.mappings]),
            ("a mapping to", [str(mapping.entity) for mapping in connection.mappings]),
        )
        for key in sorted({key for key in given if given.count(key) > 1})
    ]
    for field in connection.fields:
        if field.name == TOKENS:
            problems.append(f"{where}: the name {TOKENS} is the platform's: call the field otherwise")
        if (field.kind == "choice") != bool(field.choices):
            problems.append(f"{where}: the field {field.name}: a choice has choices, and nothing else has")
        if unknown := sorted(set(field.methods) - set(keys)):
            problems.append(f"{where}: the field {field.name} names methods that do not exist: {', '.join(unknown)}")
    if connection.renew is None and any(method.oauth is not None for method in connection.methods):
        problems.append(f"{where}: OAuth needs renew")
    if connection.mappings and connection.list_mappable is None:
        problems.append(f"{where}: mappings need list_mappable")
    return problems
