"""The ticket actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.tickets.create import ACTION_ID as CREATE
from workflow_psa.tickets.create import create_ticket
from workflow_psa.tickets.shapes import CreatedTicket, CreateTicket

_CREATED = {
    "ticket_id": "0b8c5d0e-6c0f-4c53-9d1e-5b1c6f1f7a01",
    "ticket_number": "TIC001042",
    "created_at": "2026-03-02T09:15:00Z",
    "status_id": "6a3f1b52-88f4-4b0e-a1d7-8f7f6a0c2b11",
    "priority_id": "f2a6f0de-5d55-4a8e-93a7-1d1b7e3a9c21",
    "url": None,
}


def ticket_actions() -> list[Action]:
    """All of them."""
    return [
        Action(
            id=CREATE,
            label="Create ticket",
            description="Creates a ticket for a client, with its assignment, tags and a first comment.",
            input=CreateTicket,
            output=CreatedTicket,
            effect=Effect.LOCAL,
            io="database",
            handler=create_ticket,
            permission="ticket:create",
            examples=(
                Example(
                    "From an alert",
                    {
                        "client_id": "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d",
                        "title": "Disk C: of SRV-01 is nearly full",
                        "board_id": "9c1e8a44-0f3b-4d0c-8a55-7b6d5c4e3f21",
                        "priority_id": "f2a6f0de-5d55-4a8e-93a7-1d1b7e3a9c21",
                        "description": "Less than 5 % are free.",
                        "idempotency_key": "alert 0c6cb3d4-9a52-4d50-8ab3-5a5a0e4a7f10",
                    },
                    _CREATED,
                ),
                Example(
                    "Assigned, tagged and with a note",
                    {
                        "client_id": "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d",
                        "title": "Replace the battery of UPS-2",
                        "board_id": "9c1e8a44-0f3b-4d0c-8a55-7b6d5c4e3f21",
                        "priority_id": "f2a6f0de-5d55-4a8e-93a7-1d1b7e3a9c21",
                        "assignment": {
                            "primary": {"type": "user", "id": "5e0d7c1a-3b2f-4e6d-9a8b-7c6d5e4f3a21"},
                            "additional_user_ids": [],
                        },
                        "tags": ["hardware", "on-site"],
                        "custom_fields": {"rack": "B4"},
                        "initial_comment": {"body": "The key is at the reception.", "visibility": "internal"},
                    },
                    _CREATED,
                ),
            ),
        )
    ]
