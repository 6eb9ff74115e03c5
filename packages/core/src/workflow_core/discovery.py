"""Finds the installed integrations: an explicit call, never an effect of an import.

:func:`discover` enumerates the entry points of group ``workflow.modules``, sorts them by distribution and name,
loads each distribution under a guard of its own, validates what it contributes, settles conflicts without regard to
order, and answers an immutable :class:`Registry` and a :class:`DiscoveryReport` that names every failure's
distribution, version, phase and cause.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

import attrs
import pluggy
from packaging.utils import canonicalize_name

from workflow_core.actions import Action, Effect
from workflow_core.availability import AvailabilityResolver
from workflow_core.connections import Connection, connection_problems
from workflow_core.errors import DiscoveryError
from workflow_core.events import EventType
from workflow_core.hookspecs import PROJECT, WorkflowSpecs
from workflow_core.installed import Installed, find_installed, identify
from workflow_core.jobs import Job
from workflow_core.manifest import Manifest, build_manifest
from workflow_core.modules import Module
from workflow_core.options import RESERVED, OptionSource, picker_problems
from workflow_core.schema import check_supported
from workflow_core.webhooks import WebhookReceiver

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: Nobody may take the generic actions over: their distribution wins every conflict.
DEFAULT_REQUIRED = frozenset({"workflow-psa"})

_PERMISSION = re.compile(r"[a-z][a-z0-9_]*:[a-z][a-z0-9_]*\Z")
_ACTION_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\Z")
_EVENT_NAME = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_GROUP_KEY = re.compile(r"(app:)?[a-z0-9][a-z0-9._-]*\Z")


class Phase(StrEnum):
    """Where on its way a distribution failed."""

    LOAD = "load"
    REGISTER = "register"
    CONTRIBUTE = "contribute"
    VALIDATE = "validate"
    CONFLICT = "conflict"
    REQUIRED = "required"


@attrs.frozen
class Loaded:
    """A distribution whose contributions are in the registry."""

    distribution: str
    version: str


@attrs.frozen
class Failure:
    """A distribution that contributes nothing, and why."""

    distribution: str
    version: str | None
    phase: Phase
    cause: str


@attrs.frozen
class Blocked:
    """A healthy distribution that must not run yet."""

    distribution: str
    version: str
    cause: str


@attrs.frozen
class DiscoveryReport:
    """What discovery found; each tuple is sorted by distribution."""

    loaded: tuple[Loaded, ...] = ()
    failed: tuple[Failure, ...] = ()
    blocked: tuple[Blocked, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether everything that is installed is in the registry."""
        return not self.failed and not self.blocked

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, for health answers and ``workflow-modules list --json``."""
        return {
            kind: [
                {name: value for name, value in attrs.asdict(entry).items() if value is not None}
                for entry in getattr(self, kind)
            ]
            for kind in ("loaded", "failed", "blocked")
        }


@attrs.frozen
class Registry:
    """Everything that the loaded distributions contribute. Immutable.

    Attributes:
        modules: By group key.
        actions: By id and version.
        resolvers: By availability key.
        connections: By provider.
        events: By name.
        receivers: Of webhooks, by provider.
        options: Sources of options, by id.
        distribution_of: The distribution of each action id.
        distribution_of_module: The distribution of each group key.
        distribution_of_event: The distribution of each event name.
        distribution_of_connection: The distribution of each provider.
        jobs: By id.
        distribution_of_job: The distribution of each job id.
        manifest: What this process can run.
    """

    modules: Mapping[str, Module]
    actions: Mapping[tuple[str, int], Action]
    resolvers: Mapping[str, AvailabilityResolver]
    connections: Mapping[str, Connection]
    events: Mapping[str, EventType]
    receivers: Mapping[str, WebhookReceiver]
    options: Mapping[str, OptionSource]
    distribution_of: Mapping[str, str]
    distribution_of_module: Mapping[str, str]
    distribution_of_event: Mapping[str, str]
    distribution_of_connection: Mapping[str, str]
    jobs: Mapping[str, Job]
    distribution_of_job: Mapping[str, str]
    manifest: Manifest

    def module_of(self, action_id: str) -> Module | None:
        """The module whose allowed list names the action."""
        for module in self.modules.values():
            if action_id in module.allowed_action_ids:
                return module
        return None

    def connection_of(self, action_id: str) -> Connection | None:
        """The connection whose secrets the action may read."""
        segment = action_id.split(".", 1)[0]
        for connection in self.connections.values():
            if segment in connection.segments:
                return connection
        return None

    @property
    def distributions(self) -> Sequence[str]:
        """The names of the loaded distributions, sorted."""
        return sorted(self.manifest.distributions)


@attrs.frozen
class Discovery:
    """The result of one discovery."""

    registry: Registry
    report: DiscoveryReport


@attrs.define
class _Contribution:
    """What one distribution brings, before anything is accepted."""

    distribution: str
    version: str
    modules: list[Module] = attrs.Factory(list)
    actions: list[Action] = attrs.Factory(list)
    resolvers: list[AvailabilityResolver] = attrs.Factory(list)
    connections: list[Connection] = attrs.Factory(list)
    events: list[EventType] = attrs.Factory(list)
    receivers: list[WebhookReceiver] = attrs.Factory(list)
    jobs: list[Job] = attrs.Factory(list)
    options: list[OptionSource] = attrs.Factory(list)

    @property
    def allowed_action_ids(self) -> list[str]:
        return [action_id for module in self.modules for action_id in module.allowed_action_ids]

    @property
    def segments(self) -> set[str]:
        return {action_id.split(".", 1)[0] for action_id in self.allowed_action_ids}


class _PhaseError(Exception):
    def __init__(self, phase: Phase, cause: str) -> None:
        super().__init__(cause)
        self.phase = phase
        self.cause = cause


def discover(
    *,
    required: Iterable[str] = DEFAULT_REQUIRED,
    pending: Mapping[str, Sequence[str]] = MappingProxyType({}),
    entry_points: Sequence[importlib.metadata.EntryPoint] | None = None,
) -> Discovery:
    """Finds, loads and validates the installed integrations.

    Args:
        required: Distributions that win a conflict, and whose absence the report names as a failure.
        pending: Migrations still to run, by distribution: such a distribution is blocked.
        entry_points: Instead of the installed ones.

    Returns:
        The registry of what is healthy, and the report. Broken distributions never raise here; the host decides.
    """
    required = {canonicalize_name(name) for name in required}
    given: dict[str, list[importlib.metadata.EntryPoint]] = defaultdict(list)
    for point in entry_points or ():
        given[_distribution(point)[0]].append(point)
    installed = find_installed() if entry_points is None else Installed(given, {})

    failures = {
        name: Failure(name, broken.version, Phase.LOAD, broken.cause) for name, broken in installed.unreadable.items()
    }
    blocked: list[Blocked] = []
    contributions: list[_Contribution] = []
    for name in sorted(installed.points):
        points = sorted(installed.points[name], key=lambda point: (point.name, point.value))
        version = _distribution(points[0])[1]
        try:
            contribution = _load(name, version, points)
            with _guard(Phase.VALIDATE):
                _validate(contribution)
        except _PhaseError as error:
            _log.debug("distribution %s %s", name, version, exc_info=error.__cause__)
            failures[name] = Failure(name, version, error.phase, error.cause)
            continue
        if pending.get(name):
            blocked.append(Blocked(name, version, _pending_words(pending[name])))
        contributions.append(contribution)

    for name, cause in _conflicts(contributions, required).items():
        version = next(c.version for c in contributions if c.distribution == name)
        failures[name] = Failure(name, version, Phase.CONFLICT, cause)
    for name in sorted(required - set(installed.points) - set(failures)):
        failures[name] = Failure(name, None, Phase.REQUIRED, "required by configuration, and not installed")
    for failure in failures.values():
        _log.error("integration %s is left out: %s: %s", failure.distribution, failure.phase, failure.cause)

    held = {entry.distribution for entry in blocked}
    accepted = [c for c in contributions if c.distribution not in failures and c.distribution not in held]
    report = DiscoveryReport(
        loaded=tuple(Loaded(c.distribution, c.version) for c in accepted),
        failed=tuple(failures[name] for name in sorted(failures)),
        blocked=tuple(entry for entry in blocked if entry.distribution not in failures),
    )
    return Discovery(_registry(accepted), report)


def registry_of(
    distribution: str,
    version: str,
    *,
    modules: Iterable[Module] = (),
    actions: Iterable[Action] = (),
    resolvers: Iterable[AvailabilityResolver] = (),
    connections: Iterable[Connection] = (),
    events: Iterable[EventType] = (),
    receivers: Iterable[WebhookReceiver] = (),
    jobs: Iterable[Job] = (),
    options: Iterable[OptionSource] = (),
) -> Registry:
    """The registry of one distribution that is given rather than found: for tests of integrations.

    Raises:
        DiscoveryError: It would not load.
    """
    contribution = _Contribution(
        distribution,
        version,
        list(modules),
        list(actions),
        list(resolvers),
        list(connections),
        list(events),
        list(receivers),
        list(jobs),
        list(options),
    )
    try:
        _validate(contribution)
    except _PhaseError as error:
        raise DiscoveryError(error.cause) from None
    return _registry([contribution])


def require(report: DiscoveryReport, *, required: Iterable[str], strict: bool) -> None:
    """Refuses to go on when a required distribution (with ``strict``: any) is not loaded.

    Raises:
        DiscoveryError: Naming each distribution, its phase and cause.
    """
    names = {canonicalize_name(name) for name in required}
    bad = [f"{f.distribution}: {f.phase}: {f.cause}" for f in report.failed if strict or f.distribution in names]
    bad += [f"{b.distribution}: {b.cause}" for b in report.blocked if strict or b.distribution in names]
    if bad:
        raise DiscoveryError(f"cannot start without {'; '.join(bad)}. See `workflow-modules list`.")


def _distribution(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    """Normalised name and version of an entry point's distribution."""
    if point.dist is None:
        raise ValueError(f"the entry point {point.name} = {point.value} belongs to no distribution")
    return identify(point.dist)


def _pending_words(files: Sequence[str]) -> str:
    return f"migrations pending: {', '.join(files)}; run `workflow-modules migrate`"


def _describe(error: BaseException) -> str:
    try:
        # A validator of attrs gives its sentence first, and then the attribute and all that it knows of it.
        sentence_first = len(error.args) > 1 and isinstance(error.args[0], str)
        words = error.args[0] if sentence_first else str(error)
    except Exception:  # noqa: BLE001 - guards a foreign exception class
        words = ""
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


@contextmanager
def _guard(phase: Phase, where: str = "") -> Iterator[None]:
    """Turns whatever foreign code raises into a failure of its distribution: ``SystemExit`` must not end the host."""
    try:
        yield
    except (KeyboardInterrupt, _PhaseError):
        raise
    except BaseException as error:
        raise _PhaseError(phase, f"{where}{_describe(error)}") from error


def _load(name: str, version: str, points: Iterable[importlib.metadata.EntryPoint]) -> _Contribution:
    contribution = _Contribution(name, version)
    for point in points:
        where = f"entry point {point.name} = {point.value}: "
        with _guard(Phase.LOAD, where):
            plugin = point.load()
        # One plugin manager for each plugin: a raising hook discards the results of its own plugin only.
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(WorkflowSpecs)
        with _guard(Phase.REGISTER, where):
            manager.register(plugin, name=f"{name}:{point.name}")
            manager.check_pending()
            if not manager.get_hookcallers(plugin):
                raise _PhaseError(Phase.REGISTER, f"{where}it names an object that implements no hook")
        contribution.modules += _call(manager.hook.workflow_modules, Module)
        contribution.actions += _call(manager.hook.workflow_actions, Action)
        contribution.resolvers += _call(manager.hook.workflow_availability, AvailabilityResolver)
        contribution.connections += _call(manager.hook.workflow_connections, Connection)
        contribution.events += _call(manager.hook.workflow_events, EventType)
        contribution.receivers += _call(manager.hook.workflow_webhooks, WebhookReceiver)
        contribution.jobs += _call(manager.hook.workflow_jobs, Job)
        contribution.options += _call(manager.hook.workflow_options, OptionSource)
    return contribution


def _call(hook: pluggy.HookCaller, kind: type[T]) -> list[T]:
    with _guard(Phase.CONTRIBUTE, f"{hook.name}: "):
        records = [record for result in hook() for record in result]
    for record in records:
        if not isinstance(record, kind):
            raise _PhaseError(Phase.CONTRIBUTE, f"{hook.name} gave {type(record).__name__}, not {kind.__name__}")
    return records


def _validate(contribution: _Contribution) -> None:
    """Checks one distribution by itself; names everything that is wrong at once."""
    problems: list[str] = []
    ids = {action.id for action in contribution.actions}
    for module in contribution.modules:
        problems += _module_problems(module, ids)
    allowed = contribution.allowed_action_ids
    sources = {source.id: source for source in contribution.options}
    for action in contribution.actions:
        problems += _action_problems(action, contribution.segments, allowed, sources)
    problems += _repeated("group key", [module.group_key for module in contribution.modules])
    problems += _repeated("action", [action.key for action in contribution.actions])
    problems += _repeated("allowed action", allowed)
    problems += _repeated("availability key", [resolver.key for resolver in contribution.resolvers])
    problems += _repeated("connection", [connection.provider for connection in contribution.connections])
    for event in contribution.events:
        problems += _event_problems(event)
    problems += _repeated("event", [event.name for event in contribution.events])
    problems += _repeated("schema", [event.schema_ref for event in contribution.events])
    providers = {connection.provider for connection in contribution.connections}
    for connection in contribution.connections:
        problems += connection_problems(connection)
    problems += [
        f"webhook receiver of {receiver.provider}: no connection of this distribution has this provider"
        for receiver in contribution.receivers
        if receiver.provider not in providers
    ]
    problems += _repeated("webhook receiver of", [receiver.provider for receiver in contribution.receivers])
    for job in contribution.jobs:
        problems += _job_problems(job, contribution.segments, providers)
    problems += _repeated("job", [job.id for job in contribution.jobs])
    for source in contribution.options:
        problems += _source_problems(source, contribution.segments)
    problems += _repeated("source of options", [source.id for source in contribution.options])
    problems += _repeated("connection of", [segment for c in contribution.connections for segment in c.segments])
    if problems:
        raise _PhaseError(Phase.VALIDATE, "; ".join(problems))


def _repeated(what: str, keys: Sequence[str]) -> list[str]:
    return [f"{what} {key} is given twice" for key in sorted({k for k in keys if keys.count(k) > 1})]


def _module_problems(module: Module, ids: set[str]) -> list[str]:
    where = f"module {module.group_key}"
    problems = [] if _GROUP_KEY.match(module.group_key) else [f"{where}: the group key must match {_GROUP_KEY.pattern}"]
    missing = sorted(set(module.allowed_action_ids) - ids)
    if missing:
        problems.append(f"{where} allows actions that do not exist: {', '.join(missing)}")
    needs_default = bool(module.allowed_action_ids) or module.default_action_id is not None
    if needs_default and module.default_action_id not in module.allowed_action_ids:
        problems.append(f"{where}: the default action {module.default_action_id} is not among its allowed actions")
    return problems


def _action_problems(
    action: Action, segments: set[str], allowed: Sequence[str], sources: Mapping[str, OptionSource]
) -> list[str]:
    where = f"action {action.key}"
    problems = []
    if not _ACTION_ID.match(action.id):
        problems.append(f"{where}: the id must be dotted lower-case words")
    elif action.segment not in segments:
        problems.append(f"{where}: no module of this distribution claims {action.segment}.*")
    elif action.id not in allowed:  # it would stand behind no availability check
        problems.append(f"{where}: no module of this distribution allows it")
    if action.permission is not None and not _PERMISSION.match(action.permission):
        problems.append(f"{where}: the permission must be resource:action")
    if action.version < 1:
        problems.append(f"{where}: versions count from 1")
    problems += [
        f"{where}: {name} must be an async function"
        for name, function in (
            ("the handler", action.handler),
            ("prepare", action.prepare),
            ("reconcile", action.reconcile),
        )
        if function is not None and not inspect.iscoroutinefunction(function)
    ]
    if action.effect is Effect.LOCAL and action.io != "database":
        problems.append(f"{where}: a LOCAL effect needs io='database'")
    if action.effect in (Effect.REPEATABLE, Effect.ONCE) and action.io != "external":
        problems.append(f"{where}: a {action.effect} effect needs io='external'")
    if action.reconcile is not None and action.effect in (Effect.READ, Effect.LOCAL):
        problems.append(f"{where}: a {action.effect} effect leaves nothing to reconcile")
    if action.time_limit.total_seconds() <= 0:
        problems.append(f"{where}: the time limit must be positive")
    return [*problems, *_contract_problems(action, sources)]


def _contract_problems(action: Action, sources: Mapping[str, OptionSource]) -> list[str]:
    problems: list[str] = []
    for contract in (action.input, action.output):
        try:
            check_supported(contract)
        except Exception as error:  # noqa: BLE001 - guards a foreign class
            problems.append(f"action {action.key}: {error}")
    return problems or list(picker_problems(action, sources))


def _event_problems(event: EventType) -> list[str]:
    where = f"event {event.name}"
    problems = [] if _EVENT_NAME.match(event.name) else [f"{where}: the name must match {_EVENT_NAME.pattern}"]
    try:
        check_supported(event.payload)
    except Exception as error:  # noqa: BLE001 - guards a foreign class
        problems.append(f"{where}: {error}")
    return problems


def _job_problems(job: Job, segments: set[str], providers: set[str]) -> list[str]:
    where = f"job {job.id}"
    problems = []
    if not _ACTION_ID.match(job.id):
        problems.append(f"{where}: the id must be dotted lower-case words")
    elif job.segment not in segments:
        problems.append(f"{where}: no module of this distribution claims {job.segment}.*")
    if job.provider not in providers:
        problems.append(f"{where}: this distribution has no connection of the provider {job.provider}")
    if not inspect.iscoroutinefunction(job.handler):
        problems.append(f"{where}: the handler must be an async function")
    return problems


def _source_problems(source: OptionSource, segments: set[str]) -> list[str]:
    where = f"options {source.id}"
    problems = []
    if not _ACTION_ID.match(source.id):
        problems.append(f"{where}: the id must be dotted lower-case words")
    elif source.segment not in segments:
        problems.append(f"{where}: no module of this distribution claims {source.segment}.*")
    if not inspect.iscoroutinefunction(source.search):
        problems.append(f"{where}: search must be an async function")
    problems += [f"{where}: a dependency cannot be called {name}" for name in source.depends_on if name in RESERVED]
    return problems


def _conflicts(contributions: Sequence[_Contribution], required: set[str]) -> dict[str, str]:
    """Who loses a conflict, and why; the same for every order of the contributions.

    What is required wins first. Whoever lost to it claims nothing any more, and so takes nobody else down.
    """
    causes = _losers(contributions, required)
    others = [c for c in contributions if c.distribution not in causes]
    return causes | _losers(others, None)


def _losers(contributions: Sequence[_Contribution], winners: set[str] | None) -> dict[str, str]:
    """Those who claim what one winner claims; if there are to be no winners, all who claim what another claims."""
    keeps = "it is required by configuration and keeps it"
    remedy = keeps if winners is not None else "uninstall one, or require the one that should win"
    claims: dict[tuple[str, str], set[str]] = defaultdict(set)
    for c in contributions:
        for claim in _claims(c):
            claims[claim].add(c.distribution)
    causes: dict[str, list[str]] = defaultdict(list)
    for (kind, key), owners in sorted(claims.items()):
        kept = owners & (winners or set())
        if len(owners) < 2 or (winners is not None and len(kept) != 1):
            continue
        for loser in sorted(owners - kept):
            others = ", ".join(sorted(kept or owners - {loser}))
            causes[loser].append(f"{kind} {key} is also claimed by {others}: {remedy}")
    return {name: "; ".join(words) for name, words in causes.items()}


def _claims(c: _Contribution) -> Iterator[tuple[str, str]]:
    """Everything that only one distribution may have: kind and key."""
    yield from (("group key", module.group_key) for module in c.modules)
    yield from (("action", action.key) for action in c.actions)
    yield from (("actions", f"{segment}.*") for segment in c.segments)
    yield from (("availability key", resolver.key) for resolver in c.resolvers)
    yield from (("connection", connection.provider) for connection in c.connections)
    # Actions read the secrets of the connection that names their segment.
    yield from (("actions", f"{segment}.*") for connection in c.connections for segment in connection.segments)
    yield from (("event", event.name) for event in c.events)
    yield from (("schema", event.schema_ref) for event in c.events)
    yield from (("icon", module.icon.token) for module in c.modules if module.icon)


def _registry(contributions: Sequence[_Contribution]) -> Registry:
    actions = sorted((a for c in contributions for a in c.actions), key=lambda a: (a.id, a.version))
    versions = {c.distribution: c.version for c in contributions}
    return Registry(
        modules=MappingProxyType({m.group_key: m for c in contributions for m in c.modules}),
        actions=MappingProxyType({(a.id, a.version): a for a in actions}),
        resolvers=MappingProxyType({r.key: r for c in contributions for r in c.resolvers}),
        connections=MappingProxyType({k.provider: k for c in contributions for k in c.connections}),
        events=MappingProxyType({e.name: e for c in contributions for e in c.events}),
        receivers=MappingProxyType({r.provider: r for c in contributions for r in c.receivers}),
        jobs=MappingProxyType({j.id: j for c in contributions for j in c.jobs}),
        options=MappingProxyType({o.id: o for c in contributions for o in c.options}),
        distribution_of=MappingProxyType({a.id: c.distribution for c in contributions for a in c.actions}),
        distribution_of_module=MappingProxyType(
            {m.group_key: c.distribution for c in contributions for m in c.modules}
        ),
        distribution_of_event=MappingProxyType({e.name: c.distribution for c in contributions for e in c.events}),
        distribution_of_connection=MappingProxyType(
            {k.provider: c.distribution for c in contributions for k in c.connections}
        ),
        distribution_of_job=MappingProxyType({j.id: c.distribution for c in contributions for j in c.jobs}),
        manifest=build_manifest(actions, versions),
    )
