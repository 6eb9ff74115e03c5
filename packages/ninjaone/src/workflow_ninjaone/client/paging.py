"""How the vendor's lists go on. One that does not advance is an error, not an end.

* By the highest id (:func:`by_id`): devices, organizations. A page may be shorter than was asked for, since an instance
  may cap it silently, and may begin with the row that it was asked to begin after. Only a page with nothing new ends
  the list.
* Backwards by the lowest id (:func:`newest_first`): activities.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from workflow_core.errors import TransientError

#: Reads one page: the decoded JSON of the call with these parameters added to the query.
ReadPage = Callable[[Mapping[str, str]], Awaitable[Any]]

PAGING_STUCK: Final = "PAGING_STUCK"
"""Code of a :class:`TransientError`: pages do not advance, so that what came so far is not all."""


@attrs.frozen
class IdPage:
    """A page of a list that goes on by the highest id.

    Attributes:
        rows: Each id once, and none that an earlier page had.
        after: The highest id so far: the list goes on from here, now or in another process.
    """

    rows: Sequence[Mapping[str, Any]]
    after: int


async def by_id(read: ReadPage, *, path: str, after: int | None = None) -> AsyncIterator[IdPage]:
    """The pages of a list, from the rows after an id.

    Args:
        read: Reads a page; its answer is a list.
        path: For messages.
        after: Where to begin.

    Raises:
        TransientError: ``PAGING_STUCK``.
    """
    seen: frozenset[int] = frozenset()
    border = after
    while True:
        answer = await read({} if border is None else {"after": str(border)})
        page = {identity: row for row in answer if (identity := row_id(row)) is not None}
        highest = max(page, default=None)
        if highest is not None and (after is None or highest > after):
            # Ids below the border may be new all the same: no order is promised within a page.
            rows = [row for identity, row in page.items() if identity != after and identity not in seen]
            yield IdPage(rows, highest)
            seen, after = frozenset(page), highest
            border = after
        elif not answer:
            return
        elif highest is not None and highest == after == border and len(answer) == 1:
            border = after + 1  # the row itself and nothing else: is that all, or all that a page can hold?
        else:
            raise _stuck(path)  # rows that are none, or an old page once more


async def newest_first(read: ReadPage, *, path: str, newer_than: int) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """Rows with higher ids, the highest first, page by page.

    Args:
        read: Reads a page; its answer is a list.
        path: For messages.
        newer_than: An id, whose row is not given.

    Raises:
        TransientError: ``PAGING_STUCK``.
    """
    older_than: int | None = None
    while True:
        answer = await read({} if older_than is None else {"olderThan": str(older_than)})
        page = {identity: row for row in answer if (identity := row_id(row)) is not None}
        if not page:
            if answer:
                raise _stuck(path)
            return
        fresh = sorted((identity for identity in page if older_than is None or identity < older_than), reverse=True)
        if not fresh:
            if list(page) == [older_than]:
                return  # the row that it was asked to go on from, and nothing older
            raise _stuck(path)
        yield [page[identity] for identity in fresh if identity > newer_than]
        if fresh[-1] <= newer_than:
            return
        older_than = fresh[-1]


def row_id(row: object) -> int | None:
    """The row's ``id``."""
    identity = row.get("id") if isinstance(row, Mapping) else None
    return identity if type(identity) is int else None


def _stuck(path: str) -> TransientError:
    return TransientError(
        f"NinjaOne's pages of {path} do not advance: the list is not complete.",
        code=PAGING_STUCK,
        details={"path": path},
    )
