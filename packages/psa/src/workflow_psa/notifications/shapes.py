"""What ``notifications.send_in_app`` takes and gives."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.schema import Trimmed


@attrs.frozen(kw_only=True)
class Recipients:
    """Who is notified: all of these together, each once."""

    user_ids: Annotated[tuple[UUID, ...] | None, msgspec.Meta(description="Users.")] = None
    role_ids: Annotated[
        tuple[UUID, ...] | None, msgspec.Meta(description="Roles: every active user who has one of them.")
    ] = None
    role_names: Annotated[
        tuple[Trimmed, ...] | None, msgspec.Meta(description="Names of roles, in any case; unknown ones are nobody.")
    ] = None


@attrs.frozen(kw_only=True)
class SendInApp:
    """Input of ``notifications.send_in_app``."""

    recipients: Annotated[Recipients, msgspec.Meta(description="Who is notified; at least one user.")]
    title: Annotated[Trimmed, msgspec.Meta(description="One line.")]
    body: Annotated[Trimmed, msgspec.Meta(description="What there is to say.")]
    severity: Annotated[Literal["info", "success", "warning", "error"], msgspec.Meta(description="How it looks.")] = (
        "info"
    )
    link: Annotated[str | None, msgspec.Meta(description="Where opening it leads, such as /msp/tickets/….")] = None
    dedupe_key: Annotated[
        Trimmed | None,
        msgspec.Meta(
            description="The same key never notifies anybody a second time, not even from another run: the first "
            "notifications are the answer."
        ),
    ] = None


@attrs.frozen(kw_only=True)
class SentInApp:
    """Output of ``notifications.send_in_app``."""

    notification_ids: Annotated[
        tuple[UUID, ...], msgspec.Meta(description="The notifications: one for each recipient.")
    ]
    delivered_count: Annotated[int, msgspec.Meta(description="How many there are.")]
