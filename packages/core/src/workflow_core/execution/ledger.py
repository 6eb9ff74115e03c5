"""The effect ledger: one row for each effect, so that it happens once.

States: ``reserved → sent → succeeded | failed | uncertain``. The executor writes them, never a module; out of
``uncertain`` leads what a person decides (:mod:`workflow_core.execution.settlement`), or a late answer. Every write
is a compare-and-swap on the row's *fence*, the token of the attempt that holds the key: an attempt that was
overtaken writes nothing more, but that the effect has happened. ``lease_until`` is the moment after which a holder
can no longer be at work, because its hard time limit has passed; it is counted on the database's clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

import attrs

from workflow_core.actions import Effect, SentEffect
from workflow_core.errors import EffectFailedError, EffectUncertainError, KeyBusyError
from workflow_core.execution import waits
from workflow_core.execution.failed_attempts import own_error_object, worker_lost
from workflow_core.execution.models import ActionCall
from workflow_core.storage.database import Connection, Record

#: Beyond a handler's hard limit: for its cancellation and for the write that follows it.
LEASE_GRACE: Final = 5.0
#: Seconds until an effect is looked at again: at first, and at most.
_FIRST_LOOK: Final = 1.0
_LONGEST_LOOK: Final = 60.0


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
        error: Why it failed, or why its answer was lost; None: its worker was, or is at work.
        sent: When it was sent, and what was known before; None: it never was.
        last_look: What looking at the other system said last, when it could not tell.
        settled_as: What a person decided.
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
    sent: SentEffect | None
    last_look: str | None
    settled_as: str | None
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
    invocation_id: UUID
    fence: UUID
    after_unknown: bool


_LOOKUP = """
SELECT invocation_id, status, run_id, step_path, iteration, input_sha256, output_json, error_json, sent_at,
       prepared_json, last_look, settled_as,
       COALESCE(EXTRACT(EPOCH FROM lease_until - clock_timestamp()), 0)::float8 AS lease_left
FROM workflow_action_invocations
WHERE tenant = $1 AND key = $2
"""


_LOCK_AND_LOOK_UP = f"""
SELECT pg_try_advisory_xact_lock($3) AS locked, entry.* FROM (SELECT) AS once LEFT JOIN ({_LOOKUP}) AS entry ON true
"""  # noqa: S608 - a constant


async def try_lock(conn: Connection, key: EffectKey) -> bool:
    """Takes the key for this transaction, or answers at once that another transaction has it."""
    locked: bool = await conn.fetchval("SELECT pg_try_advisory_xact_lock($1)", _lock_number(key))
    return locked


async def lookup(conn: Connection, tenant: UUID, key: EffectKey) -> Entry | None:
    """The row of a key, if there is one."""
    row = await conn.fetchrow(_LOOKUP, tenant, key.digest)
    return None if row is None else _entry(row)


async def lock_and_look_up(conn: Connection, call: ActionCall, key: EffectKey) -> Entry | None:
    """Both, of a ``LOCAL`` effect, in one statement.

    It looks before it locks: what another transaction recorded in between, only :data:`RECORD_LOCAL` finds.

    Raises:
        KeyBusyError: Another transaction has the key.
    """
    row = await conn.fetchrow(_LOCK_AND_LOOK_UP, UUID(call.tenant), key.digest, _lock_number(key))
    assert row is not None  # noqa: S101 - it has whether it is locked
    if not row["locked"]:
        raise busy(call)
    return None if row["invocation_id"] is None else _entry(row)


def _lock_number(key: EffectKey) -> int:
    """64 of the key's 256 bits: a collision only makes two effects wait for each other."""
    return int.from_bytes(bytes.fromhex(key.digest[:16]), "big", signed=True)


def _entry(row: Record) -> Entry:
    return Entry(
        invocation_id=row["invocation_id"],
        state=State(row["status"]),
        run_id=row["run_id"],
        step_path=row["step_path"],
        iteration=row["iteration"],
        input_sha256=row["input_sha256"],
        output=row["output_json"],
        error=row["error_json"],
        sent=None if row["sent_at"] is None else SentEffect(row["sent_at"], row["prepared_json"]),
        last_look=row["last_look"],
        settled_as=row["settled_as"],
        lease_left=row["lease_left"],
    )


def refuse_if_held(entry: Entry | None, call: ActionCall) -> None:
    """Whether an attempt may go on, given what the ledger says of its key.

    Raises:
        EffectUncertainError: Nobody knows whether the effect happened; a person has to say.
        EffectFailedError: A person has said that the step fails.
        KeyBusyError: Another attempt may still be at work; ``retry_after`` says how long at most.
    """
    if entry is None or entry.state in (State.FAILED, State.SUCCEEDED):
        return
    if entry.state is State.UNCERTAIN:
        if entry.settled_as == "fail":
            raise EffectFailedError(
                f"Nobody could know whether {call.action_id} had happened, and a person decided that the step fails.",
                details={"invocationId": str(entry.invocation_id)},
            )
        cause = str((entry.error or {}).get("code", ""))
        raise uncertain_error(call.action_id, entry.invocation_id, cause, entry.last_look)
    # What only reserved has sent nothing, and its fence keeps it from sending once we hold the key: the same step's
    # earlier attempt is overtaken at once. Another step under an explicit key gets its time.
    if entry.lease_left > 0 and (entry.state is State.SENT or not entry.belongs_to(call)):
        raise KeyBusyError(
            f"{call.action_id} is under way under the same key; it is looked at again when its time limit has passed.",
            retry_after=entry.lease_left,
        )


def busy(call: ActionCall) -> KeyBusyError:
    """The error of an attempt beside which another one is at work."""
    return KeyBusyError(f"{call.action_id} is under way under the same key.", retry_after=0.5)


def uncertain_error(action_id: str, invocation_id: UUID, cause: str, last_look: str | None) -> EffectUncertainError:
    """The error of a step of which nobody knows whether its effect happened."""
    return EffectUncertainError(
        f"{action_id} was sent, and its answer was lost: nobody can know whether it happened, so it is not sent again. "
        "Look at the other system, then settle it.",
        details={
            "invocationId": str(invocation_id),
            "cause": cause,
            **({} if last_look is None else {"lastLook": last_look}),
        },
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
    error_json = CASE held.status WHEN 'sent' THEN COALESCE(held.error_json, $14) END,
    last_look = CASE held.status WHEN 'sent' THEN held.last_look END,
    run_id = EXCLUDED.run_id, step_path = EXCLUDED.step_path, iteration = EXCLUDED.iteration,
    definition_step_id = EXCLUDED.definition_step_id, effect = EXCLUDED.effect, fence = EXCLUDED.fence,
    input_sha256 = EXCLUDED.input_sha256, lease_until = EXCLUDED.lease_until, settled_as = NULL,
    finished_at = NULL, updated_at = now()
WHERE held.status IN ('reserved', 'sent', 'failed')
RETURNING invocation_id
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
    lost: Mapping[str, Any],
) -> Hold:
    """Takes a key for an attempt, in the transaction that holds its lock and looked it up.

    Args:
        conn: In that transaction.
        call: The attempt.
        key: Its key.
        effect: Its effect.
        input_sha256: Of its input.
        lease: Seconds that it may take.
        after_unknown: Whether the row says ``sent``.
        lost: The error to keep where the row says ``sent`` and nobody said why its answer was lost.
    """
    fence = uuid4()
    invocation_id = await conn.fetchval(
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
        fence,
        input_sha256,
        lease + LEASE_GRACE,
        lost,
    )
    return Hold(key, invocation_id, fence, after_unknown)


_OWN = "tenant = $1 AND key = $2 AND fence = $3"
_MARK_SENT = f"""
UPDATE workflow_action_invocations SET
    status = 'sent', sends = sends + 1, error_json = NULL, last_look = NULL,
    -- After a sending that nobody knows of, what is looked for is whether any of them has happened.
    sent_at = CASE status WHEN 'sent' THEN sent_at ELSE clock_timestamp() END,
    prepared_json = CASE status WHEN 'sent' THEN prepared_json ELSE $5 END,
    lease_until = clock_timestamp() + make_interval(secs => $4), updated_at = now()
WHERE {_OWN} AND status IN ('reserved', 'sent')
RETURNING sent_at, prepared_json
"""  # noqa: S608 - a constant


async def mark_sent(conn: Connection, tenant: UUID, hold: Hold, *, lease: float, prepared: Any) -> SentEffect:
    """Says that from now on the effect may have happened; commits before the handler is called.

    Returns:
        What can be told of the sending, if its answer is lost.

    Raises:
        KeyBusyError: Another attempt has overtaken this one: it must not send.
    """
    row = await conn.fetchrow(_MARK_SENT, tenant, hold.key.digest, hold.fence, lease + LEASE_GRACE, prepared)
    if row is None:
        raise _overtaken(lease)
    return SentEffect(row["sent_at"], row["prepared_json"])


async def mark_succeeded(conn: Connection, tenant: UUID, hold: Hold, output: Any) -> Any:
    """Keeps the output. A late success is accepted: that it happened is known now, whoever holds the key.

    Returns:
        The output that counts: of two successes under one key, the first one's.
    """
    updated = await conn.execute(
        "UPDATE workflow_action_invocations SET status = 'succeeded', output_json = $3, error_json = NULL, "
        "lease_until = NULL, finished_at = clock_timestamp(), updated_at = now() "
        "WHERE tenant = $1 AND key = $2 AND status IN ('reserved', 'sent', 'failed')",
        tenant,
        hold.key.digest,
        output,
    )
    if updated == "UPDATE 1":
        return output
    late = await conn.fetchval(
        "UPDATE workflow_action_invocations SET status = 'succeeded', output_json = $3, error_json = NULL, "
        "finished_at = clock_timestamp(), updated_at = now() "
        "WHERE tenant = $1 AND key = $2 AND status = 'uncertain' RETURNING invocation_id",
        tenant,
        hold.key.digest,
        output,
    )
    if late is not None:
        await waits.resolve_settlements(conn, tenant, late)
        return output
    entry = await lookup(conn, tenant, hold.key)
    return entry.output if entry is not None else output


async def mark_failed(conn: Connection, tenant: UUID, hold: Hold, error: Mapping[str, Any]) -> None:
    """This attempt certainly did nothing. It is *failed* only if no earlier one may have acted."""
    if hold.after_unknown:
        # Why the earlier one's answer was lost is still what the row tells.
        change = "status = 'sent', error_json = COALESCE(error_json, $4)"
    else:
        change = "status = 'failed', error_json = $4, finished_at = clock_timestamp()"
    # One that was given up meanwhile, and that nobody has settled, is not uncertain any more.
    states = "'reserved', 'sent'" if hold.after_unknown else "'reserved', 'sent', 'uncertain'"
    invocation_id = await conn.fetchval(
        f"UPDATE workflow_action_invocations SET {change}, lease_until = NULL, updated_at = now() "  # noqa: S608 - constants
        f"WHERE {_OWN} AND status IN ({states}) AND settled_as IS NULL RETURNING invocation_id",
        tenant,
        hold.key.digest,
        hold.fence,
        error,
    )
    if invocation_id is not None and not hold.after_unknown:
        await waits.resolve_settlements(conn, tenant, invocation_id)


async def mark_unknown(
    conn: Connection, tenant: UUID, hold: Hold, error: Mapping[str, Any], *, lease: float | None
) -> None:
    """The answer was lost: the row stays ``sent``, and says why.

    Args:
        conn: Of the tenant.
        tenant: Whose key it is.
        hold: The attempt.
        error: Why; the first reason that is known stays.
        lease: Seconds that the attempt may go on to look whether the effect has happened; None: it has ended.
    """
    await conn.execute(
        "UPDATE workflow_action_invocations SET error_json = COALESCE(error_json, $4), "  # noqa: S608 - constants
        "lease_until = clock_timestamp() + make_interval(secs => $5), updated_at = now() "
        f"WHERE {_OWN} AND status = 'sent'",
        tenant,
        hold.key.digest,
        hold.fence,
        error,
        None if lease is None else lease + LEASE_GRACE,
    )


async def mark_not_happened(conn: Connection, tenant: UUID, hold: Hold, *, lease: float) -> Hold:
    """What was sent has certainly not happened: the attempt holds the key as if nothing had been sent.

    Raises:
        KeyBusyError: Another attempt has overtaken this one.
    """
    updated = await conn.execute(
        "UPDATE workflow_action_invocations SET "  # noqa: S608 - constants
        "status = 'reserved', error_json = NULL, last_look = NULL, "
        "lease_until = clock_timestamp() + make_interval(secs => $4), updated_at = now() "
        f"WHERE {_OWN} AND status = 'sent'",
        tenant,
        hold.key.digest,
        hold.fence,
        lease + LEASE_GRACE,
    )
    if updated != "UPDATE 1":
        raise _overtaken(lease)
    return attrs.evolve(hold, after_unknown=False)


_MARK_LOOKED = f"""
UPDATE workflow_action_invocations SET
    status = CASE WHEN clock_timestamp() < sent_at + make_interval(secs => $5) THEN 'sent' ELSE 'uncertain' END,
    last_look = COALESCE($4, last_look), lease_until = NULL, updated_at = now()
WHERE {_OWN} AND status = 'sent'
RETURNING status, error_json, last_look, EXTRACT(EPOCH FROM clock_timestamp() - sent_at)::float8 AS age
"""  # noqa: S608 - a constant


@attrs.frozen
class Looked:
    """What becomes of an effect of which looking did not tell whether it has happened.

    Attributes:
        cause: Why its answer was lost.
        look_again: Seconds until it is looked at again; None: it is uncertain from here.
    """

    cause: str
    last_look: str | None
    look_again: float | None


async def mark_looked(conn: Connection, tenant: UUID, hold: Hold, *, look: str | None, give_up_after: float) -> Looked:
    """Keeps what looking said; when the time for it is over since the sending, the effect is *uncertain*.

    Raises:
        KeyBusyError: Another attempt has overtaken this one, or its answer came late.
    """
    row = await conn.fetchrow(_MARK_LOOKED, tenant, hold.key.digest, hold.fence, look, give_up_after)
    if row is None:
        raise _overtaken(1.0)
    age = row["age"]
    again = min(max(age / 2, _FIRST_LOOK), _LONGEST_LOOK, max(give_up_after - age, 0.1))
    return Looked(
        cause=str((row["error_json"] or {}).get("code", "")),
        last_look=row["last_look"],
        look_again=again if row["status"] == State.SENT else None,
    )


def _overtaken(retry_after: float) -> KeyBusyError:
    return KeyBusyError("Another attempt at this step has taken over.", retry_after=retry_after)


async def lock_run(conn: Connection, tenant: UUID, run_id: UUID) -> None:
    """Locks what :func:`give_up_run` changes, for whoever has to lock the run's own row before that."""
    await conn.execute(
        "SELECT FROM workflow_action_invocations "
        "WHERE tenant = $1 AND run_id = $2 AND status = 'sent' AND effect = 'ONCE' FOR UPDATE",
        tenant,
        run_id,
    )


async def give_up_run(conn: Connection, tenant: UUID, run_id: UUID) -> None:
    """A run ends before it is known what became of its effects: those that must not be sent twice are uncertain.

    One whose attempt may still be at work keeps its lease.
    """
    await conn.execute(
        "UPDATE workflow_action_invocations SET status = 'uncertain', error_json = COALESCE(error_json, $3), "
        "updated_at = now() "
        "WHERE tenant = $1 AND run_id = $2 AND status = 'sent' AND effect = 'ONCE'",
        tenant,
        run_id,
        own_error_object(worker_lost(), ""),
    )


#: The one write of a ``LOCAL`` effect, a success in its handler's own transaction: part of the statement that writes
#: its step (:func:`workflow_core.execution.history.write_action_step`), whose arguments it shares up to $17.
RECORD_LOCAL: Final = """
INSERT INTO workflow_action_invocations AS held (
    tenant, key, key_kind, run_id, step_path, iteration, definition_step_id, action_id, action_version,
    effect, status, fence, input_sha256, output_json, error_json, finished_at
) VALUES ($1, $18, $19, $3, $4, $5, $6, $10, $11, 'LOCAL', $20, $21, $22, $13, $14, clock_timestamp())
ON CONFLICT (tenant, key) DO UPDATE SET
    status = EXCLUDED.status, run_id = EXCLUDED.run_id, step_path = EXCLUDED.step_path,
    iteration = EXCLUDED.iteration, definition_step_id = EXCLUDED.definition_step_id, fence = EXCLUDED.fence,
    input_sha256 = EXCLUDED.input_sha256, output_json = EXCLUDED.output_json, error_json = EXCLUDED.error_json,
    settled_as = NULL, finished_at = EXCLUDED.finished_at, updated_at = now()
WHERE held.status IN ('reserved', 'failed')
RETURNING key
"""


@attrs.frozen
class LocalEffect:
    """A ``LOCAL`` effect as its ledger row has it, beside what the row shares with the step.

    Attributes:
        input_sha256: Of its input.
    """

    key: EffectKey
    input_sha256: str

    def arguments(self, state: State) -> tuple[Any, ...]:
        """Those of :data:`RECORD_LOCAL` that the step does not have."""
        return self.key.digest, self.key.kind, state, uuid4(), self.input_sha256
