"""
Brings a database to the state that the installed distributions need.

A distribution ships numbered SQL files as package data, ``<package>/migrations/NNNN_name.sql``, beside its module. They
are found without importing it. A file runs once, in a transaction of its own, after the files before it, after all of
core's, and after what its header asks for::

    -- requires: workflow-psa 0003

In every file ``workflow_protect('table')`` puts a new table under the tenant policy. A file that leaves a table of ours
unprotected is rolled back: see :mod:`workflow_core.storage.tenancy`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

import asyncpg
import attrs
from packaging.utils import canonicalize_name

from workflow_core.errors import MigrationError
from workflow_core.installed import find_installed
from workflow_core.storage._connecting import CONNECTING_ERRORS, unreachable
from workflow_core.storage.database import Connection, Database, our_tables
from workflow_core.storage.tenancy import DISPATCH_ROLE, find_violations

CORE_DISTRIBUTION: Final = "workflow-modules-core"
APP_ROLE: Final = "workflow_app"

_FILE_NAME = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")
_REQUIRES = re.compile(r"--\s*requires:\s*(?P<distribution>[A-Za-z0-9._-]+)\s+(?P<number>\d{4})\s*")
_LOCK = "hashtextextended('workflow_migrations in ' || current_schema(), 0)"

Step = tuple[str, int]
"""One migration: normalised distribution name and number."""


def _normalise(distribution: str) -> str:
    return str(canonicalize_name(distribution))


@attrs.frozen
class MigrationSource:
    """
    Where a distribution keeps its migrations.

    Attributes:
        distribution: Its normalised name.
        package: The top-level package that holds the folder ``migrations``.
    """

    distribution: str = attrs.field(converter=_normalise)
    package: str


CORE_SOURCE: Final = MigrationSource(CORE_DISTRIBUTION, "workflow_core")


@attrs.frozen
class Migration:
    """
    One SQL file.

    Attributes:
        distribution: Normalised name of the distribution that ships it.
        number: Its number there.
        name: The file's name, ``0001_tickets.sql``.
        sql: Its text.
        checksum: SHA-256 of the text with line feeds as line ends, in hexadecimal.
        requires: What its header asks for.
    """

    distribution: str
    number: int
    name: str
    sql: str = attrs.field(repr=False)
    checksum: str
    requires: tuple[Step, ...] = ()

    @property
    def step(self) -> Step:
        """How other migrations refer to it."""
        return self.distribution, self.number

    def __str__(self) -> str:
        return f"{self.distribution} {self.name}"


def installed_sources() -> list[MigrationSource]:
    """Core, and every distribution with an entry point in the group ``workflow.modules``; nothing is imported."""
    found = {
        MigrationSource(name, point.module.partition(".")[0])
        for name, points in find_installed().points.items()
        for point in points
    }
    return [CORE_SOURCE, *sorted(found - {CORE_SOURCE}, key=attrs.astuple)]


def read_migrations(source: MigrationSource) -> list[Migration]:
    """
    The migrations of one package, by number; empty when it has none.

    Raises:
        MigrationError: The package is not there, or a file is not named or numbered as it should be.
    """
    try:
        spec = importlib.util.find_spec(source.package)
    except (ImportError, ValueError) as error:
        raise MigrationError(
            f"{source.distribution}: the package {source.package!r} cannot be looked up ({type(error).__name__})"
        ) from error
    if spec is None:
        raise MigrationError(
            f"{source.distribution}: the package {source.package!r} is not there; install the distribution again"
        )
    migrations: dict[int, Migration] = {}
    for location in spec.submodule_search_locations or ():
        for path in sorted(Path(location, "migrations").glob("*.sql")):
            migration = _read_file(source.distribution, path)
            if migration.number in migrations:
                raise MigrationError(
                    f"{source.distribution}: {migrations[migration.number].name} and {path.name} have the same "
                    "number; give the newer one the next free number"
                )
            migrations[migration.number] = migration
    return [migrations[number] for number in sorted(migrations)]


def _read_file(distribution: str, path: Path) -> Migration:
    match = _FILE_NAME.fullmatch(path.name)
    if match is None:
        raise MigrationError(f"{distribution}: name the migration {path.name!r} like 0001_what_it_is_about.sql")
    text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    return Migration(
        distribution=distribution,
        number=int(match["number"]),
        name=path.name,
        sql=text,
        checksum=hashlib.sha256(text.encode()).hexdigest(),
        requires=_read_header(text),
    )


def _read_header(text: str) -> tuple[Step, ...]:
    """Requirements stand in the comment lines with which a file begins."""
    requires: list[Step] = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("--"):
            break
        if match := _REQUIRES.fullmatch(line):
            requires.append((_normalise(match["distribution"]), int(match["number"])))
    return tuple(requires)


@attrs.frozen
class _Applied:
    name: str
    checksum: str


def _changed(migration: Migration, applied: _Applied) -> bool:
    return migration.checksum != applied.checksum


async def _read_applied(conn: Connection) -> dict[Step, _Applied]:
    rows = await conn.fetch("SELECT distribution, number, name, checksum FROM workflow_migrations")
    return {(row["distribution"], row["number"]): _Applied(row["name"], row["checksum"]) for row in rows}


# ── What is missing ──────────────────────────────────────────────────────────────────────────────────────────────


async def pending_migrations(
    database: Database | Connection, sources: Iterable[MigrationSource] | None = None
) -> dict[str, list[str]]:
    """
    What has still to be migrated before a distribution may be used.

    Args:
        database: A database, or a connection whose role may read ``workflow_migrations``.
        sources: The distributions to look at; all that are installed when left out.

    Returns:
        Normalised distribution name → names of the files that have not been applied, or that have changed since.
        Distributions with nothing pending are not in it.
    """
    if isinstance(database, Database):
        async with database.untenanted() as conn:
            return await pending_migrations(conn, sources)
    applied = await _read_applied(database) if await our_tables(database) else {}
    pending: dict[str, list[str]] = {}
    for source in installed_sources() if sources is None else sources:
        try:
            names = [_pending_name(migration, applied) for migration in read_migrations(source)]
        except MigrationError as error:
            names = [error.message]
        pending.setdefault(source.distribution, []).extend(name for name in names if name is not None)
    return {distribution: names for distribution, names in pending.items() if names}


def _pending_name(migration: Migration, applied: Mapping[Step, _Applied]) -> str | None:
    known = applied.get(migration.step)
    if known is None:
        return migration.name
    if _changed(migration, known):
        return f"{migration.name} (changed since it was applied)"
    return None


# ── Migrating ────────────────────────────────────────────────────────────────────────────────────────────────────


async def migrate(
    admin_dsn: str,
    sources: Iterable[MigrationSource] | None = None,
    *,
    app_role: str = APP_ROLE,
    on_progress: Callable[[Migration], None] = lambda _: None,
) -> list[Migration]:
    """
    Apply what is pending, one process at a time; others that try wait.

    The tables go into the first schema of the connection's search path and belong to its role. The roles ``app_role``
    and ``workflow_dispatch`` are created without login when they are missing; processes connect as a member of
    ``app_role`` (``CREATE ROLE x LOGIN IN ROLE workflow_app``).

    Args:
        admin_dsn: Connects as a role that may create tables here and, the first time, roles. No pooler in between.
        sources: The distributions to migrate, core among them; all that are installed when left out.
        app_role: The role that gets to read and write our tables.
        on_progress: Called after each migration.

    Returns:
        What was applied, in order.

    Raises:
        ConfigurationError: The server cannot be reached.
        MigrationError: Something failed. Distributions that do not depend on it have been migrated all the same;
            ``details['failed']`` maps those that failed to the reason, ``details['applied']`` lists what was applied.
    """
    try:
        conn = await asyncpg.connect(admin_dsn, server_settings={"application_name": "workflow-modules migrate"})
    except CONNECTING_ERRORS as error:
        raise unreachable(admin_dsn, error) from None  # the cause may quote the connection string
    try:
        await conn.execute(f"SELECT pg_advisory_lock({_LOCK})")
        run = _Run(conn, app_role, on_progress)
        await run.prepare()
        return await run.migrate(installed_sources() if sources is None else sources)
    finally:
        await conn.close()


class _Run:
    """One call of :func:`migrate`, on its connection and under the lock."""

    def __init__(
        self, conn: asyncpg.Connection[asyncpg.Record], app_role: str, on_progress: Callable[[Migration], None]
    ) -> None:
        self._conn = conn
        self._app_role = app_role
        self._on_progress = on_progress
        self._done: dict[Step, _Applied] = {}
        self._applied: list[Migration] = []
        self._failed: dict[str, str] = {}

    async def prepare(self) -> None:
        """Roles, the table of migrations, and the functions that migrations call."""
        try:
            async with self._conn.transaction():
                await _create_roles(self._conn, self._app_role)
                bootstrap = resources.files("workflow_core.storage").joinpath("bootstrap.sql")
                await self._conn.execute(bootstrap.read_text(encoding="utf-8"))
                await _grant_schema(self._conn, self._app_role)
        except asyncpg.PostgresError as error:
            raise MigrationError(
                f"The database cannot be prepared: {error}. Connect with a role that may create tables in the "
                "schema, and roles (or create the roles beforehand)."
            ) from error
        self._done = await _read_applied(self._conn)

    async def migrate(self, sources: Iterable[MigrationSource]) -> list[Migration]:
        migrations = self._read(sources)
        core = [migration for migration in migrations if migration.distribution == CORE_DISTRIBUTION]
        others = [migration for migration in migrations if migration.distribution != CORE_DISTRIBUTION]
        if CORE_DISTRIBUTION not in self._failed:
            await self._apply_in_order(core)
        if CORE_DISTRIBUTION in self._failed:
            for migration in others:
                self._failed.setdefault(migration.distribution, f"{CORE_DISTRIBUTION} failed")
        else:
            await self._apply_in_order(others)
        tables = await our_tables(self._conn)
        violations = await find_violations(self._conn, tables)
        await _grant_missing(self._conn, self._app_role, tables)
        self._raise_failures(violations)
        return self._applied

    def _read(self, sources: Iterable[MigrationSource]) -> list[Migration]:
        found: dict[Step, Migration] = {}
        for source in sources:
            try:
                for migration in read_migrations(source):
                    if found.setdefault(migration.step, migration) is not migration:
                        raise MigrationError(f"{source.distribution}: two packages have a migration {migration.name}")
                    known = self._done.get(migration.step)
                    if known is not None and _changed(migration, known):
                        raise MigrationError(
                            f"{migration} has changed since it was applied. Restore the file as it was (install the "
                            "version that you migrated with) and put the change into a new file with the next number."
                        )
            except MigrationError as error:
                self._failed.setdefault(source.distribution, error.message)
        return [migration for _, migration in sorted(found.items())]

    async def _apply_in_order(self, migrations: Sequence[Migration]) -> None:
        waiting = [migration for migration in migrations if migration.step not in self._done]
        before = _predecessors(migrations)
        while True:
            waiting = [migration for migration in waiting if migration.distribution not in self._failed]
            ready = next((m for m in waiting if all(step in self._done for step in before[m.step])), None)
            if ready is None:
                break
            try:
                await _apply(self._conn, ready, self._app_role)
            except MigrationError as error:
                self._failed[ready.distribution] = error.message
            else:
                self._done[ready.step] = _Applied(ready.name, ready.checksum)
                self._applied.append(ready)
                waiting.remove(ready)
                self._on_progress(ready)
        self._failed.update(_explain(waiting, before, self._done, self._failed))

    def _raise_failures(self, violations: Sequence[str]) -> None:
        if not self._failed and not violations:
            return
        reasons = [f"{distribution}: {reason}" for distribution, reason in sorted(self._failed.items())]
        raise MigrationError(
            "Not everything could be migrated.\n" + "\n".join(f"- {reason}" for reason in [*reasons, *violations]),
            details={
                "failed": dict(sorted(self._failed.items())),
                "violations": list(violations),
                "applied": [str(migration) for migration in self._applied],
            },
        )


def _predecessors(migrations: Iterable[Migration]) -> dict[Step, tuple[Step, ...]]:
    """What has to be applied before each migration: the one before it, and what it requires."""
    before: dict[Step, tuple[Step, ...]] = {}
    previous: dict[str, Step] = {}
    for migration in migrations:
        own = previous.get(migration.distribution)
        before[migration.step] = migration.requires if own is None else (own, *migration.requires)
        previous[migration.distribution] = migration.step
    return before


def _explain(
    waiting: Sequence[Migration],
    before: Mapping[Step, tuple[Step, ...]],
    done: Mapping[Step, _Applied],
    failed: Mapping[str, str],
) -> dict[str, str]:
    """Why each distribution that is still waiting cannot go on."""
    reasons: dict[str, str] = {}
    steps = {migration.step for migration in waiting}
    missing = {migration: [step for step in before[migration.step] if step not in done] for migration in waiting}
    found = True
    while found:
        found = False
        for migration in waiting:
            for step in () if migration.distribution in reasons else missing[migration]:
                if step[0] in failed or step[0] in reasons:
                    reasons[migration.distribution] = f"{migration.name} requires {_show(step)}, which failed"
                    found = True
                elif step not in steps:
                    reasons[migration.distribution] = f"{migration.name} requires {_show(step)}, which is not installed"
                    found = True
    following = {migration.step: steps_missing[0] for migration, steps_missing in missing.items()}
    for migration in waiting:
        if migration.distribution not in reasons:  # whatever it waits for waits as well
            reasons[migration.distribution] = "the requirements form a cycle: " + _cycle(migration.step, following)
    return reasons


def _cycle(start: Step, following: Mapping[Step, Step]) -> str:
    """The way from ``start`` until a step comes again."""
    way = [start]
    while following[way[-1]] not in way:
        way.append(following[way[-1]])
    return " → ".join(map(_show, [*way, following[way[-1]]]))


def _show(step: Step) -> str:
    return f"{step[0]} {step[1]:04}"


async def _apply(conn: asyncpg.Connection[asyncpg.Record], migration: Migration, app_role: str) -> None:
    """Run one file, check and grant what it made, and record it: all in one transaction, or nothing."""
    try:
        async with conn.transaction():
            before = await _Snapshot.take(conn)
            await conn.execute(migration.sql)
            after = await _Snapshot.take(conn)
            if after.transaction != before.transaction:
                raise MigrationError(f"{migration.name} ends the transaction it runs in; remove COMMIT and ROLLBACK")
            created = after.relations - before.relations
            violations = set(await find_violations(conn, before.ours | created)) - before.violations
            if violations:
                raise MigrationError(f"{migration.name} was rolled back: " + "; ".join(sorted(violations)))
            await _grant(conn, app_role, created, after.sequences - before.sequences)
            await conn.execute(
                "INSERT INTO workflow_migrations (distribution, number, name, checksum, relations) "
                "VALUES ($1, $2, $3, $4, $5)",
                migration.distribution,
                migration.number,
                migration.name,
                migration.checksum,
                sorted(created),
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{migration.name}{_line(migration, error)}: {error}") from error


def _line(migration: Migration, error: asyncpg.PostgresError) -> str:
    position = getattr(error, "position", None)
    if position is None:
        return ""
    return f", line {migration.sql[: int(position) - 1].count(chr(10)) + 1}"


@attrs.frozen
class _Snapshot:
    """What the schema holds at one moment of a transaction."""

    transaction: str
    relations: frozenset[str]
    sequences: frozenset[str]
    ours: frozenset[str]
    violations: frozenset[str]

    @classmethod
    async def take(cls, conn: Connection) -> _Snapshot:
        rows = await conn.fetch(
            "SELECT relname AS name, relkind::text AS kind FROM pg_class "
            "WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')"
        )
        ours = await our_tables(conn)
        return cls(
            transaction=await conn.fetchval("SELECT pg_current_xact_id()::text"),
            relations=frozenset(row["name"] for row in rows if row["kind"] != "S"),
            sequences=frozenset(row["name"] for row in rows if row["kind"] == "S"),
            ours=frozenset(ours),
            violations=frozenset(await find_violations(conn, ours)),
        )


# ── Roles and grants ─────────────────────────────────────────────────────────────────────────────────────────────


def _quote(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


async def _create_roles(conn: Connection, app_role: str) -> None:
    """Roles belong to the whole server, so another database's migration may create them at the same moment."""
    for role in (app_role, DISPATCH_ROLE):
        if not await conn.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role):
            try:
                async with conn.transaction():
                    await conn.execute(f"CREATE ROLE {_quote(role)} NOLOGIN")
            except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                continue
    granted = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM pg_auth_members WHERE roleid = $1::text::regrole AND member = $2::text::regrole "
        "AND NOT inherit_option AND set_option)",
        DISPATCH_ROLE,
        _quote(app_role),
    )
    if not granted:
        await conn.execute(f"GRANT {DISPATCH_ROLE} TO {_quote(app_role)} WITH INHERIT FALSE, SET TRUE")


async def _grant_schema(conn: Connection, app_role: str) -> None:
    schema = _quote(await conn.fetchval("SELECT current_schema()"))
    await conn.execute(f"GRANT USAGE ON SCHEMA {schema} TO {_quote(app_role)}, {DISPATCH_ROLE}")
    await conn.execute(f"GRANT SELECT ON workflow_migrations TO {_quote(app_role)}")


async def _grant(conn: Connection, app_role: str, relations: Iterable[str], sequences: Iterable[str]) -> None:
    for relation in sorted(relations):
        await conn.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_quote(relation)} TO {_quote(app_role)}")
    for sequence in sorted(sequences):
        await conn.execute(f"GRANT USAGE, SELECT ON SEQUENCE {_quote(sequence)} TO {_quote(app_role)}")


async def _grant_missing(conn: Connection, app_role: str, relations: Iterable[str]) -> None:
    """After a restore into another server, or with another ``app_role``, the grants of old migrations are missing."""
    rows = await conn.fetch(
        "SELECT relname AS name FROM pg_class "
        "WHERE relnamespace = current_schema()::regnamespace AND relname = ANY ($1::text[]) "
        "AND relname <> 'workflow_migrations' AND NOT has_table_privilege($2, oid, 'INSERT')",
        list(relations),
        app_role,
    )
    await _grant(conn, app_role, [row["name"] for row in rows], ())
