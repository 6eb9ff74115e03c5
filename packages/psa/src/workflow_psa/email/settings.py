"""How a tenant sends e-mail: from which addresses, and over which server."""

# ruff: noqa: N815 - fields are named as in the stored JSON

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final
from uuid import UUID

import attrs
import msgspec

from workflow_core.errors import FieldError, IntegrationNotConfiguredError, ValidationError
from workflow_core.schema import Trimmed, convert
from workflow_core.storage.database import Connection
from workflow_psa.email.shapes import ADDRESS, Mailbox, SendEmail

_READ = """
SELECT default_from_domain, custom_domains, ticketing_from_email, provider_configs
FROM tenant_email_settings WHERE tenant = $1
"""
_NOT_CONFIGURED: Final = "This tenant cannot send e-mail"


@attrs.frozen(kw_only=True)
class SmtpServer:
    """The ``config`` of a provider of type ``smtp``."""

    host: Trimmed
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    username: str | None = None
    from_: str | None = None
    secure: bool = False
    """TLS from the first byte; else STARTTLS where the server offers it."""
    requireTLS: bool = False
    """Nothing is sent to a server that offers no STARTTLS."""


@attrs.frozen(kw_only=True)
class Provider:
    """One of ``provider_configs``."""

    providerId: str
    providerType: str
    isEnabled: bool = True
    config: dict[str, Any] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class Route:
    """How one e-mail goes out."""

    provider_id: str
    server: SmtpServer
    sender: Mailbox


async def choose_route(conn: Connection, tenant: UUID, given: SendEmail) -> Route:
    """
    The server and the sender of an e-mail.

    Raises:
        IntegrationNotConfiguredError: The tenant has no settings, no server that is switched on, or no address.
        ValidationError: It has no such server, or may not send from this domain.
    """
    row = await conn.fetchrow(_READ, tenant)
    if row is None:
        raise IntegrationNotConfiguredError(f"{_NOT_CONFIGURED}: enter its server in the e-mail settings.")
    provider = _provider(row["provider_configs"], given.provider_id)
    try:
        server = convert(SmtpServer, provider.config, unknown="ignore")
    except ValidationError as error:
        places = ", ".join(sorted({problem.path for problem in error.errors}))
        raise IntegrationNotConfiguredError(
            f"{_NOT_CONFIGURED}: in the settings of {provider.providerId} these are wrong: {places}."
        ) from None
    custom = row["custom_domains"]
    own = [row["default_from_domain"], *(custom if isinstance(custom, list) else ())]
    domains = [str(domain).lower() for domain in own if domain]
    sender = given.from_ or _default_sender(row["ticketing_from_email"], server.from_, domains)
    if given.from_ is not None and domains and _domain(sender) not in domains:
        problem = FieldError("from.email", "MISMATCH", f"this tenant sends from {', '.join(domains)} only")
        raise ValidationError(f"from.email: {problem.message}", errors=[problem])
    return Route(provider_id=provider.providerId, server=server, sender=sender)


def _provider(stored: Any, wanted: str | None) -> Provider:
    providers = list(_providers(stored))
    if wanted is not None:
        providers = [provider for provider in providers if provider.providerId == wanted]
        if not providers:
            problem = FieldError("provider_id", "NOT_FOUND", "there is no such server in the e-mail settings")
            raise ValidationError(f"provider_id: {problem.message}", errors=[problem])
    for provider in providers:
        if provider.isEnabled and provider.providerType == "smtp":
            return provider
    raise IntegrationNotConfiguredError(f"{_NOT_CONFIGURED}: no server of type smtp is switched on in its settings.")


def _providers(stored: Any) -> Iterator[Provider]:
    """Those that can be read; what another program has written otherwise is passed over."""
    for entry in stored if isinstance(stored, list) else [stored]:
        try:
            yield convert(Provider, entry, unknown="ignore")
        except ValidationError:
            continue


def _default_sender(ticketing: str | None, configured: str | None, domains: list[str]) -> Mailbox:
    for candidate in (ticketing, configured, f"no-reply@{domains[0]}" if domains else None):
        if candidate and re.match(ADDRESS, candidate.strip()):
            return Mailbox(email=candidate.strip())
    raise IntegrationNotConfiguredError(f"{_NOT_CONFIGURED}: enter an address to send from in its settings.")


def _domain(mailbox: Mailbox) -> str:
    return mailbox.email.rpartition("@")[2].lower()
