"""Our own packages speak a second language completely."""

from collections.abc import Iterator
from typing import Any

import pytest

from workflow_core.discovery import Registry, discover
from workflow_core.locales import load_translations
from workflow_core.schema import json_schema

OURS = ("workflow-psa", "workflow-ninjaone")


@pytest.fixture(scope="module")
def registry() -> Registry:
    """What is installed."""
    return discover().registry


def schemas(registry: Registry, distribution: str) -> Iterator[dict[str, Any]]:
    """Of every class in what the distribution's actions take and give, and in what its events bring."""
    contracts = [
        contract
        for action in registry.actions.values()
        if registry.distribution_of[action.id] == distribution
        for contract in (action.input, action.output)
    ]
    contracts += [
        event.payload
        for event in registry.events.values()
        if registry.distribution_of_event[event.name] == distribution
    ]
    for contract in contracts:
        schema = json_schema(contract)
        yield {key: value for key, value in schema.items() if key != "$defs"}
        yield from schema.get("$defs", {}).values()


def fields(registry: Registry, distribution: str) -> dict[str, set[str]]:
    """The names of fields by the class that has any."""
    named = {schema["title"]: set(schema.get("properties", {})) for schema in schemas(registry, distribution)}
    return {title: names for title, names in named.items() if names}


@pytest.mark.parametrize("distribution", OURS)
def test_our_own_packages_are_complete_in_german(registry, distribution):
    """Every module, action, event, field, job and connection has its words, and no word belongs to nothing."""
    translations = load_translations([distribution])
    wanted = {
        "modules": {key for key, owner in registry.distribution_of_module.items() if owner == distribution},
        "actions": {key for key, owner in registry.distribution_of.items() if owner == distribution},
        "events": {key for key, owner in registry.distribution_of_event.items() if owner == distribution},
        "jobs": {key for key, owner in registry.distribution_of_job.items() if owner == distribution},
    }
    [file] = translations._files["de"]
    assert {kind: set(getattr(file, kind)) for kind in wanted} == wanted
    assert {title: set(words) for title, words in file.schemas.items()} == fields(registry, distribution)
    assert all(word.description for words in file.schemas.values() for word in words.values())
    assert file.connections.keys() == {
        provider for provider, owner in registry.distribution_of_connection.items() if owner == distribution
    }
    for provider, words in file.connections.items():
        declared = registry.connections[provider]
        assert set(words.fields) == {field.name for field in declared.fields}
        assert set(words.methods) == {method.key for method in declared.methods}
        assert set(words.scopes) == {scope.key for scope in declared.scopes}
        assert set(words.mappings) == {mapping.key for mapping in declared.mappings}
        assert translations.connection("de-AT", declared) != declared


@pytest.mark.parametrize("distribution", OURS)
def test_a_title_is_the_name_of_one_class(registry, distribution):
    """Else the words of one would be those of the other; and no field declares a title: in English its name is read."""
    declared = {}
    for schema in schemas(registry, distribution):
        assert declared.setdefault(schema["title"], schema) == schema
        assert not [name for name, field in schema.get("properties", {}).items() if "title" in field]


def test_an_action_is_described_in_german(registry):
    """From the outermost class to the innermost; the contract itself, and with it its hash, stays English."""
    translations = load_translations(OURS)
    declared = json_schema(registry.actions["tickets.create", 1].input)
    german = translations.action_schema("de", "tickets.create", declared)
    assert german["properties"]["client_id"]["title"] == "Kunde"
    assert german["$defs"]["Assignment"]["properties"]["primary"]["title"] == "Zuständig"
    assert "title" not in declared["properties"]["client_id"]
    event = registry.events["TICKET_CREATED"]
    payload = translations.event_schema("de", event.name, json_schema(event.payload))
    assert payload["properties"]["ticketNumber"]["title"] == "Ticketnummer"
