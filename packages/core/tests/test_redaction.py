"""Redaction: a known value is found in every form in which it travels."""

import base64
import json
import time
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_core.redaction import REDACTED, Redactor

SECRET = 'p@ss/w"ord+ü?'


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def urlsafe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SECRET, REDACTED),
        (f"before {SECRET} after", f"before {REDACTED} after"),
        (f"{SECRET}{SECRET}", f"{REDACTED}{REDACTED}"),
        (f"?key={quote(SECRET)}&x=1", f"?key={REDACTED}&x=1"),
        (f"?key={quote(SECRET, safe='')}&x=1", f"?key={REDACTED}&x=1"),
        (f"?key={quote(SECRET, safe='').lower()}", f"?key={REDACTED}"),
        (f"?key={quote_plus(SECRET)}", f"?key={REDACTED}"),
        (f"{json.dumps({'k': SECRET})}", f'{{"k": "{REDACTED}"}}'),
        (orjson.dumps({"k": SECRET}).decode(), f'{{"k":"{REDACTED}"}}'),
        (f"ValueError({SECRET!r})", f"ValueError('{REDACTED}')"),
        (f"Bearer {b64(SECRET)}", f"Bearer {REDACTED}"),
        (f"Bearer {b64(SECRET).rstrip('=')}.", f"Bearer {REDACTED}."),
        (f"token {urlsafe(SECRET)}", f"token {REDACTED}"),
        (f"token {urlsafe(SECRET).rstrip('=')}", f"token {REDACTED}"),
        (f"Basic {b64(f'client:{SECRET}')}", f"Basic {REDACTED}"),
        (f"Basic {b64(f'a:{SECRET}')} and more", f"Basic {REDACTED} and more"),
        (f"Basic {b64(f'ab:{SECRET}:cd')}", f"Basic {REDACTED}"),
        ("nothing to see", "nothing to see"),
        ("", ""),
    ],
)
def test_forms(text: str, expected: str) -> None:
    """As it is, URL-encoded, escaped, in base64, and inside of something in base64."""
    assert Redactor([SECRET]).redact(text) == expected


@pytest.mark.parametrize(
    ("secrets", "value", "expected"),
    [
        (["abcd"], {"abcd": "x"}, {REDACTED: "x"}),
        (["abcd"], {"key abcd": ["abcd", {"n": "abcde"}]}, {f"key {REDACTED}": [REDACTED, {"n": f"{REDACTED}e"}]}),
        (["abcd", "efgh"], {"abcd": 1, "efgh": 2}, {REDACTED: 1, f"{REDACTED} (2)": 2}),
        (["123456"], [123456, 123456.0, 1234567], [REDACTED, REDACTED, 1234567]),
        (["1"], [True, 1, "1", "11", {"1": 2}], [True, REDACTED, REDACTED, "11", {REDACTED: 2}]),
        (["abc"], ["abc", "abcd", "ab"], [REDACTED, "abcd", "ab"]),
        (["abcd\n"], ["abcd\n", "=abcd="], [REDACTED, f"={REDACTED}="]),
        (["abcd", "abcdef"], "xabcdefx", f"x{REDACTED}x"),
        (["xyabc", "abcdef"], "xyabcdef", REDACTED),
        (["aaaa"], "aaaaaa", REDACTED),
        (["", " "], ["", " ", None, 1.5], ["", REDACTED, None, 1.5]),
        (["abcd"], (1, "abcd"), [1, REDACTED]),
    ],
)
def test_values(secrets: list[str], value: Any, expected: Any) -> None:
    """In keys, lists and numbers; short values only alone; overlapping ones together."""
    assert Redactor(secrets).redact(value) == expected


def test_nothing_added_costs_nothing() -> None:
    """Without secrets the very value comes back."""
    value = {"a": ["b"]}
    assert Redactor().redact(value) is value


def test_the_value_is_not_changed() -> None:
    """The redacted value is a new one."""
    value = {"a": ["abcd"]}
    Redactor(["abcd"]).redact(value)
    assert value == {"a": ["abcd"]}


def test_it_shows_no_secret() -> None:
    """A redactor in a log tells how many, not which."""
    assert repr(Redactor(["hunter2"])) == "<Redactor of 1 values>"


@given(
    secret=st.text(min_size=4).filter(lambda text: len(text.strip()) >= 4 and text.strip() not in REDACTED),
    before=st.text(alphabet="xyz :,"),
    after=st.text(alphabet="xyz :,"),
)
def test_no_form_survives(secret: str, before: str, after: str) -> None:
    """Whatever the secret is and wherever it stands."""
    redactor = Redactor([secret])
    for form in (secret, quote(secret), json.dumps(secret)[1:-1], b64(secret), b64(f"{before}{secret}{after}")):
        assert form not in redactor.redact(f"({before}) {form} ({after})")


@pytest.mark.parametrize("unit", ["hunter2", "aHVudGVyMg", "a", "aHVudGVyMg== "])
def test_long_texts_are_quick(unit: str) -> None:
    """A megabyte that is made to match takes no quadratic time."""
    redactor = Redactor(["hunter2", "aaaa"])
    started = time.perf_counter()
    redactor.redact(unit * (1_000_000 // len(unit)))
    assert time.perf_counter() - started < 20
