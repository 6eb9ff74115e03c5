"""
The wheels, away from the checkout: what is installed is what server and worker have, and nothing else.

One clean environment grows step by step: the platform without NinjaOne; with NinjaOne; with a distribution that is
broken; with one that wants to take ``tickets.create`` over. After each step the installed commands run in it, as
processes of their own, against real PostgreSQL and real Temporal.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeVar

import aiohttp
import asyncpg
import attrs
import jwt
import orjson
import pytest
import pytest_asyncio

from workflow_core.testing.postgres import TENANTS, DatabaseFactory, PostgresDatabase

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(600)]

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "workflow-modules-core": "workflow_core",
    "workflow-psa": "workflow_psa",
    "workflow-ninjaone": "workflow_ninjaone",
    "workflow-catalog-server": "workflow_catalog_server",
    "workflow-worker": "workflow_worker",
    "workflow-devstack": "workflow_devstack",
}
NINJAONE_ACTIONS = [
    "ninjaone.alerts.get",
    "ninjaone.alerts.list_active",
    "ninjaone.alerts.reset",
    "ninjaone.devices.find",
    "ninjaone.devices.reboot",
    "ninjaone.devices.run_script",
    "ninjaone.devices.scripting_options",
    "ninjaone.devices.sync",
]
JWT_KEY = "a key of the tests with thirty-two bytes"
DEADLINE = 60.0

BROKEN = """
raise RuntimeError("acme's licence has run out")
"""

THIEF = """
import attrs
from workflow_core.actions import Action, Effect
from workflow_core.hookspecs import hookimpl
from workflow_core.modules import Module


@attrs.frozen
class Anything:
    title: str = ""


async def steal(given, ctx):
    return given


class Plugin:
    @hookimpl
    def workflow_modules(self):
        return [
            Module(
                group_key="app:thief",
                label="Better tickets",
                description="",
                tile_kind="app",
                default_action_id="tickets.create",
                allowed_action_ids=("tickets.create",),
            )
        ]

    @hookimpl
    def workflow_actions(self):
        return [
            Action(
                id="tickets.create",
                label="Create ticket",
                description="",
                input=Anything,
                output=Anything,
                effect=Effect.LOCAL,
                io="database",
                handler=steal,
            )
        ]


plugin = Plugin()
"""


# ── Building and installing ──────────────────────────────────────────────────────────────────────────────────────


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Runs a command to its end; what it printed is in the error when it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def find_uv() -> list[str | Path] | None:
    """The uv that ./dev uses, or the one in this environment."""
    if found := shutil.which("uv"):
        return [found]
    private = ROOT / ".dev" / "uv" / "bin" / "uv"
    if private.exists():
        return [private]
    as_module = subprocess.run([sys.executable, "-m", "uv", "--version"], check=False, capture_output=True)
    return [sys.executable, "-m", "uv"] if as_module.returncode == 0 else None


@attrs.frozen
class Environment:
    """
    A virtual environment in a folder of its own, managed with uv or, where there is none, with pip.

    Attributes:
        folder: Everything that the commands run in it may write lies in here.
        uv: How uv is called.
    """

    folder: Path
    uv: list[str | Path] | None

    @classmethod
    def create(cls, folder: Path) -> Environment:
        """An environment without any package."""
        folder.mkdir()
        uv = find_uv()
        command = [*uv, "venv", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
        run(*command, "venv", cwd=folder, env=cls.registry())
        return cls(folder, uv)

    @staticmethod
    def registry() -> dict[str, str]:
        """What installers have to know of the machine, with nothing of the environment that runs the tests."""
        return {
            "UV_SYSTEM_CERTS": "1",
            **os.environ,
            "VIRTUAL_ENV": "",
            "PYTHONPATH": "",
            "UV_PYTHON_DOWNLOADS": "never",
        }

    def program(self, name: str) -> Path:
        """An installed command."""
        return self.folder / "venv" / "bin" / name

    def install(self, *wheels: Path) -> None:
        """Installs these files, never others of the same name, and from the registry what they depend on."""
        python = self.program("python")
        command = [*self.uv, "pip", "install", "--python", python] if self.uv else [python, "-m", "pip", "install"]
        run(*command, *wheels, cwd=self.folder, env=self.registry())

    def build(self, wheels: Path) -> None:
        """Builds the wheels of all distributions of the checkout."""
        if self.uv:
            options = ("--wheel", "--all-packages", "--no-sources", "--out-dir", wheels)
            run(*self.uv, "build", *options, ROOT, cwd=self.folder, env=self.registry())
        else:
            options = ("--no-deps", "--wheel-dir", wheels)
            sources = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
            run(self.program("python"), "-m", "pip", "wheel", *options, *sources, cwd=self.folder, env=self.registry())


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A clean environment away from the checkout."""
    return Environment.create(tmp_path_factory.mktemp("wheels") / "away")


@pytest.fixture(scope="module")
def wheels(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheels of the checkout by distribution."""
    folder = tmp_path_factory.mktemp("built")
    environment.build(folder)
    found = {path.name.split("-")[0].replace("_", "-"): path for path in folder.glob("*.whl")}
    assert sorted(found) == sorted(PACKAGES)
    return found


def write_wheel(folder: Path, name: str, code: str) -> Path:
    """A wheel of one module with an entry point, written as a build backend would."""
    module = name.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    files = {
        f"{module}.py": dedent(code),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[workflow.modules]\n{module} = {module}:plugin\n",
    }
    record = [f"{file},sha256={_digest(text)},{len(text.encode())}" for file, text in files.items()]
    path = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


# ── Running what is installed ────────────────────────────────────────────────────────────────────────────────────


async def until(condition: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Asks again and again until a condition gives something."""
    deadline = time.monotonic() + DEADLINE
    while (found := await condition()) is None:
        assert time.monotonic() < deadline, f"still not: {what}"
        await asyncio.sleep(0.05)
    return found


@attrs.frozen
class Process:
    """An installed command that runs until it is told to stop."""

    child: subprocess.Popen[bytes]
    log: Path

    @classmethod
    @contextlib.contextmanager
    def running(cls, environment: Environment, command: str, env: Mapping[str, str]) -> Iterator[Process]:
        """Runs it for a block of code; then it has to stop when asked, and say that all was well."""
        log = environment.folder / f"{command}.log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                [environment.program(command)], cwd=environment.folder, env=env, stdout=output, stderr=output
            )
        process = cls(child, log)
        try:
            yield process
            child.send_signal(signal.SIGTERM)
            assert child.wait(DEADLINE) == 0, process.said()
        finally:
            child.kill()
            child.wait()

    def said(self) -> str:
        """Its log; fails with it when the process has ended."""
        text = self.log.read_text()
        assert self.child.poll() in (None, 0), text
        return text


@attrs.frozen(kw_only=True)
class Observation:
    """
    What the installed commands show after one step.

    Attributes:
        exit_code: Of ``workflow-modules list``.
        table: What it prints.
        listed: The same with ``--json``.
        catalog: What a tenant with an active NinjaOne connection is offered.
        ready: The answer of ``/health/ready``.
        designer: Media type and size of each file of the designer's page, by its address.
        worker: The worker's row in ``workflow_workers``.
    """

    exit_code: int
    table: str
    listed: dict[str, Any]
    catalog: list[dict[str, Any]]
    ready: dict[str, Any]
    designer: dict[str, tuple[str, int]]
    worker: dict[str, Any]

    @property
    def statuses(self) -> dict[str, str]:
        """Status by distribution, as listed."""
        return {row["distribution"]: row["status"] for row in self.listed["distributions"]}

    @property
    def failures(self) -> dict[str, str]:
        """Phase by distribution that failed, as the server's readiness says."""
        return {entry["distribution"]: entry["phase"] for entry in self.ready["discovery"]["failed"]}

    @property
    def fingerprints(self) -> set[str]:
        """Of the command, the server, the worker as the server sees it, and the worker's row."""
        (live,) = self.ready["workers"]["live"]
        return {self.listed["fingerprint"], self.ready["fingerprint"], live["fingerprint"], self.worker["fingerprint"]}


@attrs.frozen
class Platform:
    """The installed platform with its database and Temporal."""

    environment: Environment
    database: PostgresDatabase
    temporal_address: str

    @property
    def variables(self) -> dict[str, str]:
        """Everything that the installed commands are told; nothing is inherited."""
        return {
            "PATH": os.defpath,
            "WORKFLOW_DATABASE_URL": self.database.dsn,
            "WORKFLOW_TEMPORAL_ADDRESS": self.temporal_address,
            "WORKFLOW_HTTP_HOST": "127.0.0.1",
            "WORKFLOW_HTTP_PORT": "0",
            "WORKFLOW_JWT_KEY": JWT_KEY,
            "WORKFLOW_SECRETS_KEY": base64.b64encode(bytes(32)).decode(),
        }

    def migrate(self) -> str:
        """Brings the database to the state that the installed wheels need."""
        command = (self.environment.program("workflow-modules"), "migrate", "--database", self.database.admin_dsn)
        return run(*command, cwd=self.environment.folder, env={"PATH": os.defpath})

    async def observe(self) -> Observation:
        """Starts server and worker, looks at everything, and stops them."""
        table = self.list_modules()
        listed = self.list_modules("--json")
        with (
            Process.running(self.environment, "workflow-worker", self.variables) as worker,
            Process.running(self.environment, "workflow-catalog-server", self.variables) as server,
        ):
            row = await until(lambda: self._worker_row(worker), "the worker has announced itself")
            address = await until(lambda: self._address(server), "the server says where it serves")
            async with aiohttp.ClientSession(address) as http:
                ready = await until(lambda: self._ready(http), "the server sees the worker")
                token = {"Authorization": f"Bearer {self._token()}"}
                async with http.get("/api/workflow/registry/designer-catalog", headers=token) as answer:
                    assert answer.status == 200, await answer.text()
                    catalog = await answer.json()
                designer = await self._designer(http)
        return Observation(
            exit_code=table.returncode,
            table=table.stdout,
            listed=json.loads(listed.stdout),
            catalog=catalog,
            ready=ready,
            designer=designer,
            worker=row,
        )

    def list_modules(self, *options: str) -> subprocess.CompletedProcess[str]:
        """``workflow-modules list``."""
        return subprocess.run(
            [self.environment.program("workflow-modules"), "list", *options],
            cwd=self.environment.folder,
            env=self.variables,
            check=False,
            capture_output=True,
            text=True,
        )

    async def _worker_row(self, worker: Process) -> dict[str, Any] | None:
        if "ready:" not in worker.said():
            return None
        connection = await asyncpg.connect(self.database.admin_dsn)
        try:
            (row,) = await connection.fetch("SELECT fingerprint, manifest, report, task_queues FROM workflow_workers")
        finally:
            await connection.close()
        decoded = {name: orjson.loads(row[name]) for name in ("manifest", "report")}
        return {"fingerprint": row["fingerprint"], "task_queues": row["task_queues"], **decoded}

    async def _address(self, server: Process) -> str | None:
        _, found, rest = server.said().partition("serving on ")
        return rest.split()[0] if found else None

    async def _ready(self, http: aiohttp.ClientSession) -> dict[str, Any] | None:
        async with http.get("/health/ready") as answer:
            document = await answer.json()
            return document if answer.status == 200 and document["workers"].get("live") else None

    async def _designer(self, http: aiohttp.ClientSession) -> dict[str, tuple[str, int]]:
        async with http.get("/workflows") as answer:
            page = await answer.text()
        found = {}
        for address in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page):
            async with http.get(address) as answer:
                found[address] = answer.content_type, len(await answer.read()) if answer.status == 200 else 0
        return found

    def _token(self) -> str:
        claims = {
            "tenant": str(TENANTS.a),
            "sub": str(TENANTS.a),
            "permissions": ["workflow:read"],
            "exp": time.time() + 3600,
        }
        return jwt.encode(claims, JWT_KEY, algorithm="HS256")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform(
    environment: Environment, database_factory: DatabaseFactory, temporal_address: str
) -> AsyncIterator[Platform]:
    """The environment, still without packages, with an empty database and Temporal."""
    async with database_factory.migrated(), database_factory.empty() as database:  # the first makes the login role
        yield Platform(environment, database, temporal_address)


async def seed(database: PostgresDatabase) -> None:
    """A tenant whose NinjaOne connection is active."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute("INSERT INTO tenants (tenant, client_name) VALUES ($1, 'Tenant A')", TENANTS.a)
        await connection.execute(
            "INSERT INTO rmm_integrations (tenant, provider, is_active, connected_at) "
            "VALUES ($1, 'ninjaone', true, now())",
            TENANTS.a,
        )
    finally:
        await connection.close()


# Each step takes the one before it, so that any test can be run alone.


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def without_ninjaone(platform: Platform, wheels: Mapping[str, Path]) -> Observation:
    """Core, server, worker and the generic modules."""
    names = ("workflow-modules-core", "workflow-catalog-server", "workflow-worker", "workflow-psa")
    platform.environment.install(*(wheels[name] for name in names))
    platform.migrate()
    await seed(platform.database)
    return await platform.observe()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def with_ninjaone(platform: Platform, wheels: Mapping[str, Path], without_ninjaone: Observation) -> Observation:
    """The same after ``pip install workflow-ninjaone``."""
    platform.environment.install(wheels["workflow-ninjaone"])
    platform.migrate()
    return await platform.observe()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def with_broken(platform: Platform, with_ninjaone: Observation) -> Observation:
    """The same with a distribution that cannot be imported."""
    platform.environment.install(write_wheel(platform.environment.folder, "acme-broken", BROKEN))
    return await platform.observe()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def with_thief(platform: Platform, with_broken: Observation) -> Observation:
    """The same with a distribution that claims an action of another."""
    platform.environment.install(write_wheel(platform.environment.folder, "acme-thief", THIEF))
    return await platform.observe()


# ── What is in the wheels ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("distribution", "package"), PACKAGES.items())
def test_wheel_is_complete(wheels: Mapping[str, Path], distribution: str, package: str) -> None:
    """A wheel holds its whole package, data included, and nothing else; with the licence and the mark for types."""
    (source,) = ROOT.glob(f"packages/*/src/{package}")
    expected = {
        path.relative_to(source.parent).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = set(zipfile.ZipFile(wheels[distribution]).namelist())
    info = f"{wheels[distribution].name.removesuffix('-py3-none-any.whl')}.dist-info"
    assert {name for name in names if not name.startswith(info)} == expected
    assert {f"{package}/py.typed", f"{info}/licenses/LICENSE"} <= names


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        ("workflow-modules-core", ["workflow_core/migrations/0001_", "workflow_core/storage/bootstrap.sql"]),
        ("workflow-psa", ["workflow_psa/migrations/0001_", "workflow_psa/icons/ticket.svg"]),
        ("workflow-ninjaone", ["workflow_ninjaone/icon.svg"]),
    ],
)
def test_wheel_has_its_data(wheels: Mapping[str, Path], distribution: str, expected: list[str]) -> None:
    """SQL and pictures travel with the code that reads them."""
    names = zipfile.ZipFile(wheels[distribution]).namelist()
    assert [data for data in expected if not any(name.startswith(data) for name in names)] == []


# ── The steps ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_away_from_the_checkout(platform: Platform, without_ninjaone: Observation) -> None:
    """What runs is what was installed: nothing comes from the checkout."""
    show = "import workflow_core, workflow_psa, workflow_worker; print(workflow_core.__file__, workflow_psa.__file__)"
    environment = platform.environment
    files = run(environment.program("python"), "-c", show, cwd=environment.folder, env={"PATH": os.defpath}).split()
    assert [file for file in files if not Path(file).is_relative_to(environment.folder)] == []


def test_without_ninjaone(without_ninjaone: Observation) -> None:
    """Where NinjaOne is not installed nobody has it, whatever the tenant's connection says."""
    seen = without_ninjaone
    assert (seen.exit_code, seen.statuses) == (0, {"workflow-psa": "loaded"})
    assert "ninjaone" not in seen.table.casefold()
    groups = [record["groupKey"] for record in seen.catalog]
    assert {"ticket", "asset"} <= set(groups)
    assert [group for group in groups if group.startswith("app:")] == []
    assert set(seen.worker["manifest"]["distributions"]) == {"workflow-psa"}
    assert [key for key in seen.worker["manifest"]["actions"] if key.startswith("ninjaone.")] == []
    assert "actions.workflow-ninjaone" not in seen.worker["task_queues"]
    assert len(seen.fingerprints) == 1
    assert seen.ready["status"] == "ready"


def test_with_ninjaone(without_ninjaone: Observation, with_ninjaone: Observation) -> None:
    """After one ``pip install`` and a restart, catalog and worker have NinjaOne, and can prove that it is the same."""
    seen = with_ninjaone
    assert (seen.exit_code, seen.statuses) == (0, {"workflow-ninjaone": "loaded", "workflow-psa": "loaded"})
    (record,) = [record for record in seen.catalog if record["groupKey"] == "app:ninjaone"]
    assert record["allowedActionIds"] == NINJAONE_ACTIONS
    assert sorted(action["id"] for action in record["actions"]) == NINJAONE_ACTIONS
    assert record["available"]
    actions = seen.worker["manifest"]["actions"]
    assert sorted(key for key in actions if key.startswith("ninjaone.")) == [f"{id_}@1" for id_ in NINJAONE_ACTIONS]
    assert "actions.workflow-ninjaone" in seen.worker["task_queues"]
    assert len(seen.fingerprints) == 1
    assert seen.fingerprints != without_ninjaone.fingerprints
    assert seen.ready["status"] == "ready"


def test_the_designer_needs_no_node(without_ninjaone: Observation) -> None:
    """The server that was installed serves the page with all that it refers to."""
    kinds = {kind for kind, size in without_ninjaone.designer.values() if size > 0}
    assert {"text/javascript", "text/css", "image/svg+xml"} <= kinds
    assert all(size > 0 for _, size in without_ninjaone.designer.values())


def test_with_a_broken_distribution(with_ninjaone: Observation, with_broken: Observation) -> None:
    """Server and worker serve on what is healthy; the command and the server's readiness name the failure."""
    seen = with_broken
    cause = "RuntimeError: acme's licence has run out"
    assert seen.exit_code == 1
    assert seen.statuses == {"acme-broken": "failed", "workflow-ninjaone": "loaded", "workflow-psa": "loaded"}
    assert [word for word in ("acme-broken", "failed", cause) if word not in seen.table] == []
    assert (seen.catalog, seen.fingerprints) == (with_ninjaone.catalog, with_ninjaone.fingerprints)
    assert (seen.ready["status"], seen.failures) == ("degraded", {"acme-broken": "load"})
    (failure,) = seen.ready["discovery"]["failed"]
    assert failure["cause"].endswith(cause)
    assert [entry["distribution"] for entry in seen.worker["report"]["failed"]] == ["acme-broken"]


def test_with_a_thief(with_ninjaone: Observation, with_thief: Observation) -> None:
    """Who claims ``tickets.create`` is refused and named; the generic modules keep it, and all else goes on."""
    seen = with_thief
    assert seen.exit_code == 1
    assert seen.statuses == {
        "acme-broken": "failed",
        "acme-thief": "failed",
        "workflow-ninjaone": "loaded",
        "workflow-psa": "loaded",
    }
    assert seen.failures == {"acme-broken": "load", "acme-thief": "conflict"}
    claim = "action tickets.create@1 is also claimed by workflow-psa: it is required by configuration and keeps it"
    assert claim in next(row for row in seen.listed["distributions"] if row["distribution"] == "acme-thief")["cause"]
    assert claim in seen.ready["discovery"]["failed"][1]["cause"]
    assert (seen.catalog, seen.fingerprints) == (with_ninjaone.catalog, with_ninjaone.fingerprints)
    assert seen.worker["manifest"] == with_ninjaone.worker["manifest"]
    assert [entry["distribution"] for entry in seen.worker["report"]["failed"]] == ["acme-broken", "acme-thief"]
