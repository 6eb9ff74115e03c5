"""``workflow-modules bundles``: files in, files out, a report in between, and an exit code that says how it went."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from uuid import UUID

import asyncpg
import orjson
import pytest

from workflow_core import cli
from workflow_core.process import DATABASE_URL, REQUIRED_DISTRIBUTIONS
from workflow_core.testing.postgres import TENANTS

A = str(TENANTS.a)
USER = "11111111-1111-4111-8111-111111111111"


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch):
    """The tests say themselves what is configured."""
    for name in (cli.ADMIN_URL, DATABASE_URL, REQUIRED_DISTRIBUTIONS):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def migrated(database_factory, monkeypatch):
    """The command's database: as the role of a server, with all installed distributions, and one user of A."""
    async with database_factory.migrated() as database:
        monkeypatch.setenv(DATABASE_URL, database.dsn)
        conn = await asyncpg.connect(database.admin_dsn)
        await conn.execute(
            "INSERT INTO users (tenant, user_id, username, email) VALUES ($1, $2, 'u', 'u@a')", TENANTS.a, UUID(USER)
        )
        await conn.close()
        yield database


@pytest.fixture
def write(tmp_path):
    """Writes a file; gives its name."""

    def written(name, value):
        path = tmp_path / name
        path.write_bytes(value if isinstance(value, bytes) else orjson.dumps(value))
        return str(path)

    return written


@pytest.fixture
def plain(definition):
    """A definition that every installation can run."""

    def made(**more):
        step = {"id": "done", "type": "control.return"}
        return definition(steps=[step], **more)

    return made


async def run(*arguments):
    """Runs the command where no event loop is running; gives what it exits with."""

    def command():
        with pytest.raises(SystemExit) as caught:
            cli.main(("bundles", *arguments))
        return caught.value.code

    return await asyncio.to_thread(command)


# ── check ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_check(write, bundle, entry, plain, definition, capsys):
    """Without a database: what would be published, and every finding with its place."""
    good = write(
        "good.json", bundle(entry("good", definition=plain(), published=[{"version": 3, "definition": plain()}]))
    )
    broken = definition(steps=[{"id": "x", "type": "quantum.leap"}])
    bad = write("bad.json", bundle(entry("bad", published=[{"version": 1, "definition": broken}], definition=broken)))
    assert await run("check", good) == 0
    assert capsys.readouterr().out == f"{good}:\n  good: would be imported, published 3\n"
    assert await run("check", good, bad) == 1
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines == [
        f"{bad}:",
        "  bad: would be imported, held back 1",
        "    error in draft, 1: root.steps[0].type: UNKNOWN_NODE_TYPE: There is no step type quantum.leap.",
    ]


async def test_check_assumes_what_a_tenant_can_have(write, bundle, entry, definition, capsys):
    """Modules that have to be connected, secrets, and workflows that are in another file."""
    call = {
        "id": "x",
        "type": "action.call",
        "config": {"actionId": "ninjaone.devices.find", "version": 1, "inputMapping": {"query": {"$secret": "WORD"}}},
    }
    stranger = "99999999-9999-4999-8999-999999999999"
    calls = [
        {"id": name, "type": "control.callWorkflow", "workflowId": name, "workflowVersion": 1}
        for name in (stranger, "other")
    ]
    other = entry("other", definition=definition(id="other", steps=[]))
    file = write("x.json", bundle(entry("x", definition=definition(steps=[call, *calls])), other))
    assert await run("check", file, "--json") == 0
    findings = [found for row in json.loads(capsys.readouterr().out)["files"][0]["report"] for found in row["findings"]]
    assert [(found["code"], found["path"]) for found in findings] == [
        ("CALLED_WORKFLOW_NOT_FOUND", "root.steps[2].workflowId")
    ]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"{", "MALFORMED_JSON", "line 1"),
        (b"[1, 18446744073709551616]", "NUMBER_TOO_LARGE", "64 bits"),
        ({"format": "other", "workflows": []}, "INVALID_BUNDLE", "exportedAt: is required"),
        (b" " * (16 * 1024 * 1024 + 1), "FILE_TOO_LARGE", "at most 16 MiB"),
    ],
)
async def test_check_of_no_bundle(write, bundle, entry, plain, capsys, content, code, words):
    """The file is named with what is wrong, and the next one is looked at."""
    bad, good = write("bad", content), write("good", bundle(entry(definition=plain())))
    assert await run("check", bad, good, bad + "-gone") == 1
    out = capsys.readouterr().out
    assert f"{bad}: {code}" in out
    assert words in out
    assert "hello: would be imported" in out
    assert f"{bad}-gone: FILE_UNREADABLE: The file cannot be read: No such file or directory." in out


# ── import and export ────────────────────────────────────────────────────────────────────────────────────────────


async def test_import_and_export(migrated, write, bundle, entry, plain, capsys, tmp_path):
    """What goes in comes out; the versions act in the actor's name."""
    first = bundle(entry("one", definition=plain(), published=[{"version": 2, "definition": plain()}]))
    second = bundle(entry("two", definition=plain(name="Two")), entry("three", definition=plain()))
    files = [write("1", first), write("2", second)]
    assert await run("import", *files, "--tenant", A, "--actor", USER) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{files[0]}:",
        "  one: imported, published 2",
        f"{files[1]}:",
        "  two: imported",
        "  three: imported",
    ]
    assert await run("export", "--tenant", A) == 0
    content = capsys.readouterr().out
    everything = json.loads(content)
    assert content.encode() == orjson.dumps(everything, option=orjson.OPT_SORT_KEYS) + b"\n"
    assert [workflow["key"] for workflow in everything["workflows"]] == ["one", "three", "two"]
    target = tmp_path / "out.json"
    assert await run("export", "--tenant", A, "--key", "two", "--key", "one", "--output", str(target)) == 0
    assert [workflow["key"] for workflow in json.loads(target.read_bytes())["workflows"]] == ["one", "two"]
    conn = await asyncpg.connect(migrated.admin_dsn)
    assert await conn.fetchval("SELECT published_by FROM workflow_definition_versions") == UUID(USER)
    assert await conn.fetchval("SELECT count(*) FROM audit_logs WHERE user_id = $1", UUID(USER)) == 3
    await conn.close()
    assert await run("import", str(target), "--tenant", str(TENANTS.b)) == 0


async def test_export_is_utf8(migrated, write, bundle, entry, plain, monkeypatch):
    """Whatever the terminal can show."""
    assert await run("import", write("1", bundle(entry("one", definition=plain(name="Grüße")))), "--tenant", A) == 0
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert await run("export", "--tenant", A) == 0
    assert "Grüße".encode() in terminal.buffer.getvalue()


async def test_import_again(migrated, write, bundle, entry, plain, definition, capsys):
    """Taken keys are an error of that file alone; a dry run writes nothing; force replaces."""
    old, new = (
        write("old", bundle(entry("a", definition=plain()))),
        write("new", bundle(entry("b", definition=plain()))),
    )
    assert await run("import", old, "--tenant", A) == 0
    capsys.readouterr()
    assert await run("import", old, new, "--tenant", A, "--json", "--dry-run") == 1
    refused, fine = json.loads(capsys.readouterr().out)["files"]
    assert (refused["ok"], refused["error"]["code"]) == (False, "KEY_TAKEN")
    assert (fine["ok"], fine["dryRun"], fine["report"][0]["imported"]) == (True, True, False)
    assert (
        await run("export", "--tenant", A, "--key", "b")
        == "workflow-modules: The tenant has no workflow with the key b."
    )
    assert await run("import", old, new, "--tenant", A, "--force") == 0
    assert "  a: replaces " in capsys.readouterr().out
    held = definition(steps=[{"id": "x", "type": "quantum.leap"}])
    broken = write("broken", bundle(entry("c", definition=plain(), published=[{"version": 1, "definition": held}])))
    assert await run("import", broken, "--tenant", A) == 1
    assert "c: imported, held back 1" in capsys.readouterr().out


async def test_who_is_meant(migrated, write, bundle, entry, plain):
    """Tenant and user have to exist; the export needs something to write, and a place."""
    file = write("x", bundle(entry(definition=plain())))
    nobody = "99999999-9999-4999-8999-999999999999"
    assert await run("import", file, "--tenant", nobody) == f"workflow-modules: There is no tenant {nobody}."
    code = await run("import", file, "--tenant", A, "--actor", nobody)
    assert code == f"workflow-modules: The tenant has no user {nobody}."
    assert await run("import", file, "--tenant", "x") == 2
    assert await run("export", "--tenant", A) == "workflow-modules: The tenant has no workflows."
    assert await run("import", file, "--tenant", A) == 0
    code = await run("export", "--tenant", A, "--output", "/nowhere/x")
    assert code == "workflow-modules: Cannot write /nowhere/x: No such file or directory."


async def test_what_is_needed(database_factory, monkeypatch, write, bundle, entry, plain, capsys):
    """A database, its migrations, and the distributions that have to be there."""
    file = write("x", bundle(entry(definition=plain())))
    assert await run("import", file, "--tenant", A) == 2
    assert capsys.readouterr().err == "workflow-modules: name the database with WORKFLOW_DATABASE_URL.\n"
    async with database_factory.empty() as empty:
        monkeypatch.setenv(DATABASE_URL, empty.admin_dsn)
        code = await run("import", file, "--tenant", A)
    assert code == "workflow-modules: Migrations of core are pending; run `workflow-modules migrate`."
    monkeypatch.setenv(REQUIRED_DISTRIBUTIONS, "workflow-nobody")
    assert "workflow-nobody: required: required by configuration" in await run("check", file)


@pytest.mark.parametrize("arguments", [[], ["check"], ["import", "x"], ["export"], ["export", "--tenant", "x"]])
async def test_wrong_usage(arguments, capsys):
    """What the command does not know exits with 2 and shows the usage."""
    assert await run(*arguments) == 2
    assert capsys.readouterr().err.startswith("usage: workflow-modules bundles")
