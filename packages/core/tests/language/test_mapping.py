"""Mapping values and assign paths."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from workflow_core.errors import ExpressionBudgetError, ExpressionError, ValidationError
from workflow_core.language.expressions import Budget
from workflow_core.language.mapping import (
    assign_path,
    evaluate_mapping,
    evaluate_stepwise,
    exhaust,
    get_at,
    iter_expressions,
    iter_secrets,
    parse_assign_path,
    put_at,
)

NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
SCOPE = {"vars": {"title": "T", "ids": [1, 2], "nul": "a\0b"}, "payload": {"n": None}}


def evaluate(value):
    return evaluate_mapping(value, SCOPE, now=NOW, budget=Budget())


# ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"$expr": "vars.title"}, "T"),
        ({"title": {"$expr": "vars.title"}, "n": 1}, {"title": "T", "n": 1}),
        ([{"$expr": "vars.ids"}, "x"], [[1, 2], "x"]),
        ({"a": {"b": [{"c": {"$expr": "payload.n"}}]}}, {"a": {"b": [{"c": None}]}}),
        ({"token": {"$secret": "API_KEY"}}, {"token": {"$secret": "API_KEY"}}),
        ({"$expr": "vars.title", "other": 1}, {"$expr": "vars.title", "other": 1}),
        ({"$expr": 5}, {"$expr": 5}),
        ({"a": {"$exprs": "vars.title"}}, {"a": {"$exprs": "vars.title"}}),
        ("vars.title", "vars.title"),
        (None, None),
        (True, True),
        (1.5, 1.5),
        ([], []),
        ({}, {}),
        ("a\0b", "ab"),
        ({"k\0": ["\0"]}, {"k": [""]}),
        ({"$expr": "vars.nul"}, "ab"),
    ],
)
def test_evaluate_mapping(value, expected):
    """Expressions are evaluated at any depth, secrets stay, everything else is literal, without NUL characters."""
    before = copy.deepcopy(value)
    assert expected == evaluate(value)
    assert before == value


def test_missing_results_and_authored_secrets():
    """What selects nothing is null and its place is told; so are secrets that the author wrote, and no others."""
    data = {
        "vars": {
            "forged": {
                "$secret": "KEY",
            },
            "deep": [{"$secret": "KEY"}],
        }
    }
    value = {
        "a": {"$expr": "vars.nope"},
        "b": [{"$expr": "nope"}, {"c.d": {"$secret": "KEY"}}],
        "e": {"$expr": "vars.forged"},
        "f": {"$expr": "vars.deep"},
        "g": {"$expr": "null"},
    }
    mapped = exhaust(evaluate_stepwise(value, data, now=NOW, budget=Budget()))
    assert mapped.missing == [("a",), ("b", 0)]
    assert mapped.secrets == [("b", 1, "c.d")]
    assert mapped.value == {
        "a": None,
        "b": [None, {"c.d": {"$secret": "KEY"}}],
        "e": {"$secret": "KEY"},
        "f": [{"$secret": "KEY"}],
        "g": None,
    }


def test_stepwise_evaluation_stops_before_each_expression():
    """Whoever drives it can wait between two expressions."""
    steps = evaluate_stepwise([{"$expr": "1"}, "x", {"a": {"$expr": "2"}}], {}, now=NOW, budget=Budget())
    assert len(list(steps)) == 2


def test_putting_and_getting_at_a_place():
    """The value that is given stays as it is."""
    value = {"a": [1, {"b": 2}]}
    assert put_at(value, ("a", 1, "b"), 3) == {"a": [1, {"b": 3}]}
    assert (put_at(value, (), 3), get_at(value, ("a", 1, "b")), value) == (3, 2, {"a": [1, {"b": 2}]})


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"title": {"$expr": "1 +"}}, "title"),
        ({"assignment": {"primary": {"id": {"$expr": "$nope()"}}}}, "assignment.primary.id"),
        ({"tags": ["x", {"$expr": "vars.title + 1"}]}, "tags[1]"),
        ([[{"$expr": ""}]], "[0][0]"),
        ({"$expr": "$error('x')"}, ""),
    ],
)
def test_errors_have_the_path(value, path):
    """An error says which field of the mapping it is in."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(value)
    assert path == caught.value.details["path"]


def test_budget_errors_have_the_path_too():
    """A mapping spends from one budget, and says where it ended."""
    with pytest.raises(ExpressionBudgetError) as caught:
        evaluate({"a": {"$expr": "[1..1000000000]"}})
    assert (caught.value.details["path"], caught.value.details["limit"]) == ("a", "max_elements")


def test_a_mapping_nested_too_deeply():
    """A mapping deeper than any JSON document of ours is an error of ours."""
    value: list[object] = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(ExpressionError, match="nested too deeply"):
        evaluate(value)


def test_iterating():
    """Expressions and secrets are found with their paths, in document order."""
    value = {
        "a": {"$expr": "1"},
        "b": [{"$secret": "KEY"}, {"c": {"$expr": "2"}}],
        "d": {"$expr": "3", "more": {"$expr": "4"}},
        "e": {"$secret": 5},
    }
    assert list(iter_expressions(value)) == [("a", "1"), ("b[1].c", "2"), ("d.more", "4")]
    assert list(iter_secrets(value)) == [("b[0]", "KEY")]
    assert list(iter_expressions({"$expr": "x"})) == [("", "x")]


# ── Assign paths ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("vars.title", ("vars", ("title",))),
        ("title", ("vars", ("title",))),
        ("vars.a.b", ("vars", ("a", "b"))),
        ("payload.x", ("payload", ("x",))),
        ("meta.tag", ("meta", ("tag",))),
        ("error.x", ("error", ("x",))),
        ("local.i", ("local", ("i",))),
        ("payload", ("payload", ())),
        ("vars.__proto__", ("vars", ("__proto__",))),
    ],
)
def test_parse_assign_path(path, expected):
    """A path is a root and names; one name alone is a variable."""
    assert expected == parse_assign_path(path)


@pytest.mark.parametrize(
    "path", ["", ".", "vars.", ".x", "a..b", "vars. ", "foo.bar", "system.x", "system", "event", "vars.a[0]"]
)
def test_bad_assign_paths(path):
    """Empty names, brackets and roots that cannot be written are refused."""
    with pytest.raises(ValidationError) as caught:
        parse_assign_path(path)
    assert ("INVALID_ASSIGN_PATH", path) == (caught.value.code, caught.value.details["path"])


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("vars.title", {"vars": {"title": 1, "deep": {"x": {}}, "list": [{"a": 0}]}}),
        ("title", {"vars": {"title": 1, "deep": {"x": {}}, "list": [{"a": 0}]}}),
        ("vars.deep.y.z", {"vars": {"title": "T", "deep": {"x": {}, "y": {"z": 1}}, "list": [{"a": 0}]}}),
        ("vars.title.new", {"vars": {"title": {"new": 1}, "deep": {"x": {}}, "list": [{"a": 0}]}}),
        ("vars.list.0.a", {"vars": {"title": "T", "deep": {"x": {}}, "list": [{"a": 1}]}}),
        ("meta.tag", {"meta": {"m": 1, "tag": 1}}),
        ("error.x", {"error": {"x": 1}}),
        ("error", {"error": 1}),
    ],
)
def test_assign_path(path, changed):
    """The value is set, objects are made on the way, and the old scopes stay as they were."""
    scopes = {"vars": {"title": "T", "deep": {"x": {}}, "list": [{"a": 0}]}, "meta": {"m": 1}}
    before = copy.deepcopy(scopes)
    assert {**before, **changed} == assign_path(scopes, path, 1)
    assert before == scopes


def test_assigning_copies_only_the_path():
    """What stands beside the path is shared with the old scopes."""
    scopes = {"vars": {"a": {"b": 1}, "big": {"x": 1}}, "payload": {"p": 1}}
    result = assign_path(scopes, "vars.a.b", 2)
    assert result["payload"] is scopes["payload"]
    assert result["vars"]["big"] is scopes["vars"]["big"]
    assert result["vars"]["a"] is not scopes["vars"]["a"]


@pytest.mark.parametrize(("path", "value"), [("vars.list.first", 1), ("vars.list.7", 1), ("payload", 5), ("vars", [])])
def test_assignments_that_cannot_be(path, value):
    """A list is entered by an existing index only, and a root stays an object."""
    with pytest.raises(ValidationError) as caught:
        assign_path({"vars": {"list": [1]}}, path, value)
    assert caught.value.code == "INVALID_ASSIGN_PATH"
