"""Our own packages speak a second language completely."""

import pytest

from workflow_core.discovery import discover
from workflow_core.locales import load_translations


@pytest.mark.parametrize("distribution", ["workflow-psa", "workflow-ninjaone"])
def test_our_own_packages_are_complete_in_german(distribution):
    """Every module, action and event has its words, and no word belongs to nothing."""
    registry = discover().registry
    translations = load_translations([distribution])
    wanted = {
        "modules": {key for key, owner in registry.distribution_of_module.items() if owner == distribution},
        "actions": {key for key, owner in registry.distribution_of.items() if owner == distribution},
        "events": {key for key, owner in registry.distribution_of_event.items() if owner == distribution},
    }
    [file] = translations._files["de"]
    assert {kind: set(getattr(file, kind)) for kind in wanted} == wanted
