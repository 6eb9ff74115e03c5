"""A full disk is said, before and after."""

import errno

import pytest

from workflow_devstack.disk import check_free_space, is_full_disk, tells_of_full_disk
from workflow_devstack.errors import DiskFullError


def test_too_little_room_is_said_with_a_remedy(tmp_path):
    """Also for a folder that does not exist yet."""
    with pytest.raises(DiskFullError, match="--data DIR") as caught:
        check_free_space(tmp_path / "not" / "yet", minimum=2**62)

    assert str(tmp_path) in caught.value.message


def test_enough_room_is_enough(tmp_path):
    """Nothing is said when all is well."""
    check_free_space(tmp_path, minimum=1)


@pytest.mark.parametrize(
    "line",
    [
        "FATAL:  could not write lock file: No space left on device",
        'msg="unable to persist" error="sql: database or disk is full"',
        "OSError: [Errno 122] Disk quota exceeded",
    ],
)
def test_logs_that_tell_of_a_full_disk_are_recognised(line):
    """Each of our processes says it in its own way."""
    assert tells_of_full_disk(line)


def test_other_logs_are_not():
    """Not every failure is the disk's."""
    assert not tells_of_full_disk("connection refused")
    assert is_full_disk(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_full_disk(OSError(errno.ENOENT, "No such file"))
