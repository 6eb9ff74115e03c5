"""The short form of the fault suite; the long one is ``./dev faults --runs 1000``."""

from __future__ import annotations

import pytest

from tests.faults import suite
from tests.faults.__main__ import show


@pytest.mark.timeout(600)
async def test_nothing_is_lost_and_nothing_is_done_twice(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything is killed and restarted meanwhile; every run ends, and has done what it should, once."""
    result = await suite.run(suite.short(seed=1), tmp_path_factory.mktemp("faults"), say=print)
    show(result)
    assert result.passed
