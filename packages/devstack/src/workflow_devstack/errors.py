"""What can keep the devstack from running; each message says what to do next."""

from __future__ import annotations

from workflow_core.errors import WorkflowError


class DevstackError(WorkflowError):
    """The devstack cannot go on."""

    code = "DEVSTACK_ERROR"


class FolderError(DevstackError):
    """The data folder cannot be used as one."""

    code = "DATA_FOLDER_UNUSABLE"


class FolderInUseError(FolderError):
    """Another devstack runs on the data folder."""

    code = "DATA_FOLDER_IN_USE"


class PortInUseError(DevstackError):
    """A port that the devstack wants is taken."""

    code = "PORT_IN_USE"


class DiskFullError(DevstackError):
    """The disk has no room, or not enough to begin with."""

    code = "DISK_FULL"


class ProcessError(DevstackError):
    """One of the stack's processes did not start, or ended."""

    code = "PROCESS_ENDED"


class ApiError(DevstackError):
    """The catalog server answered something else than what was asked for."""

    code = "API_REFUSED"


class SampleError(DevstackError):
    """The sample workflow did not do what it is there to show."""

    code = "SAMPLE_FAILED"
