"""What a tenant stores in secret for sending e-mail; everything else is in its e-mail settings."""

from __future__ import annotations

from workflow_core.connections import Connection, ConnectionField
from workflow_psa.email.send import PASSWORD


def email_connection() -> Connection:
    """The fields of its form."""
    return Connection(
        provider="email",
        label="E-mail",
        description="Sends e-mail over your own server.",
        segments=("email",),
        fields=(
            ConnectionField(
                name=PASSWORD,
                label="SMTP password",
                kind="secret",
                required=False,
                help="The password of the username in the e-mail settings; not needed when there is none.",
            ),
        ),
    )
