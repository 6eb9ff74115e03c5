"""
A pytest plugin that makes distributions as pip would leave them: a module beside its ``dist-info`` folder.

Put ``pytest_plugins = ["workflow_core.testing.distributions"]`` into the root ``conftest.py``. Discovery then finds
them as it finds installed ones, through :mod:`importlib.metadata`::

    def test_misspelt_hook(fake_distribution):
        fake_distribution("acme", code=SOURCE)
        assert "misspelt" in discover().report.failed[0].cause
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import attrs
import pytest

from workflow_core.installed import ENTRY_POINT_GROUP


@attrs.define
class FakeDistributions:
    """Makes distributions, each in a folder of its own at the front of ``sys.path``."""

    _folder: Path
    _monkeypatch: pytest.MonkeyPatch
    _modules: set[str] = attrs.field(factory=set, init=False)

    def __call__(
        self, name: str, code: str = "", *, entry_points: Mapping[str, str] | None = None, version: str = "1.0"
    ) -> Path:
        """
        Make one, and have it found.

        Args:
            name: The distribution's name; its module has the same, with underscores.
            code: The module's source, indented as one likes.
            entry_points: Of the group ``workflow.modules``; ``<module> = <module>:plugin`` when left out.
            version: The distribution's version.

        Returns:
            The folder, for the ``sys.path`` of another process.
        """
        module = re.sub(r"\W", "_", name)
        points = {module: f"{module}:plugin"} if entry_points is None else entry_points
        lines = [f"[{ENTRY_POINT_GROUP}]", *(f"{key} = {value}" for key, value in points.items())]
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        return self.write(
            f"{module}-{version}.dist-info",
            {"METADATA": metadata, "entry_points.txt": "\n".join(lines)},
            {module: dedent(code)},
        )

    def write(self, info: str, files: Mapping[str, str], modules: Mapping[str, str]) -> Path:
        """
        Make one file by file, as broken as one likes.

        Args:
            info: The name of its ``dist-info`` folder.
            files: What lies in there.
            modules: Sources by module name.
        """
        folder = self._folder / info.removesuffix(".dist-info")
        (folder / info).mkdir(parents=True)
        for file, text in files.items():
            (folder / info / file).write_text(text, encoding="utf-8")
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source, encoding="utf-8")
        self._modules.update(modules)
        self.forget()
        self._monkeypatch.syspath_prepend(str(folder))  # and has importlib forget what it knows of folders
        return folder

    def forget(self) -> None:
        """Have the next import read the files again."""
        for module in self._modules:
            sys.modules.pop(module, None)


@pytest.fixture
def fake_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDistributions]:
    """Makes distributions that discovery finds as long as the test runs."""
    distributions = FakeDistributions(tmp_path / "distributions", monkeypatch)
    yield distributions
    distributions.forget()
