"""Writing an e-mail: names from the template data, text and HTML, headers that nothing can be smuggled into."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final
from uuid import UUID

from workflow_core.errors import FieldError, ValidationError
from workflow_psa.email.shapes import Mailbox, SendEmail
from workflow_psa.transform.sizes import as_text, check_length

_PLACEHOLDER = re.compile(r"\{\{\{\s*([\w.-]+)\s*\}\}\}|\{\{\s*([\w.-]+)\s*\}\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BREAK = re.compile(r"<\s*(br|/p|/div|/tr|/li|/h[1-6])\b[^>]*>", re.IGNORECASE)
# What is never closed hides the rest, as it does in a browser: so none of these looks at a character twice.
_INVISIBLE = re.compile(r"<(style|script|title)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")

#: Characters of a subject; writing one takes time that grows with its square.
_MAX_SUBJECT: Final = 998
#: Characters of a name and its address that stand in one line for certain.
_ONE_LINE: Final = 60
_SPECIAL = re.compile(r'[()<>\[\]:;@\\,."]+')

#: Seven bits only: every server on the way takes it as it is.
_POLICY: Final = SMTP.clone(cte_type="7bit")


def message_id(ledger_key: str, tenant: UUID, given: SendEmail, sender: Mailbox) -> str:
    """The same for every attempt, so that an e-mail that was sent twice can be recognised."""
    key = ledger_key
    if given.idempotency_key is not None:
        key = hashlib.sha256(f"{tenant} email.send {given.idempotency_key}".encode()).hexdigest()
    return f"<{key}@{sender.email.rpartition('@')[2]}>"


def write_message(given: SendEmail, sender: Mailbox, *, identity: str, now: datetime) -> bytes:
    """
    The e-mail as a server takes it; recipients of blind copies are not in it.

    Raises:
        ValidationError: With the template data it becomes too long.
    """
    data = given.template_data or {}
    message = EmailMessage(policy=_POLICY)
    message["Message-ID"] = identity
    message["Date"] = format_datetime(now)
    message["From"] = _address(sender)
    message["To"] = [_address(mailbox) for mailbox in given.to]
    if given.cc:
        message["Cc"] = [_address(mailbox) for mailbox in given.cc]
    message["Subject"] = _subject(_filled(given.subject, data, as_text))
    message["Auto-Submitted"] = "auto-generated"
    page = None if given.html is None else _filled(given.html, data, lambda value: html.escape(as_text(value)))
    text = _plain(page or "") if given.text is None else _filled(given.text, data, as_text)
    message.set_content(text)
    if page is not None:
        message.add_alternative(page, subtype="html")
    return message.as_bytes()


def _address(mailbox: Mailbox) -> Address:
    local, _, domain = mailbox.email.rpartition("@")
    name = _one_line(mailbox.name or "")
    if len(name) + len(mailbox.email) > _ONE_LINE:
        # Python breaks a name that does not fit into a line and loses its quotes: what it says would become addresses.
        name = _SPECIAL.sub(" ", name).strip()
    return Address(display_name=name, username=local, domain=domain)


def _subject(text: str) -> str:
    subject = _one_line(text)
    if len(subject) > _MAX_SUBJECT:
        problem = FieldError("subject", "LENGTH", f"must have at most {_MAX_SUBJECT} characters")
        raise ValidationError(f"subject: {problem.message}", errors=[problem])
    return subject


def _one_line(text: str) -> str:
    """A header has one line: a second one would be a header of its own."""
    return _CONTROL.sub(" ", text).strip()


def _filled(template: str, data: Mapping[str, Any], write: Callable[[Any], str]) -> str:
    """The template with its placeholders replaced; three braces give a value as it is."""
    length = len(template)

    def value(found: re.Match[str]) -> str:
        nonlocal length
        path = found.group(1) or found.group(2)
        known, item = _look_up(data, path)
        if not known:
            return found.group()
        written = as_text(item) if found.group(1) else write(item)
        length += len(written) - len(found.group())
        check_length(length)
        return written

    return _PLACEHOLDER.sub(value, template)


def _look_up(data: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    """A field by its own name, or by the path to it."""
    if path in data:
        return True, data[path]
    item: Any = data
    for name in path.split("."):
        if not isinstance(item, Mapping) or name not in item:
            return False, None
        item = item[name]
    return True, item


def _plain(page: str) -> str:
    """What somebody reads whose program shows no HTML."""
    shown, close, rest = _INVISIBLE.sub("", " ".join(page.split())).rpartition(">")
    text = _TAG.sub("", _BREAK.sub("\n", shown + close)) + rest
    lines = [" ".join(line.split()) for line in html.unescape(text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
