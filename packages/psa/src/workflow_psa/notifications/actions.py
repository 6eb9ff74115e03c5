"""The notification actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.notifications.send_in_app import ACTION_ID, send_in_app
from workflow_psa.notifications.shapes import SendInApp, SentInApp


def notification_actions() -> list[Action]:
    """All of them. The existing product asks for no permission to notify, and so may everybody here."""
    return [
        Action(
            id=ACTION_ID,
            label="Send notification",
            description="Tells users something in the application.",
            input=SendInApp,
            output=SentInApp,
            effect=Effect.LOCAL,
            io="database",
            handler=send_in_app,
            examples=(
                Example(
                    "To the technicians",
                    {
                        "recipients": {"role_names": ["Technician"]},
                        "title": "SRV-01 is offline",
                        "body": "It has not been seen for ten minutes.",
                        "severity": "warning",
                        "dedupe_key": "alert 0c6cb3d4-9a52-4d50-8ab3-5a5a0e4a7f10",
                    },
                    {"notification_ids": ["0b8c5d0e-6c0f-4c53-9d1e-5b1c6f1f7a01"], "delivered_count": 1},
                ),
            ),
        )
    ]
