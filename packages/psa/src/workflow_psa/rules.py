"""Rules across the fields of an input, beside those of :mod:`workflow_core.schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from workflow_core.errors import FieldError


@attrs.frozen
class AnyField:
    """At least one field is given; null counts, since it clears what it stands for."""

    def check(self, values: Mapping[str, Any]) -> FieldError | None:
        """See :class:`workflow_core.schema.Rule`."""
        return None if values else FieldError("", "RULE", "give at least one field")

    def schema(self) -> dict[str, Any]:
        """See :class:`workflow_core.schema.Rule`."""
        return {"minProperties": 1}
