"""What a process can do, and the fingerprint that proves that two processes can do the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import orjson

from workflow_core.actions import Action
from workflow_core.schema import json_schema


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no white space: equal values give equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def sha256_json(value: Any) -> str:
    """The SHA-256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def contract_hash(action: Action) -> str:
    """The SHA-256 of what callers of an action rely on: schemas, effect and io."""
    return sha256_json(
        {
            "input": json_schema(action.input),
            "output": json_schema(action.output),
            "effect": action.effect,
            "io": action.io,
        }
    )


@attrs.frozen
class Manifest:
    """The actions and distributions of one process.

    Attributes:
        actions: Contract hash by ``id@version``.
        distributions: Version by normalised distribution name.
    """

    actions: Mapping[str, str]
    distributions: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 over both, independent of any order."""
        return sha256_json(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, as ``workflow_workers`` stores it."""
        return {"actions": dict(self.actions), "distributions": dict(self.distributions)}


def build_manifest(actions: Iterable[Action], distributions: Mapping[str, str]) -> Manifest:
    """The manifest of some actions and the distributions that they came from."""
    return Manifest(
        actions={action.key: contract_hash(action) for action in actions}, distributions=dict(distributions)
    )
