"""The notification actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.notifications.send_in_app import ACTION_ID, send_in_app
from workflow_psa.notifications.shapes import SendInApp, SentInApp


def notification_actions() -> list[Action]:
    """All of them. Everybody may notify: the existing product asks for no permission either."""
    return [
        Action(
            id=ACTION_ID,
            label="Send in-app notification",
            description="Notifies users, or everybody who has a role, in the application.",
            input=SendInApp,
            output=SentInApp,
            effect=Effect.LOCAL,
            io="database",
            handler=send_in_app,
            examples=(
                Example(
                    "To everybody on call, once per alert",
                    {
                        "recipients": {"role_names": ["On call"]},
                        "title": "SRV-01 is offline",
                        "body": "Its agent has not reported for ten minutes.",
                        "severity": "warning",
                        "link": "/msp/tickets/0b8c5d0e-6c0f-4c53-9d1e-5b1c6f1f7a01",
                        "dedupe_key": "offline 0c6cb3d4-9a52-4d50-8ab3-5a5a0e4a7f10",
                    },
                    {
                        "notification_ids": [
                            "6b1f0a2c-3d4e-4f50-8a61-72b384c5d6e7",
                            "1c2d3e4f-5a6b-4c7d-8e9f-a0b1c2d3e4f5",
                        ],
                        "delivered_count": 2,
                    },
                ),
            ),
        )
    ]
