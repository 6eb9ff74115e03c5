"""How ``notifications.send_in_app`` works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError, ValidationError
from workflow_psa.idempotency import answer_once
from workflow_psa.notifications.shapes import Recipients, SendInApp, SentInApp
from workflow_psa.problems import missing, refusal

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID: Final = "notifications.send_in_app"

_LOOK_UP = """
SELECT ARRAY(SELECT user_id FROM users WHERE tenant = $1 AND user_id = ANY ($2::uuid[])) AS users,
       ARRAY(SELECT user_id FROM users WHERE tenant = $1 AND user_id = ANY ($2::uuid[]) AND is_inactive) AS inactive,
       ARRAY(SELECT role_id FROM roles WHERE tenant = $1 AND role_id = ANY ($3::uuid[])) AS roles,
       ARRAY(
           SELECT name FROM unnest($4::text[]) AS name
           WHERE EXISTS (SELECT FROM roles r WHERE r.tenant = $1 AND lower(r.role_name) = lower(name))
       ) AS names,
       ARRAY(
           SELECT DISTINCT u.user_id
           FROM roles r
           JOIN user_roles ur ON ur.tenant = $1 AND ur.role_id = r.role_id
           JOIN users u ON u.tenant = $1 AND u.user_id = ur.user_id AND NOT u.is_inactive
           WHERE r.tenant = $1 AND (
               r.role_id = ANY ($3::uuid[])
               OR lower(r.role_name) IN (SELECT lower(name) FROM unnest($4::text[]) AS name)
           )
           ORDER BY u.user_id
       ) AS members
"""

_INSERT = """
INSERT INTO internal_notifications (
    tenant, user_id, template_name, language_code, title, message, type, category, link, delivery_status, metadata
)
SELECT $1, recipient, 'workflow-custom', 'en', $3, $4, $5, 'workflow', $6, 'delivered', $7
FROM unnest($2::uuid[]) WITH ORDINALITY AS told(recipient, place)
ORDER BY place
RETURNING internal_notification_id
"""


async def send_in_app(given: SendInApp, ctx: ActionContext) -> SentInApp:
    """
    Tells users something in the application: each once, however they were named.

    Raises:
        NotFoundError: A user or a role does not exist for this tenant; ``details`` has all of them, users also as
            ``missing_user_ids``. Nobody is told.
        ValidationError: Nobody is named who could be told, or somebody is inactive.
    """
    return await answer_once(ctx, ACTION_ID, given.dedupe_key, SentInApp, lambda: _send(given, ctx))


async def _send(given: SendInApp, ctx: ActionContext) -> SentInApp:
    to = given.recipients
    found = await ctx.tx.fetchrow(_LOOK_UP, ctx.tenant, to.user_ids, to.role_ids, to.role_names)
    assert found is not None  # noqa: S101 - it has no FROM
    problems = list(_problems(to, found))
    if problems:
        error = refusal(problems)
        unknown = [str(user_id) for user_id in to.user_ids if user_id not in found["users"]]
        if unknown:
            error.details["missing_user_ids"] = unknown
        raise error
    told: list[UUID] = list(dict.fromkeys([*to.user_ids, *found["members"]]))
    if not told:
        raise ValidationError(
            "Nobody would be told: name at least one user, or a role that somebody has.",
            errors=[FieldError("recipients", "RULE", "give at least one user, or a role that somebody has")],
        )
    rows = await ctx.tx.fetch(
        _INSERT,
        ctx.tenant,
        told,
        given.title,
        given.body,
        given.severity,
        given.link,
        {"run_id": None if ctx.run_id is None else str(ctx.run_id)},
    )
    ids = tuple(row["internal_notification_id"] for row in rows)
    return SentInApp(notification_ids=ids, delivered_count=len(ids))


def _problems(to: Recipients, found: Record) -> Iterator[FieldError]:
    for index, user_id in enumerate(to.user_ids):
        here = f"recipients.user_ids[{index}]"
        if user_id not in found["users"]:
            yield missing(here, "user")
        elif user_id in found["inactive"]:
            yield FieldError(here, "INACTIVE", "this user is inactive")
    for index, role_id in enumerate(to.role_ids):
        if role_id not in found["roles"]:
            yield missing(f"recipients.role_ids[{index}]", "role")
    for index, name in enumerate(to.role_names):
        if name not in found["names"]:
            yield missing(f"recipients.role_names[{index}]", "role")
