"""The command ``workflow-modules``: what is installed, why something is not, and the migrations."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from workflow_core import cli, process
from workflow_core.discovery import discover
from workflow_core.storage.migrations import CORE_SOURCE, read_migrations
from workflow_core.testing.distributions import FakeDistributions
from workflow_core.testing.postgres import DatabaseFactory, PostgresDatabase

COMMAND = Path(sys.executable).with_name("workflow-modules")

TILE = """
from workflow_core.hookspecs import hookimpl
from workflow_core.modules import Module

class Plugin:
    @hookimpl
    def workflow_modules(self):
        return [Module(group_key="app:acme", label="[red]Acme[/b]", description="", tile_kind="app",
                       default_action_id=None, allowed_action_ids=())]

plugin = Plugin()
"""

THIEF = """
import attrs
from workflow_core.actions import Action, Effect
from workflow_core.hookspecs import hookimpl
from workflow_core.modules import Module

@attrs.frozen
class Nothing:
    pass

async def handle(given, ctx):
    return given

class Plugin:
    @hookimpl
    def workflow_modules(self):
        return [Module(group_key="app:thief", label="Thief", description="", tile_kind="app",
                       default_action_id="tickets.create", allowed_action_ids=("tickets.create",))]

    @hookimpl
    def workflow_actions(self):
        return [Action(id="tickets.create", label="", description="", input=Nothing, output=Nothing,
                       effect=Effect.READ, io="database", handler=handle)]

plugin = Plugin()
"""

BACKUPS = """
import attrs
from workflow_core.actions import Action, Effect
from workflow_core.connections import Connection
from workflow_core.hookspecs import hookimpl
from workflow_core.jobs import Job
from workflow_core.modules import Module

@attrs.frozen
class Nothing:
    pass

async def handle(*given):
    return None

class Plugin:
    @hookimpl
    def workflow_modules(self):
        return [Module(group_key="app:acme", label="Acme", description="", tile_kind="app",
                       default_action_id="acme.look", allowed_action_ids=("acme.look",))]

    @hookimpl
    def workflow_actions(self):
        return [Action(id="acme.look", label="", description="", input=Nothing, output=Nothing,
                       effect=Effect.READ, io="database", handler=handle)]

    @hookimpl
    def workflow_connections(self):
        return [Connection(provider="acme", label="", description="", segments=("acme",), fields=())]

    @hookimpl
    def workflow_jobs(self):
        return [Job(id="acme.sync_backups", label="", description="", provider="acme", handler=handle)]

plugin = Plugin()
"""


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests say themselves what is configured."""
    for name in (cli.ADMIN_URL, process.DATABASE_URL, process.REQUIRED_DISTRIBUTIONS):
        monkeypatch.delenv(name, raising=False)


@pytest_asyncio.fixture(loop_scope="session")
async def empty(database_factory: DatabaseFactory) -> AsyncIterator[PostgresDatabase]:
    """A database with nothing in it."""
    async with database_factory.empty() as database:
        yield database


def run(*arguments: str) -> object:
    """Runs the command in this process; returns what it exits with."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    return caught.value.code


async def run_beside(*arguments: str) -> object:
    """Runs the command where no event loop is running yet."""
    return await asyncio.to_thread(run, *arguments)


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The distributions of ``list --json``, by name."""
    return {row["distribution"]: row for row in json.loads(capsys.readouterr().out)["distributions"]}


# ── list ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """The table shows each distribution, its version and status, its modules and their actions."""
    assert run("list") == 0
    out = capsys.readouterr().out
    for word in ("workflow-psa", version("workflow-psa"), "loaded", "Ticket (ticket)", "tickets.create@1"):
        assert word in out
    assert f"fingerprint {discover().registry.manifest.fingerprint}" in out


def test_list_json(capsys: pytest.CaptureFixture[str]) -> None:
    """For programs the same as JSON, with the fingerprint that server and worker show."""
    assert run("list", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert sorted(shown) == ["distributions", "fingerprint"]
    assert shown["fingerprint"] == discover().registry.manifest.fingerprint
    (psa,) = [row for row in shown["distributions"] if row["distribution"] == "workflow-psa"]
    assert {key: psa[key] for key in ("version", "status", "cause")} == {
        "version": version("workflow-psa"),
        "status": "loaded",
        "cause": None,
    }
    assert {"groupKey": "asset", "label": "Asset", "actions": ["assets.find@1"]} in psa["modules"]
    names = [row["distribution"] for row in shown["distributions"]]
    assert names == sorted(names)


def test_list_failure(fake_distribution: FakeDistributions, capsys: pytest.CaptureFixture[str]) -> None:
    """A distribution that does not load is named with phase and cause, and the command exits with 1."""
    fake_distribution("acme", "raise RuntimeError('the licence [expired] has run out')", version="2.1")
    assert run("list", "--json") == 1
    rows = listed(capsys)
    assert rows["acme"] == {
        "distribution": "acme",
        "version": "2.1",
        "status": "failed",
        "cause": "load: entry point acme = acme:plugin: RuntimeError: the licence [expired] has run out",
        "modules": [],
        "jobs": [],
    }
    assert rows["workflow-psa"]["status"] == "loaded"

    assert run("list") == 1
    out = capsys.readouterr().out
    assert "failed" in out
    assert "RuntimeError: the licence [expired] has run out" in out
    assert "tickets.create@1" in out


def test_list_conflict(fake_distribution: FakeDistributions, capsys: pytest.CaptureFixture[str]) -> None:
    """Who claims another's action is refused and named."""
    fake_distribution("thief", THIEF)
    assert run("list", "--json") == 1
    rows = listed(capsys)
    assert rows["thief"]["cause"].startswith("conflict: action tickets.create@1 is also claimed by workflow-psa")
    assert rows["workflow-psa"]["status"] == "loaded"


def test_list_module_without_actions(fake_distribution: FakeDistributions, capsys: pytest.CaptureFixture[str]) -> None:
    """A module that has no actions yet shows too, and its words are no markup."""
    fake_distribution("acme", TILE)
    assert run("list", "--json") == 0
    assert listed(capsys)["acme"]["modules"] == [{"groupKey": "app:acme", "label": "[red]Acme[/b]", "actions": []}]
    assert run("list") == 0
    assert "[red]Acme[/b] (app:acme)" in capsys.readouterr().out


def test_list_jobs(fake_distribution: FakeDistributions, capsys: pytest.CaptureFixture[str]) -> None:
    """The jobs of a distribution show too."""
    fake_distribution("acme", BACKUPS)
    assert run("list", "--json") == 0
    assert listed(capsys)["acme"]["jobs"] == ["acme.sync_backups"]
    assert run("list") == 0
    assert "acme.sync_backups" in capsys.readouterr().out


def test_list_requires_what_the_processes_require(
    fake_distribution: FakeDistributions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variable that says what server and worker require decides here too."""
    monkeypatch.setenv(process.REQUIRED_DISTRIBUTIONS, "thief, nobody")
    fake_distribution("thief", THIEF)
    assert run("list", "--json") == 1
    rows = listed(capsys)
    assert {name: row["status"] for name, row in rows.items() if name != "workflow-ninjaone"} == {
        "nobody": "failed",
        "thief": "loaded",
        "workflow-psa": "failed",
    }
    assert (rows["nobody"]["version"], rows["nobody"]["cause"]) == (
        None,
        "required: required by configuration, and not installed",
    )


def test_list_without_psa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the generic modules are missing, the table says so."""
    monkeypatch.setattr("importlib.metadata.distributions", lambda: iter(()))
    assert run("list") == 1
    out = capsys.readouterr().out
    for word in ("workflow-psa", "failed", "required by configuration, and not installed"):
        assert word in out


async def test_list_pending_migrations(
    empty: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a database, a distribution whose migrations are pending is blocked, and the remedy is named."""
    monkeypatch.setenv(process.DATABASE_URL, empty.admin_dsn)
    assert await run_beside("list", "--json") == 1
    psa = listed(capsys)["workflow-psa"]
    assert psa["status"] == "blocked"
    assert psa["cause"].startswith("migrations pending: 0001_")
    assert psa["cause"].endswith("; run `workflow-modules migrate`")


async def test_list_migrated(
    database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a migrated database, as the role of a server, nothing is blocked."""
    async with database_factory.migrated() as database:
        monkeypatch.setenv(process.DATABASE_URL, database.dsn)
        assert await run_beside("list", "--json") == 0
    assert {row["status"] for row in listed(capsys).values()} == {"loaded"}


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@127.0.0.1:1/d", "postgresql://u:hunter2@[/d", "mysql://u:hunter2@h/d"]
)
async def test_list_unreachable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that cannot be reached is a sentence, without the password."""
    monkeypatch.setenv(process.DATABASE_URL, url)
    code = await run_beside("list")
    assert isinstance(code, str)
    assert code.startswith("workflow-modules: Cannot connect to PostgreSQL at ")
    assert "hunter2" not in code


# ── migrate ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def count_applied(database: PostgresDatabase) -> int:
    """How many migrations the database says it has."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        return await connection.fetchval("SELECT count(*) FROM workflow_migrations")
    finally:
        await connection.close()


async def test_migrate(empty: PostgresDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    """Every migration is shown as it is applied, core's first; a second time there is nothing to do."""
    assert await run_beside("migrate", "--database", empty.admin_dsn) == 0
    lines = capsys.readouterr().out.splitlines()
    core = [f"applied {migration}" for migration in read_migrations(CORE_SOURCE)]
    assert lines[: len(core)] == core
    assert "applied workflow-psa 0001_boards.sql" in lines
    assert lines[-1] == f"{await count_applied(empty)} migrations applied."

    assert await run_beside("migrate", "--database", empty.admin_dsn) == 0
    assert capsys.readouterr().out == "Nothing to do.\n"


async def test_migrate_from_the_environment(
    empty: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The database may be named by the environment."""
    monkeypatch.setenv(cli.ADMIN_URL, empty.admin_dsn)
    assert await run_beside("migrate") == 0
    assert await count_applied(empty) > 0


def test_migrate_without_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a database the command says how to name one, and exits with 2."""
    assert run("migrate") == 2
    assert capsys.readouterr().err == (
        "workflow-modules: name the database with --database or WORKFLOW_ADMIN_DATABASE_URL.\n"
    )


async def test_migrate_failure(
    empty: PostgresDatabase, fake_distribution: FakeDistributions, capsys: pytest.CaptureFixture[str]
) -> None:
    """A distribution that cannot be migrated is named; the others are migrated all the same."""
    fake_distribution("acme", entry_points={"acme": "acme_that_is_gone:plugin"})
    code = await run_beside("migrate", "--database", empty.admin_dsn)
    assert isinstance(code, str)
    assert "acme: the package 'acme_that_is_gone' is not there; install the distribution again" in code
    assert "applied workflow-psa 0001_boards.sql" in capsys.readouterr().out


# ── As a command ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["list", "migrate", "Shows the installed integrations"]),
        (["list", "--help"], ["--json", "WORKFLOW_DATABASE_URL", "WORKFLOW_REQUIRED_DISTRIBUTIONS"]),
        (["migrate", "--help"], ["--database", "--app-role", "WORKFLOW_ADMIN_DATABASE_URL"]),
        (["--version"], [version("workflow-modules-core")]),
    ],
)
def test_help(arguments: list[str], words: list[str]) -> None:
    """The installed command explains itself and its variables."""
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=True, env={"COLUMNS": "120"})
    assert done.stderr == ""
    assert [word for word in words if word not in done.stdout] == []


@pytest.mark.parametrize("arguments", [[], ["lst"], ["list", "--yaml"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What the command does not know exits with 2 and shows the usage."""
    assert run(*arguments) == 2
    assert capsys.readouterr().err.startswith("usage: workflow-modules")


def test_pipe() -> None:
    """In a pipe the lines are wide and without colours, so that other programs find whole words."""
    done = subprocess.run(
        [COMMAND, "list"], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert "\x1b" not in done.stdout
    assert any("workflow-psa" in line and "Ticket (ticket)" in line for line in done.stdout.splitlines())
