"""Our results beside those of the reference implementation, as ``conformance/regenerate.mjs`` has recorded them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from workflow_core.errors import ExpressionError
from workflow_core.language.expressions import MISSING, Budget, compile_expression

RECORD = json.loads(Path(__file__).with_name("conformance").joinpath("expectations.json").read_text("utf-8"))
NOW = datetime.fromisoformat(RECORD["now"])
DIFFERENT = [case for case in RECORD["cases"] if "ours" in case]


def outcome(case):
    """What we give, in the form of the record."""
    budget = Budget()
    try:
        result = compile_expression(case["expression"]).evaluate(RECORD["data"][case["data"]], now=NOW, budget=budget)
    except ExpressionError as error:
        return {"error": error.code}
    return {"missing": True} if result is MISSING else {"result": result}


def comparable(value):
    """A value by which ``True`` and ``1`` differ, and numbers are those of JavaScript."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return float(value) if type(value) is int else (value,) if isinstance(value, bool) else value


def recorded(case):
    """What the reference gives."""
    return {key: case[key] for key in ("result", "missing", "error") if key in case}


@pytest.mark.parametrize(
    "case", RECORD["cases"], ids=[f"{case['data']}: {case['expression']}" for case in RECORD["cases"]]
)
def test_conformance(case):
    """Each expression gives what the reference gives, or what the record says that we mean to give instead."""
    expected = case.get("ours", recorded(case))
    found = outcome(case)
    if "error" in expected:
        assert found.keys() == {"error"}
    else:
        assert comparable(expected) == comparable(found)


def test_the_record_is_whole():
    """No case stands there twice, every case has been recorded, and every sample is used."""
    counts = Counter((case["data"], case["expression"]) for case in RECORD["cases"])
    assert max(counts.values()) == 1
    assert all(len(recorded(case)) == 1 for case in RECORD["cases"])
    assert {case["data"] for case in RECORD["cases"]} == RECORD["data"].keys()


@pytest.mark.parametrize("case", DIFFERENT, ids=[case["expression"] for case in DIFFERENT])
def test_every_difference_has_its_reason(case):
    """Where we mean to differ the record says why, and a difference that is none any more is taken out."""
    assert case["because"]
    assert comparable(recorded(case)) != comparable(case["ours"])
