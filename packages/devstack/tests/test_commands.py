"""The command line."""

import pytest

from workflow_devstack import __main__ as command_line
from workflow_devstack.__main__ import main, parser


def test_reset_deletes_the_folder_and_says_which(folder, capsys):
    """Nobody has to guess what was deleted."""
    assert main(["reset", "--data", str(folder.path)]) == 0

    assert str(folder.path) in capsys.readouterr().out.replace("\n", "")
    assert not folder.path.exists()


def test_reset_refuses_while_a_stack_runs(folder, occupied, capsys):
    """Its data would vanish under it."""
    assert main(["reset", "--data", str(folder.path)]) == 1

    assert f"process {occupied.pid}" in capsys.readouterr().err
    assert folder.exists()


def test_reset_without_data_is_no_error(tmp_path, capsys):
    """It has nothing to do."""
    assert main(["reset", "--data", str(tmp_path / "none")]) == 0
    assert "nothing to delete" in capsys.readouterr().out


def test_up_refuses_a_folder_on_which_another_runs(folder, occupied, capsys):
    """Before anything is started."""
    assert main(["up", "--once", "--data", str(folder.path)]) == 1
    assert f"process {occupied.pid}" in capsys.readouterr().err


def test_up_says_that_the_disk_is_full(folder, capsys, monkeypatch):
    """Before anything is started."""
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 5 * 2**20}))
    assert main(["up", "--once", "--data", str(folder.path)]) == 1
    assert "Only 5 MB are free" in capsys.readouterr().err


def test_the_folder_comes_from_the_environment(monkeypatch, tmp_path):
    """As ./dev sets it."""
    monkeypatch.setenv("WORKFLOW_DEV_DATA", str(tmp_path))
    assert parser().parse_args(["up"]).data == tmp_path


@pytest.mark.parametrize("arguments", [["--help"], ["up", "--help"], ["migrate", "--help"], ["reset", "--help"]])
def test_every_command_explains_itself(arguments, capsys):
    """In a terminal one can ask."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "usage: workflow-devstack" in capsys.readouterr().out


def test_a_port_out_of_range_is_refused(capsys):
    """By the command line already."""
    with pytest.raises(SystemExit):
        command_line.main(["up", "--port", "70000"])
    assert "0 to 65535" in capsys.readouterr().err
