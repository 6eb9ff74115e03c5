"""
What ``email.send`` takes and gives.

The names are the existing product's: stored workflows map into these fields, so none is ever renamed or removed.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

import attrs
import msgspec

from workflow_core.schema import TRIM_MARK, AtLeastOne, Timestamp, Trimmed

#: What servers take: dots between the words of the local part, and at least two labels in the domain.
_WORD: Final = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ADDRESS: Final = rf"^{_WORD}(\.{_WORD})*@{_LABEL}(\.{_LABEL})+$"

_Addr = Annotated[
    str,
    msgspec.Meta(
        min_length=3,
        max_length=254,
        pattern=ADDRESS,
        extra_json_schema={TRIM_MARK: True},
        description="The address, such as dana.reyes@tailspin.example.",
    ),
]


@attrs.frozen(kw_only=True)
class Mailbox:
    """Who gets an e-mail, or who it is from."""

    email: _Addr
    name: Annotated[
        Annotated[str, msgspec.Meta(max_length=100)] | None, msgspec.Meta(description="The name to show with it.")
    ] = None


@attrs.frozen(kw_only=True)
class SendEmail:
    """Input of ``email.send``."""

    __rules__: ClassVar = (AtLeastOne("html", "text"),)

    to: Annotated[tuple[Mailbox, ...], msgspec.Meta(min_length=1, description="Who gets it.")]
    cc: Annotated[tuple[Mailbox, ...] | None, msgspec.Meta(description="Who gets a copy, for all to see.")] = None
    bcc: Annotated[tuple[Mailbox, ...] | None, msgspec.Meta(description="Who gets a copy that nobody sees.")] = None
    from_: Annotated[
        Mailbox | None,
        msgspec.Meta(description="Who it is from: an address in a domain of the tenant's; without one, its default."),
    ] = None
    subject: Annotated[Trimmed, msgspec.Meta(description="The subject; {{name}} is replaced from template_data.")]
    html: Annotated[
        str | None,
        msgspec.Meta(
            description="The text as HTML; {{name}} is replaced from template_data as text, {{{name}}} as HTML."
        ),
    ] = None
    text: Annotated[
        str | None,
        msgspec.Meta(description="The plain text; {{name}} is replaced from template_data. Without it, that of html."),
    ] = None
    template_data: Annotated[
        dict[str, Any] | None,
        msgspec.Meta(description="What {{name}} and {{client.name}} stand for; what is not in it stays as it is."),
    ] = None
    provider_id: Annotated[
        Trimmed | None, msgspec.Meta(description="Which of the tenant's servers to use; without one, the first.")
    ] = None
    idempotency_key: Annotated[
        Trimmed | None,
        msgspec.Meta(description="The same key never sends a second e-mail, not even from another run."),
    ] = None


@attrs.frozen(kw_only=True)
class SentEmail:
    """Output of ``email.send``."""

    success: Annotated[bool, msgspec.Meta(description="Whether the server has taken it.")]
    message_id: Annotated[str | None, msgspec.Meta(description="The Message-ID, by which it can be found again.")]
    provider_id: Annotated[str | None, msgspec.Meta(description="Which of the tenant's servers has taken it.")]
    provider_type: Annotated[str | None, msgspec.Meta(description="What kind of server that is.")]
    status: Annotated[Literal["sent"], msgspec.Meta(description="How far it is.")]
    sent_at: Annotated[Timestamp | None, msgspec.Meta(description="When the server has taken it.")]
