"""Who asks: bearer tokens, the tenant, user and permissions in them, and what each permission opens.

A token is verified once; its claims are then kept under the header's SHA-256, and its times are checked at every use.
The algorithm follows from the key alone, never from the token: neither ``none`` nor a public key used as an HMAC secret
can pass.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import attrs
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from workflow_core.errors import ConfigurationError, PermissionDeniedError, WorkflowError

_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_SHORTEST_SECRET: Final = 32
_SHORTEST_RSA: Final = 2048
_LONGEST_TOKEN: Final = 8192


class Permission(StrEnum):
    """What a token may allow."""

    READ = "workflow:read"
    """See the catalog, definitions and runs."""
    MANAGE = "workflow:manage"
    """Create, change and validate definitions."""
    PUBLISH = "workflow:publish"
    """Publish a version, which then acts in the publisher's name."""
    RUN = "workflow:run"
    """Start runs."""
    ADMIN = "workflow:admin"
    """Store and delete the tenant's secrets, and run and cancel jobs of its integrations."""


class UnauthenticatedError(WorkflowError):
    """The request does not say, or does not prove, who asks."""

    code = "UNAUTHENTICATED"


@attrs.frozen
class Principal:
    """Who asks.

    Attributes:
        tenant: Whose records they see.
        user: The user in whose name they act.
        permissions: What the token allows; unknown words are kept and open nothing.
        tenant_text: The tenant's id as text.
    """

    tenant: UUID
    user: UUID
    permissions: frozenset[str]
    tenant_text: str = attrs.field(init=False, default=attrs.Factory(lambda self: str(self.tenant), takes_self=True))

    def require(self, permission: Permission) -> None:
        """Refuses when the token does not carry the permission.

        Raises:
            PermissionDeniedError: Naming the permission.
        """
        if permission not in self.permissions:
            raise PermissionDeniedError(
                f"This needs the permission {permission}, which the token or API key does not carry.",
                details={"permission": str(permission)},
            )


@attrs.frozen
class JwtKey:
    """What verifies tokens, and the one algorithm that it allows."""

    algorithm: str
    key: Any = attrs.field(repr=False)

    @classmethod
    def parse(cls, content: bytes) -> JwtKey:
        """The key from a secret of at least 32 bytes, or from a public key in PEM.

        Raises:
            ConfigurationError: It is neither.
        """
        if content.startswith(b"-----BEGIN"):
            return cls._parse_pem(content)
        if len(content) < _SHORTEST_SECRET:
            raise ConfigurationError(
                f"The key for bearer tokens (WORKFLOW_JWT_KEY) has {len(content)} bytes; a secret needs at least "
                f"{_SHORTEST_SECRET}. Make one with: openssl rand -base64 32"
            )
        return cls("HS256", content)

    @classmethod
    def _parse_pem(cls, content: bytes) -> JwtKey:
        try:
            key = load_pem_public_key(content)
        except (ValueError, UnsupportedAlgorithm):
            raise ConfigurationError(
                "The key for bearer tokens (WORKFLOW_JWT_KEY) begins like PEM, but is no public key "
                "(-----BEGIN PUBLIC KEY-----)"
            ) from None
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SHORTEST_RSA:
            return cls("RS256", key)
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
            return cls(_CURVES[key.curve.name], key)
        if isinstance(key, ed25519.Ed25519PublicKey):
            return cls("EdDSA", key)
        raise ConfigurationError(
            "The key for bearer tokens (WORKFLOW_JWT_KEY) has to be RSA with at least 2048 bits, a NIST curve "
            "(P-256, P-384, P-521) or Ed25519"
        )


@attrs.frozen
class _Verified:
    principal: Principal
    expires: float
    not_before: float


class Authenticator:
    """Turns an ``Authorization`` header into a :class:`Principal`.

    Args:
        key: What verifies tokens.
        issuer: Tokens must carry it as ``iss``, if given.
        audience: Tokens must carry it as (one of) ``aud``, if given.
        cache_size: How many verified tokens are remembered.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        key: JwtKey,
        *,
        issuer: str | None = None,
        audience: str | None = None,
        cache_size: int = 4096,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._issuer = issuer
        self._audience = audience
        self._cache_size = cache_size
        self._clock = clock
        self._cache: OrderedDict[bytes, _Verified] = OrderedDict()

    def authenticate(self, header: str | None) -> Principal:
        """Who asks, by the value of the ``Authorization`` header.

        Raises:
            UnauthenticatedError: ``UNAUTHENTICATED`` without a token, ``TOKEN_EXPIRED``, or ``TOKEN_INVALID``.
        """
        if header is None:
            raise _no_token()
        content = header.encode("utf-8", "surrogateescape")
        digest = hashlib.sha256(content).digest()
        verified = self._cache.get(digest)
        if verified is None:
            scheme, space, token = content.partition(b" ")
            if not space or scheme.lower() != b"bearer":
                raise _no_token()
            verified = self._verify(token.strip())
            self._cache[digest] = verified
            if len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(digest)
        now = self._clock()
        if verified.expires <= now:
            del self._cache[digest]
            raise _expired()
        if verified.not_before > now:
            raise _invalid("it is not valid yet")
        return verified.principal

    def _verify(self, token: bytes) -> _Verified:
        if len(token) > _LONGEST_TOKEN:
            raise _invalid("it is too long")
        try:
            claims = jwt.decode(
                token,
                self._key.key,
                algorithms=[self._key.algorithm],
                issuer=self._issuer,
                audience=self._audience,
                options={
                    "require": ["exp", "tenant", "sub"],
                    "verify_aud": self._audience is not None,
                    # The times are checked at every use, by our clock; here they only have to be numbers.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidIssuerError:
            raise _invalid("it has another issuer") from None
        except jwt.InvalidAudienceError:
            raise _invalid("it is for another audience") from None
        except jwt.MissingRequiredClaimError as error:
            raise _invalid(f"the claim {error.claim} is missing") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError):
            # A stranger chooses every byte of a token: whatever its parser trips over is the token's fault.
            raise _invalid("its signature or form is wrong") from None
        return _read_claims(claims)


def _read_claims(claims: dict[str, Any]) -> _Verified:
    permissions = claims.get("permissions", [])
    if not isinstance(permissions, list) or not all(isinstance(word, str) for word in permissions):
        raise _invalid("the claim permissions is not a list of strings")
    return _Verified(
        Principal(_uuid(claims, "tenant"), _uuid(claims, "sub"), frozenset(permissions)),
        expires=_seconds(claims, "exp"),
        not_before=_seconds(claims, "nbf") if "nbf" in claims else 0.0,
    )


def _uuid(claims: dict[str, Any], name: str) -> UUID:
    try:
        return UUID(claims[name])
    except (ValueError, TypeError, AttributeError):
        raise _invalid(f"the claim {name} is not a UUID") from None


def _seconds(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        raise _invalid(f"the claim {name} is not a number")
    return value


def _no_token() -> UnauthenticatedError:
    return UnauthenticatedError("Send a bearer token: Authorization: Bearer <token>.")


def _invalid(why: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"The token is refused: {why}.", code="TOKEN_INVALID")


def _expired() -> UnauthenticatedError:
    return UnauthenticatedError("The token has expired; get a new one.", code="TOKEN_EXPIRED")
