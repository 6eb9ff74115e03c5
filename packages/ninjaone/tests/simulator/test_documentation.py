import json
import re
from pathlib import Path

import pytest
from aiohttp import web

from workflow_ninjaone.simulator import control

README = Path(__file__).parents[2] / "README.md"
ROWS = re.findall(r"^\| `([a-z0-9/]+)` \| `(\{.*?\})` \| ", README.read_text(encoding="utf-8"), re.MULTILINE)


def test_rows():
    """
    The table in the README is found.
    """
    assert len(ROWS) == 10


@pytest.mark.parametrize(("path", "body"), ROWS)
async def test_readme(simulator, path, body):
    """
    What the README posts to the control paths is understood.
    """
    status, _ = await simulator.control("POST", path, json=json.loads(body))

    assert status in {200, 201}


def test_control_paths():
    """
    The docstring of the control paths has all of them.
    """
    app = web.Application()
    control.add_routes(app)
    told = re.findall(r"^(GET|POST|DELETE)\s+``([\w/{}]+)``", control.__doc__, re.MULTILINE)
    routes = [(route.method, route.resource.canonical.removeprefix("/_simulator/")) for route in app.router.routes()]

    assert sorted(told) == sorted(route for route in routes if route[0] != "HEAD")
