"""What Temporal's sandbox would watch, were it not too expensive: a run does the same when it is replayed.

Only the workflow's own clock and random numbers are the same then, and only what is iterated in a fixed order.
"""

from __future__ import annotations

import ast
import inspect
import sys

import pytest

from workflow_worker import interpreter

#: Modules from which nothing may come, but what is named here.
FORBIDDEN = {
    "datetime": {"UTC", "datetime", "timedelta"},
    "pathlib": set(),
    "random": {"Random"},
    "secrets": set(),
    "socket": set(),
    "subprocess": set(),
    "threading": set(),
    "time": set(),
    "uuid": {"UUID", "uuid5"},
}
#: Calls of what else may come from there, from :mod:`os` or from :mod:`asyncio`: the host's clock and its like, and
#: waiting by sets.
FORBIDDEN_CALLS = {"now", "utcnow", "today", "urandom", "getpid", "listdir", "as_completed", "wait"}
#: Whose clock and waiting are the run's own.
WORKFLOW = "workflow"


def modules_of_the_interpreter():
    """The module itself and what it imports from the worker, directly or not."""
    found, left = {}, [interpreter.__name__]
    while left:
        name = left.pop()
        if name in found or not name.startswith("workflow_worker."):
            continue
        found[name] = ast.parse(inspect.getsource(sys.modules[name]))
        left += [node.module for node in ast.walk(found[name]) if isinstance(node, ast.ImportFrom) and node.module]
    return found


MODULES = modules_of_the_interpreter()


@pytest.mark.parametrize("name", MODULES)
def test_module_is_deterministic(name):
    """It takes nothing from the host that differs from one time to the next."""
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            assert not FORBIDDEN.keys() & {alias.name for alias in node.names}, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module in FORBIDDEN:
            assert {alias.name for alias in node.names} <= FORBIDDEN[node.module], node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FORBIDDEN_CALLS:
            assert ast.unparse(node.func.value) == WORKFLOW, (node.lineno, ast.unparse(node))
        elif isinstance(node, ast.For | ast.comprehension):
            assert not isinstance(node.iter, ast.Set | ast.SetComp), ast.unparse(node.iter)


def test_all_of_it_is_looked_at():
    """The walk does not miss the parts that decide what happens."""
    parts = ("strand", "concurrency", "action_steps", "evaluation", "trace")
    assert {f"workflow_worker.{part}" for part in parts} <= set(MODULES)
