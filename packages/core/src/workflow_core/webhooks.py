"""What another system sends us: receivers, and what one is given.

The platform gives each connection an address that nobody can guess and a header that the other system has to send
along, stores what arrives in milliseconds, and has a worker hand it to the receiver afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
from attrs.validators import instance_of, is_callable, matches_re, optional

from workflow_core.connections import ConnectionContext
from workflow_core.events import EventType, store_event

if TYPE_CHECKING:
    from workflow_core.storage.database import Connection


@attrs.frozen(kw_only=True)
class WebhookTarget:
    """What is registered at the other system.

    Attributes:
        url: Where it sends to; whoever knows it still needs the header.
        header: The name of the header that it has to send along.
        value: That header's value.
    """

    url: str = attrs.field(repr=False)
    header: str
    value: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True, eq=False)
class WebhookContext:
    """What a receiver is given beside the body.

    Attributes:
        tenant: Whose connection it came for.
        provider: Of the connection.
        integration_id: The connection's row in ``rmm_integrations``.
        instance_url: Of that row.
        settings: Of that row; no secrets.
        received_at: When it arrived; what is told may be older, and arrive twice and in any order.
        tx: The tenant's transaction, in which the delivery is also marked as done.
        log: Never log the body.
    """

    tenant: UUID
    provider: str
    integration_id: UUID
    instance_url: str | None
    settings: Mapping[str, Any]
    received_at: datetime
    tx: Connection
    log: logging.LoggerAdapter[logging.Logger]

    async def emit(
        self, event: EventType, payload: Any, *, correlation_key: str | None = None, key: str | None = None
    ) -> None:
        """Says that something has happened: kept if, and only if, the transaction commits.

        Args:
            event: The declared type.
            payload: An instance of its ``payload`` class.
            correlation_key: What waiting workflows know it by.
            key: What is emitted again under the same key has not happened again.
        """
        await store_event(self.tx, self.tenant, event, payload, correlation_key=correlation_key, key=key)


Receive = Callable[[WebhookContext, Any], Awaitable[None]]
Register = Callable[[ConnectionContext, WebhookTarget], Awaitable[None]]
Remove = Callable[[ConnectionContext], Awaitable[None]]


@attrs.frozen(kw_only=True, eq=False)
class WebhookReceiver:
    """Takes what another system sends for one connection.

    Attributes:
        provider: Of a :class:`~workflow_core.connections.Connection` of the same distribution.
        handle: ``async (ctx, body)``: writes records and emits events in ``ctx.tx``, and calls nobody. ``body`` is
            JSON. What it raises is tried again with growing pauses, and kept for an admin in the end.
        header: The name of the header that the other system sends.
        register: ``async (ctx, target)``: has the other system send here, instead of anywhere else. None: an admin
            enters address and header there.
        remove: ``async (ctx)``: has it send no more.
    """

    provider: str = attrs.field(validator=instance_of(str))
    handle: Receive = attrs.field(validator=is_callable())
    header: str = attrs.field(default="X-Workflow-Webhook", validator=matches_re(r"[A-Za-z][A-Za-z0-9-]{0,63}"))
    register: Register | None = attrs.field(default=None, validator=optional(is_callable()))
    remove: Remove | None = attrs.field(default=None, validator=optional(is_callable()))
