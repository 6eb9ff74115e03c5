"""Expressions are tried with the engine that runs them."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("expression", "value"),
    [("payload.n + 1", 3), ('coalesce(payload.gone, "x")', "x"), ("payload", {"n": 2}), ("payload.n == 2", True)],
)
async def test_an_expression_has_a_value_on_the_sample(server, expression, value):
    """The dialect of workflows: their functions, and ``==``."""
    body = {"expression": expression, "scope": {"payload": {"n": 2}}}
    response = await server.a("POST", "/api/workflow/expressions/try", json=body)
    assert await response.json() == {"value": value, "missing": False, "problem": None}


async def test_what_is_not_there_is_missing(server):
    """Which is not the same as null."""
    response = await server.a("POST", "/api/workflow/expressions/try", json={"expression": "payload.n"})
    assert await response.json() == {"value": None, "missing": True, "problem": None}


@pytest.mark.parametrize(
    ("expression", "code", "position"),
    [
        ("payload.(", "INVALID_EXPRESSION", 9),
        ("", "EMPTY_EXPRESSION", None),
        ("1 + true", "EXPRESSION_FAILED", 3),
        ("($f := function() { $f() }; $f())", "EXPRESSION_BUDGET_EXCEEDED", None),
    ],
)
async def test_what_is_wrong_is_an_answer(server, expression, code, position):
    """With its place, where it is known; and a costly one is cut off."""
    response = await server.a("POST", "/api/workflow/expressions/try", json={"expression": expression})
    problem = (await response.json())["problem"]
    assert (response.status, problem["code"], problem["position"]) == (200, code, position)
