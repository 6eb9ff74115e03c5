"""The CRM actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.crm.create_activity_note import create_activity_note
from workflow_psa.crm.shapes import CreatedNote, CreateNote

_CLIENT = "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d"


def crm_actions() -> list[Action]:
    """All of them."""
    return [
        Action(
            id="crm.create_activity_note",
            label="Create activity note",
            description="Writes a note on a client, a contact, a ticket or a project.",
            input=CreateNote,
            output=CreatedNote,
            effect=Effect.LOCAL,
            io="database",
            handler=create_activity_note,
            permission="interaction:create",
            examples=(
                Example(
                    "What was done about an alert",
                    {
                        "target": {"type": "client", "id": _CLIENT},
                        "body": "SRV-01 was restarted: its disk was full.",
                        "tags": ["alert"],
                    },
                    {
                        "note_id": "b1a29384-7566-4758-8493-a2b1c0d9e8f7",
                        "created_at": "2026-03-02T09:15:00Z",
                        "target_type": "client",
                        "target_id": _CLIENT,
                        "target_summary": {"type": "client", "id": _CLIENT, "name": "Emerald City"},
                    },
                ),
            ),
        )
    ]
