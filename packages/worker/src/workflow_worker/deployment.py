"""Temporal's worker deployments: which of several versions of the worker gets a run.

Workers with a build id are one version each of the deployment :data:`DEPLOYMENT`. Temporal gives runs to the version
that is *current* (and, by percentage, to the one that is *ramping*), and a run moves with it at its next workflow task:
committed histories replay on every version of the interpreter. Actions go to workers of the version that executes the
run. Who sets the current version is the operator: a worker that has just been started gets nothing yet.
"""

from __future__ import annotations

from typing import Final

from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

DEPLOYMENT: Final = "workflow-worker"


def deployment_of(build_id: str | None) -> WorkerDeploymentConfig | None:
    """How workers of a build are versioned; without a build id they are not, and any of them gets any run."""
    if build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )
