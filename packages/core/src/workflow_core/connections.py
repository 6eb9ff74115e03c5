"""How a tenant connects an integration: the declared fields of its connection."""

from __future__ import annotations

from typing import Literal, get_args

import attrs
from attrs.validators import deep_iterable, in_, instance_of

FieldKind = Literal["text", "url", "choice", "secret"]


@attrs.frozen(kw_only=True)
class ConnectionField:
    """One field of the form that connects an integration.

    Attributes:
        name: The key under which it is stored: a ``secret`` among the tenant's secrets (scope
            ``integration:<provider>``), any other in the integration's settings.
        label: What an admin reads.
        kind: How it is entered; a ``secret`` is write-only.
        required: Whether the connection works without it.
        help: A sentence that says where to find the value.
        choices: ``(value, label)`` pairs of a ``choice``.
    """

    name: str = attrs.field(validator=instance_of(str))
    label: str = attrs.field(validator=instance_of(str))
    kind: FieldKind = attrs.field(default="text", validator=in_(get_args(FieldKind)))
    required: bool = True
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()


@attrs.frozen(kw_only=True)
class Connection:
    """An integration that a tenant can connect.

    Attributes:
        provider: The key in ``rmm_integrations.provider`` and in the scope of its secrets.
        label: What an admin reads.
        description: What connecting it gives.
        segments: The first segments of the action ids that use this connection's secrets.
        fields: What the admin enters.
    """

    provider: str = attrs.field(validator=instance_of(str))
    label: str = attrs.field(validator=instance_of(str))
    description: str = attrs.field(validator=instance_of(str))
    segments: tuple[str, ...] = attrs.field(validator=deep_iterable(instance_of(str), instance_of(tuple)))
    fields: tuple[ConnectionField, ...] = attrs.field(
        validator=deep_iterable(instance_of(ConnectionField), instance_of(tuple))
    )

    @property
    def secret_scope(self) -> str:
        """The scope of its secrets in ``tenant_secrets``."""
        return f"integration:{self.provider}"
