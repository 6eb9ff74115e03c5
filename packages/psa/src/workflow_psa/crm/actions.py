"""The CRM actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.crm.create_activity_note import ACTION_ID, create_activity_note
from workflow_psa.crm.shapes import CreateActivityNote, CreatedNote

_CLIENT = "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d"


def crm_actions() -> list[Action]:
    """All of them. The permission for a note depends on what it is about: the action sees to it itself."""
    return [
        Action(
            id=ACTION_ID,
            label="Create activity note",
            description="Notes something down about a client, a contact, a ticket or a project.",
            input=CreateActivityNote,
            output=CreatedNote,
            effect=Effect.LOCAL,
            io="database",
            handler=create_activity_note,
            examples=(
                Example(
                    "About a client",
                    {
                        "target": {"type": "client", "id": _CLIENT},
                        "body": "Five tickets about backups this week: talk about a larger plan.",
                        "tags": ["backup"],
                        "category": "Upsell",
                    },
                    {
                        "note_id": "5d6e7f80-91a2-4b3c-8d4e-5f60718293a4",
                        "created_at": "2026-03-06T16:00:00Z",
                        "target_type": "client",
                        "target_id": _CLIENT,
                        "target_summary": {"client_id": _CLIENT, "client_name": "Emerald City"},
                    },
                ),
            ),
        )
    ]
