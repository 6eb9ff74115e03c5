"""Discovery: every installed integration is found, and none of them can take the others down."""

import importlib.metadata
import json
import logging
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from workflow_core.discovery import (
    Blocked,
    Discovery,
    DiscoveryReport,
    Failure,
    Loaded,
    Phase,
    discover,
    registry_of,
    require,
)
from workflow_core.errors import DiscoveryError
from workflow_core.installed import ENTRY_POINT_GROUP
from workflow_core.modules import Module
from workflow_core.storage.migrations import installed_sources
from workflow_core.testing.distributions import FakeDistributions

NOTHING_REQUIRED = frozenset[str]()

PRELUDE = """
from datetime import timedelta
import attrs
from workflow_core.actions import Action, Effect
from workflow_core.availability import AVAILABLE, AvailabilityResolver
from workflow_core.connections import Connection
from workflow_core.hookspecs import hookimpl
from workflow_core.jobs import Job
from workflow_core.modules import Icon, Module

@attrs.frozen
class Given:
    name: str

@attrs.frozen
class Gave:
    text: str

async def handle(given, ctx):
    return Gave(given.name)

async def resolve(connection, tenant):
    return AVAILABLE

def module(group_key, *ids, **fields):
    return Module(**{
        "group_key": group_key, "label": group_key, "description": "", "tile_kind": "app",
        "default_action_id": ids[0] if ids else None, "allowed_action_ids": ids, **fields,
    })

def action(id, **fields):
    return Action(**{
        "id": id, "label": id, "description": "", "input": Given, "output": Gave, "effect": Effect.READ,
        "io": "database", "handler": handle, **fields,
    })

async def work(ctx):
    return None

def job(id, provider="acme", **fields):
    return Job(**{"id": id, "label": id, "description": "", "provider": provider, "handler": work, **fields})

def connection(provider, *segments):
    return Connection(provider=provider, label="", description="", segments=segments, fields=())
"""


def plugin(
    modules: str = "",
    actions: str = "",
    *,
    resolvers: str = "",
    connections: str = "",
    jobs: str = "",
    also: str = "",
) -> str:
    """The source of a plugin that contributes what these lists of expressions say."""
    return f"""{PRELUDE}
{also}

class Plugin:
    @hookimpl
    def workflow_modules(self):
        return [{modules}]

    @hookimpl
    def workflow_actions(self):
        return [{actions}]

    @hookimpl
    def workflow_availability(self):
        return [{resolvers}]

    @hookimpl
    def workflow_connections(self):
        return [{connections}]

    @hookimpl
    def workflow_jobs(self):
        return [{jobs}]

plugin = Plugin()
"""


ACME = plugin("module('app:acme', 'acme.greet')", "action('acme.greet')")
"""A plugin with nothing wrong."""


def entry_points(*names: str) -> list[importlib.metadata.EntryPoint]:
    """The entry points of these distributions only."""
    return [point for name in names for point in importlib.metadata.distribution(name).entry_points]


def discover_only(*names: str, required: frozenset[str] = NOTHING_REQUIRED) -> Discovery:
    """Discovers as if nothing else were installed."""
    return discover(entry_points=entry_points(*names), required=required)


def fails(fake_distribution: FakeDistributions, code: str) -> Failure:
    """The one failure that this plugin's source gives; the registry has nothing of it."""
    fake_distribution("acme", code)
    found = discover_only("acme")
    assert ((), ()) == (found.report.loaded, found.report.blocked)
    assert ({}, {}) == (dict(found.registry.modules), dict(found.registry.actions))
    (failure,) = found.report.failed
    assert ("acme", "1.0") == (failure.distribution, failure.version)
    return failure


# ── Loading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_finds_what_is_installed(fake_distribution: FakeDistributions) -> None:
    """A distribution on the path is found by its entry point, with everything that it contributes."""
    code = plugin(
        "module('app:acme', 'acme.greet', availability_key='acme')",
        "action('acme.greet'), action('acme.greet', version=2)",
        resolvers="AvailabilityResolver('acme', resolve)",
        connections="connection('acme', 'acme')",
    )
    fake_distribution("Acme.One", code)
    found = discover()
    registry = found.registry

    assert Loaded("acme-one", "1.0") in found.report.loaded
    assert found.report.healthy
    assert "app:acme" in registry.modules
    assert {("acme.greet", 1), ("acme.greet", 2)} <= set(registry.actions)
    assert "acme" in registry.resolvers
    assert "acme" in registry.connections
    assert "acme-one" == registry.distribution_of["acme.greet"]
    assert "acme-one" == registry.distribution_of_module["app:acme"]
    assert registry.modules["app:acme"] is registry.module_of("acme.greet")
    assert registry.connections["acme"] is registry.connection_of("acme.greet")
    assert "1.0" == registry.manifest.distributions["acme-one"]
    assert "acme-one" in registry.distributions


def test_nothing_is_found_by_importing(fake_distribution: FakeDistributions) -> None:
    """Discovery is an explicit call: each answers what is installed at that moment, and answers stay as they are."""
    before = discover()
    fake_distribution("acme", ACME)
    assert "app:acme" not in before.registry.modules
    assert "app:acme" in discover().registry.modules


def test_hooks_may_be_generators_and_few(fake_distribution: FakeDistributions) -> None:
    """A hook may give any iterable; hooks that a plugin does not have contribute nothing."""
    code = f"""{PRELUDE}
class Plugin:
    @hookimpl
    def workflow_modules(self):
        yield module("app:acme", "acme.greet")
        yield module("app:acme2")

    @hookimpl
    def workflow_actions(self):
        return (action(id) for id in ["acme.greet"])

plugin = Plugin()
"""
    fake_distribution("acme", code)
    found = discover_only("acme")
    assert DiscoveryReport(loaded=(Loaded("acme", "1.0"),)) == found.report
    assert ["app:acme", "app:acme2"] == list(found.registry.modules)
    assert None is found.registry.connection_of("acme.greet")


def test_plugin_may_be_a_module(fake_distribution: FakeDistributions) -> None:
    """The entry point may name a module with hook implementations."""
    code = f"{PRELUDE}\n@hookimpl\ndef workflow_modules():\n    return [module('app:acme')]\n"
    fake_distribution("acme", code, entry_points={"acme": "acme"})
    assert ["app:acme"] == list(discover_only("acme").registry.modules)


def test_import_error(fake_distribution: FakeDistributions) -> None:
    """A module that cannot be imported fails its distribution: the cause names entry point and exception."""
    failure = fails(fake_distribution, "import a_module_that_nobody_has")
    assert Phase.LOAD == failure.phase
    assert "entry point acme = acme:plugin: ModuleNotFoundError: No module named 'a_module_that_nobody_has'" == (
        failure.cause
    )


@pytest.mark.parametrize(
    "code", ["raise SystemExit('enough')", "import sys; sys.exit('enough')", "raise GeneratorExit('enough')"]
)
def test_exit_at_import(fake_distribution: FakeDistributions, code: str) -> None:
    """A module that ends the process when it is imported does not end the host."""
    failure = fails(fake_distribution, code)
    assert Phase.LOAD == failure.phase
    assert failure.cause.endswith("Exit: enough")


def test_keyboard_interrupt(fake_distribution: FakeDistributions) -> None:
    """The operator's Ctrl-C is not a plugin's failure."""
    fake_distribution("acme", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover_only("acme")


def test_missing_attribute(fake_distribution: FakeDistributions) -> None:
    """An entry point that names nothing is a failure to load."""
    failure = fails(fake_distribution, "")
    assert Phase.LOAD == failure.phase
    assert "has no attribute 'plugin'" in failure.cause


def test_misspelt_hook(fake_distribution: FakeDistributions) -> None:
    """A hook implementation that no specification knows is refused and named, not silently ignored."""
    code = (
        f"{PRELUDE}\nclass Plugin:\n    @hookimpl\n    def workflow_moduls(self):\n        return []\nplugin = Plugin()"
    )
    failure = fails(fake_distribution, code)
    assert Phase.REGISTER == failure.phase
    assert "unknown hook 'workflow_moduls'" in failure.cause


@pytest.mark.parametrize("code", ["plugin = None", "class Plugin: pass\nplugin = Plugin()"])
def test_no_hooks(fake_distribution: FakeDistributions, code: str) -> None:
    """An object without any hook implementation is a mistake, not an integration."""
    failure = fails(fake_distribution, code)
    assert Phase.REGISTER == failure.phase
    assert "entry point acme = acme:plugin: it names an object that implements no hook" == failure.cause


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("raise ValueError('no licence')", "workflow_modules: ValueError: no licence"),
        ("raise SystemExit(3)", "workflow_modules: SystemExit: 3"),
        ("yield 1 / 0", "workflow_modules: ZeroDivisionError: division by zero"),
        ("return None", ""),
        ("return 3", "workflow_modules: TypeError: 'int' object is not iterable"),
        ("return ['app:acme']", "workflow_modules gave str, not Module"),
        ("return [action('acme.greet')]", "workflow_modules gave Action, not Module"),
        ("return [module(None)]", "workflow_modules: TypeError: "),
        ("return [module('app:acme', tile_kind='tile')]", "workflow_modules: ValueError: "),
        ("return [module('app:acme', icon='acme.svg')]", "workflow_modules: TypeError: "),
        ("return [module('app:acme', icon=Icon('acme', '<svg/>'))]", "workflow_modules: ValueError: an icon must be"),
    ],
)
def test_hook_that_raises_or_gives_nonsense(fake_distribution: FakeDistributions, body: str, cause: str) -> None:
    """What a hook raises, and records of a wrong type, fail the distribution and name the hook."""
    code = (
        f"{PRELUDE}\nclass Plugin:\n    @hookimpl\n    def workflow_modules(self):\n        {body}\nplugin = Plugin()"
    )
    if not cause:  # pluggy leaves out what is None
        fake_distribution("acme", code)
        assert DiscoveryReport(loaded=(Loaded("acme", "1.0"),)) == discover_only("acme").report
        return
    failure = fails(fake_distribution, code)
    assert Phase.CONTRIBUTE == failure.phase
    assert failure.cause.startswith(cause)


def test_exception_without_words(fake_distribution: FakeDistributions) -> None:
    """Even an exception that cannot say what it is becomes a failure."""
    failure = fails(
        fake_distribution, "class Mute(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise Mute"
    )
    assert "entry point acme = acme:plugin: Mute" == failure.cause


def test_one_failure_leaves_the_others(fake_distribution: FakeDistributions, caplog: pytest.LogCaptureFixture) -> None:
    """Distributions that come before and after a broken one load as if it were not there, and the log names it."""
    fake_distribution("aaa", plugin("module('app:aaa', 'aaa.greet')", "action('aaa.greet')"))
    fake_distribution("mmm", "raise RuntimeError('broken')")
    fake_distribution("zzz", plugin("module('app:zzz', 'zzz.greet')", "action('zzz.greet')"))
    with caplog.at_level(logging.ERROR, "workflow_core.discovery"):
        found = discover_only("aaa", "mmm", "zzz")
    assert (Loaded("aaa", "1.0"), Loaded("zzz", "1.0")) == found.report.loaded
    assert ["app:aaa", "app:zzz"] == list(found.registry.modules)
    assert ["integration mmm is left out: load: entry point mmm = mmm:plugin: RuntimeError: broken"] == caplog.messages


# ── Distributions that are not as pip leaves them ────────────────────────────────────────────────────────────────


def test_one_entry_point_name_in_two_distributions(fake_distribution: FakeDistributions) -> None:
    """Entry-point names are a distribution's own: two that use the same one both load."""
    for name in ("acme", "globex"):
        code = plugin(f"module('app:{name}', '{name}.greet')", f"action('{name}.greet')")
        fake_distribution(name, code, entry_points={"plugin": f"{name}:plugin"})
    assert ["app:acme", "app:globex"] == list(discover_only("acme", "globex").registry.modules)


def test_two_entry_points_in_one_distribution(fake_distribution: FakeDistributions) -> None:
    """All entry points of one distribution contribute; when one fails, none of them does."""
    also = "class Other:\n    @hookimpl\n    def workflow_modules(self):\n        return [module('app:other')]"
    code = plugin("module('app:acme')", also=f"{also}\nother = Other()")
    fake_distribution("acme", code, entry_points={"b": "acme:plugin", "a": "acme:other"})
    assert ["app:other", "app:acme"] == list(discover_only("acme").registry.modules)

    fake_distribution("half", code, entry_points={"a": "half:plugin", "b": "half:nothing"})
    found = discover_only("half")
    assert {} == dict(found.registry.modules)
    assert ["half"] == [failure.distribution for failure in found.report.failed]


def test_unreadable_metadata(fake_distribution: FakeDistributions) -> None:
    """What a broken installation leaves behind is reported, or passed over; the rest loads."""
    fake_distribution("acme", ACME)
    fake_distribution.write(
        "torn-1.0.dist-info",
        {"METADATA": "Name: torn\nVersion: 1.0\n", "entry_points.txt": f"[{ENTRY_POINT_GROUP}]\ntorn\n"},
        {},
    )
    fake_distribution.write(
        "other-1.0.dist-info",
        {"METADATA": "Name: other\nVersion: 1.0\n", "entry_points.txt": "[console_scripts]\nother\n"},
        {},
    )
    fake_distribution.write("~cme-0.9.dist-info", {"RECORD": ""}, {})
    fake_distribution.write(
        "nameless-1.0.dist-info", {"entry_points.txt": f"[{ENTRY_POINT_GROUP}]\nnameless = nameless:plugin\n"}, {}
    )
    found = discover()
    assert "app:acme" in found.registry.modules
    assert [("(a distribution without a name)", Phase.LOAD), ("torn", Phase.LOAD)] == [
        (failure.distribution, failure.phase) for failure in found.report.failed
    ]
    assert found.report.failed[1].cause.startswith("its entry_points.txt cannot be read")
    assert "acme" in [source.distribution for source in installed_sources()]


def test_first_of_two_versions_on_the_path(fake_distribution: FakeDistributions) -> None:
    """Of two versions of one distribution, the one that imports give is the one that is reported."""
    fake_distribution("acme", "raise RuntimeError('the old one')", version="1.0")
    fake_distribution("Acme", ACME, version="2.0")
    found = discover()
    assert Loaded("acme", "2.0") in found.report.loaded
    assert found.report.healthy


# ── Validation of one distribution by itself ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("modules", "actions", "cause"),
    [
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet'), action('globex.greet')",
            "action globex.greet@1: no module of this distribution claims globex.*",
        ),
        ("", "action('acme.greet')", "action acme.greet@1: no module of this distribution claims acme.*"),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet'), action('acme.secret')",
            "action acme.secret@1: no module of this distribution allows it",
        ),
        (
            "module('app:acme', 'acme.greet', default_action_id='acme.wave')",
            "action('acme.greet')",
            "module app:acme: the default action acme.wave is not among its allowed actions",
        ),
        (
            "module('app:acme', 'acme.greet', default_action_id=None)",
            "action('acme.greet')",
            "module app:acme: the default action None is not among its allowed actions",
        ),
        (
            "module('app:acme', default_action_id='acme.greet')",
            "",
            "module app:acme: the default action acme.greet is not among its allowed actions",
        ),
        (
            "module('app:acme', 'acme.greet', 'acme.wave', 'acme.bow')",
            "action('acme.greet')",
            "module app:acme allows actions that do not exist: acme.bow, acme.wave",
        ),
        ("module('App Acme')", "", "module App Acme: the group key must match (app:)?[a-z0-9][a-z0-9._-]*\\Z"),
        ("module('app:acme'), module('app:acme')", "", "group key app:acme is given twice"),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet'), action('acme.greet')",
            "action acme.greet@1 is given twice",
        ),
        (
            "module('app:acme', 'acme.greet'), module('app:acme2', 'acme.greet')",
            "action('acme.greet')",
            "allowed action acme.greet is given twice",
        ),
        (
            "module('app:acme', 'acme')",
            "action('acme')",
            "action acme@1: the id must be dotted lower-case words",
        ),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet', version=0)",
            "action acme.greet@0: versions count from 1",
        ),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet', handler=lambda given, ctx: None)",
            "action acme.greet@1: the handler must be an async function",
        ),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet', prepare=lambda given, ctx: None)",
            "action acme.greet@1: prepare must be an async function",
        ),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet', reconcile=lambda given, ctx, sent: None, effect=Effect.ONCE, io='external')",
            "action acme.greet@1: reconcile must be an async function",
        ),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet', reconcile=handle)",
            "action acme.greet@1: a READ effect leaves nothing to reconcile",
        ),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet', effect=Effect.LOCAL, io='external')",
            "action acme.greet@1: a LOCAL effect needs io='database'",
        ),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet', effect=Effect.REPEATABLE)",
            "action acme.greet@1: a REPEATABLE effect needs io='external'",
        ),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet', effect=Effect.ONCE)",
            "action acme.greet@1: a ONCE effect needs io='external'",
        ),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet', time_limit=timedelta())",
            "action acme.greet@1: the time limit must be positive",
        ),
        (
            "module('app:acme', 'acme.greet')",
            "action('acme.greet', input=dict)",
            "action acme.greet@1: <class 'dict'> is not an attrs class",
        ),
    ],
)
def test_invalid(fake_distribution: FakeDistributions, modules: str, actions: str, cause: str) -> None:
    """A distribution whose parts do not fit together is refused, and the cause says which."""
    assert Failure("acme", "1.0", Phase.VALIDATE, cause) == fails(fake_distribution, plugin(modules, actions))


@pytest.mark.parametrize(
    ("contributed", "cause"),
    [
        (
            {"resolvers": "AvailabilityResolver('acme', resolve), AvailabilityResolver('acme', resolve)"},
            "availability key acme is given twice",
        ),
        ({"connections": "connection('acme'), connection('acme')"}, "connection acme is given twice"),
        (
            {"connections": "connection('acme', 'acme'), connection('acme2', 'acme')"},
            "connection of acme is given twice",
        ),
    ],
)
def test_given_twice(fake_distribution: FakeDistributions, contributed: dict[str, str], cause: str) -> None:
    """Keys are unique within a distribution too."""
    failure = fails(fake_distribution, plugin("module('app:acme')", **contributed))
    assert Failure("acme", "1.0", Phase.VALIDATE, cause) == failure


@pytest.mark.parametrize(
    ("jobs", "cause"),
    [
        ("job('sync')", "job sync: the id must be dotted lower-case words"),
        ("job('globex.sync')", "job globex.sync: no module of this distribution claims globex.*"),
        (
            "job('acme.sync', provider='globex')",
            "job acme.sync: this distribution has no connection of the provider globex",
        ),
        ("job('acme.sync', handler=print)", "job acme.sync: the handler must be an async function"),
        ("job('acme.sync'), job('acme.sync')", "job acme.sync is given twice"),
    ],
)
def test_invalid_job(fake_distribution: FakeDistributions, jobs: str, cause: str) -> None:
    """A job needs an id of its distribution's own, a connection of it, and an async handler."""
    code = plugin(
        "module('app:acme', 'acme.greet')",
        "action('acme.greet')",
        connections="connection('acme', 'acme')",
        jobs=jobs,
    )
    failure = fails(fake_distribution, code)
    assert (Phase.VALIDATE, cause) == (failure.phase, failure.cause)


@pytest.mark.parametrize(
    ("field", "cause"),
    [
        ("every=timedelta(0)", "every must be a second or more"),
        ("time_limit=timedelta(0)", "time_limit must be a second or more"),
        ("jitter=1.5", "'jitter' must be <= 1"),
        ("every=60", "'every' must be <class 'datetime.timedelta'>"),
    ],
)
def test_wrong_field_of_a_job(fake_distribution: FakeDistributions, field: str, cause: str) -> None:
    """Times that cannot be are refused where the plugin makes the job."""
    code = plugin("module('app:acme', 'acme.greet')", "action('acme.greet')", jobs=f"job('acme.sync', {field})")
    failure = fails(fake_distribution, code)
    assert Phase.CONTRIBUTE == failure.phase
    assert cause in failure.cause


def test_everything_that_is_wrong_at_once(fake_distribution: FakeDistributions) -> None:
    """A developer reads all problems in one go."""
    code = plugin("module('app:acme', 'acme.greet')", "action('globex.greet', version=0), action('acme.GREET')")
    causes = fails(fake_distribution, code).cause.split("; ")
    assert [
        "module app:acme allows actions that do not exist: acme.greet",
        "action globex.greet@0: no module of this distribution claims globex.*",
        "action globex.greet@0: versions count from 1",
        "action acme.GREET@1: the id must be dotted lower-case words",
    ] == causes


@pytest.mark.parametrize("io", ["'disk'", "None"])
def test_wrong_field_of_an_action(fake_distribution: FakeDistributions, io: str) -> None:
    """An action with a field of a wrong type or word fails where it is made, and the hook is named."""
    failure = fails(fake_distribution, plugin("module('app:acme')", f"action('acme.greet', io={io})"))
    assert Phase.CONTRIBUTE == failure.phase
    assert failure.cause.startswith("workflow_actions: ValueError: 'io' must be in ('database', 'external')")


def test_registry_of_one_distribution() -> None:
    """Tests of integrations make a registry without installing anything; what would not load is refused."""
    module = Module(
        group_key="app:acme",
        label="Acme",
        description="",
        tile_kind="app",
        default_action_id=None,
        allowed_action_ids=(),
    )
    registry = registry_of("acme", "1.0", modules=[module])
    assert {"app:acme": module} == registry.modules
    assert {"acme": "1.0"} == registry.manifest.distributions
    with pytest.raises(DiscoveryError, match="group key app:acme is given twice"):
        registry_of("acme", "1.0", modules=[module, module])


# ── Conflicts ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("contributed", "claim"),
    [
        (("module('app:acme')",), "group key app:acme"),
        (("module('app:{name}', 'acme.greet')", "action('acme.greet')"), "action acme.greet@1"),
        (("module('app:{name}', 'acme.{name}')", "action('acme.{name}')"), "actions acme.*"),
        (("module('app:{name}', icon=Icon('acme', '<svg xmlns=\"http://www.w3.org/2000/svg\"/>'))",), "icon acme"),
    ],
)
def test_neither_of_two_that_claim_the_same(
    fake_distribution: FakeDistributions, contributed: tuple[str, ...], claim: str
) -> None:
    """Two distributions that claim one key are both refused; each failure names the other and the remedy."""
    for name in ("one", "two"):
        fake_distribution(name, plugin(*(part.format(name=name) for part in contributed)))
    fake_distribution("bystander", plugin("module('app:bystander')"))
    found = discover_only("bystander", "one", "two")
    assert (Loaded("bystander", "1.0"),) == found.report.loaded
    assert ["app:bystander"] == list(found.registry.modules)
    assert [("one", Phase.CONFLICT), ("two", Phase.CONFLICT)] == [
        (f.distribution, f.phase) for f in found.report.failed
    ]
    remedy = "uninstall one, or require the one that should win"
    assert f"{claim} is also claimed by two: {remedy}" in found.report.failed[0].cause.split("; ")
    assert f"{claim} is also claimed by one: {remedy}" in found.report.failed[1].cause.split("; ")


@pytest.mark.parametrize(
    ("contributed", "claim"),
    [
        ({"resolvers": "AvailabilityResolver('acme', resolve)"}, "availability key acme"),
        ({"connections": "connection('acme', '{name}')"}, "connection acme"),
        ({"connections": "connection('{name}', 'acme')"}, "actions acme.*"),
    ],
)
def test_keys_behind_the_scenes(fake_distribution: FakeDistributions, contributed: dict[str, str], claim: str) -> None:
    """Nobody stands in for another's resolver or connection, and so gets at nobody's secrets."""
    for name in ("one", "two"):
        parts = {hook: text.format(name=name) for hook, text in contributed.items()}
        fake_distribution(name, plugin(f"module('app:{name}')", **parts))
    found = discover_only("one", "two")
    assert [f"{claim} is also claimed by {other}" for other in ("two", "one")] == [
        failure.cause.partition(":")[0] for failure in found.report.failed
    ]


def test_connection_to_the_actions_of_another(fake_distribution: FakeDistributions) -> None:
    """A connection cannot put itself between another distribution's actions and their secrets."""
    fake_distribution("acme", ACME)
    fake_distribution("thief", plugin("module('app:thief')", connections="connection('thief', 'acme')"))
    found = discover_only("acme", "thief", required=frozenset({"acme"}))
    assert (Loaded("acme", "1.0"),) == found.report.loaded
    assert None is found.registry.connection_of("acme.greet")


def test_required_distribution_keeps_what_it_claims(fake_distribution: FakeDistributions) -> None:
    """Of two claims, the one of a required distribution stands; the other is refused."""
    for name in ("one", "two"):
        fake_distribution(name, plugin("module('app:acme', 'acme.greet')", "action('acme.greet')"))
    found = discover_only("one", "two", required=frozenset({"Two"}))
    assert (Loaded("two", "1.0"),) == found.report.loaded
    assert "two" == found.registry.distribution_of["acme.greet"]
    keeps = "is also claimed by two: it is required by configuration and keeps it"
    assert f"action acme.greet@1 {keeps}; actions acme.* {keeps}; group key app:acme {keeps}" == (
        found.report.failed[0].cause
    )


def test_two_required_distributions(fake_distribution: FakeDistributions) -> None:
    """Requiring both settles nothing: neither loads."""
    for name in ("one", "two"):
        fake_distribution(name, plugin("module('app:acme')"))
    found = discover_only("one", "two", required=frozenset({"one", "two"}))
    assert ((), ["one", "two"]) == (found.report.loaded, [failure.distribution for failure in found.report.failed])


def test_nobody_takes_tickets_over(fake_distribution: FakeDistributions) -> None:
    """The generic modules are required by default: who claims ``tickets.create`` is refused and named."""
    fake_distribution("thief", plugin("module('app:thief', 'tickets.create')", "action('tickets.create')"))
    found = discover()
    assert "workflow-psa" == found.registry.distribution_of["tickets.create"]
    (failure,) = found.report.failed
    assert ("thief", Phase.CONFLICT) == (failure.distribution, failure.phase)
    keeps = "is also claimed by workflow-psa: it is required by configuration and keeps it"
    assert f"action tickets.create@1 {keeps}; actions tickets.* {keeps}" == failure.cause


def test_who_lost_takes_nobody_down(fake_distribution: FakeDistributions) -> None:
    """A distribution that is refused for a required one's sake does not count against a third."""
    fake_distribution("acme", ACME)
    code = plugin(
        "module('app:acme', 'acme.greet'), module('app:thief', 'tickets.create')",
        "action('acme.greet'), action('tickets.create')",
    )
    fake_distribution("thief", code)
    found = discover()
    assert ["thief"] == [failure.distribution for failure in found.report.failed]
    assert "acme" == found.registry.distribution_of["acme.greet"]


def test_order_decides_nothing(fake_distribution: FakeDistributions) -> None:
    """Whatever the order in which entry points are found: one registry, one report."""
    for name in ("one", "two"):
        fake_distribution(name, plugin("module('app:same')"))
    fake_distribution("broken", "raise RuntimeError('broken')")
    also = "class Other:\n    @hookimpl\n    def workflow_modules(self):\n        return [module('app:other')]"
    code = plugin("module('app:acme', 'acme.greet')", "action('acme.greet')", also=f"{also}\nother = Other()")
    fake_distribution("acme", code, entry_points={"a": "acme:plugin", "b": "acme:other"})
    fake_distribution("thief", plugin("module('app:thief', 'tickets.create')", "action('tickets.create')"))
    points = entry_points("one", "two", "broken", "acme", "thief", "workflow-psa")

    def summary(points: list[importlib.metadata.EntryPoint]) -> object:
        found = discover(entry_points=points)
        registry = found.registry
        return (
            found.report,
            list(registry.modules.items()),
            list(registry.actions),
            list(registry.distribution_of.items()),
            registry.manifest,
            registry.manifest.fingerprint,
        )

    expected = summary(points)
    shuffle = random.Random(1)
    for _ in range(10):
        shuffle.shuffle(points)
        assert expected == summary(points)


# ── Blocked and required ─────────────────────────────────────────────────────────────────────────────────────────


def test_pending_migrations_block(fake_distribution: FakeDistributions) -> None:
    """A distribution whose tables are not there yet contributes nothing, and the report says what to do."""
    fake_distribution("acme", ACME)
    found = discover(entry_points=entry_points("acme"), required=(), pending={"acme": ["0001_a.sql", "0002_b.sql"]})
    cause = "migrations pending: 0001_a.sql, 0002_b.sql; run `workflow-modules migrate`"
    assert DiscoveryReport(blocked=(Blocked("acme", "1.0", cause),)) == found.report
    assert not found.report.healthy
    assert {} == dict(found.registry.modules)
    assert {} == dict(found.registry.manifest.distributions)


def test_blocked_distribution_keeps_its_claims(fake_distribution: FakeDistributions) -> None:
    """Nobody slips in while a required distribution waits for its migrations."""
    fake_distribution("acme", ACME)
    fake_distribution("thief", ACME)
    found = discover(entry_points=entry_points("acme", "thief"), required=["acme"], pending={"acme": ["0001_a.sql"]})
    assert ([], ["acme"], ["thief"]) == (
        [entry.distribution for entry in found.report.loaded],
        [entry.distribution for entry in found.report.blocked],
        [entry.distribution for entry in found.report.failed],
    )


def test_required_and_missing() -> None:
    """A required distribution that is not installed is a failure with its name."""
    found = discover(entry_points=[], required=["Workflow_PSA"])
    failure = Failure("workflow-psa", None, Phase.REQUIRED, "required by configuration, and not installed")
    assert DiscoveryReport(failed=(failure,)) == found.report


def test_required_and_broken(fake_distribution: FakeDistributions) -> None:
    """A required distribution that fails is reported once, with the reason why it fails."""
    fake_distribution("acme", "raise RuntimeError('broken')")
    report = discover(entry_points=entry_points("acme"), required=["acme"]).report
    assert [("acme", Phase.LOAD)] == [(failure.distribution, failure.phase) for failure in report.failed]


def test_require() -> None:
    """A host goes on without what it does not require, unless it is strict; else it is told everything at once."""
    report = DiscoveryReport(
        failed=(Failure("acme", "1.0", Phase.LOAD, "ImportError"),),
        blocked=(Blocked("globex", "1.0", "migrations pending: 0001_a.sql"),),
    )
    require(report, required=["initech"], strict=False)
    require(DiscoveryReport(loaded=(Loaded("acme", "1.0"),)), required=["acme"], strict=True)

    with pytest.raises(DiscoveryError, match=r"cannot start without acme: load: ImportError\. See"):
        require(report, required=["Acme"], strict=False)
    with pytest.raises(DiscoveryError, match=r"cannot start without globex: migrations pending: 0001_a\.sql\. See"):
        require(report, required=["globex"], strict=False)
    with pytest.raises(DiscoveryError, match="acme: load: ImportError; globex: migrations pending"):
        require(report, required=[], strict=True)


def test_report_as_json() -> None:
    """Health answers and ``workflow-modules list --json`` show the report as it is; what is unknown is left out."""
    report = DiscoveryReport(
        loaded=(Loaded("acme", "1.0"),),
        failed=(Failure("globex", None, Phase.REQUIRED, "not installed"),),
        blocked=(Blocked("initech", "2.0", "migrations pending"),),
    )
    expected = {
        "loaded": [{"distribution": "acme", "version": "1.0"}],
        "failed": [{"distribution": "globex", "phase": "required", "cause": "not installed"}],
        "blocked": [{"distribution": "initech", "version": "2.0", "cause": "migrations pending"}],
    }
    assert expected == json.loads(json.dumps(report.as_json()))


# ── Two processes ────────────────────────────────────────────────────────────────────────────────────────────────

FINGERPRINT = """
import sys
from workflow_core.discovery import discover
found = discover()
assert found.report.healthy, found.report
print(found.registry.manifest.fingerprint)
"""


def fingerprint_in_a_process(*folders: Path, hash_seed: str) -> str:
    """What another Python finds with these folders at the front of its path."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
        "PYTHONHASHSEED": hash_seed,
    }
    done = subprocess.run(
        [sys.executable, "-c", FINGERPRINT], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_fingerprints_of_two_processes(fake_distribution: FakeDistributions) -> None:
    """Equal whatever the order of the path; different when one schema, or one version, differs."""

    def make(name: str, code: str, *, version: str = "1.0") -> Path:
        return fake_distribution(name, code, version=version)

    globex = plugin("module('app:globex', 'globex.greet')", "action('globex.greet')")
    first, second = make("acme", ACME), make("globex", globex)
    one = fingerprint_in_a_process(first, second, hash_seed="1")
    other = fingerprint_in_a_process(second, first, hash_seed="2")
    assert one == other

    newer = make("globex", globex, version="1.1")
    assert one != fingerprint_in_a_process(first, newer, hash_seed="1")


def test_fingerprint_follows_the_schema(fake_distribution: FakeDistributions, tmp_path: Path) -> None:
    """One field that is optional in one process and not in the other is enough."""
    changed = ACME.replace("class Given:\n    name: str", "class Given:\n    name: str = ''")
    assert changed != ACME
    folder = fake_distribution("acme", ACME)
    one = fingerprint_in_a_process(folder, hash_seed="1")
    (folder / "acme.py").write_text(changed)
    assert one != fingerprint_in_a_process(folder, hash_seed="1")
