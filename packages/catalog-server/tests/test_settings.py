"""Settings: everything that is wrong is named at once, and no secret with it."""

from __future__ import annotations

import base64

import pytest

from workflow_catalog_server.settings import load_settings
from workflow_core.errors import ConfigurationError

SECRETS_KEY = base64.b64encode(b"s" * 32).decode()
ENOUGH = {
    "WORKFLOW_DATABASE_URL": "postgresql://app:hunter2@db/workflow",
    "WORKFLOW_JWT_KEY": "k" * 32,
    "WORKFLOW_SECRETS_KEY": SECRETS_KEY,
}


def test_defaults():
    """Three values are enough."""
    settings = load_settings(ENOUGH)
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8080)
    assert (settings.temporal_address, settings.temporal_namespace) == ("127.0.0.1:7233", "default")
    assert settings.required_distributions == {"workflow-psa"}
    assert not settings.strict
    assert settings.jwt_key.algorithm == "HS256"


def test_everything_can_be_set(tmp_path):
    """Keys may come from files."""
    key = tmp_path / "jwt"
    key.write_text("j" * 40 + "\n")
    settings = load_settings(
        {
            "WORKFLOW_DATABASE_URL": "postgresql://db/workflow",
            "WORKFLOW_JWT_KEY_FILE": str(key),
            "WORKFLOW_SECRETS_KEY": SECRETS_KEY,
            "WORKFLOW_HTTP_HOST": "0.0.0.0",
            "WORKFLOW_HTTP_PORT": "0",
            "WORKFLOW_JWT_ISSUER": "us",
            "WORKFLOW_JWT_AUDIENCE": "workflow",
            "WORKFLOW_TEMPORAL_ADDRESS": "temporal:7233",
            "WORKFLOW_TEMPORAL_NAMESPACE": "msp",
            "WORKFLOW_REQUIRED_DISTRIBUTIONS": "workflow-psa, workflow-ninjaone,",
            "WORKFLOW_STRICT": "true",
        }
    )
    assert settings.jwt_key.key == b"j" * 40
    assert settings.required_distributions == {"workflow-psa", "workflow-ninjaone"}
    assert (settings.http_port, settings.strict, settings.temporal_namespace) == (0, True, "msp")
    assert load_settings({**ENOUGH, "WORKFLOW_REQUIRED_DISTRIBUTIONS": ""}).required_distributions == set()


def test_all_mistakes_at_once():
    """One start tells everything that has to be changed."""
    with pytest.raises(ConfigurationError) as refused:
        load_settings(
            {
                "WORKFLOW_JWT_KEY": "short",
                "WORKFLOW_HTTP_PORT": "eighty",
                "WORKFLOW_SECRETS_KEY": "x",
                "WORKFLOW_STRICT": "maybe",
            }
        )
    assert len(refused.value.details["problems"]) == 5
    for name in ("DATABASE_URL", "JWT_KEY", "HTTP_PORT", "SECRETS_KEY", "STRICT"):
        assert f"WORKFLOW_{name}" in refused.value.message


@pytest.mark.parametrize(
    "environ",
    [
        {"WORKFLOW_JWT_KEY_FILE": "/nowhere"},
        {**ENOUGH, "WORKFLOW_JWT_KEY_FILE": "/nowhere"},
        {**ENOUGH, "WORKFLOW_JWT_KEY": "", "WORKFLOW_JWT_KEY_FILE": "/nowhere"},
        {**ENOUGH, "WORKFLOW_HTTP_PORT": "70000"},
        {**ENOUGH, "WORKFLOW_HTTP_PORT": "٣"},
    ],
)
def test_mistakes(environ):
    """Each is refused."""
    with pytest.raises(ConfigurationError):
        load_settings(environ)


def test_settings_show_no_secret():
    """Their text can be logged."""
    text = repr(load_settings(ENOUGH))
    assert "hunter2" not in text
    assert "kkkk" not in text
    assert "ssss" not in text
