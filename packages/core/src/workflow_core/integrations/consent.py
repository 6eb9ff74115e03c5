"""Somebody is sent to the other system to allow a connection, and comes back: state, verifier, and what was entered.

The state is sealed, good for ten minutes and one use, and bound to tenant, user, provider and browser: a state that
somebody else was sent with does not connect their account to ours, nor ours to theirs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets as random
import time
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import attrs
import orjson

from workflow_core.errors import ConfigurationError, ValidationError
from workflow_core.secrets import TenantSecrets
from workflow_core.storage.database import Connection, Database

LIFETIME: Final = timedelta(minutes=10)

_STATE: Final = "connection state"
_ATTEMPT: Final = "connection attempt"


@attrs.frozen(kw_only=True)
class Sent:
    """What a browser is sent away with.

    Attributes:
        state: Goes with it, and comes back.
        browser: Stays in the browser, as a cookie, and has to come back too.
        code_challenge: Of PKCE, method S256.
    """

    state: str = attrs.field(repr=False)
    browser: str = attrs.field(repr=False)
    code_challenge: str


@attrs.frozen(kw_only=True)
class CameBack:
    """Who has come back, and what they had entered.

    Attributes:
        tenant: Whose connection.
        user: Who had entered it.
        verifier: Of PKCE.
        entered: JSON, as it was given to :func:`send`.
    """

    tenant: UUID
    user: UUID
    verifier: str = attrs.field(repr=False)
    entered: dict[str, Any] = attrs.field(repr=False)


async def send(
    conn: Connection, keys: TenantSecrets, tenant: UUID, user: UUID, *, provider: str, entered: dict[str, Any]
) -> Sent:
    """Remembers what was entered, until they come back.

    Args:
        conn: Bound to the tenant.
        keys: Seal what must not be read.
        tenant: Whose connection.
        user: Who enters it.
        provider: Of the connection.
        entered: JSON.
    """
    attempt = uuid4()
    browser, verifier = random.token_urlsafe(32), random.token_urlsafe(64)
    expires_at = time.time() + LIFETIME.total_seconds()
    state = keys.seal(orjson.dumps([tenant, attempt, expires_at]), _STATE, provider)
    sealed = keys.seal(orjson.dumps({"verifier": verifier, "entered": entered}), _ATTEMPT, str(tenant), str(attempt))
    await conn.execute("DELETE FROM workflow_connection_attempts WHERE tenant = $1 AND expires_at < now()", tenant)
    await conn.execute(
        """
        INSERT INTO workflow_connection_attempts
            (tenant, attempt_id, provider, user_id, browser_sha256, sealed, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, now() + $7)
        """,
        tenant,
        attempt,
        provider,
        user,
        hashlib.sha256(browser.encode()).digest(),
        sealed,
        LIFETIME,
    )
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return Sent(state=base64.urlsafe_b64encode(state).decode().rstrip("="), browser=browser, code_challenge=challenge)


async def come_back(database: Database, keys: TenantSecrets, provider: str, state: str, browser: str) -> CameBack:
    """Who has come back with this state, which is of no more use afterwards.

    Raises:
        ValidationError: ``STATE_INVALID``: it is none of ours, or came in another browser; ``STATE_EXPIRED``: it is
            too old, or was used.
    """
    try:
        sealed = base64.b64decode(state + "=" * (-len(state) % 4), altchars=b"-_", validate=True)
        tenant_text, attempt_text, expires_at = orjson.loads(keys.open(sealed, _STATE, provider))
    except (binascii.Error, ValueError, ConfigurationError):
        raise ValidationError("Nobody was sent there from here: connect again.", code="STATE_INVALID") from None
    tenant, attempt = UUID(tenant_text), UUID(attempt_text)
    expired = ValidationError("Connecting took too long, or was finished before: connect again.", code="STATE_EXPIRED")
    if expires_at < time.time():
        raise expired
    async with database.tenant(tenant) as conn:
        row = await conn.fetchrow(
            """
            DELETE FROM workflow_connection_attempts WHERE tenant = $1 AND attempt_id = $2 AND provider = $3
            RETURNING user_id, browser_sha256, sealed, expires_at < now() AS expired
            """,
            tenant,
            attempt,
            provider,
        )
    if row is None or row["expired"]:
        raise expired
    if not hmac.compare_digest(row["browser_sha256"], hashlib.sha256(browser.encode()).digest()):
        raise ValidationError(
            "This is not the browser that was sent there: connect again, in one browser.", code="STATE_INVALID"
        )
    kept = orjson.loads(keys.open(row["sealed"], _ATTEMPT, str(tenant), str(attempt)))
    return CameBack(tenant=tenant, user=row["user_id"], verifier=kept["verifier"], entered=kept["entered"])
