"""The scheduling actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.scheduling.assign_user import ACTION_ID, assign_user
from workflow_psa.scheduling.shapes import AssignedUser, AssignUser


def scheduling_actions() -> list[Action]:
    """All of them."""
    return [
        Action(
            id=ACTION_ID,
            label="Assign user",
            description="Plans a technician's time for a ticket or a project task.",
            input=AssignUser,
            output=AssignedUser,
            effect=Effect.LOCAL,
            io="database",
            handler=assign_user,
            permission="user_schedule:create",
            examples=(
                Example(
                    "As soon as possible",
                    {
                        "user_id": "5e0d7c1a-3b2f-4e6d-9a8b-7c6d5e4f3a21",
                        "window": {
                            "start": "2026-03-02T10:00:00Z",
                            "end": "2026-03-02T11:00:00Z",
                            "timezone": "Europe/Berlin",
                        },
                        "link": {"type": "ticket", "id": "0b8c5d0e-6c0f-4c53-9d1e-5b1c6f1f7a01"},
                        "title": "Replace the battery of UPS-2",
                        "conflict_mode": "shift",
                    },
                    {
                        "schedule_event_id": "2b3c4d5e-6f70-4182-93a4-b5c6d7e8f901",
                        "assigned_user_id": "5e0d7c1a-3b2f-4e6d-9a8b-7c6d5e4f3a21",
                        "start": "2026-03-02T11:30:00Z",
                        "end": "2026-03-02T12:30:00Z",
                    },
                ),
            ),
        )
    ]
