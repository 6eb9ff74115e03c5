"""The examples of ``docs/effects.md`` hold: decisions are bodies that the API takes, and the integration works."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from workflow_catalog_server.effect_routes import SettleEffect
from workflow_core.actions import Happened, NotHappened, SentEffect, Unknown
from workflow_core.errors import Refused, TransientError
from workflow_core.execution.settlement import Decision
from workflow_core.schema import convert

TEXT = (Path(__file__).parents[3] / "docs" / "effects.md").read_text()


def examples(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_decisions():
    """Every one of them is shown, as it is read."""
    bodies = [convert(SettleEffect, orjson.loads(text)) for text in examples("json")]
    assert {body.decision for body in bodies} == set(Decision)


@pytest.fixture
def action():
    (source,) = examples("python")
    names = {}
    exec(compile(source, "docs/effects.md", "exec"), names)
    return names["start_job"]


class Vendor:
    """Answers a handler's requests, in turn; also the context that it is given."""

    def __init__(self, *answers):
        self.http, self.prepared, self.asked, self._answers = self, None, [], list(answers)

    @asynccontextmanager
    async def get(self, url):
        self.asked.append(url)
        status, body = self._answers.pop(0)

        async def json():
            return body

        yield SimpleNamespace(status=status, json=json)

    post = get


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        ({"runs": 4, "disabled": False}, Happened),
        ({"runs": 3, "disabled": True}, NotHappened),
        ({"runs": 3, "disabled": False}, Unknown),
    ],
)
async def test_the_integration_looks(action, now, verdict):
    """What it had prepared tells before from after."""
    given, vendor = action.input(job_id=7), Vendor((200, {"runs": 3, "disabled": False}), (200, now))
    prepared = await action.prepare(given, vendor)
    found = await action.reconcile(given, vendor, SentEffect(datetime.now(UTC), prepared))
    assert isinstance(found, verdict)
    if verdict is Happened:
        assert found.output == action.output(job_id=7, run_number=4)
    assert vendor.asked == ["https://backup.example/jobs/7"] * 2


@pytest.mark.parametrize(("status", "error"), [(429, Refused), (500, TransientError), (202, None)])
async def test_the_integration_acts(action, status, error):
    """It refuses only what proves that nothing was done."""
    vendor = Vendor((status, None))
    vendor.prepared = {"runs": 3}
    if error is None:
        assert (await action.handler(action.input(job_id=7), vendor)).run_number == 4
        return
    with pytest.raises(error):
        await action.handler(action.input(job_id=7), vendor)
