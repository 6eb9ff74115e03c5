"""Our own packages speak a second language completely."""

import pytest

from workflow_core.discovery import discover
from workflow_core.locales import load_translations


@pytest.mark.parametrize("distribution", ["workflow-psa", "workflow-ninjaone"])
def test_our_own_packages_are_complete_in_german(distribution):
    """Every module, action, event and connection has its words, and no word belongs to nothing."""
    registry = discover().registry
    translations = load_translations([distribution])
    wanted = {
        "modules": {key for key, owner in registry.distribution_of_module.items() if owner == distribution},
        "actions": {key for key, owner in registry.distribution_of.items() if owner == distribution},
        "events": {key for key, owner in registry.distribution_of_event.items() if owner == distribution},
    }
    [file] = translations._files["de"]
    assert {kind: set(getattr(file, kind)) for kind in wanted} == wanted
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
