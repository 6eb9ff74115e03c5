"""How ``notifications.send_in_app`` works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError
from workflow_psa.idempotency import answer_once
from workflow_psa.notifications.shapes import Recipients, SendInApp, SentInApp
from workflow_psa.problems import missing, refusal

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID = "notifications.send_in_app"

_LOOK_UP = """
SELECT ARRAY(SELECT u.user_id FROM users u WHERE u.tenant = $1 AND u.user_id = ANY ($2::uuid[])) AS users_found,
       ARRAY(SELECT r.role_id FROM roles r WHERE r.tenant = $1 AND r.role_id = ANY ($3::uuid[])) AS roles_found,
       ARRAY(
           SELECT u.user_id FROM users u
           WHERE u.tenant = $1 AND NOT u.is_inactive AND EXISTS (
               SELECT FROM user_roles ur JOIN roles r ON r.tenant = $1 AND r.role_id = ur.role_id
               WHERE ur.tenant = $1 AND ur.user_id = u.user_id
                 AND (r.role_id = ANY ($3::uuid[])
                      OR lower(r.role_name) = ANY (ARRAY(SELECT lower(name) FROM unnest($4::text[]) AS name)))
           )
           ORDER BY u.username, u.user_id
       ) AS members
"""

_INSERT = """
INSERT INTO internal_notifications (
    tenant, internal_notification_id, user_id, template_name, language_code, title, message, type, category, link,
    metadata
)
SELECT $1, new.id, new.user_id, 'workflow-custom', 'en', $4, $5, $6, 'workflow', $7, $8::jsonb
FROM unnest($2::uuid[], $3::uuid[]) AS new (id, user_id)
"""

_NOBODY = FieldError("recipients", "RULE", "nobody would be notified: name a user, or a role that somebody has")


async def send_in_app(given: SendInApp, ctx: ActionContext) -> SentInApp:
    """
    Notifies users in the application.

    Raises:
        NotFoundError: A user or a role does not exist for this tenant; nobody is notified, and
            ``details["missing_user_ids"]`` names the users.
        ValidationError: There is nobody to notify.
    """
    return await answer_once(ctx, ACTION_ID, given.dedupe_key, SentInApp, lambda: _send(given, ctx))


async def _send(given: SendInApp, ctx: ActionContext) -> SentInApp:
    user_ids = await _resolve(given.recipients, ctx)
    notification_ids = [uuid4() for _ in user_ids]
    await ctx.tx.execute(
        _INSERT,
        ctx.tenant,
        notification_ids,
        user_ids,
        given.title,
        given.body,
        given.severity,
        given.link,
        {"source": "workflow", "run_id": ctx.run_id and str(ctx.run_id), "step_path": ctx.step_path},
    )
    return SentInApp(notification_ids=tuple(notification_ids), delivered_count=len(notification_ids))


async def _resolve(recipients: Recipients, ctx: ActionContext) -> list[UUID]:
    """Every recipient once: the users in their order, then those who have a role."""
    named = recipients.user_ids or ()
    roles = recipients.role_ids or ()
    found = await ctx.tx.fetchrow(_LOOK_UP, ctx.tenant, named, roles, recipients.role_names or ())
    assert found is not None  # noqa: S101 - it selects from nothing
    problems = list(_problems(recipients, found))
    if problems:
        error = refusal(problems)
        unknown = [user_id for user_id in dict.fromkeys(named) if user_id not in found["users_found"]]
        error.details["missing_user_ids"] = [str(user_id) for user_id in unknown]
        raise error
    user_ids = list(dict.fromkeys([*named, *found["members"]]))
    if not user_ids:
        raise refusal([_NOBODY])
    return user_ids


def _problems(recipients: Recipients, found: Record) -> Iterator[FieldError]:
    for index, user_id in enumerate(recipients.user_ids or ()):
        if user_id not in found["users_found"]:
            yield missing(f"recipients.user_ids[{index}]", "user")
    for index, role_id in enumerate(recipients.role_ids or ()):
        if role_id not in found["roles_found"]:
            yield missing(f"recipients.role_ids[{index}]", "role")
