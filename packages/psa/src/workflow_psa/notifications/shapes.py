"""
What ``notifications.send_in_app`` takes and gives.

The names are the existing product's: stored workflows map into these fields, so none is ever renamed or removed.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.options import picker
from workflow_core.schema import Trimmed

Severity = Literal["info", "success", "warning", "error"]


@attrs.frozen(kw_only=True)
class Recipients:
    """Who is told: users, and everybody who has one of the roles."""

    user_ids: Annotated[
        tuple[UUID, ...], msgspec.Meta(description="Users.", extra_json_schema=picker("notifications.users"))
    ] = ()
    role_ids: Annotated[
        tuple[UUID, ...],
        msgspec.Meta(description="Roles, by their ids.", extra_json_schema=picker("notifications.roles")),
    ] = ()
    role_names: Annotated[tuple[Trimmed, ...], msgspec.Meta(description="Roles, by their names in any case.")] = ()


@attrs.frozen(kw_only=True)
class SendInApp:
    """Input of ``notifications.send_in_app``."""

    recipients: Annotated[Recipients, msgspec.Meta(description="Who is told.")]
    title: Annotated[Trimmed, msgspec.Meta(description="One line that says what it is about.")]
    body: Annotated[Trimmed, msgspec.Meta(description="The text.")]
    severity: Annotated[Severity, msgspec.Meta(description="How it is shown.")] = "info"
    link: Annotated[Trimmed | None, msgspec.Meta(description="Where a click on it leads.")] = None
    dedupe_key: Annotated[
        Trimmed | None,
        msgspec.Meta(description="The same key tells nobody twice, not even from another run."),
    ] = None


@attrs.frozen(kw_only=True)
class SentInApp:
    """Output of ``notifications.send_in_app``."""

    notification_ids: Annotated[tuple[UUID, ...], msgspec.Meta(description="One for each user who was told.")]
    delivered_count: Annotated[int, msgspec.Meta(description="How many users were told.")]
