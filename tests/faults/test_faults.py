"""The short form of the fault suite; the long one is ``./dev faults --runs 1000``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.faults import suite
from tests.faults.__main__ import show


@pytest.mark.timeout(600)
async def test_nothing_is_lost_and_nothing_is_done_twice() -> None:
    """Everything is killed and restarted meanwhile; every run ends, and has done what it should, once."""
    # Not in pytest's own folder: PostgreSQL may run as another user, who must get there.
    with tempfile.TemporaryDirectory(prefix="workflow-faults-", ignore_cleanup_errors=True) as folder:
        result = await suite.run(suite.short(seed=1), Path(folder, "data"), say=print)
    show(result)
    assert result.passed
