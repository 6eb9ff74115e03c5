"""Rules across the fields of an input, beside those of :mod:`workflow_core.schema`."""

from __future__ import annotations

import json
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


@attrs.frozen
class ShortReference:
    """
    The external reference among ``attributes`` can be looked up: it is short enough to stand in an index.

    Attributes:
        maximum: Its characters; of a value that is no text, those of its JSON.
    """

    maximum: int = 512

    def check(self, values: Mapping[str, Any]) -> FieldError | None:
        """See :class:`workflow_core.schema.Rule`."""
        attributes = values.get("attributes")
        reference = attributes.get("external_ref") if isinstance(attributes, Mapping) else None
        text = reference if isinstance(reference, str) else json.dumps(reference)
        if len(text) <= self.maximum:
            return None
        return FieldError("", "LENGTH", f"attributes.external_ref must have at most {self.maximum} characters")

    def schema(self) -> dict[str, Any]:
        """See :class:`workflow_core.schema.Rule`."""
        return {
            "allOf": [{"properties": {"attributes": {"properties": {"external_ref": {"maxLength": self.maximum}}}}}]
        }
