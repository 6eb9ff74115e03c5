"""JSON from outside: read whole, or refused."""

import pytest

from workflow_core.errors import ValidationError
from workflow_core.json_text import MAX_DEPTH, parse_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"[1.0, 1e3, 123456789012345678901234567890.5]", [1.0, 1000.0, 1.2345678901234568e29]),
        (b'{"a": "18446744073709551616"}', {"a": "18446744073709551616"}),
        (b'{"a\\u0000b": ["\\u0000", "\\\\u0000"]}', {"ab": ["", "\\u0000"]}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    ],
)
def test_what_is_read(text, value):
    """Numbers as they are, digits in strings too; only NUL is removed."""
    found = parse_json(text)
    if value is not None:
        assert (found, repr(found)) == (value, repr(value))


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (b"18446744073709551616", "NUMBER_TOO_LARGE", "The integer 18446744073709551616 has more than 64 bits"),
        (b'{"a": [-9223372036854775809]}', "NUMBER_TOO_LARGE", "write it as a string"),
        (b"1" * 300, "NUMBER_TOO_LARGE", "1111 has more"),
        (b"1" * 6000, "MALFORMED_JSON", "line 1, column 1"),
        (b"1e400", "MALFORMED_JSON", "line 1, column 1"),
        (b'{"a":\n NaN}', "MALFORMED_JSON", "line 2, column 2"),
        (b'"\\ud800"', "MALFORMED_JSON", "line 1"),
        (b"\xff", "MALFORMED_JSON", "line 1"),
        (b"", "MALFORMED_JSON", "line 1"),
        (b"[" * 200 + b"]" * 200, "JSON_TOO_DEEP", "deeper than 128 levels"),
    ],
)
def test_what_is_refused(text, code, words):
    """What could only be changed silently, and what is no JSON."""
    with pytest.raises(ValidationError, match=words) as refused:
        parse_json(text)
    assert refused.value.code == code
