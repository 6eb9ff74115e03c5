"""Distributions that exist only on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest

from workflow_core.storage.migrations import MigrationSource

MakeSource = Callable[..., MigrationSource]


@pytest.fixture
def make_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSource:
    """Writes a package with migrations: ``make("acme-one", m0001_things="CREATE …")``. Importing it fails."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(distribution: str, **files: str) -> MigrationSource:
        package = distribution.replace("-", "_")
        folder = tmp_path / package / "migrations"
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / package / "__init__.py").write_text("raise RuntimeError('imported')")
        for name, sql in files.items():
            (folder / f"{name.removeprefix('m')}.sql").write_text(sql)
        return MigrationSource(distribution, package)

    return make
