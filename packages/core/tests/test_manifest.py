"""Manifest and fingerprint: two processes can prove that they can do the same."""

import json
from typing import Any

import attrs
import pytest

from workflow_core.actions import Action, Effect
from workflow_core.manifest import build_manifest, canonical_json, contract_hash, sha256_json


@attrs.frozen
class Given:
    name: str
    count: int = 1


@attrs.frozen
class Gave:
    text: str


@attrs.frozen
class Other:
    text: str | None


async def handle(given: Any, ctx: Any) -> Any:
    return Gave(given.name)


def action(**fields: Any) -> Action:
    """A read."""
    values = {
        "id": "acme.greet",
        "label": "Greet",
        "description": "",
        "input": Given,
        "output": Gave,
        "effect": Effect.READ,
        "io": "database",
        "handler": handle,
    }
    return Action(**(values | fields))


def test_canonical_json() -> None:
    """Equal values give equal bytes, whatever the order of their keys."""
    assert (
        canonical_json({"b": [1, {"d": None, "c": "ä"}], "a": 1.5}) == '{"a":1.5,"b":[1,{"c":"ä","d":null}]}'.encode()
    )
    assert sha256_json({"a": 1, "b": 2}) == sha256_json({"b": 2, "a": 1})
    assert sha256_json([1, 2]) != sha256_json([2, 1])


def test_order_of_actions_and_distributions() -> None:
    """The fingerprint does not depend on any order, and is a SHA-256 in hexadecimal."""
    actions = [action(), action(id="acme.wave"), action(version=2)]
    one = build_manifest(actions, {"a": "1", "b": "2"})
    other = build_manifest(reversed(actions), {"b": "2", "a": "1"})
    assert one == other
    assert one.fingerprint == other.fingerprint
    assert len(bytes.fromhex(one.fingerprint)) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"input": Gave},
        {"output": Other},
        {"io": "external"},
        {"effect": Effect.LOCAL},
    ],
)
def test_what_callers_rely_on(change: dict[str, Any]) -> None:
    """One schema, the effect or the io that differs gives another contract and another fingerprint."""
    assert contract_hash(action()) != contract_hash(action(**change))
    assert build_manifest([action()], {}).fingerprint != build_manifest([action(**change)], {}).fingerprint


def test_what_callers_do_not_see() -> None:
    """Words for people and the way to retry are not the contract."""
    assert contract_hash(action()) == contract_hash(action(label="Say hello", description="Politely."))


def test_versions() -> None:
    """A newer version of an action stands beside the older; a distribution's version is part of the fingerprint."""
    both = build_manifest([action(), action(version=2)], {"acme": "1.0"})
    assert sorted(both.actions) == ["acme.greet@1", "acme.greet@2"]
    assert both.fingerprint != build_manifest([action(), action(version=2)], {"acme": "1.1"}).fingerprint
    assert both.fingerprint != build_manifest([action()], {"acme": "1.0"}).fingerprint


def test_as_json() -> None:
    """The table of workers stores it as plain JSON, which has the same fingerprint."""
    manifest = build_manifest([action()], {"acme": "1.0"})
    stored = json.loads(json.dumps(manifest.as_json()))
    assert stored == {"actions": {"acme.greet@1": contract_hash(action())}, "distributions": {"acme": "1.0"}}
    assert sha256_json(stored) == manifest.fingerprint
