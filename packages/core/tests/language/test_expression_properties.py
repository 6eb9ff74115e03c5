"""What holds for every expression: it ends in a value or an error of ours, changes nothing, and does so every time."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_core.errors import ExpressionError
from workflow_core.language._functions import built_in_functions
from workflow_core.language.expressions import MISSING, Budget, compile_expression

NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)

NAMES = ("payload", "vars", "item", "list", "name", "n", "none", "deep", "len", "`a b`")
OPERATORS = ("+", "-", "*", "/", "%", "&", "=", "==", "!=", "<", ">=", "and", "or", "in", "..", "??", "?:", ".", "~>")
PICTURES = ("'#,##0.00'", "'[Y0001]-[M01]'", "'w'", "'0;o'", "'%'", "''", "'[['")
VARIABLES = ("$", "$$", "$x", "$y", "%")

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**64), 2**64), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "n", "list", "a b"]), inner),
    max_leaves=12,
)
scopes = st.fixed_dictionaries(dict.fromkeys(("payload", "vars", "item", "list", "deep", "len"), values))

literals = st.one_of(
    st.integers(-3, 1000).map(str),
    st.sampled_from(["1.5", "1e21", "0", "null", "true", "false", "''", "'a,b'", "/a|b/", "/(x)?y/i", "[]", "{}"]),
    st.sampled_from(PICTURES),
    st.text(max_size=6).map(json.dumps),
)
functions = st.sampled_from(sorted(built_in_functions()))


def compound(inner):
    """Everything that holds other expressions."""
    joined = st.lists(inner, max_size=3).map(", ".join)
    return st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}.({parts[1]})"),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}^(>{parts[1]})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"{parts[0]}{{{parts[1]}: {parts[2]}}}"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]}@$x#$y.{parts[1]})"),
        st.tuples(inner, inner).map(lambda parts: f"($x := {parts[0]}; {parts[1]})"),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]} ~> |{parts[1]}|{{'n': 1}}, 'name'|)"),
        st.tuples(functions, joined).map(lambda parts: f"${parts[0]}({parts[1]})"),
        st.tuples(functions, inner, inner).map(lambda parts: f"${parts[0]}({parts[1]}, λ($x, $y) {{ {parts[2]} }})"),
        st.tuples(functions, inner).map(lambda parts: f"{parts[1]} ~> ${parts[0]}"),
        st.tuples(functions, inner).map(lambda parts: f"${parts[0]}(?, {parts[1]})"),
        joined.map(lambda parts: f"[{parts}]"),
        st.tuples(inner, inner).map(lambda parts: f"{{'a': {parts[0]}, $string({parts[1]}): 1}}"),
        inner.map(lambda part: f"-$count({part})"),
        inner.map(lambda part: f"{part}[]"),
        inner.map(lambda part: f"{part}.*"),
        inner.map(lambda part: f"{part}.**"),
    )


expressions = st.recursive(st.sampled_from(NAMES + VARIABLES) | literals, compound, max_leaves=12)


def outcome(source, scope):
    """The result or the error, and the steps."""
    budget = Budget(max_steps=5_000)
    try:
        result = compile_expression(source).evaluate(scope, now=NOW, budget=budget)
    except ExpressionError as error:
        return (error.code, error.message, error.details), budget.activation_steps
    return result, budget.activation_steps


@settings(max_examples=500, deadline=None)
@given(expressions, scopes)
def test_every_expression(source, scope):
    """Nothing but an ``ExpressionError`` comes out, no scope is changed, and the same is done twice."""
    before = copy.deepcopy(scope)
    first = outcome(source, scope)
    assert scope == before
    assert outcome(source, copy.deepcopy(scope)) == first


@settings(max_examples=300, deadline=None)
@given(expressions, scopes)
def test_results_are_json(source, scope):
    """A result can be written as JSON in UTF-8 without NUL, and read back as it is."""
    try:
        result = compile_expression(source).evaluate(scope, now=NOW, budget=Budget(max_steps=5_000))
    except ExpressionError:
        return
    if result is not MISSING:
        text = json.dumps(result, ensure_ascii=False, allow_nan=False)
        assert json.loads(text.encode()) == result
        assert "\\u0000" not in text.replace("\\\\", "")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab$.[](){}'\"`/*&=<>:;,?@#^%|~+- 01\\n\u00e9")), max_size=40))
def test_every_text(source):
    """Any text compiles or is refused by an ``ExpressionError``."""
    outcome(source, {"a": [1, {"b": 2}], "b": "x"})


@settings(max_examples=200, deadline=None)
@given(values, st.lists(st.sampled_from(["name", "n", "list"]), max_size=3))
def test_the_short_way_gives_what_the_engine_gives(value, names):
    """A plain path is followed without the engine, with the same result."""
    path = ".".join(["x", *names])
    assert outcome(path, {"x": value})[0] == outcome(f"({path})", {"x": value})[0]
