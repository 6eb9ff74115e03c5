"""The script ``dev``: in an empty copy of the repository, with stand-ins for Python and uv, and without the network."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "dev"
TOOLS = ("sh", "awk", "cat", "dirname", "mkdir", "mv", "rm")

PYTHON = """#!/bin/sh
case "$*" in
    *version_info*) exit {fits} ;;
    --version) echo "Python {version}" ;;
    *ensurepip*) exit {has_venv} ;;
    "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
    *"pip install"*)
        [ {pip} = 0 ] || exit 1
        cp "{uv}" "$(dirname "$0")/uv" ;;
    *) echo "python $*" ;;
esac
"""
UV = """#!/bin/sh
if [ "$1" = --version ]; then echo "uv {version}"; exit; fi
echo "uv {version} $*"
mkdir -p "{root}/.venv/bin"
for tool in python workflow-devstack; do
    printf '#!/bin/sh\\necho "%s $*"\\necho "data in $WORKFLOW_DEV_DATA"\\n' "$tool" > "{root}/.venv/bin/$tool"
    chmod +x "{root}/.venv/bin/$tool"
done
"""


class Checkout:
    """A repository with nothing but the script, and a PATH with nothing but what it needs."""

    def __init__(self, folder):
        self.root = folder / "checkout"
        self.root.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.folder = folder
        shutil.copy(SCRIPT, self.root / "dev")
        for tool in (*TOOLS, "cp", "chmod"):
            (self.bin / tool).symlink_to(shutil.which(tool))

    def add(self, path, text):
        """Write an executable."""
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def add_python(self, *, version="3.12.1", fits=True, has_venv=True, pip=True):
        """A stand-in for python3."""
        uv = self.folder / "new-uv"
        self.add(uv, UV.format(version="0.9.0", root=self.root))
        text = PYTHON.format(version=version, fits=int(not fits), has_venv=int(not has_venv), pip=int(not pip), uv=uv)
        self.add(self.bin / "python3", text)

    def add_uv(self, version):
        """A stand-in for uv on PATH."""
        self.add(self.bin / "uv", UV.format(version=version, root=self.root))

    def dev(self, *arguments, **environ):
        """Run the script."""
        return subprocess.run(
            ["sh", str(self.root / "dev"), *arguments],
            env={"PATH": str(self.bin), "HOME": str(self.folder), **environ},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path):
    """The repository, without Python and without uv."""
    return Checkout(tmp_path)


def test_it_is_executable():
    """As the README calls it."""
    assert os.access(SCRIPT, os.X_OK)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"]])
def test_help_needs_nothing(checkout, arguments):
    """Not even Python."""
    answer = checkout.dev(*arguments)
    assert answer.returncode == 0
    for command in ("up [--once]", "test", "lint", "bench", "migrate", "reset"):
        assert command in answer.stdout


def test_an_unknown_command_is_refused(checkout):
    """With the known ones."""
    answer = checkout.dev("deploy")
    assert answer.returncode == 2
    assert "unknown command: deploy" in answer.stderr
    assert "migrate" in answer.stderr


def test_without_python_it_says_what_is_needed(checkout):
    """And how to name one."""
    answer = checkout.dev("test")
    assert answer.returncode == 1
    assert "Python 3.11 or newer is needed; python3 on PATH: none" in answer.stderr
    assert "PYTHON=" in answer.stderr


def test_an_old_python_is_named(checkout):
    """Instead of a syntax error."""
    checkout.add_python(version="3.9.2", fits=False)
    answer = checkout.dev("test")
    assert answer.returncode == 1
    assert "python3 on PATH: Python 3.9.2" in answer.stderr


def test_a_named_python_that_does_not_fit_is_refused(checkout):
    """It is not silently replaced by another."""
    checkout.add_python()
    answer = checkout.dev("test", PYTHON="/nowhere/python")
    assert answer.returncode == 1
    assert "PYTHON=/nowhere/python is not a Python 3.11 or newer" in answer.stderr


def test_a_python_without_venv_is_explained(checkout):
    """Debian ships it so."""
    checkout.add_python(has_venv=False)
    answer = checkout.dev("test")
    assert answer.returncode == 1
    assert "apt install python3-venv" in answer.stderr


def test_uv_is_installed_privately_when_none_is_there(checkout):
    """And used from there the next time."""
    checkout.add_python()
    first = checkout.dev("test", "-q")
    assert first.returncode == 0, first.stderr
    assert "installing one into .dev/uv" in first.stderr
    assert "uv 0.9.0 sync --frozen --all-packages" in first.stdout
    assert "python -m pytest -q" in first.stdout

    second = checkout.dev("test", "-q")
    assert "installing" not in second.stderr


def test_a_uv_that_is_too_old_is_not_used(checkout):
    """The workspace needs what it needs."""
    checkout.add_python()
    checkout.add_uv("0.7.9")
    assert "uv 0.9.0 sync" in checkout.dev("test").stdout


def test_a_uv_on_path_is_used(checkout):
    """Nothing is installed then."""
    checkout.add_python()
    checkout.add_uv("0.10.0")
    answer = checkout.dev("test")
    assert "uv 0.10.0 sync" in answer.stdout
    assert not (checkout.root / ".dev").exists()


def test_an_installation_that_fails_leaves_nothing_half(checkout):
    """The next try begins anew."""
    checkout.add_python(pip=False)
    answer = checkout.dev("test")
    assert answer.returncode == 1
    assert "pip could not install uv" in answer.stderr
    assert list((checkout.root / ".dev").iterdir()) == []


def test_no_sync_uses_the_environment_as_it_is(checkout):
    """For those who manage it themselves."""
    missing = checkout.dev("test", UV_NO_SYNC="1")
    assert missing.returncode == 1
    assert "there is no .venv" in missing.stderr

    checkout.add_python()
    checkout.add_uv("0.10.0")
    checkout.dev("test")
    assert "uv" not in checkout.dev("test", UV_NO_SYNC="1").stdout


def test_up_passes_its_options_on_and_keeps_the_data_in_the_repository(checkout):
    """Wherever it is called from."""
    checkout.add_python()
    checkout.add_uv("0.10.0")
    answer = checkout.dev("up", "--once", "--port", "0")
    assert "workflow-devstack up --once --port 0" in answer.stdout
    assert f"data in {checkout.root}/.dev/data" in answer.stdout
    assert "data in /elsewhere" in checkout.dev("up", WORKFLOW_DEV_DATA="/elsewhere").stdout


def test_bench_runs_the_benchmarks(checkout):
    """As a module of the repository."""
    checkout.add_python()
    checkout.add_uv("0.10.0")
    assert "python -m benchmarks --quick" in checkout.dev("bench", "--quick").stdout
