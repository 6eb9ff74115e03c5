"""The effect ledger: one row for each effect, so that it happens once.

States: ``reserved → sent → succeeded | failed | uncertain``. The executor writes them, never a module. Every write
is a compare-and-swap on the row's *fence*, the token of the attempt that holds the key: an attempt that was
overtaken writes nothing more. ``lease_until`` is the moment after which a holder can no longer be at work, because
its handler's hard time limit has passed; it is counted on the database's clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

import attrs

from workflow_core.actions import Effect
from workflow_core.errors import EffectUncertainError, KeyBusyError
from workflow_core.execution.models import ActionCall
from workflow_core.storage.database import Connection

#: Beyond a handler's hard limit: for its cancellation and for the write that follows it.
LEASE_GRACE: Final = 5.0


class State(StrEnum):
    """The states of a ledger row."""

    RESERVED = "reserved"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


@attrs.frozen
class EffectKey:
    """What makes an effect the same effect.

    Attributes:
        digest: SHA-256, in hexadecimal: the ledger's key.
        explicit: Whether the step named the key itself; then it acts once across all runs of the tenant.
    """

    digest: str
    explicit: bool

    @property
    def kind(self) -> str:
        """As the ledger stores it."""
        return "explicit" if self.explicit else "run"


def effect_key(call: ActionCall) -> EffectKey:
    """The key of a call: never the attempt, nor the input.

    Within a run the step's path names it, since the plan is fixed: its id does not, where older definitions use one id
    in ``try`` and ``catch``.
    """
    action = f"{call.action_id}@{call.action_version}"
    if call.explicit_key is not None:
        parts: tuple[str, ...] = ("explicit", call.tenant, action, call.explicit_key)
    else:
        parts = ("run", call.tenant, call.run_id, call.step_path, call.iteration, action)
    # Each part with its length: no two lists of parts run together into the same text.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return EffectKey(hashlib.sha256(text.encode()).hexdigest(), explicit=call.explicit_key is not None)


@attrs.frozen
class Entry:
    """A row of the ledger.

    Attributes:
        lease_left: Seconds until its holder can no longer be at work; zero or less when it cannot.
    """

    invocation_id: UUID
    state: State
    run_id: UUID
    step_path: str
    iteration: str
    input_sha256: str
    output: Any
    error: Mapping[str, Any] | None
    lease_left: float

    def belongs_to(self, call: ActionCall) -> bool:
        """Whether the same step of the same run made this row."""
        return (str(self.run_id), self.step_path, self.iteration) == (call.run_id, call.step_path, call.iteration)


@attrs.frozen
class Hold:
    """The right of one attempt to act under a key.

    Attributes:
        after_unknown: An earlier attempt may have acted, and its answer was lost.
    """

    key: EffectKey
    fence: UUID
    after_unknown: bool


_LOOKUP = """
SELECT invocation_id, status, run_id, step_path, iteration, input_sha256, output_json, error_json,
       COALESCE(EXTRACT(EPOCH FROM lease_until - clock_timestamp()), 0)::float8 AS lease_left
FROM workflow_action_invocations
WHERE tenant = $1 AND key = $2
"""


async def try_lock(conn: Connection, key: EffectKey) -> bool:
    """Takes the key for this transaction, or answers at once that another transaction has it."""
    # 64 of the key's 256 bits: a collision only makes two effects wait for each other.
    number = int.from_bytes(bytes.fromhex(key.digest[:16]), "big", signed=True)
    locked: bool = await conn.fetchval("SELECT pg_try_advisory_xact_lock($1)", number)
    return locked


async def lookup(conn: Connection, tenant: UUID, key: EffectKey) -> Entry | None:
    """The row of a key, if there is one."""
    row = await conn.fetchrow(_LOOKUP, tenant, key.digest)
    if row is None:
        return None
    return Entry(
        invocation_id=row["invocation_id"],
        state=State(row["status"]),
        run_id=row["run_id"],
        step_path=row["step_path"],
        iteration=row["iteration"],
        input_sha256=row["input_sha256"],
        output=row["output_json"],
        error=row["error_json"],
        lease_left=row["lease_left"],
    )


def refuse_if_held(entry: Entry | None, call: ActionCall) -> None:
    """Whether an attempt may go on, given what the ledger says of its key.

    Raises:
        EffectUncertainError: Nobody knows whether the effect happened; a person has to say.
        KeyBusyError: Another attempt may still be at work; ``retry_after`` says how long at most.
    """
    if entry is None or entry.state in (State.FAILED, State.SUCCEEDED):
        return
    if entry.state is State.UNCERTAIN:
        raise uncertain_error(call, str((entry.error or {}).get("code", "")))
    # What only reserved has sent nothing, and its fence keeps it from sending once we hold the key: the same step's
    # earlier attempt is overtaken at once. Another step under an explicit key gets its time.
    if entry.lease_left > 0 and (entry.state is State.SENT or not entry.belongs_to(call)):
        raise KeyBusyError(
            f"{call.action_id} is under way under the same key; it is looked at again when its time limit has passed.",
            retry_after=entry.lease_left,
        )


def uncertain_error(call: ActionCall, cause: str) -> EffectUncertainError:
    """The error of a step of which nobody knows whether its effect happened."""
    return EffectUncertainError(
        f"{call.action_id} was sent, and its answer was lost: nobody can know whether it happened, so it is not sent "
        "again. Look at the other system, then decide.",
        details={"cause": cause} if cause else {},
    )


_RESERVE = """
INSERT INTO workflow_action_invocations AS held (
    tenant, key, key_kind, run_id, step_path, iteration, definition_step_id, action_id, action_version,
    effect, status, fence, input_sha256, lease_until
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'reserved', $11, $12,
          clock_timestamp() + make_interval(secs => $13))
ON CONFLICT (tenant, key) DO UPDATE SET
    -- What may have been sent before stays `sent`: failing now would not prove that nothing happened then.
    status = CASE held.status WHEN 'sent' THEN 'sent' ELSE 'reserved' END,
    run_id = EXCLUDED.run_id, step_path = EXCLUDED.step_path, iteration = EXCLUDED.iteration,
    definition_step_id = EXCLUDED.definition_step_id, effect = EXCLUDED.effect, fence = EXCLUDED.fence,
    input_sha256 = EXCLUDED.input_sha256, lease_until = EXCLUDED.lease_until, error_json = NULL,
    finished_at = NULL, updated_at = now()
WHERE held.status IN ('reserved', 'sent', 'failed')
"""


async def reserve(
    conn: Connection,
    call: ActionCall,
    key: EffectKey,
    *,
    effect: Effect,
    input_sha256: str,
    lease: float,
    after_unknown: bool,
) -> Hold:
    """Takes a key for an attempt, in the transaction that holds its lock and looked it up."""
    hold = Hold(key, uuid4(), after_unknown)
    await conn.execute(
        _RESERVE,
        UUID(call.tenant),
        key.digest,
        key.kind,
        UUID(call.run_id),
        call.step_path,
        call.iteration,
        call.step_id,
        call.action_id,
        call.action_version,
        effect,
        hold.fence,
        input_sha256,
        lease + LEASE_GRACE,
    )
    return hold


async def mark_sent(conn: Connection, tenant: UUID, hold: Hold, *, lease: float) -> None:
    """Says that from now on the effect may have happened; commits before the handler is called.

    Raises:
        KeyBusyError: Another attempt has overtaken this one: it must not send.
    """
    status = await conn.execute(
        "UPDATE workflow_action_invocations SET status = 'sent', sends = sends + 1, sent_at = clock_timestamp(), "
        "lease_until = clock_timestamp() + make_interval(secs => $4), updated_at = now() "
        "WHERE tenant = $1 AND key = $2 AND fence = $3 AND status IN ('reserved', 'sent')",
        tenant,
        hold.key.digest,
        hold.fence,
        lease + LEASE_GRACE,
    )
    if status != "UPDATE 1":
        raise KeyBusyError("Another attempt at this step has taken over.", retry_after=lease)


async def mark_succeeded(conn: Connection, tenant: UUID, hold: Hold, output: Any) -> Any:
    """Keeps the output. A late success is accepted: that it happened is known now, whoever holds the key.

    Returns:
        The output that counts: of two successes under one key, the first one's.
    """
    updated = await conn.execute(
        "UPDATE workflow_action_invocations SET status = 'succeeded', output_json = $3, error_json = NULL, "
        "lease_until = NULL, finished_at = clock_timestamp(), updated_at = now() "
        "WHERE tenant = $1 AND key = $2 AND status <> 'succeeded'",
        tenant,
        hold.key.digest,
        output,
    )
    if updated == "UPDATE 1":
        return output
    entry = await lookup(conn, tenant, hold.key)
    return entry.output if entry is not None else output


async def mark_failed(conn: Connection, tenant: UUID, hold: Hold, error: Mapping[str, Any]) -> None:
    """This attempt certainly did nothing. It is *failed* only if no earlier one may have acted."""
    await conn.execute(
        "UPDATE workflow_action_invocations SET status = $4, error_json = $5, lease_until = NULL, "
        "finished_at = clock_timestamp(), updated_at = now() "
        "WHERE tenant = $1 AND key = $2 AND fence = $3 AND status IN ('reserved', 'sent')",
        tenant,
        hold.key.digest,
        hold.fence,
        State.SENT if hold.after_unknown else State.FAILED,
        error,
    )


async def mark_unknown(conn: Connection, tenant: UUID, hold: Hold, error: Mapping[str, Any], *, effect: Effect) -> None:
    """The answer was lost. ``ONCE`` is uncertain from here; ``REPEATABLE`` may be sent again at once."""
    state = State.UNCERTAIN if effect is Effect.ONCE else State.SENT
    await conn.execute(
        "UPDATE workflow_action_invocations SET status = $4, error_json = $5, lease_until = NULL, updated_at = now() "
        "WHERE tenant = $1 AND key = $2 AND fence = $3 AND status = 'sent'",
        tenant,
        hold.key.digest,
        hold.fence,
        state,
        error,
    )


_RECORD_LOCAL = """
INSERT INTO workflow_action_invocations AS held (
    tenant, key, key_kind, run_id, step_path, iteration, definition_step_id, action_id, action_version,
    effect, status, fence, input_sha256, output_json, error_json, finished_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, clock_timestamp())
ON CONFLICT (tenant, key) DO UPDATE SET
    status = EXCLUDED.status, run_id = EXCLUDED.run_id, step_path = EXCLUDED.step_path,
    iteration = EXCLUDED.iteration, definition_step_id = EXCLUDED.definition_step_id, fence = EXCLUDED.fence,
    input_sha256 = EXCLUDED.input_sha256, output_json = EXCLUDED.output_json, error_json = EXCLUDED.error_json,
    finished_at = EXCLUDED.finished_at, updated_at = now()
WHERE held.status IN ('reserved', 'failed')
"""


async def record_local(
    conn: Connection,
    call: ActionCall,
    key: EffectKey,
    *,
    input_sha256: str,
    output: Any = None,
    error: Mapping[str, Any] | None = None,
) -> None:
    """The one write of a ``LOCAL`` effect: success in the handler's own transaction, failure after its rollback."""
    await conn.execute(
        _RECORD_LOCAL,
        UUID(call.tenant),
        key.digest,
        key.kind,
        UUID(call.run_id),
        call.step_path,
        call.iteration,
        call.step_id,
        call.action_id,
        call.action_version,
        Effect.LOCAL,
        State.SUCCEEDED if error is None else State.FAILED,
        uuid4(),
        input_sha256,
        output,
        error,
    )
