"""What an integration can do: actions, their effects, and what a handler is given."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args
from uuid import UUID

import attrs
from attrs.validators import deep_iterable, in_, instance_of, is_callable, optional

if TYPE_CHECKING:
    import aiohttp

    from workflow_core.storage.database import Connection


class Effect(StrEnum):
    """What doing an action twice would mean. It drives recovery, dry run and the badge in the designer."""

    READ = "READ"
    """Changes nothing."""
    LOCAL = "LOCAL"
    """Writes our own database only: commits in one transaction with its ledger row, exactly once."""
    REPEATABLE = "REPEATABLE"
    """External; when nobody knows whether it happened, sending it again is the lesser harm."""
    ONCE = "ONCE"
    """External; when nobody knows whether it happened, it must not be sent again."""


#: Where a handler works: with our database only (in one transaction), or over the network.
Io = Literal["database", "external"]


@attrs.frozen
class RetryHint:
    """How a step of this action is retried when it says nothing itself. Times are in seconds."""

    max_attempts: int = 3
    backoff: float = 1.0
    multiplier: float = 2.0
    max_delay: float = 60.0


@attrs.frozen
class Example:
    """One example call; dry runs and documentation show it. Values are plain JSON."""

    title: str
    input: dict[str, Any]
    output: dict[str, Any]


class SecretReader(Protocol):
    """Reads the secrets of the connection that an action belongs to; what it gives is redacted everywhere."""

    async def require(self, *names: str) -> dict[str, str]:
        """The values by name.

        Raises:
            IntegrationNotConfiguredError: Naming every one that is not stored.
        """

    async def token(self, *, refused: str | None = None) -> str:
        """An access token of the connection: the one that is stored, or a new one shortly before that expires.

        Whoever comes first renews it; all others, in this process and in any other, wait for that one. For calls over
        the network only: never in a transaction.

        Args:
            refused: A token that the other system does not accept: gives another one.

        Raises:
            ReconnectRequiredError: The other system's last answer was final; it is not asked again.
            WorkflowError: There is none to be had now; the error says why.
        """

    def hide(self, value: str) -> None:
        """Has a value that was derived from a secret redacted too."""


@attrs.frozen(kw_only=True, eq=False)
class ActionContext:
    """What a handler is given beside its input.

    Attributes:
        tenant: Whose run it is.
        run_id: The run, or None for a call outside a run.
        step_path: Such as ``root.steps[1].then[0]``.
        iteration: The path of loop indices, empty outside loops.
        idempotency_key: The ledger's key of this effect, 64 hexadecimal characters; the same for every attempt.
        attempt: Counted from 1.
        actor: The user in whose name the run acts (the publisher of the version), if known.
        now: The run's clock: when the step was dispatched, in UTC.
        prepared: What ``prepare`` gave in this attempt.
        log: Carries run and step; never log a secret, and never an upstream body.
        secrets: The connection's secrets.
        dry_run: Whether the run only tells what it would do. Only what reads is called then, and may not even write
            what it keeps for later: transactions are read-only.
    """

    tenant: UUID
    run_id: UUID | None
    step_path: str
    iteration: str
    idempotency_key: str
    attempt: int
    actor: UUID | None
    now: datetime
    log: logging.LoggerAdapter[logging.Logger]
    secrets: SecretReader
    prepared: Any = None
    dry_run: bool = False
    _tx: Connection | None = None
    _http: aiohttp.ClientSession | None = None
    _transaction: Callable[[], AbstractAsyncContextManager[Connection]] | None = None
    _redact: Callable[[Any], Any] | None = None

    @property
    def tx(self) -> Connection:
        """The tenant's transaction, which commits together with the ledger; of ``database`` actions only."""
        if self._tx is None:
            raise RuntimeError("an external action has no ctx.tx: use `async with ctx.transaction()`")
        return self._tx

    @property
    def http(self) -> aiohttp.ClientSession:
        """The process's HTTP session; of ``external`` actions only."""
        if self._http is None:
            raise RuntimeError("a database action has no HTTP session: declare io='external'")
        return self._http

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """A short transaction of the tenant, for ``external`` actions; never hold it across a network call."""
        if self._transaction is None:
            raise RuntimeError("a database action works in ctx.tx")
        return self._transaction()

    def redact(self, value: Any) -> Any:
        """The JSON value as others may see it: without the secrets that this call was given."""
        return value if self._redact is None else self._redact(value)


@attrs.frozen
class SentEffect:
    """An effect that was sent, and whose answer was lost.

    Attributes:
        at: When, on our database's clock; of several sendings that nobody knows of, the first.
        prepared: What ``prepare`` had given before it, as the ledger kept it: redacted JSON.
    """

    at: datetime
    prepared: Any


@attrs.frozen
class Happened:
    """The effect has happened.

    Attributes:
        output: What the handler would have answered.
    """

    output: Any


@attrs.frozen
class NotHappened:
    """The effect has certainly not happened, and will not any more.

    Attributes:
        evidence: What proves it, in a sentence; that something was not found proves nothing.
    """

    evidence: str


@attrs.frozen
class Unknown:
    """Looking did not tell; later it may.

    Attributes:
        reason: Why, in a sentence for the person who may have to look.
    """

    reason: str


Verdict = Happened | NotHappened | Unknown

Handler = Callable[[Any, ActionContext], Awaitable[Any]]
Prepare = Callable[[Any, ActionContext], Awaitable[Any]]
Reconcile = Callable[[Any, ActionContext, SentEffect], Awaitable[Verdict]]


@attrs.frozen(kw_only=True, eq=False)
class Action:
    """One thing that an integration can do.

    Attributes:
        id: Dotted, lower case; its first segment belongs to the distribution whose module claims it.
        version: From 1; another contract under the same id needs a new version.
        label: What an operator reads, such as "Acknowledge alert".
        description: A sentence or two for the designer.
        input: The attrs class of the input; the single source of schema, conversion, form and OpenAPI.
        output: The attrs class of the output.
        effect: What doing it twice would mean.
        io: ``database`` (the handler gets ``ctx.tx``) or ``external`` (an HTTP session and ``ctx.transaction()``).
        handler: ``async (input, ctx) -> output``.
        prepare: Look-ups before the effect: what it raises proves that nothing was done. What it gives, plain JSON
            and never a secret, is kept with the effect, for the handler (``ctx.prepared``) and for ``reconcile``.
        reconcile: Looks whether an effect has happened whose answer was lost; it changes nothing at the other side.
        permission: What the actor of the run must have, as ``resource:action``; None: nothing.
        retry: The default for steps that say nothing.
        time_limit: The handler's hard limit.
        examples: At least one for documentation and dry runs.
    """

    id: str = attrs.field(validator=instance_of(str))
    version: int = attrs.field(default=1, validator=instance_of(int))
    label: str = attrs.field(validator=instance_of(str))
    description: str = attrs.field(validator=instance_of(str))
    input: type
    output: type
    effect: Effect = attrs.field(validator=instance_of(Effect))
    io: Io = attrs.field(validator=in_(get_args(Io)))
    handler: Handler = attrs.field(validator=is_callable())
    prepare: Prepare | None = attrs.field(default=None, validator=optional(is_callable()))
    reconcile: Reconcile | None = attrs.field(default=None, validator=optional(is_callable()))
    permission: str | None = attrs.field(default=None, validator=optional(instance_of(str)))
    retry: RetryHint = attrs.field(default=RetryHint(), validator=instance_of(RetryHint))
    time_limit: timedelta = attrs.field(default=timedelta(seconds=30), validator=instance_of(timedelta))
    examples: tuple[Example, ...] = attrs.field(
        default=(), validator=deep_iterable(instance_of(Example), instance_of(tuple))
    )

    @property
    def key(self) -> str:
        """``id@version``."""
        return f"{self.id}@{self.version}"

    @property
    def segment(self) -> str:
        """The first dotted segment of the id."""
        return self.id.split(".", 1)[0]
