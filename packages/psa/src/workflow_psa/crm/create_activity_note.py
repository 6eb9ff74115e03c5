"""How ``crm.create_activity_note`` works."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid4

from workflow_core.actions import ActionContext
from workflow_psa.crm.shapes import CreatedNote, CreateNote, TargetSummary
from workflow_psa.problems import missing, refusal
from workflow_psa.tickets.change import acting_user

# Of each kind of record, the statement that finds its name and what else the note hangs on: who looks at a client
# sees the notes on its tickets too. The record does not go away before the transaction ends.
_TARGETS: Final = {
    "client": """
SELECT client_name AS name, client_id, NULL::uuid AS contact_name_id, NULL::uuid AS ticket_id,
       NULL::uuid AS project_id
FROM clients WHERE tenant = $1 AND client_id = $2 FOR KEY SHARE
""",
    "contact": """
SELECT full_name AS name, client_id, contact_name_id, NULL::uuid AS ticket_id, NULL::uuid AS project_id
FROM contacts WHERE tenant = $1 AND contact_name_id = $2 FOR KEY SHARE
""",
    "ticket": """
SELECT concat_ws(' ', ticket_number, title) AS name, client_id, contact_name_id, ticket_id, NULL::uuid AS project_id
FROM tickets WHERE tenant = $1 AND ticket_id = $2 FOR KEY SHARE
""",
    "project": """
SELECT project_name AS name, client_id, NULL::uuid AS contact_name_id, NULL::uuid AS ticket_id, project_id
FROM projects WHERE tenant = $1 AND project_id = $2 FOR KEY SHARE
""",
}

_TYPE = "SELECT type_id FROM interaction_types WHERE tenant = $1 AND type_name = 'Note'"
# Of several first notes one makes the type; the others wait for it here, and then find it.
_MAKE_TYPE = """
INSERT INTO interaction_types (tenant, type_name) VALUES ($1, 'Note') ON CONFLICT (tenant, type_name) DO NOTHING
"""
_INSERT = """
INSERT INTO interactions (
    tenant, interaction_id, type_id, client_id, contact_name_id, ticket_id, project_id, user_id, title, notes,
    visibility, category, tags
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
RETURNING created_at
"""
_TITLE_LENGTH: Final = 100


async def create_activity_note(given: CreateNote, ctx: ActionContext) -> CreatedNote:
    """
    Writes a note on a client, a contact, a ticket or a project.

    Raises:
        NotFoundError: What it is about does not exist for this tenant.
    """
    target = await ctx.tx.fetchrow(_TARGETS[given.target.type], ctx.tenant, given.target.id)
    if target is None:
        raise refusal([missing("target.id", given.target.type)])
    note_id = uuid4()
    created_at = await ctx.tx.fetchval(
        _INSERT,
        ctx.tenant,
        note_id,
        await _note_type(ctx),
        target["client_id"],
        target["contact_name_id"],
        target["ticket_id"],
        target["project_id"],
        await acting_user(ctx),
        _title(given.body),
        given.body,
        given.visibility,
        given.category,
        None if given.tags is None else list(given.tags),
    )
    return CreatedNote(
        note_id=note_id,
        created_at=created_at,
        target_type=given.target.type,
        target_id=given.target.id,
        target_summary=TargetSummary(type=given.target.type, id=given.target.id, name=target["name"]),
    )


async def _note_type(ctx: ActionContext) -> UUID:
    type_id: UUID | None = await ctx.tx.fetchval(_TYPE, ctx.tenant)
    if type_id is None:
        await ctx.tx.execute(_MAKE_TYPE, ctx.tenant)
        type_id = await ctx.tx.fetchval(_TYPE, ctx.tenant)
    assert type_id is not None  # noqa: S101 - it was there, or is now
    return type_id


def _title(body: str) -> str:
    """The first line, cut where it is long."""
    line = body.splitlines()[0].rstrip()
    return line if len(line) <= _TITLE_LENGTH else f"{line[: _TITLE_LENGTH - 1]}…"
