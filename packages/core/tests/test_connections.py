"""What discovery says of descriptions that contradict themselves, and what check_entered says of what is entered."""

import pytest

from workflow_core.connections import (
    Connection,
    ConnectionField,
    ConnectionMethod,
    ConnectionScope,
    MappingKind,
    OAuth,
    connection_problems,
)
from workflow_core.discovery import registry_of
from workflow_core.errors import DiscoveryError, ValidationError
from workflow_core.integrations.entering import check_entered
from workflow_core.webhooks import WebhookReceiver


async def nothing(*_):
    """Never called."""


def connection(**changes):
    described = {
        "provider": "acme",
        "label": "Acme",
        "description": "",
        "segments": ("acme",),
        "fields": (
            ConnectionField(
                name="instance_url", label="", kind="choice", choices=(("https://eu.acme.test", "EU"),), other=True
            ),
            ConnectionField(name="plan", label="", kind="choice", choices=(("a", "A"), ("b", "B")), required=False),
            ConnectionField(name="secret", label="", kind="secret"),
            ConnectionField(name="key", label="", kind="secret", methods=("key",)),
        ),
        "methods": (
            ConnectionMethod(key="oauth", label="", oauth=OAuth(authorize_url=nothing, complete=nothing)),
            ConnectionMethod(key="key", label=""),
        ),
        "scopes": (ConnectionScope(key="read", label="", required=True), ConnectionScope(key="write", label="")),
        "renew": nothing,
    }
    return Connection(**{**described, **changes})


def enter(stored=(), url=None, **given):
    return check_entered(
        connection(),
        **{"method": None, "values": {}, "scopes": None, **given},
        stored_secrets=stored,
        stored_instance_url=url,
    )


def wrong(**given):
    """Path and code of everything that is refused."""
    with pytest.raises(ValidationError) as raised:
        enter(**given)
    return {(error.path, error.code) for error in raised.value.errors}


def test_sound():
    """A description without contradictions."""
    assert connection_problems(connection()) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"renew": None}, "OAuth needs renew"),
        ({"mappings": (MappingKind(key="company", label=""),)}, "mappings need list_mappable"),
        ({"fields": (ConnectionField(name="tokens", label=""),)}, "the name tokens is the platform's"),
        ({"fields": (ConnectionField(name="a", label="", methods=("gone",)),)}, "methods that do not exist: gone"),
        ({"fields": (ConnectionField(name="a", label="", kind="choice"),)}, "a choice has choices"),
        ({"methods": (ConnectionMethod(key="a", label=""),) * 2, "fields": ()}, "the method a is given twice"),
    ],
)
def test_contradictions(changes, problem):
    """Each contradiction keeps the distribution out, in words."""
    with pytest.raises(DiscoveryError, match=problem):
        registry_of("workflow-acme", "1", connections=[connection(**changes)])


def test_receiver_without_connection():
    """A receiver belongs to a connection of the same distribution."""
    with pytest.raises(DiscoveryError, match="webhook receiver of acme: no connection"):
        registry_of("workflow-acme", "1", receivers=[WebhookReceiver(provider="acme", handle=nothing)])


def test_first_method_and_all_scopes():
    """Left out are the usual method and all scopes; blanks around what is not secret are none of it."""
    entered = enter(values={"instance_url": " https://eu.acme.test ", "secret": " s ", "plan": ""})
    assert (entered.method.key, entered.scopes, entered.instance_url) == (
        "oauth",
        ("read", "write"),
        "https://eu.acme.test",
    )
    assert (entered.settings, entered.secrets, entered.kept) == ({}, {"secret": " s "}, ())


def test_everything_wrong_at_once():
    """Every wrong value is named."""
    assert wrong(
        method="key",
        values={"instance_url": "http://acme.test", "plan": "c", "secret": "a\0", "no": "such"},
        scopes=["write", "root"],
    ) == {
        ("values.no", "UNKNOWN_FIELD"),
        ("values.instance_url", "FORMAT"),
        ("values.plan", "CHOICE"),
        ("values.secret", "FORMAT"),
        ("values.key", "REQUIRED"),
        ("scopes", "UNKNOWN_SCOPE"),
        ("scopes", "REQUIRED"),
    }
    assert wrong(method="magic") == {("method", "UNKNOWN_METHOD")}


@pytest.mark.parametrize(
    "address",
    ["ftp://acme.test", "https://", "https://a:b@acme.test", "acme.test", "https://a:99999", "http://10.0.0.1"],
)
def test_addresses(address):
    """Secrets go to addresses that are encrypted, or on this machine."""
    assert wrong(values={"instance_url": address, "secret": "s"}) == {("values.instance_url", "FORMAT")}


def test_kept_secrets():
    """A stored secret may be left out, unless it would be sent to another address than before."""
    url = "https://eu.acme.test"
    assert enter(stored=["secret"], url=url, values={"instance_url": url}).kept == ("secret",)
    assert wrong(stored=["secret"], url=url, values={"instance_url": "https://else.test"}) == {
        ("values.secret", "REQUIRED")
    }
