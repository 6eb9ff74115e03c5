"""What the tests of this package share: a migrated database, and a tenant that can have tickets."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default as default_policy
from uuid import UUID, uuid4

import attrs
import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from workflow_core.actions import ActionContext
from workflow_core.schema import convert
from workflow_core.storage.database import Database
from workflow_core.storage.migrations import CORE_SOURCE, MigrationSource
from workflow_psa.plugin import PsaPlugin


@pytest.fixture
def migration_sources() -> tuple[MigrationSource, ...]:
    """Core and this distribution."""
    return (CORE_SOURCE, MigrationSource("workflow-psa", "workflow_psa"))


@attrs.define
class Desk:
    """One tenant with records of its own.

    Attributes:
        db: The database, as a worker's role.
        tenant: Whose desk it is.
        ids: The records, by a name that says what each is.
    """

    db: Database
    tenant: UUID
    ids: dict[str, UUID] = attrs.Factory(dict)

    def __getitem__(self, name: str) -> UUID:
        return self.ids[name]

    async def add(self, table: str, id_column: str, *, name: str | None = None, **columns) -> UUID:
        """Inserts a row and remembers its id under a name."""
        identity = await self.insert(table, id_column, columns)
        if name is not None:
            self.ids[name] = identity
        return identity

    async def insert(self, table: str, id_column: str, columns: dict) -> UUID:
        """Inserts a row, whatever its columns are called."""
        identity = uuid4()
        names = ["tenant", id_column, *columns]
        marks = ", ".join(f"${number}" for number in range(1, len(names) + 1))
        async with self.db.tenant(self.tenant) as conn:
            await conn.execute(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})",
                self.tenant,
                identity,
                *columns.values(),
            )
        return identity

    async def rows(self, table: str, order: str = "1") -> list[dict]:
        """All rows of a table that the tenant sees."""
        async with self.db.tenant(self.tenant) as conn:
            return [dict(row) for row in await conn.fetch(f"SELECT * FROM {table} ORDER BY {order}")]

    async def events(self) -> list[tuple[str, str | None, dict]]:
        """What has happened, in its order: name, correlation key and payload of each event."""
        async with self.db.tenant(self.tenant) as conn:
            rows = await conn.fetch(
                "SELECT event_name, correlation_key, payload FROM workflow_runtime_events ORDER BY created_at, ctid"
            )
        return [(row["event_name"], row["correlation_key"], row["payload"]) for row in rows]

    def context(self, conn, *, actor: UUID | None = None) -> ActionContext:
        """What an executor would give a handler in this transaction."""
        return ActionContext(
            tenant=self.tenant,
            run_id=None,
            step_path="root.steps[0]",
            iteration="",
            idempotency_key="0" * 64,
            attempt=1,
            actor=actor,
            now=datetime.now(UTC),
            log=logging.LoggerAdapter(logging.getLogger("test")),
            secrets=None,
            tx=conn,
        )

    @asynccontextmanager
    async def transaction(self, *, actor: UUID | None = None) -> AsyncIterator[ActionContext]:
        """A transaction that commits at the end of the block."""
        async with self.db.tenant(self.tenant) as conn:
            yield self.context(conn, actor=actor)

    def external_context(self, *, key: str = "0" * 64, secrets=None) -> ActionContext:
        """What an executor would give the handler of an external action."""
        return ActionContext(
            tenant=self.tenant,
            run_id=None,
            step_path="root.steps[0]",
            iteration="",
            idempotency_key=key,
            attempt=1,
            actor=None,
            now=datetime.now(UTC),
            log=logging.LoggerAdapter(logging.getLogger("test")),
            secrets=secrets,
            transaction=lambda: self.db.tenant(self.tenant),
        )

    async def run(self, action_id: str, given: dict, *, actor: UUID | None = None):
        """One call of an action, as the executor makes it: convert, handle, commit."""
        action = next(action for action in PsaPlugin().workflow_actions() if action.id == action_id)
        async with self.transaction(actor=actor) as ctx:
            return await action.handler(convert(action.input, given), ctx)


async def add_status(desk, name, board, order, **columns):
    """A status of a board; its name in the database is the one that the desk knows it by."""
    identity = uuid4()
    row = {
        "tenant": desk.tenant,
        "status_id": identity,
        "board_id": desk[board] if board else None,
        "name": name,
        "status_type": "ticket",
        "order_number": order,
        **columns,
    }
    marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute(f"INSERT INTO statuses ({', '.join(row)}) VALUES ({marks})", *row.values())
    desk.ids[name] = identity


async def make_desk(db: Database, tenant: UUID) -> Desk:
    """A tenant with two clients, two boards, people and all that a ticket can refer to."""
    desk = Desk(db, tenant)
    for name, inactive in (("user", False), ("helper", False), ("lead", False), ("gone", True)):
        await desk.add("users", "user_id", name=name, username=name, email=f"{name}@x.test", is_inactive=inactive)
    await desk.add("teams", "team_id", name="team", team_name="Field", manager_id=desk["lead"])
    await desk.add("teams", "team_id", name="leaderless", team_name="Nobody's")
    for name in ("client", "other_client"):
        await desk.add("clients", "client_id", name=name, client_name=name)
    for name, client in (("contact", "client"), ("other_contact", "other_client")):
        await desk.add("contacts", "contact_name_id", name=name, full_name=name, client_id=desk[client])
    for name, client in (("location", "client"), ("other_location", "other_client")):
        await desk.add("client_locations", "location_id", name=name, location_name=name, client_id=desk[client])
    for name, item_type in (("priority", "ticket"), ("task_priority", "project_task")):
        await desk.add("priorities", "priority_id", name=name, priority_name=name, item_type=item_type)
    await desk.add("boards", "board_id", name="board", board_name="Support")
    await desk.add("boards", "board_id", name="other_board", board_name="Alerts", default_assigned_to=desk["user"])
    await desk.add("boards", "board_id", name="bare_board", board_name="No statuses")
    await desk.add("boards", "board_id", name="old_board", board_name="Closed down", is_inactive=True)
    for name, board, order, default, closed in (
        ("new", "board", 10, False, False),
        ("open", "board", 20, True, False),
        ("closed", "board", 30, False, True),
        ("second", "other_board", 20, False, False),
        ("first", "other_board", 10, False, False),
        ("old", "old_board", 10, True, False),
    ):
        await add_status(desk, name, board, order, is_default=default, is_closed=closed)
    await add_status(desk, "task_status", None, 5, status_type="project_task")
    await desk.add("categories", "category_id", name="category", category_name="Hardware", board_id=desk["board"])
    for name, board, parent in (
        ("subcategory", "board", "category"),
        ("other_category", "other_board", None),
        ("lone_category", "board", None),
    ):
        await desk.add(
            "categories",
            "category_id",
            name=name,
            category_name=name,
            board_id=desk[board],
            parent_category=desk[parent] if parent else None,
        )
    return desk


@pytest.fixture
async def desk(db, tenants) -> Desk:
    """The first tenant's."""
    return await make_desk(db, tenants.a)


@pytest.fixture
async def foreign_desk(db, tenants) -> Desk:
    """The second tenant's."""
    return await make_desk(db, tenants.b)


@pytest.fixture
def ticket(desk):
    """Makes the input of ``tickets.create``: what is required, and what a test adds or replaces."""

    def make(**more) -> dict:
        required = {
            "client_id": desk["client"],
            "title": "Printer on fire",
            "board_id": desk["board"],
            "priority_id": desk["priority"],
        }
        return {name: str(value) if isinstance(value, UUID) else value for name, value in (required | more).items()}

    return make


# ── E-mail ───────────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.define
class MailServer:
    """A server that records e-mails, and refuses or hangs up as a test wants it.

    Attributes:
        messages: What it has accepted: sender, recipients and message.
        seen: How many texts it was given, accepted or not.
        logins: Username and password of every login.
        refusals: Its answers to a command other than yes, such as ``{"RCPT": "550 no"}``; to the text: ``TEXT``.
        cut: Whether it hangs up when it has the text, instead of answering.
        password: The right one.
        encrypted: Whether each message came over TLS.
    """

    port: int = 0
    messages: list = attrs.Factory(list)
    seen: int = 0
    logins: list = attrs.Factory(list)
    refusals: dict = attrs.Factory(dict)
    cut: bool = False
    password: str = "right"
    encrypted: list = attrs.Factory(list)
    before_answer: asyncio.Event | None = None

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 - the library's name
        envelope.mail_from = address
        return self.refusals.get("MAIL", "250 OK")

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - the library's name
        answer = self.refusals.get(f"RCPT {address}", self.refusals.get("RCPT", "250 OK"))
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the library's name
        self.seen += 1
        if self.before_answer is not None:
            await self.before_answer.wait()
        if self.cut:
            server.transport.abort()
            return "250 never heard"
        if "TEXT" in self.refusals:
            return self.refusals["TEXT"]
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        message = message_from_bytes(envelope.original_content.replace(b"\r\n", b"\n"), policy=default_policy)
        self.messages.append((envelope.mail_from, list(envelope.rcpt_tos), message))
        return "250 taken"

    def authenticate(self, server, session, envelope, mechanism, auth_data):
        login, password = auth_data.login.decode(), auth_data.password.decode()
        self.logins.append((login, password))
        return AuthResult(success=password == self.password, handled=False)


@asynccontextmanager
async def mail_server_running(*, tls: ssl.SSLContext | None = None, implicit: bool = False, auth: bool = False):
    """A server on a free port of this machine."""
    recorder = MailServer()

    def protocol():
        return SMTP(
            recorder,
            hostname="mail.test",
            tls_context=None if implicit else tls,
            authenticator=recorder.authenticate if auth else None,
            auth_require_tls=False,
            enable_SMTPUTF8=False,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls if implicit else None)
    recorder.port = server.sockets[0].getsockname()[1]
    try:
        yield recorder
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def mail_servers():
    """Starts recording servers: ``async with mail_servers(auth=True) as server``."""
    return mail_server_running


@pytest.fixture
async def opened(desk, ticket) -> UUID:
    """A ticket that is there, without the events of its creation."""
    created = await desk.run(
        "tickets.create", ticket(assignment={"primary": {"type": "user", "id": str(desk["user"])}})
    )
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("DELETE FROM workflow_runtime_events")
    return created.ticket_id


@pytest.fixture
async def foreign_ticket(foreign_desk) -> UUID:
    """A ticket of the second tenant."""
    names = ("client_id", "board_id", "priority_id")
    given = {name: str(foreign_desk[name.removesuffix("_id")]) for name in names} | {"title": "Elsewhere"}
    return (await foreign_desk.run("tickets.create", given)).ticket_id


@pytest.fixture
def places():
    """Tells path and code of everything that an error says is wrong."""
    return lambda error: {(problem["path"], problem["code"]) for problem in error.details["errors"]}
