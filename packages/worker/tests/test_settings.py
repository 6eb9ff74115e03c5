"""Settings: the shared ones as in every process, and everything that is wrong named at once."""

from __future__ import annotations

import base64

import pytest

from workflow_core.errors import ConfigurationError
from workflow_worker.settings import load_settings

ENOUGH = {
    "WORKFLOW_DATABASE_URL": "postgresql://app:hunter2@db/workflow",
    "WORKFLOW_SECRETS_KEY": base64.b64encode(b"s" * 32).decode(),
}


def test_defaults():
    """Two values are enough."""
    settings = load_settings(ENOUGH)
    assert (settings.max_concurrent, settings.shutdown_seconds, settings.build_id) == (20, 30, None)
    assert settings.reconcile_seconds == 900
    assert settings.per_tenant == 10
    assert (settings.temporal_address, settings.temporal_namespace) == ("127.0.0.1:7233", "default")
    assert settings.required_distributions == {"workflow-psa"}
    assert not settings.strict
    assert "hunter2" not in repr(settings)


def test_everything_can_be_set():
    """Numbers, names and switches."""
    settings = load_settings(
        {
            **ENOUGH,
            "WORKFLOW_MAX_ACTIVITIES": "1000",
            "WORKFLOW_TENANT_ACTIVITIES": "7",
            "WORKFLOW_SHUTDOWN_SECONDS": "0",
            "WORKFLOW_RECONCILE_SECONDS": "60",
            "WORKFLOW_BUILD_ID": "b7",
            "WORKFLOW_STRICT": "ON",
            "WORKFLOW_REQUIRED_DISTRIBUTIONS": "",
        }
    )
    assert (settings.max_concurrent, settings.shutdown_seconds, settings.build_id) == (1000, 0, "b7")
    assert (settings.reconcile_seconds, settings.per_tenant) == (60, 7)
    assert (settings.strict, settings.required_distributions) == (True, set())


def test_all_mistakes_at_once():
    """One start tells everything that has to be changed."""
    wrong = {
        "WORKFLOW_STRICT": "maybe",
        "WORKFLOW_MAX_ACTIVITIES": "0",
        "WORKFLOW_SHUTDOWN_SECONDS": "soon",
        "WORKFLOW_BUILD_ID": "b 7" * 100,
    }
    with pytest.raises(ConfigurationError) as refused:
        load_settings(wrong)
    assert len(refused.value.details["problems"]) == 6
    for name in (*wrong, "WORKFLOW_DATABASE_URL", "WORKFLOW_SECRETS_KEY"):
        assert name in refused.value.message
