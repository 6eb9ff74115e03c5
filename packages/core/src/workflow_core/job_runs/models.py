"""What travels between Temporal and the workers about runs of jobs."""

from __future__ import annotations

from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class JobStart:
    """What a job's workflow is started with.

    Attributes:
        tenant: For whom.
        job_id: The job.
        run_id: The run that is written already; None: a clock starts it, and its run is written when it begins.
    """

    tenant: str
    job_id: str
    run_id: str | None = None


@attrs.frozen(kw_only=True)
class JobBeginning:
    """A run that is about to begin.

    Attributes:
        tenant: For whom.
        job_id: The job.
        run_id: Its run.
        execution: The Temporal workflow that executes it.
        by_clock: Whether its run is not written yet.
    """

    tenant: str
    job_id: str
    run_id: str
    execution: str
    by_clock: bool


@attrs.frozen(kw_only=True)
class JobTask:
    """How a run is to be executed.

    Attributes:
        distribution: Whose workers have the job.
        time_limit: Seconds of one attempt.
    """

    distribution: str
    time_limit: float


@attrs.frozen(kw_only=True)
class JobRunRef:
    """One run.

    Attributes:
        tenant: For whom.
        job_id: The job.
        run_id: The run.
    """

    tenant: str
    job_id: str
    run_id: str


@attrs.frozen(kw_only=True)
class JobRunEnd:
    """The end of a run that no attempt could write.

    Attributes:
        tenant: For whom it was.
        run_id: The run.
        status: ``failed`` or ``cancelled``.
        error: ``code`` and ``message``.
    """

    tenant: str
    run_id: str
    status: str
    error: dict[str, Any]
