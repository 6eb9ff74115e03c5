"""Expressions against bare jsonata-python, compiled once on both sides; and the validation of a large definition."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from jsonata import Jsonata
from rich.console import Console
from rich.table import Table

from benchmarks.platform import Platform
from workflow_core.definitions.surroundings import Surroundings
from workflow_core.discovery import discover
from workflow_core.language.expressions import Budget, compile_expression
from workflow_core.language.findings import errors_of

ROUNDS = 15
NOW = datetime(2026, 3, 2, tzinfo=UTC)
SCOPE = {
    "vars": {"alert": {"device": {"name": "SRV-01"}, "message": "Disk full"}},
    "payload": {
        "items": [{"price": number * 1.5, "count": number % 7, "open": number % 3 == 0} for number in range(100)]
    },
}
EXPRESSIONS = (
    ("a simple path", "vars.alert.device.name", 2000),
    ("a 100-item aggregate", "$sum(payload.items.(price * count))", 20),
    ("a filter over 100 items", "$count(payload.items[open and price > 30])", 20),
)
STEPS = 500


async def measure(_platform: Platform, console: Console) -> None:
    """Prints both, measured in turn."""
    table = Table("what", "bare", "ours", "ratio", "target", title="Expressions against jsonata-python")
    for what, source, times in EXPRESSIONS:
        bare, ours = Jsonata(source), compile_expression(source)

        def theirs(bare: Jsonata = bare) -> Any:
            return bare.evaluate(SCOPE)

        def own(ours: Any = ours) -> Any:
            return ours.evaluate(SCOPE, now=NOW, budget=Budget())

        assert theirs() == own(), source
        slow, fast = _alternately(theirs, own, times)
        ratio = statistics.median(mine / other for other, mine in zip(slow, fast, strict=True))
        verdict = f"≤ 1.3 {'✓' if ratio <= 1.3 else '✗'}"
        table.add_row(what, _micro(slow, times), _micro(fast, times), f"{ratio:.2f}", verdict)
    console.print(table)
    console.print(_validation())


def _validation() -> Table:
    """500 steps in blocks, held against what is installed; the baseline reads and writes the definition as JSON."""
    definition = _definition()
    surroundings = Surroundings.without_tenant(discover().registry)
    findings = surroundings.validate(definition)
    assert not errors_of(findings), errors_of(findings)[0]
    text = orjson.dumps(definition)
    plain, validated = _alternately(
        lambda: orjson.dumps(orjson.loads(text)), lambda: surroundings.validate(definition), 1
    )
    theirs, own = statistics.median(plain) * 1000, statistics.median(validated) * 1000
    table = Table(
        "what", "JSON round trip", "validation", "ratio", title="Validating a definition, expressions compiled"
    )
    table.add_row(f"{STEPS} steps, {len(text) // 1024} KiB", f"{theirs:.2f} ms", f"{own:.1f} ms", f"{own / theirs:.0f}")
    return table


def _definition() -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    for number in range(STEPS // 5):
        find = {
            "id": f"find-{number}",
            "type": "action.call",
            "config": {
                "actionId": "assets.find",
                "version": 1,
                "inputMapping": {"name": {"$expr": "payload.name"}, "limit": 5},
                "saveAs": f"vars.found{number}",
            },
        }
        assign = {
            "id": f"assign-{number}",
            "type": "transform.assign",
            "config": {"assign": {f"vars.title{number}": {"$expr": f"'Asset ' & vars.found{number}.asset.name"}}},
        }
        notify = {
            "id": f"notify-{number}",
            "type": "action.call",
            "config": {
                "actionId": "notifications.send_in_app",
                "version": 1,
                "inputMapping": {
                    "recipients": {"role_names": ["Technician"]},
                    "title": {"$expr": f"vars.title{number}"},
                    "body": {"$expr": "item.name"},
                },
            },
        }
        loop = {
            "id": f"loop-{number}",
            "type": "control.forEach",
            "items": {"$expr": f"vars.found{number}.assets"},
            "itemVar": "item",
            "body": [notify],
        }
        condition = {
            "id": f"if-{number}",
            "type": "control.if",
            "condition": {"$expr": f"vars.found{number}.count > 0"},
            "then": [assign, loop],
        }
        steps += [find, condition]
    return {"id": "bench", "version": 1, "name": "Bench", "payloadSchemaRef": "payload.Bench.v1", "steps": steps}


def _alternately(first: Callable[[], Any], second: Callable[[], Any], times: int) -> tuple[list[float], list[float]]:
    taken: dict[Callable[[], Any], list[float]] = {first: [], second: []}
    for _ in range(ROUNDS):
        for act in (first, second):
            began = time.perf_counter()
            for _ in range(times):
                act()
            taken[act].append(time.perf_counter() - began)
    return taken[first], taken[second]


def _micro(taken: list[float], times: int) -> str:
    return f"{statistics.median(taken) / times * 1e6:.1f} µs"
