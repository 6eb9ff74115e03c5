"""What the catalog shows is what runs: server and workers prove that they know the same actions."""

from __future__ import annotations

SOURCE = """
import attrs
from workflow_core.actions import Action, Effect
from workflow_core.hookspecs import hookimpl
from workflow_core.modules import Module

@attrs.frozen
class Given:
    {field}: str = ""

@attrs.frozen
class Gave:
    text: str

async def echo(given, ctx):
    return Gave(text="ok")

class Plugin:
    @hookimpl
    def workflow_modules(self):
        return [Module(group_key="app:acme", label="Acme", description="Acme", tile_kind="app",
                       default_action_id="acme.echo", allowed_action_ids=("acme.echo",))]

    @hookimpl
    def workflow_actions(self):
        return [Action(id="acme.echo", label="Echo", description="Echo", input=Given, output=Gave,
                       effect=Effect.READ, io="database", handler=echo)]

plugin = Plugin()
"""
DEFINITION = {
    "id": "x",
    "version": 1,
    "name": "Echo",
    "payloadSchemaRef": "payload.Empty.v1",
    "steps": [
        {"id": "a", "type": "action.call", "config": {"actionId": "acme.echo", "version": 1, "inputMapping": {}}}
    ],
}


def write_acme(folder, field):
    info = folder / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[workflow.modules]\nacme = acme:plugin\n")
    (folder / "acme.py").write_text(SOURCE.format(field=field))
    return str(folder)


async def ready(stack, url):
    async with stack.session.get(f"{url}/health/ready") as answer:
        return await answer.json(content_type=None)


async def shows_workers(stack, url, expected):
    """/health/ready shows these workers: whether the fingerprint is the server's, and which actions differ."""

    async def shown():
        live = (await ready(stack, url))["workers"]["live"]
        return [(worker["sameFingerprint"], worker["differentActions"]) for worker in live] == expected

    await stack.until(shown, f"workers are {expected}")


async def test_publishing_needs_a_worker_with_the_same_contract(stack, tmp_path):
    """Refused while no worker has the action, and while one has it with another schema; then taken, and run."""
    old, new = write_acme(tmp_path / "old", "text"), write_acme(tmp_path / "new", "words")
    url = await stack.start_server(PYTHONPATH=new)

    _, refused = await stack.publish(DEFINITION, url=url)
    assert [(e["code"], e["stepPath"]) for e in refused["errors"]] == [("ACTION_NOT_ON_WORKERS", "root.steps[0]")]

    outdated = await stack.start_worker(PYTHONPATH=old)
    _, refused = await stack.publish(DEFINITION, url=url)
    assert [e["code"] for e in refused["errors"]] == ["ACTION_NOT_ON_WORKERS"]
    assert "acme.echo@1" in refused["errors"][0]["message"]
    await shows_workers(stack, url, [(False, ["acme.echo@1"])])
    await outdated.stop()

    await stack.start_worker(PYTHONPATH=new)
    await shows_workers(stack, url, [(True, [])])
    workflow_id, published = await stack.publish(DEFINITION, url=url)
    assert published["ok"], published
    status, started = await stack.call("POST", "/api/workflow-runs", {"workflowId": workflow_id}, url=url)
    assert status == 202, started
    assert (await stack.ended(started["runId"]))["status"] == "SUCCEEDED"


async def test_processes_with_other_search_paths_have_the_same_fingerprint(stack, tmp_path):
    """The order in which distributions are found does not matter; one differing schema does."""
    acme, other = write_acme(tmp_path / "acme", "text"), tmp_path / "other"
    other.mkdir()
    first = await stack.start_server(PYTHONPATH=f"{acme}:{other}")
    second = await stack.start_server(PYTHONPATH=f"{other}:{acme}")
    third = await stack.start_server(PYTHONPATH=write_acme(tmp_path / "changed", "words"))
    fingerprints = [(await ready(stack, url))["fingerprint"] for url in (first, second, third)]
    assert fingerprints[0] == fingerprints[1]
    assert fingerprints[0] != fingerprints[2]
