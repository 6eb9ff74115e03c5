"""The data folder and its lock."""

import json
import os

import pytest

from workflow_devstack.errors import FolderError, FolderInUseError
from workflow_devstack.folder import DataFolder, default_path, read_json, write_json


def test_a_folder_with_other_things_is_refused(tmp_path):
    """A mistyped --data must not fill, nor a reset empty, somebody's home."""
    (tmp_path / "thesis.txt").write_text("precious")

    with pytest.raises(FolderError, match="something else"):
        DataFolder(tmp_path).prepare()
    with pytest.raises(FolderError, match="nothing was deleted"):
        DataFolder(tmp_path).remove()
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_data_of_another_format_are_refused(folder):
    """An old folder is named as such, with the remedy."""
    write_json(folder.path / "devstack.json", {"format": 99})

    with pytest.raises(FolderError, match=r"format 99.*reset"):
        folder.prepare()


def test_a_folder_can_be_prepared_again(folder):
    """A second up reuses it."""
    folder.prepare()
    assert folder.exists()


def test_a_live_lock_is_refused_with_its_process(folder, occupied):
    """The message says which process, and how to go on."""
    with pytest.raises(FolderInUseError) as caught, folder.lock():
        pass

    assert f"process {occupied.pid}" in caught.value.message
    assert "--data DIR" in caught.value.message


def test_a_released_lock_is_not_stale(folder):
    """An orderly end leaves nothing to talk about."""
    with folder.lock():
        pass
    with folder.lock() as lock:
        assert lock.stale_pid is None


def test_a_lock_whose_holder_was_killed_is_taken_over(folder, occupied):
    """And it is known whose it was."""
    occupied.kill()
    occupied.wait()

    with folder.lock() as lock:
        assert lock.stale_pid == occupied.pid


def test_the_lock_ends_with_its_holder_not_with_its_process_id(folder):
    """A process id that belongs to somebody else by now does not keep the folder locked."""
    folder.lock_file.write_text(str(os.getppid()))

    with folder.lock() as lock:
        assert lock.stale_pid == os.getppid()


def test_removal_deletes_everything(folder):
    """Nothing is left, not even the folder."""
    (folder.path / "postgres").mkdir()
    (folder.path / "postgres" / "PG_VERSION").write_text("18")
    with folder.lock():
        folder.remove()

    assert not folder.path.exists()


def test_a_link_in_the_folder_is_not_followed(folder, tmp_path):
    """What it leads to stays."""
    (tmp_path / "elsewhere").mkdir()
    (folder.path / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with folder.lock():
        folder.remove()

    assert (tmp_path / "elsewhere").exists()


def test_the_folder_is_named_by_the_environment():
    """Else it is below the current folder."""
    assert str(default_path({"WORKFLOW_DEV_DATA": "/somewhere"})) == "/somewhere"
    assert str(default_path({})) == os.path.join(".dev", "data")  # noqa: PTH118 - as a user sees it


def test_json_is_written_whole_or_not_at_all(tmp_path):
    """A file that was cut off counts as none."""
    path = tmp_path / "content.json"
    write_json(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    path.write_text('{"a"')
    assert read_json(path) is None
