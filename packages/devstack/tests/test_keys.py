"""Keys for development."""

import stat

import jwt

from workflow_core.secrets import load_key_encryption_key
from workflow_devstack.keys import ensure_keys, read_secret, token
from workflow_devstack.seed import CONNECTED


def test_keys_are_private_and_made_once(folder):
    """A second up must be able to read what the first has encrypted."""
    ensure_keys(folder)
    paths = [folder.jwt_key, folder.secrets_key, folder.simulator_secret]
    first = [path.read_text() for path in paths]
    ensure_keys(folder)

    assert first == [path.read_text() for path in paths]
    assert len(set(first)) == len(first)
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}


def test_the_secrets_key_is_one_that_the_platform_takes(folder):
    """32 bytes in base64."""
    ensure_keys(folder)
    load_key_encryption_key({"WORKFLOW_SECRETS_KEY_FILE": str(folder.secrets_key)})


def test_a_token_says_who_asks_and_what_is_allowed(folder):
    """Signed with the folder's key."""
    ensure_keys(folder)
    text = token(folder, tenant=CONNECTED.tenant, user=CONNECTED.user_id, permissions=["workflow:read"])

    claims = jwt.decode(text, read_secret(folder.jwt_key), algorithms=["HS256"])

    assert claims["tenant"] == str(CONNECTED.tenant)
    assert claims["sub"] == str(CONNECTED.user_id)
    assert claims["permissions"] == ["workflow:read"]
