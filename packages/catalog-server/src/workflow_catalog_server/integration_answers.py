"""What the integrations' routes take and answer with."""

# ruff: noqa: N815 - fields are named as in the API

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_catalog_server.paging import PageQuery
from workflow_core.connections import FieldKind
from workflow_core.schema import Trimmed

_Value = Annotated[str, msgspec.Meta(max_length=64 * 1024)]


class Status(StrEnum):
    """How a tenant stands with an integration."""

    NOT_CONNECTED = "not_connected"
    CONNECTED = "connected"
    RECONNECT_REQUIRED = "reconnect_required"
    """Its modules stay, and their steps fail until somebody connects again."""
    ERROR = "error"
    """Connected, and the last check failed for another reason."""


class WebhookStatus(StrEnum):
    """Whether the other system sends what happens there."""

    OFF = "off"
    REGISTERED = "registered"
    FAILED = "failed"
    """It could not be registered; see the error."""
    MANUAL = "manual"
    """An admin enters address and header over there."""


@attrs.frozen(kw_only=True)
class Reason:
    """Why something is as it is: a stable code, and a sentence that says what to do."""

    code: str
    message: str


@attrs.frozen(kw_only=True)
class IntegrationAnswer:
    """An installed integration, and how the tenant stands with it.

    Attributes:
        icon: The token of its icon.
        status: See :class:`Status`.
        reason: Why it is not simply connected, or null.
        since: Since when it has this status; null: always.
        account: The name of the account over there, if that is known.
        connectedAt: When it was connected last.
        affectedWorkflows: How many published workflows use it.
    """

    provider: str
    label: str
    description: str
    icon: str | None
    status: Status
    reason: Reason | None
    since: datetime | None
    account: str | None
    connectedAt: datetime | None
    affectedWorkflows: int


@attrs.frozen(kw_only=True)
class IntegrationList:
    """Answer of ``GET /api/integrations``, by label."""

    integrations: list[IntegrationAnswer]


@attrs.frozen(kw_only=True)
class Choice:
    """A value that a field may have."""

    value: str
    label: str


@attrs.frozen(kw_only=True)
class FieldAnswer:
    """A field of a form.

    Attributes:
        choices: Of a ``choice``; else empty.
        other: Whether a ``choice`` may be another value, too.
        value: What is stored; null for a ``secret``, and for what is not stored.
        isStored: Whether anything is stored; a ``secret`` that is, may be left out when connecting again.
    """

    name: str
    label: str
    kind: FieldKind
    required: bool
    help: str
    choices: list[Choice]
    other: bool
    value: str | None
    isStored: bool


@attrs.frozen(kw_only=True)
class MethodAnswer:
    """A way to connect.

    Attributes:
        redirects: Whether connecting answers with an address to which the browser has to go.
        fields: Its form.
    """

    key: str
    label: str
    description: str
    redirects: bool
    fields: list[FieldAnswer]


@attrs.frozen(kw_only=True)
class ScopeAnswer:
    """Something that the tenant can allow; ``granted``: does, with the connection that it has."""

    key: str
    label: str
    description: str
    required: bool
    granted: bool


@attrs.frozen(kw_only=True)
class MappingKindAnswer:
    """Records over there that the tenant maps: their number, and of how many it has said what they are."""

    key: str
    label: str
    description: str
    entity: str
    total: int
    mapped: int


@attrs.frozen(kw_only=True)
class WebhookAnswer:
    """What the other system sends.

    Attributes:
        reason: Why it could not be registered.
        registeredAt: When it was.
        lastReceivedAt: When the last delivery arrived.
        waiting: Deliveries that are still to be worked on.
        parked: Deliveries that failed again and again, and are not tried any more.
    """

    status: WebhookStatus
    reason: Reason | None
    registeredAt: datetime | None
    lastReceivedAt: datetime | None
    waiting: int
    parked: int


@attrs.frozen(kw_only=True)
class AffectedWorkflow:
    """A published workflow that uses an integration: by its actions, or by an event that starts it."""

    workflowId: UUID
    name: str
    uses: list[str]


@attrs.frozen(kw_only=True)
class IntegrationDetail(IntegrationAnswer):
    """Answer of ``GET /api/integrations/{provider}``.

    Attributes:
        method: The key of the method by which it is or was connected, or null.
        connectedBy: The user who connected it.
        methods: The ways to connect, the usual one first.
        redirectUri: What has to be entered over there as the address to come back to; null: no method redirects.
        scopes: What the tenant can allow.
        mappings: What the tenant maps.
        webhook: Null: it sends nothing.
        workflows: The published workflows that use it.
    """

    method: str | None
    connectedBy: UUID | None
    methods: list[MethodAnswer]
    redirectUri: str | None
    scopes: list[ScopeAnswer]
    mappings: list[MappingKindAnswer]
    webhook: WebhookAnswer | None
    workflows: list[AffectedWorkflow]


# ── Connecting ───────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class Connect:
    """Body of ``POST /api/integrations/{provider}/connect``.

    Attributes:
        method: The key of a method; the first one when left out.
        values: By the names of fields; a secret that is stored may be left out.
        scopes: What the tenant allows; all there is when left out.
    """

    method: str | None = None
    values: dict[str, _Value] = attrs.field(factory=dict, repr=False)
    scopes: list[str] | None = None


@attrs.frozen(kw_only=True)
class Connected:
    """Answer of ``connect``: it is connected, or ``authorizeUrl`` is where the browser has to go."""

    status: Literal["connected", "redirect"]
    authorizeUrl: str | None = None
    account: str | None = None


@attrs.frozen(kw_only=True)
class CallbackQuery:
    """Query of the address to which the other system sends the browser back."""

    state: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    code: Annotated[str, msgspec.Meta(max_length=4096)] = attrs.field(default="", repr=False)
    error: Annotated[str, msgspec.Meta(max_length=255)] = ""


@attrs.frozen(kw_only=True)
class CheckAnswer:
    """Answer of ``POST …/test``: whether the connection works now, and if not, why."""

    ok: bool
    account: str | None
    reason: Reason | None


@attrs.frozen(kw_only=True)
class DisconnectQuery:
    """Query of ``POST …/disconnect``; ``preview``: only tell what it would affect."""

    preview: bool = False


@attrs.frozen(kw_only=True)
class Disconnected:
    """Answer of ``POST …/disconnect``.

    Attributes:
        disconnected: Whether it is; false in a preview.
        revoked: Whether the other system has taken the tokens back; false: nobody knows, or there were none.
        workflows: The published workflows whose steps fail from now on.
    """

    disconnected: bool
    revoked: bool
    workflows: list[AffectedWorkflow]


@attrs.frozen(kw_only=True)
class WebhookRegistered:
    """Answer of ``POST …/webhook``; ``url``, ``header`` and ``value`` where an admin has to enter them over there."""

    status: WebhookStatus
    reason: Reason | None
    url: str | None = None
    header: str | None = None
    value: str | None = attrs.field(default=None, repr=False)


# ── Mappings ─────────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class MappingQuery(PageQuery):
    """Query of ``GET …/mappings/{kind}``; ``q``: a part of the name over there."""

    q: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    state: Literal["all", "mapped", "unmapped"] = "all"


@attrs.frozen(kw_only=True)
class MappedTo:
    """A record here."""

    id: UUID
    name: str


@attrs.frozen(kw_only=True)
class MappingAnswer:
    """A record over there.

    Attributes:
        externalId: Its id over there.
        name: Its name over there.
        mappedTo: What it is here; null: nobody has said.
        suggestion: What it may be, by its name; null when it is mapped, or nothing fits.
    """

    externalId: str
    name: str | None
    mappedTo: MappedTo | None
    suggestion: MappedTo | None


@attrs.frozen(kw_only=True)
class MappingList:
    """A page of ``GET …/mappings/{kind}``, by name.

    Attributes:
        total: How many there are for this query.
        refreshedAt: When they were last read from over there; null: never, so refresh them.
    """

    mappings: list[MappingAnswer]
    total: int
    refreshedAt: datetime | None
    nextCursor: str | None


@attrs.frozen(kw_only=True)
class TargetQuery:
    """Query of ``GET …/mappings/{kind}/targets``; ``q``: a part of the name here."""

    q: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


@attrs.frozen(kw_only=True)
class TargetList:
    """Answer of ``GET …/mappings/{kind}/targets``, by name: what records over there can be."""

    targets: list[MappedTo]


@attrs.frozen(kw_only=True)
class MapTo:
    """What a record over there is from now on: ``id``, a new record called ``create``, or, with neither, nothing."""

    externalId: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    id: UUID | None = None
    create: Annotated[Trimmed, msgspec.Meta(max_length=255)] | None = None


@attrs.frozen(kw_only=True)
class PutMappings:
    """Body of ``PUT …/mappings/{kind}``: all of it is done, or nothing."""

    mappings: Annotated[list[MapTo], msgspec.Meta(min_length=1, max_length=500)]


@attrs.frozen(kw_only=True)
class PutMappingsAnswer:
    """Answer of ``PUT …/mappings/{kind}``: the records that were named, as they are now."""

    mappings: list[MappingAnswer]


@attrs.frozen(kw_only=True)
class Refreshed:
    """Answer of ``POST …/mappings/{kind}/refresh``: how many records there are over there."""

    total: int
