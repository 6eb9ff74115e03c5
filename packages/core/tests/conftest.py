"""Fixtures of core's own tests."""

import pytest

from workflow_core.storage.migrations import CORE_SOURCE, MigrationSource


@pytest.fixture
def migration_sources() -> tuple[MigrationSource, ...]:
    """Core is tested without the distributions that build on it."""
    return (CORE_SOURCE,)
