"""The e-mail actions."""

from __future__ import annotations

from datetime import timedelta

from workflow_core.actions import Action, Effect, Example, RetryHint
from workflow_psa.email.keys import ACTION_ID
from workflow_psa.email.send import prepare_email, send_email
from workflow_psa.email.shapes import SendEmail, SentEmail


def email_actions() -> list[Action]:
    """All of them."""
    return [
        Action(
            id=ACTION_ID,
            label="Send e-mail",
            description="Sends an e-mail over the tenant's own server.",
            input=SendEmail,
            output=SentEmail,
            effect=Effect.REPEATABLE,
            io="external",
            handler=send_email,
            prepare=prepare_email,
            permission="email:process",
            retry=RetryHint(max_attempts=3, backoff=1.0),
            time_limit=timedelta(seconds=60),
            examples=(
                Example(
                    "To the contact of a ticket",
                    {
                        "to": [{"email": "ada@emeraldcity.example", "name": "Ada Gale"}],
                        "subject": "We are looking into {{ticket.number}}",
                        "text": "Hello {{name}},\n\nDana is on it.",
                        "template_data": {"name": "Ada", "ticket": {"number": "TIC001042"}},
                    },
                    {
                        "success": True,
                        "message_id": "<5d41402abc4b2a76b9719d911017c592@tailspin.example>",
                        "provider_id": "main",
                        "provider_type": "smtp",
                        "status": "sent",
                        "sent_at": "2026-03-02T09:15:00Z",
                    },
                ),
            ),
        )
    ]
