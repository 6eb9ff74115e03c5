"""Who asks with an API key: the key's user, in the tenant that the request names beside it.

A key that was found is remembered for fifteen seconds, so that a busy script costs one look a quarter of a minute; a
revoked key, or one of a user who was deactivated, is refused by every server that many seconds later at the latest.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from uuid import UUID

import attrs

from workflow_catalog_server.auth import Principal, UnauthenticatedError
from workflow_core.api_keys.keys import digest_of, find_api_key
from workflow_core.storage.database import Database

KEY_HEADER: Final = "x-api-key"
TENANT_HEADER: Final = "x-tenant-id"

#: Seconds for which a key that was found is trusted.
TRUSTED_SECONDS: Final = 15.0
_LONGEST_KEY: Final = 255
_UUID_LENGTH: Final = 36


@attrs.frozen
class _Found:
    principal: Principal
    until: float


class ApiKeyAuthenticator:
    """Turns ``x-api-key`` and ``x-tenant-id`` into a :class:`~workflow_catalog_server.auth.Principal`.

    Args:
        database: Where the keys are; asked on a connection that is bound to the tenant.
        cache_size: How many keys are remembered.
        clock: Seconds that only go on.
    """

    def __init__(
        self, database: Database, *, cache_size: int = 1024, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._cache_size = cache_size
        self._clock = clock
        self._cache: OrderedDict[tuple[UUID, bytes], _Found] = OrderedDict()

    async def authenticate(self, key: str, tenant: str | None) -> Principal:
        """Who asks, by the values of the two headers.

        Raises:
            UnauthenticatedError: ``TENANT_REQUIRED``, or ``API_KEY_INVALID``: whatever is wrong with key or tenant
                gets the same answer, so that nobody learns which.
        """
        if tenant is None:
            raise UnauthenticatedError(
                f"An API key needs its tenant beside it: send the header {TENANT_HEADER}.", code="TENANT_REQUIRED"
            )
        tenant_id = _uuid(tenant)
        if tenant_id is None or not 0 < len(key) <= _LONGEST_KEY:
            raise _invalid()
        digest = digest_of(key)
        place = (tenant_id, digest)
        found = self._cache.get(place)
        if found is not None and found.until > self._clock():
            self._cache.move_to_end(place)
            return found.principal
        principal = await self._find(tenant_id, digest)
        if principal is None:
            self._cache.pop(place, None)
            raise _invalid()
        self._cache[place] = _Found(principal, self._clock() + TRUSTED_SECONDS)
        self._cache.move_to_end(place)
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
        return principal

    async def _find(self, tenant: UUID, digest: bytes) -> Principal | None:
        async with self._database.tenant(tenant) as conn:
            key = await find_api_key(conn, tenant, digest)
        return None if key is None else Principal(tenant, UUID(str(key.user_id)), key.permissions)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == _UUID_LENGTH else None
    except ValueError:
        return None


def _invalid() -> UnauthenticatedError:
    return UnauthenticatedError(
        f"The API key is not valid for the tenant of {TENANT_HEADER}: it is unknown, expired or revoked.",
        code="API_KEY_INVALID",
    )
