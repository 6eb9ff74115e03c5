"""How lists go on: whatever the vendor does with its pages, no list is cut short without an error."""

import random

import pytest

from workflow_core.errors import TransientError
from workflow_ninjaone.client.paging import by_id, newest_first

HABITS = ["fine", "capped", "border row", "shuffled", "twice", "rows that are none"]
FAULTS = ["lost", "an old page"]


class Lists:
    """A list of rows by id, which the vendor gives by its habits, with faults by schedule."""

    def __init__(self, ids, page_size, seed):
        self.ids = sorted(ids)
        self.page_size = page_size
        self.random = random.Random(seed)
        self.habit = self.random.choice(HABITS)
        self.faulty = self.random.choice([0.0, 0.05, 0.2])
        self.asked = 0

    async def page(self, query):
        """Rows after an id."""
        after = int(query.get("after", 0))
        return self._given([i for i in self.ids if i > after], after, first=self.ids)

    async def newest(self, query):
        """Rows before an id, the newest first."""
        before = int(query.get("olderThan", 2**31))
        return self._given([i for i in reversed(self.ids) if i < before], before, first=self.ids[::-1])

    def _given(self, ids, border, *, first):
        self.asked += 1
        if self.random.random() < self.faulty:
            if self.random.choice(FAULTS) == "lost":
                raise TransientError("gone")
            return [{"id": identity} for identity in first[: self.page_size]]
        size = max(1, self.page_size // 3) if self.habit == "capped" else self.page_size
        if self.habit == "border row" and border in self.ids:
            ids = [border, *ids]
        rows = [{"id": identity} for identity in ids[:size]]
        if self.habit == "shuffled":
            self.random.shuffle(rows)
        if self.habit == "twice":
            rows += rows[:1]
        if self.habit == "rows that are none" and rows:
            rows.insert(self.random.randrange(len(rows)), {"name": "?"})
        return rows


async def read_all(lists):
    """As a sync does: after an error it goes on from the last page that it has."""
    seen, after = [], None
    for _ in range(1000):
        try:
            async for page in by_id(lists.page, path="/v2/devices", after=after):
                seen += [row["id"] for row in page.rows]
                after = page.after
        except TransientError:
            continue
        return seen
    raise AssertionError("it never ends")


async def test_ten_thousand_schedules():
    """Every row comes, whatever fails in between; none comes twice unless an old page brought it again."""
    for seed in range(10_000):
        rng = random.Random(seed)
        ids = rng.sample(range(1, 300), rng.randrange(40))
        seen = await read_all(Lists(ids, rng.randrange(2, 9), seed))
        assert set(seen) == set(ids), f"seed {seed}"


async def test_activities_too():
    """Backwards, from the newest one down to a border; after an error from the beginning."""
    for seed in range(2000):
        rng = random.Random(seed)
        ids, border = rng.sample(range(1, 300), rng.randrange(20)), rng.randrange(300)
        lists = Lists(ids, rng.randrange(2, 9), seed)
        while True:
            try:
                read = newest_first(lists.newest, path="/v2/activities", newer_than=border)
                seen = [row["id"] async for page in read for row in page]
            except TransientError:
                continue
            break
        assert set(seen) == {identity for identity in ids if identity > border}, f"seed {seed}"


@pytest.mark.parametrize("page", [[{"id": 1}, {"id": 2}], [{"id": 1}], [{"name": "?"}]])
async def test_pages_that_stand_still(page):
    """An old page, or rows that are none, are an error: what came so far is not all."""
    pages = iter([[{"id": 1}, {"id": 2}], page])

    async def read(_query):
        return next(pages)

    with pytest.raises(TransientError) as raised:
        [row async for row in by_id(read, path="/v2/devices")]
    assert raised.value.code == "PAGING_STUCK"
