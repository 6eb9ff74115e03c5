"""Access tokens: what the client asks for them, and how NinjaOne gives them.

The platform keeps and renews tokens (:meth:`workflow_core.actions.SecretReader.token`); :class:`TokenEndpoint` is what
it asks for new ones. Sources: RFC 6749 (grants), 7636 (PKCE), 7009 (revocation); which errors are final is known from
the field only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

import aiohttp
import attrs
from yarl import URL

from workflow_core.actions import SecretReader
from workflow_core.connections import Consent, Consented, Grant
from workflow_core.errors import (
    ActionError,
    IntegrationNotConfiguredError,
    PermissionDeniedError,
    ReconnectRequiredError,
    TransientError,
    WorkflowError,
)
from workflow_ninjaone.client.errors import (
    describe,
    retry_after_seconds,
    transient_error,
    unreadable,
    vendor_code,
)
from workflow_ninjaone.client.transport import (
    Answer,
    ConnectionNotOpened,
    RetryPolicy,
    checked_base_url,
    exchange,
    is_lost_connection,
)

AUTHORIZE_PATH: Final = "/ws/oauth/authorize"
TOKEN_PATH: Final = "/ws/oauth/token"  # noqa: S105 - a path, not a secret
REVOKE_PATH: Final = "/ws/oauth/revoke"

OFFLINE_ACCESS: Final = "offline_access"
"""The scope without which there is no refresh token; refused to applications without a user."""

DEFAULT_LIFETIME_SECONDS: Final = 3600.0
"""The vendor's usual lifetime, for an answer that does not say."""

#: Of a refresh token: it will never be accepted again. Nothing else is final.
_DEAD_TOKEN: Final = frozenset({"invalid_token", "expired_token", "invalid_grant"})
_BAD_APPLICATION: Final = frozenset({"invalid_client", "unauthorized_client"})

_Asked = Literal["credentials", "code", "refresh"]


class TokenSource(Protocol):
    """Gives the client its bearer tokens."""

    async def access_token(self) -> str:
        """A token that should be good.

        Raises:
            WorkflowError: There is none to be had; the error says why.
        """
        ...

    async def renewed(self, refused: str) -> str:
        """Another token, after NinjaOne has refused ``refused`` with a 401.

        Raises:
            WorkflowError: There is none to be had; the error says why.
        """
        ...


@attrs.frozen
class ConnectionTokenSource:
    """The tokens of the tenant's connection, which the platform keeps."""

    _secrets: SecretReader

    async def access_token(self) -> str:
        """See :class:`TokenSource`."""
        return await self._secrets.token()

    async def renewed(self, refused: str) -> str:
        """See :class:`TokenSource`."""
        return await self._secrets.token(refused=refused)


def _stripped(text: str) -> str:
    return text.strip()


@attrs.frozen
class ApiApplication:
    """An API application of the tenant's NinjaOne account.

    Attributes:
        client_id: Good only on the instance that it was created on.
        client_secret: Its secret; in no representation.
    """

    client_id: str = attrs.field(converter=_stripped)
    client_secret: str = attrs.field(repr=False, converter=_stripped)


def authorize_url(base_url: str, application: ApiApplication, scopes: tuple[str, ...], consent: Consent) -> str:
    """Where a person allows the application to act for them.

    Raises:
        IntegrationNotConfiguredError: The address is unfit.
    """
    query = {
        "response_type": "code",
        "client_id": application.client_id,
        "redirect_uri": consent.redirect_uri,
        "scope": " ".join((*scopes, OFFLINE_ACCESS)),
        "state": consent.state,
        "code_challenge": consent.code_challenge,
        "code_challenge_method": "S256",
    }
    return str(checked_base_url(base_url).with_path(AUTHORIZE_PATH).with_query(query))


class TokenEndpoint:
    """Asks NinjaOne for tokens; keeps nothing.

    Every method raises ``ReconnectRequiredError`` for a refresh token that is dead for good, and only for that;
    ``IntegrationNotConfiguredError`` for an application or an instance that does not exist, ``PermissionDeniedError``
    for scopes that the application lacks, ``TransientError`` while the vendor is out of reach, overloaded or out of
    order, and ``ActionError`` for any other refusal.

    Args:
        session: Whose connections to use.
        base_url: The instance, such as ``https://app.ninjarmm.com``.
        application: Who asks.
        timeout: Seconds for one request.
        retry: Tries and waits for 429, 502, 503, 504 and lost connections.

    Raises:
        IntegrationNotConfiguredError: The address is unfit.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        application: ApiApplication,
        timeout: float = 10.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._session = session
        self._base_url: URL = checked_base_url(base_url)
        self._application = application
        self._timeout = timeout
        self._retry = retry or RetryPolicy()

    async def by_credentials(self, scopes: tuple[str, ...]) -> Grant:
        """The client-credentials grant, for applications of the type *API Services*."""
        return await self._grant("credentials", {"grant_type": "client_credentials", "scope": " ".join(scopes)}, scopes)

    async def by_code(self, consented: Consented, scopes: tuple[str, ...]) -> Grant:
        """Exchanges an authorization code, which works once."""
        form = {
            "grant_type": "authorization_code",
            "code": consented.code,
            "code_verifier": consented.verifier,
            "redirect_uri": consented.redirect_uri,
        }
        return await self._grant("code", form, scopes)

    async def by_refresh_token(self, refresh_token: str) -> Grant:
        """The next tokens. The scopes stay: this grant takes none."""
        return await self._grant("refresh", {"grant_type": "refresh_token", "refresh_token": refresh_token}, ())

    async def revoke(self, token: str) -> None:
        """Has a token, and all that came of the same consent, accepted no more; once, since it may be dead already."""
        answer = await self._ask(REVOKE_PATH, {"token": token})
        if not answer.is_success:
            what, details = describe(answer, method="POST", path=REVOKE_PATH)
            raise ActionError(f"{what}: the token was not revoked.", details=details)

    async def _grant(self, asked: _Asked, form: Mapping[str, str], scopes: tuple[str, ...]) -> Grant:
        tries = 0
        while True:
            tries += 1
            retry_after: float | None = None
            failure: WorkflowError
            try:
                answer = await self._ask(TOKEN_PATH, form)
            except TransientError as error:
                # A code that may have been used is of no more use. Of a refresh token nobody can know it: with the
                # old one, asking again is the only way on.
                never_sent = isinstance(error, ConnectionNotOpened)
                failure, worth_it = error, never_sent if asked == "code" else is_lost_connection(error)
            else:
                if answer.is_success:
                    return _granted(answer)
                failure = _refusal(answer, asked, scopes)
                worth_it = answer.status == 429 if asked == "code" else answer.may_be_retried
                retry_after = retry_after_seconds(answer.headers.get("Retry-After"))
            pause = self._retry.pause_before(tries + 1, retry_after) if worth_it else None
            if pause is None:
                raise failure
            await self._retry.sleep(pause)

    async def _ask(self, path: str, form: Mapping[str, str]) -> Answer:
        return await exchange(
            self._session,
            "POST",
            self._base_url.with_path(path),
            path=path,
            timeout=self._timeout,
            headers={"Accept": "application/json"},
            form={
                **form,
                "client_id": self._application.client_id,
                "client_secret": self._application.client_secret,
            },
        )


def _granted(answer: Answer) -> Grant:
    """What a 2xx of the token endpoint gives."""
    what, details = f"NinjaOne answered {answer.status} to POST {TOKEN_PATH}", {"status": answer.status}
    try:
        body: Any = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise unreadable(what, details) from None
    if not isinstance(body, dict) or not _is_token(body.get("access_token")):
        raise unreadable(what, details)
    lifetime = body.get("expires_in")
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or not 0 < lifetime < 1e9:
        lifetime = DEFAULT_LIFETIME_SECONDS
    refresh_token = body.get("refresh_token")
    return Grant(
        access_token=body["access_token"],
        lifetime=float(lifetime),
        refresh_token=refresh_token if _is_token(refresh_token) else None,
    )


def _is_token(value: object) -> bool:
    """Whether it can stand in an Authorization header."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable() and " " not in value


def _refusal(answer: Answer, asked: _Asked, scopes: tuple[str, ...]) -> WorkflowError:
    """The error that the token endpoint's answer outside 2xx stands for."""
    what, details = describe(answer, method="POST", path=TOKEN_PATH)
    if (passing := transient_error(answer, what, details)) is not None:
        return passing
    code = vendor_code(answer.body)
    if answer.status in {400, 401}:
        if answer.is_html:
            return unreadable(what, details)
        if asked == "refresh" and code in _DEAD_TOKEN:
            return ReconnectRequiredError(
                f"{what}: it has ended this connection. Connect NinjaOne again.", details=details
            )
        if asked == "code" and code in _DEAD_TOKEN:
            return ActionError(
                f"{what}: its permission was used already, or is too old. Connect NinjaOne again.", details=details
            )
        if code in _BAD_APPLICATION:
            return IntegrationNotConfiguredError(
                f"{what}: it refuses the client id or secret. Enter those of an API application of this very instance "
                "that allows this way of connecting.",
                details=details,
            )
        if code == "invalid_scope":
            return PermissionDeniedError(
                f"{what}: give the API application all of these scopes, or allow fewer under Connections: "
                f"{' '.join(scopes)}.",
                details=details,
            )
    if answer.status == 404:
        return IntegrationNotConfiguredError(
            f"{what}: no NinjaOne instance is there. Check the region in the instance's address.",
            details=details,
        )
    return ActionError(f"{what}: it gives no access token.", details=details)
