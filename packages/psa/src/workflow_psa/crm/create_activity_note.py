"""How ``crm.create_activity_note`` works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError, PermissionDeniedError
from workflow_core.events import emit
from workflow_core.records.permissions import has_permission
from workflow_core.schema import to_json
from workflow_psa.crm.events import INTERACTION_LOGGED, InteractionLogged
from workflow_psa.crm.shapes import CreateActivityNote, CreatedNote
from workflow_psa.domain_events import origin
from workflow_psa.problems import missing, refuse

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID = "crm.create_activity_note"

_NOTE: Final = "Note"

# Of each kind of record: what it belongs to, and what its summary says. The lock keeps it from going away meanwhile.
_TARGETS = {
    "client": (
        """
        SELECT client_id, NULL::uuid AS contact_name_id, NULL::uuid AS ticket_id, NULL::uuid AS project_id, client_name
        FROM clients WHERE tenant = $1 AND client_id = $2 FOR KEY SHARE
        """,
        ("client_id", "client_name"),
    ),
    "contact": (
        """
        SELECT client_id, contact_name_id, NULL::uuid AS ticket_id, NULL::uuid AS project_id,
               contact_name_id AS contact_id, full_name, email
        FROM contacts WHERE tenant = $1 AND contact_name_id = $2 FOR KEY SHARE
        """,
        ("contact_id", "full_name", "email", "client_id"),
    ),
    "ticket": (
        """
        SELECT client_id, contact_name_id, ticket_id, NULL::uuid AS project_id, ticket_number, title
        FROM tickets WHERE tenant = $1 AND ticket_id = $2 FOR KEY SHARE
        """,
        ("ticket_id", "ticket_number", "title", "client_id"),
    ),
    "project": (
        """
        SELECT client_id, NULL::uuid AS contact_name_id, NULL::uuid AS ticket_id, project_id, project_name
        FROM projects WHERE tenant = $1 AND project_id = $2 FOR KEY SHARE
        """,
        ("project_id", "project_name", "client_id"),
    ),
}

_TYPE = "SELECT type_id FROM interaction_types WHERE tenant = $1 AND type_name = $2"
_MAKE_TYPE = "INSERT INTO interaction_types (tenant, type_name) VALUES ($1, $2) ON CONFLICT DO NOTHING"

_INSERT = """
INSERT INTO interactions (
    tenant, interaction_id, type_id, client_id, contact_name_id, ticket_id, project_id, user_id, title, notes,
    visibility, category, tags
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
RETURNING interaction_date
"""


async def create_activity_note(given: CreateActivityNote, ctx: ActionContext) -> CreatedNote:
    """
    Notes something down about a client, a contact, a ticket or a project.

    Raises:
        PermissionDeniedError: The actor may not change records of the target's kind.
        NotFoundError: There is no such record.
        ValidationError: A note about a project is to be seen by the client.
    """
    await _permit(given, ctx)
    statement, summary = _TARGETS[given.target.type]
    target = await ctx.tx.fetchrow(statement, ctx.tenant, given.target.id)
    refuse(_problems(given, target))
    assert target is not None  # noqa: S101 - refused above
    note_id, title = uuid4(), given.category or _NOTE
    created_at = await ctx.tx.fetchval(
        _INSERT,
        ctx.tenant,
        note_id,
        await _note_type(ctx),
        target["client_id"],
        target["contact_name_id"],
        target["ticket_id"],
        target["project_id"],
        ctx.actor,
        title,
        given.body,
        given.visibility,
        given.category,
        given.tags,
    )
    logged = InteractionLogged(
        **origin(ctx, created_at),
        interactionId=note_id,
        clientId=target["client_id"],
        contactId=target["contact_name_id"],
        ticketId=target["ticket_id"],
        projectId=target["project_id"],
        interactionType=_NOTE,
        channel=_NOTE.lower(),
        interactionOccurredAt=created_at,
        loggedByUserId=ctx.actor,
        subject=title,
    )
    await emit(ctx, INTERACTION_LOGGED, logged, correlation_key=str(given.target.id))
    return CreatedNote(
        note_id=note_id,
        created_at=created_at,
        target_type=given.target.type,
        target_id=given.target.id,
        target_summary=to_json({name: target[name] for name in summary}),
    )


async def _permit(given: CreateActivityNote, ctx: ActionContext) -> None:
    """The permission depends on what the note is about, so that the action itself cannot declare it."""
    permission = f"{given.target.type}:update"
    if ctx.actor is None or not await has_permission(ctx.tx, ctx.tenant, ctx.actor, permission):
        raise PermissionDeniedError(
            f"{ACTION_ID} needs the permission {permission} for a note about a {given.target.type}, which the user "
            "who published this workflow does not have: give it to one of their roles, or have somebody else publish "
            "it.",
            details={"permission": permission, "actor": ctx.actor and str(ctx.actor)},
        )


def _problems(given: CreateActivityNote, target: Record | None) -> list[FieldError]:
    problems = [] if target is not None else [missing("target.id", given.target.type)]
    if given.target.type == "project" and given.visibility == "client_visible":
        problems.append(FieldError("visibility", "RULE", "a note about a project is internal: clients do not see it"))
    return problems


async def _note_type(ctx: ActionContext) -> UUID:
    """The tenant's type of notes, made when it is first needed."""
    found: UUID | None = await ctx.tx.fetchval(_TYPE, ctx.tenant, _NOTE)
    if found is None:
        await ctx.tx.execute(_MAKE_TYPE, ctx.tenant, _NOTE)
        found = await ctx.tx.fetchval(_TYPE, ctx.tenant, _NOTE)
    assert found is not None  # noqa: S101 - it is there, or was just made
    return found
