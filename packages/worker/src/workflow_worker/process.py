"""One worker process: what it is made of, how it starts and how it stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import aiohttp
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import FixedSizeSlotSupplier, UnsandboxedWorkflowRunner, Worker, WorkerTuner

from workflow_core.discovery import Discovery, Registry, discover, require
from workflow_core.errors import ConfigurationError, MigrationError
from workflow_core.execution.executor import Executor
from workflow_core.execution.fault_points import FaultPoint
from workflow_core.execution.inbox import Inbox
from workflow_core.integrations.deliveries import Deliveries
from workflow_core.integrations.tokens import ConnectionTokens
from workflow_core.job_runs.attempts import JobRunner
from workflow_core.places import Places
from workflow_core.secrets import TenantSecrets
from workflow_core.storage.database import Database
from workflow_core.storage.migrations import CORE_SOURCE, pending_migrations
from workflow_core.temporal import (
    JOB_TASK_QUEUE,
    LAUNCH_TASK_QUEUE,
    RUN_TASK_QUEUE,
    action_task_queue,
    connect,
    job_task_queue,
)
from workflow_worker.activities import Activities
from workflow_worker.background import in_background
from workflow_worker.computing import Computing, FairRunner, WorkflowTasks
from workflow_worker.deployment import deployment_of
from workflow_worker.dispatcher import EventDispatcher
from workflow_worker.faults import fault_point
from workflow_worker.interpreter import RunWorkflow
from workflow_worker.job_keeper import JobKeeper
from workflow_worker.job_runs import JobActivities, JobWorkflow
from workflow_worker.launching import Launches, LaunchWorkflow
from workflow_worker.presence import Presence
from workflow_worker.settings import Settings
from workflow_worker.shares import CallShares, CalmStarts
from workflow_worker.sweeper import Sweeper
from workflow_worker.syncer import ScheduleSyncer
from workflow_worker.turns import TurnGiver
from workflow_worker.webhooks import WebhookProcessor

_log = logging.getLogger(__name__)

#: Launches at once: each records one run.
LAUNCHES: Final = 10
#: Runs of jobs at once, of each integration.
JOBS: Final = 10
#: Transactions of one tenant's actions at once, when it is alone and beside others. They are short, and compute more
#: than they wait: more of them would do no more in the same time, and already three hold up everybody else's.
DATABASE_SHARE: Final = 3
DATABASE_SHARE_BESIDE_OTHERS: Final = 1
#: Local activities that a worker holds; most of them wait for their tenant's turn.
LOCAL_ACTIVITIES: Final = 1000
#: Calls that a worker holds, for each that it makes at once: those that are quick need not go back to Temporal.
CALLS_HELD: Final = 10


def build_workers(
    client: Client,
    activities: Activities,
    distributions: list[str],
    *,
    max_concurrent: int,
    per_tenant: int,
    shutdown: timedelta,
    build_id: str | None = None,
) -> list[Worker]:
    """The pollers of one process: the runs' queue, and one queue for each loaded distribution.

    Args:
        client: Of the platform's Temporal namespace.
        activities: What they execute.
        distributions: Those that this process has loaded.
        max_concurrent: Calls at once, of each distribution.
        per_tenant: How many calls of each distribution one tenant may have under way.
        shutdown: How long a stop waits for what is under way.
        build_id: Of the worker's version; None: it is not versioned.
    """
    deployment = deployment_of(build_id)
    computing = Computing()
    runs = Worker(
        client,
        task_queue=RUN_TASK_QUEUE,
        workflows=[RunWorkflow],
        activities=[
            activities.execute_action,
            activities.record_steps,
            activities.record_child_run,
            activities.load_run,
            activities.open_settlement,
            activities.look_at_wait,
            activities.leave_waits,
            activities.pause,
            activities.finish_run,
        ],
        workflow_runner=FairRunner(computing),
        interceptors=[CalmStarts(computing)],
        tuner=WorkerTuner.create_composite(
            workflow_supplier=WorkflowTasks(computing),
            local_activity_supplier=FixedSizeSlotSupplier(LOCAL_ACTIVITIES),
            activity_supplier=FixedSizeSlotSupplier(1),  # there are none, like Nexus tasks
            nexus_supplier=FixedSizeSlotSupplier(1),
        ),
        no_remote_activities=True,
        graceful_shutdown_timeout=shutdown,
        deployment_config=deployment,
    )
    actions = [
        Worker(
            client,
            task_queue=action_task_queue(distribution),
            activities=[activities.execute_action],
            interceptors=[CallShares(max_concurrent, per_tenant)],
            max_concurrent_activities=CALLS_HELD * max_concurrent,
            graceful_shutdown_timeout=shutdown,
            deployment_config=deployment,
        )
        for distribution in distributions
    ]
    return [runs, *actions]


def build_launcher(client: Client, launches: Launches, *, shutdown: timedelta, build_id: str | None = None) -> Worker:
    """The poller of what Temporal's schedules start."""
    return Worker(
        client,
        task_queue=LAUNCH_TASK_QUEUE,
        workflows=[LaunchWorkflow],
        activities=[launches.start_scheduled_run],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_activities=LAUNCHES,
        graceful_shutdown_timeout=shutdown,
        deployment_config=deployment_of(build_id),
    )


def build_job_workers(
    client: Client, activities: JobActivities, registry: Registry, *, shutdown: timedelta, build_id: str | None = None
) -> list[Worker]:
    """The pollers of jobs: of their runs' workflows, and of one queue for each distribution that has jobs."""
    deployment = deployment_of(build_id)
    runs = Worker(
        client,
        task_queue=JOB_TASK_QUEUE,
        workflows=[JobWorkflow],
        activities=[activities.begin, activities.end],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_activities=LAUNCHES,
        graceful_shutdown_timeout=shutdown,
        deployment_config=deployment,
    )
    jobs = [
        Worker(
            client,
            task_queue=job_task_queue(distribution),
            activities=[activities.run],
            max_concurrent_activities=JOBS,
            max_heartbeat_throttle_interval=timedelta(seconds=1),  # a canceled run ends soon
            graceful_shutdown_timeout=timedelta(),  # a run goes on elsewhere from its checkpoint
            deployment_config=deployment,
        )
        for distribution in sorted(set(registry.distribution_of_job.values()))
    ]
    return [runs, *jobs]


async def discover_for(database: Database, settings: Settings) -> Discovery:
    """Discovers the integrations, and refuses to go on without what is required.

    Raises:
        MigrationError: Core's own migrations are pending.
        DiscoveryError: A required distribution did not load.
    """
    pending = await pending_migrations(database)
    core = pending.get(CORE_SOURCE.distribution)
    if core:
        raise MigrationError(f"Core's migrations are pending ({', '.join(core)}): run `workflow-modules migrate`.")
    discovery = discover(required=settings.required_distributions, pending=pending)
    require(discovery.report, required=settings.required_distributions, strict=settings.strict)
    return discovery


async def _connect(settings: Settings) -> Client:
    try:
        async with asyncio.timeout(15):
            client = await connect(settings.temporal_address, settings.temporal_namespace)
            await client.service_client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=settings.temporal_namespace)
            )
            return client
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise ConfigurationError(
                f"Temporal has no namespace {settings.temporal_namespace!r}: create it, or set "
                "WORKFLOW_TEMPORAL_NAMESPACE."
            ) from None
        raise _no_temporal(settings) from None
    except (RuntimeError, ValueError, TimeoutError, OSError):
        raise _no_temporal(settings) from None


def _no_temporal(settings: Settings) -> ConfigurationError:
    return ConfigurationError(
        f"Temporal does not answer at {settings.temporal_address}: start it, or set WORKFLOW_TEMPORAL_ADDRESS to its "
        "host:port."
    )


async def run_worker(
    settings: Settings, stop: asyncio.Event, *, on_ready: Callable[[Discovery], None], at: FaultPoint | None = None
) -> None:
    """Runs a worker until ``stop`` is set, then lets what is under way finish.

    Raises:
        ConfigurationError: It cannot start as configured.
    """
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            Database.open(
                settings.database_url, application_name="workflow-worker", max_size=settings.max_concurrent + 10
            )
        )
        discovery = await discover_for(database, settings)
        client = await _connect(settings)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=60, connect=10), cookie_jar=aiohttp.DummyCookieJar()
            )
        )
        registry, secrets = discovery.registry, TenantSecrets(settings.secrets_key)
        tokens = ConnectionTokens(database, secrets, http)
        stack.push_async_callback(tokens.close)
        shared = database.in_turn(
            Places(settings.max_concurrent, DATABASE_SHARE, beside_others=DATABASE_SHARE_BESIDE_OTHERS)
        )
        executor = Executor(
            database=shared,
            registry=registry,
            secrets=secrets,
            http=http,
            tokens=tokens,
            look_for=settings.reconcile_seconds,
            at=at or fault_point(os.environ),
        )
        distributions = list(registry.distributions)
        shutdown = timedelta(seconds=settings.shutdown_seconds)
        workers = build_workers(
            client,
            Activities(executor, shared, registry),
            distributions,
            max_concurrent=settings.max_concurrent,
            per_tenant=settings.per_tenant,
            shutdown=shutdown,
            build_id=settings.build_id,
        )
        launches = Launches(database, client, registry, tenant_runs=settings.tenant_runs)
        workers.append(build_launcher(client, launches, shutdown=shutdown, build_id=settings.build_id))
        runner = JobRunner(database=database, registry=registry, secrets=secrets, http=http, tokens=tokens)
        workers += build_job_workers(
            client, JobActivities(runner, client), registry, shutdown=shutdown, build_id=settings.build_id
        )
        presence = Presence(
            database,
            discovery,
            identity=f"{os.getpid()}@{socket.gethostname()}",
            build_id=settings.build_id,
            queues=[worker.task_queue for worker in workers],
        )
        await presence.announce()
        stack.push_async_callback(presence.leave)
        beside = (
            EventDispatcher(database, Inbox(database, client, registry, tenant_runs=settings.tenant_runs)),
            Sweeper(database, client),
            ScheduleSyncer(database, client),
            JobKeeper(database, client, registry),
            TurnGiver(database, client, tenant_runs=settings.tenant_runs),
            WebhookProcessor(database, Deliveries(database, registry.receivers)),
        )
        async with _running(workers) as failed, AsyncExitStack() as background:
            works = [await background.enter_async_context(in_background(work)) for work in beside]
            heartbeat = asyncio.create_task(presence.keep())
            on_ready(discovery)
            stopping = asyncio.create_task(stop.wait())
            ends: list[asyncio.Future[Any]] = [stopping, failed, *works]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for end in (failed, *works):
                    if end.done():
                        end.result()
                _log.info("stopping: waiting up to %g s for what is under way", settings.shutdown_seconds)
            finally:
                for task in (heartbeat, stopping):
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task


@asynccontextmanager
async def _running(workers: list[Worker]) -> AsyncIterator[asyncio.Future[None]]:
    """Runs pollers; gives a future that fails when one of them does."""
    running = asyncio.gather(*(worker.run() for worker in workers))
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def tell(done: asyncio.Future[list[None]]) -> None:
        if not failed.done() and not done.cancelled() and (error := done.exception()) is not None:
            failed.set_exception(error)

    running.add_done_callback(tell)
    try:
        yield failed
    finally:
        await asyncio.gather(*(worker.shutdown() for worker in workers))
        with contextlib.suppress(Exception):  # told through `failed`
            await running
        failed.cancel()
