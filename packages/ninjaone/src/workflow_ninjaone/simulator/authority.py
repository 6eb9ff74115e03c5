"""The authorization server's memory: applications, codes, sessions and tokens (RFC 6749, 7009, 7636).

A *session* is what a user's consent begins: it has one good refresh token at a time. Who uses one that has been
replaced is taken for a thief: the session is over, and all of its tokens with it. The refusals at a refresh are the
three that are final:

* ``invalid_token``: the refresh token is unknown, or has been replaced (which also ends the session)
* ``expired_token``: it is too old
* ``invalid_grant``: its session has ended
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import attrs
from yarl import URL

from workflow_ninjaone.simulator.settings import Quirks, TokenPolicy
from workflow_ninjaone.simulator.shapes import Record

SCOPES = ("monitoring", "management", "control")
OFFLINE = "offline_access"
GRANTS = ("client_credentials", "authorization_code", "refresh_token")

SessionState = Literal["active", "logged_out", "revoked"]

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class OAuthError(Exception):
    """A refusal of the authorization server.

    Attributes:
        status: The HTTP status.
        error: The code word.
        description: What it says about it.
    """

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.description = description


def _words(values: Iterable[str]) -> frozenset[str]:
    return frozenset(values)


@attrs.frozen
class ApiApplication:
    """An application of the account.

    Attributes:
        client_id: Its public name.
        client_secret: Its secret; ``None`` for a native application, which proves itself by PKCE alone.
        scopes: What it may ask for.
        grants: How it may ask: some of :data:`GRANTS`. With ``refresh_token`` it may ask for ``offline_access``.
        redirect_uris: Where its users may be sent back to, byte for byte; for a native application, the port of an
            address of this machine may be any.
    """

    client_id: str
    client_secret: str | None = attrs.field(repr=False)
    scopes: frozenset[str] = attrs.field(default=frozenset(SCOPES), converter=_words)
    grants: frozenset[str] = attrs.field(default=frozenset({"client_credentials"}), converter=_words)
    redirect_uris: tuple[str, ...] = attrs.field(default=(), converter=tuple)

    def may_return_to(self, uri: str) -> bool:
        """Whether a redirection is registered."""
        if uri in self.redirect_uris:
            return True
        return self.client_secret is None and _without_port(uri) in {
            _without_port(known) for known in self.redirect_uris
        }


@attrs.frozen
class Grant:
    """What an access token stands for.

    Attributes:
        client_id: Whose it is.
        scopes: What it allows.
        good_until: Epoch seconds.
        session: The consent that it comes from; ``None`` for client credentials.
    """

    client_id: str
    scopes: frozenset[str]
    good_until: float
    session: int | None = None


@attrs.define
class Session:
    """What a user's consent began.

    Attributes:
        id: Its number, from 1.
        client_id: The application.
        scopes: What was consented to.
        state: Whether its tokens are good.
        current: SHA-256 of its refresh token; ``None`` without one.
        good_until: Of the refresh token, in epoch seconds.
        spent: SHA-256 of the refresh tokens that it had before.
        refreshes: How often it was refreshed.
    """

    id: int
    client_id: str
    scopes: frozenset[str] = attrs.field(converter=_words)
    state: SessionState = "active"
    current: str | None = None
    good_until: float = 0.0
    spent: set[str] = attrs.field(factory=set, converter=set)
    refreshes: int = 0

    def to_json(self) -> Record:
        """All of it; holds digests of tokens, no tokens."""
        return {**attrs.asdict(self), "scopes": sorted(self.scopes), "spent": sorted(self.spent)}


@attrs.frozen
class ConsentRequest:
    """What the user is asked for.

    Attributes:
        client_id: The application.
        redirect_uri: Where the answer goes.
        scopes: What it asks for.
        state: Sent back as it is.
        challenge: The PKCE challenge, ``None`` without.
    """

    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    state: str | None
    challenge: str | None


@attrs.define
class _Code:
    request: ConsentRequest
    good_until: float
    session: int | None = None  # once it has been used


class Authority:
    """Gives tokens, and knows what they are good for.

    Args:
        applications: Those that may ask.
        clock: The account's present in epoch seconds.
        policy: How tokens are treated.

    Attributes:
        applications: By client id.
        policy: How tokens are treated.
        log: Every request for a token, oldest first: ``{"at", "grant_type", "client_id", "outcome"}``; the outcome is
            ``granted`` or the error's code word.
    """

    def __init__(self, applications: Iterable[ApiApplication], clock: Callable[[], float], policy: TokenPolicy) -> None:
        self.applications = {application.client_id: application for application in applications}
        self.policy = policy
        self.log: list[Record] = []
        self._clock = clock
        self._access: dict[str, Grant] = {}
        self._codes: dict[str, _Code] = {}
        self._asked: dict[str, ConsentRequest] = {}
        self._sessions: dict[int, Session] = {}

    # ── Consent ──────────────────────────────────────────────────────────────────────────────────────────────────

    def consent_request(self, query: Mapping[str, str]) -> ConsentRequest | None:
        """What an authorization request asks for; ``None`` when there is no such application of that kind.

        Raises:
            OAuthError: It cannot be granted; nobody is sent back.
        """
        application = self.applications.get(query.get("client_id", ""))
        if application is None or "authorization_code" not in application.grants:
            return None
        uri = query.get("redirect_uri", "")
        if not application.may_return_to(uri):
            raise OAuthError(400, "invalid_request", "redirect_uri is not registered for this application")
        if query.get("response_type") != "code":
            raise OAuthError(400, "unsupported_response_type", "Only the response type code is known")
        challenge = query.get("code_challenge") or None
        if challenge is not None and query.get("code_challenge_method", "plain") != "S256":
            raise OAuthError(400, "invalid_request", "code_challenge_method must be S256")
        if challenge is None and application.client_secret is None:
            raise OAuthError(400, "invalid_request", "code_challenge is required")
        scopes = self._scopes(application, query.get("scope", ""))
        return ConsentRequest(application.client_id, uri, scopes, query.get("state"), challenge)

    def ask(self, request: ConsentRequest) -> str:
        """Remembers a request until its user has answered; the ticket names it."""
        ticket = secrets.token_urlsafe(16)
        self._asked[ticket] = request
        return ticket

    def asked(self, ticket: str) -> ConsentRequest | None:
        """What a ticket stands for, once."""
        return self._asked.pop(ticket, None)

    def code(self, request: ConsentRequest) -> str:
        """An authorization code for a request that was consented to."""
        now = self._clock()
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(request, now + self.policy.code_seconds)
        return code

    # ── Tokens ───────────────────────────────────────────────────────────────────────────────────────────────────

    def token(self, form: Mapping[str, str], quirks: Quirks) -> Record:
        """The answer of the token endpoint.

        Raises:
            OAuthError: A refusal.
        """
        entry: Record = {
            "at": self._clock(),
            "grant_type": form.get("grant_type", ""),
            "client_id": form.get("client_id", ""),
            "outcome": "granted",
        }
        self.log.append(entry)
        try:
            return self._token(form, quirks)
        except OAuthError as error:
            entry["outcome"] = error.error
            raise

    def _token(self, form: Mapping[str, str], quirks: Quirks) -> Record:
        grant_type = form.get("grant_type")
        if not grant_type:
            raise OAuthError(400, "invalid_request", "grant_type is required")
        if grant_type not in GRANTS:
            raise OAuthError(400, "unsupported_grant_type", "Unknown grant type")
        application = self._authenticated(form)
        if grant_type not in application.grants:
            raise OAuthError(400, "unauthorized_client", f"The application may not use {grant_type}")
        if grant_type == "client_credentials":
            scopes = self._machine_scopes(application, form.get("scope", ""), quirks)
            return self._answer(application.client_id, scopes, None)
        if grant_type == "authorization_code":
            return self._exchange(application, form)
        return self._refresh(application, form)

    def _authenticated(self, form: Mapping[str, str]) -> ApiApplication:
        found = self.applications.get(form.get("client_id", ""))
        given = form.get("client_secret", "")
        if found is None or not hmac.compare_digest((found.client_secret or "").encode(), given.encode()):
            raise OAuthError(401, "invalid_client", "Client authentication failed")
        return found

    def _scopes(self, application: ApiApplication, text: str) -> frozenset[str]:
        scopes = frozenset(text.split())
        known = application.scopes | ({OFFLINE} if "refresh_token" in application.grants else frozenset())
        if not scopes - {OFFLINE} or not scopes <= known:  # refused, not narrowed
            raise OAuthError(400, "invalid_scope", "The requested scope is invalid, unknown, or malformed")
        return scopes

    def _machine_scopes(self, application: ApiApplication, text: str, quirks: Quirks) -> frozenset[str]:
        scopes = frozenset(text.split())
        if quirks.offline_for_machines:
            scopes -= {OFFLINE}
        elif OFFLINE in scopes:
            raise OAuthError(400, "invalid_scope", "offline_access needs a user")
        return self._scopes(application, " ".join(scopes))

    def _exchange(self, application: ApiApplication, form: Mapping[str, str]) -> Record:
        known = self._codes.get(form.get("code", ""))
        refused = OAuthError(400, "invalid_grant", "The authorization code is invalid, used or expired")
        if known is None or known.request.client_id != application.client_id:
            raise refused
        if known.session is not None:  # used before: whoever holds its tokens may have stolen it
            self._end(self._sessions[known.session], "logged_out")
            raise refused
        request = known.request
        if self._clock() >= known.good_until or form.get("redirect_uri") != request.redirect_uri:
            raise refused
        if (request.challenge or "") != _challenge(form.get("code_verifier", "")):
            raise refused
        session = Session(len(self._sessions) + 1, application.client_id, request.scopes)
        self._sessions[session.id] = session
        known.session = session.id
        new = self._replace(session) if OFFLINE in request.scopes else None
        return self._answer(application.client_id, request.scopes, session.id, new)

    def _refresh(self, application: ApiApplication, form: Mapping[str, str]) -> Record:
        digest = _digest(form.get("refresh_token", ""))
        session = next(
            (found for found in self._sessions.values() if digest == found.current or digest in found.spent), None
        )
        if session is None or session.client_id != application.client_id:
            raise OAuthError(400, "invalid_token", "The refresh token is unknown")
        if session.state != "active":
            raise OAuthError(400, "invalid_grant", "The session has ended")
        if digest != session.current:
            self._end(session, "logged_out")
            raise OAuthError(400, "invalid_token", "The refresh token has been used before")
        if self._clock() >= session.good_until:
            raise OAuthError(400, "expired_token", "The refresh token has expired")
        session.refreshes += 1
        rotation = self.policy.rotation
        rotates = rotation == "always" or (rotation == "alternate" and session.refreshes % 2 == 0)
        new = self._replace(session) if rotates else None
        return self._answer(application.client_id, session.scopes, session.id, new)

    def _replace(self, session: Session) -> str:
        """Another refresh token; the one before is spent."""
        if session.current is not None:
            session.spent.add(session.current)
        token = secrets.token_urlsafe(32)
        session.current = _digest(token)
        session.good_until = self._clock() + self.policy.refresh_seconds
        return token

    def _answer(
        self, client_id: str, scopes: frozenset[str], session: int | None, refresh_token: str | None = None
    ) -> Record:
        now = self._clock()
        self._access = {key: grant for key, grant in self._access.items() if grant.good_until > now}
        token = secrets.token_urlsafe(32)
        self._access[token] = Grant(client_id, scopes, now + self.policy.access_seconds, session)
        answer: Record = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(self.policy.access_seconds),
        }
        if self.policy.shows_scope:
            answer["scope"] = " ".join(scope for scope in (*SCOPES, OFFLINE) if scope in scopes)
        if refresh_token is not None:
            answer["refresh_token"] = refresh_token
        return answer

    # ── Their end ────────────────────────────────────────────────────────────────────────────────────────────────

    def grant(self, token: str) -> Grant | None:
        """What an access token allows, or ``None`` when it is unknown or no longer good."""
        found = self._access.get(token)
        return found if found is not None and found.good_until > self._clock() else None

    def revoke(self, form: Mapping[str, str]) -> None:
        """Makes a token useless, and with a refresh token its whole session; an unknown one is useless already.

        Raises:
            OAuthError: The application did not prove itself.
        """
        application = self._authenticated(form)
        token = form.get("token", "")
        grant = self._access.get(token)
        if grant is not None and grant.client_id == application.client_id:
            del self._access[token]
        digest = _digest(token)
        for session in self._sessions.values():
            if session.client_id == application.client_id and (digest == session.current or digest in session.spent):
                self._end(session, "revoked")

    def drop_access_tokens(self) -> None:
        """Makes every access token useless, as if all had expired."""
        self._access.clear()

    def log_out(self) -> None:
        """Ends every session, as an administrator of the account can."""
        for session in self._sessions.values():
            self._end(session, "logged_out")

    def _end(self, session: Session, state: SessionState) -> None:
        if session.state == "active":
            session.state = state
        self._access = {key: grant for key, grant in self._access.items() if grant.session != session.id}

    # ── What outlives the process ────────────────────────────────────────────────────────────────────────────────

    def sessions(self) -> list[Record]:
        """The sessions with the digests of their refresh tokens."""
        return [session.to_json() for session in self._sessions.values()]

    def restore(self, sessions: Iterable[Mapping[str, Any]]) -> None:
        """Takes the sessions of an earlier process over.

        Raises:
            TypeError: They are none.
        """
        self._sessions = {session.id: session for session in (Session(**record) for record in sessions)}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _challenge(verifier: str) -> str:
    """The S256 challenge of a verifier; an empty one has an empty challenge."""
    if not verifier:
        return ""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _without_port(uri: str) -> str | None:
    """An address of this machine without its port; ``None`` for any other."""
    try:
        url = URL(uri)
    except ValueError:
        return None
    return str(url.with_port(None)) if url.host in _LOOPBACK else None
