"""What changes in watched runs, read once a second for everybody who watches the same run.

Notifications would make all commits of the database wait for one another; so the rows are looked at. They carry the
time of their last change, which may lie some time before their commit: each look goes back further than the one
before, and leaves out what that one saw.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import attrs

from workflow_catalog_server.answers import to_json
from workflow_catalog_server.run_answers import RunAnswer
from workflow_catalog_server.run_history import find_changed_steps, read_listed_run, read_steps_by_id
from workflow_core.errors import TransientError
from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.storage.database import Database

_log = logging.getLogger(__name__)

#: How long the commit of a row may come after the time that it carries.
OVERLAP: Final = timedelta(seconds=30)
#: Watchers of one process, and those of one tenant among them.
MOST_WATCHERS: Final = 500
MOST_OF_TENANT: Final = 100
#: Looks at once: the database's other connections are for requests.
_LOOKS: Final = 4
#: Looks that wait for a watcher who is slow; then it is let go.
_MOST_WAITING: Final = 100


@attrs.frozen
class ChangedStep:
    """A step as it stands.

    Attributes:
        at: When it was changed last.
        data: What is told of it, as JSON.
    """

    step_id: UUID
    at: datetime
    data: bytes


@attrs.frozen
class Look:
    """What one look at a run found.

    Attributes:
        moment: The database's time of the look.
        run: As it stands; None: it is not there any more.
        steps: What has changed, in the order in which they began.
    """

    moment: datetime
    run: RunAnswer | None
    steps: Sequence[ChangedStep]

    @property
    def is_last(self) -> bool:
        """Whether the run has ended."""
        return self.run is None or self.run.completedAt is not None


class Subscription:
    """The looks at a run that one watcher has still to read."""

    def __init__(self) -> None:
        self._looks: asyncio.Queue[Look | None] = asyncio.Queue()

    async def next(self) -> Look | None:
        """The next look, once there is one; None: there is none any more."""
        return await self._looks.get()

    def put(self, look: Look) -> None:
        """Adds a look; a watcher who has left too many unread is let go."""
        if self._looks.qsize() < _MOST_WAITING:
            self._looks.put_nowait(look)
        else:
            self.close()

    def close(self) -> None:
        """Lets the watcher go at once."""
        while not self._looks.empty():
            self._looks.get_nowait()
        self._looks.put_nowait(None)


class RunFeeds:
    """The watched runs of one process.

    Args:
        database: As the application role.
        interval: Seconds between two looks at a run.
    """

    def __init__(self, database: Database, *, interval: float = 1.0) -> None:
        self._database = database
        self._interval = interval
        self._looks = asyncio.Semaphore(_LOOKS)
        self._feeds: dict[tuple[UUID, UUID], _Feed] = {}
        self._closed = False

    @asynccontextmanager
    async def subscribe(self, tenant: UUID, run_id: UUID) -> AsyncIterator[Subscription]:
        """Watches a run during a block: from here on, every change is in one of the looks.

        Raises:
            TransientError: ``TOO_MANY_WATCHERS``.
        """
        self._check_room(tenant)
        key = (tenant, run_id)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = _Feed(self._database, self._looks, tenant, run_id)
            feed.task = asyncio.create_task(self._follow(key, feed), name=f"watch run {run_id}")
        subscription = Subscription()
        feed.subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            feed.subscriptions.discard(subscription)
            if not feed.subscriptions:
                self._forget(key, feed)
                await feed.stop()

    def close(self) -> None:
        """Lets all watchers go, and takes no new ones."""
        self._closed = True
        for feed in self._feeds.values():
            feed.close()

    def _check_room(self, tenant: UUID) -> None:
        watchers = own = 0
        for (owner, _), feed in self._feeds.items():
            watchers += len(feed.subscriptions)
            own += len(feed.subscriptions) if owner == tenant else 0
        if self._closed or watchers >= MOST_WATCHERS or own >= MOST_OF_TENANT:
            raise TransientError(
                "Too many runs are watched at the moment: read the run now and then instead, or try again later.",
                code="TOO_MANY_WATCHERS",
                retry_after=10,
            )

    async def _follow(self, key: tuple[UUID, UUID], feed: _Feed) -> None:
        """Looks at a run until it has ended, or nobody watches it any more."""
        while True:
            try:
                look = await feed.look()
            except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
                _log.warning("could not look at run %s: %s", feed.run_id, type(error).__name__)
            except Exception:  # noqa: BLE001 - guards the watchers' own tasks, which go on without this one
                _log.exception("could not look at run %s", feed.run_id)
                self._forget(key, feed)
                feed.close()
                return
            else:
                if look.is_last:
                    self._forget(key, feed)  # who comes from here on begins anew
                feed.publish(look)
                if look.is_last:
                    return
            await asyncio.sleep(self._interval)

    def _forget(self, key: tuple[UUID, UUID], feed: _Feed) -> None:
        if self._feeds.get(key) is feed:
            del self._feeds[key]


class _Feed:
    """One watched run."""

    def __init__(self, database: Database, looks: asyncio.Semaphore, tenant: UUID, run_id: UUID) -> None:
        self.run_id = run_id
        self.subscriptions: set[Subscription] = set()
        self.task: asyncio.Task[None] | None = None
        self._database = database
        self._looks = looks
        self._tenant = tenant
        self._known: dict[UUID, datetime] = {}
        self._looked: datetime | None = None
        self._run: RunAnswer | None = None

    async def look(self) -> Look:
        """What has changed since the last look; the first one goes back as far as the others."""
        async with self._looks, self._database.tenant(self._tenant, readonly=True) as conn:
            run, moment = await read_listed_run(conn, self._tenant, self.run_id)
            since = (self._looked or moment) - OVERLAP
            changed = await find_changed_steps(conn, self._tenant, self.run_id, since=since)
            news = [step_id for step_id, at in changed.items() if self._known.get(step_id) != at]
            steps = await read_steps_by_id(conn, self._tenant, news)
        self._known, self._looked = changed, moment
        return Look(moment, run, [ChangedStep(step.stepId, at, to_json(step)) for step, at in steps])

    def publish(self, look: Look) -> None:
        """Gives a look to all who watch, if it has any news, and the last one always: nobody looks after it."""
        if not look.is_last and not look.steps and look.run == self._run:
            return
        self._run = look.run
        for subscription in self.subscriptions:
            subscription.put(look)

    def close(self) -> None:
        """Lets all go who watch."""
        for subscription in self.subscriptions:
            subscription.close()

    async def stop(self) -> None:
        """Stops looking."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
