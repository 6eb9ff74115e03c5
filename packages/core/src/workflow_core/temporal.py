"""How this platform speaks to Temporal: one payload converter, the names of workflows and task queues.

The converter swaps one thing only: attrs instances travel as JSON objects, by cattrs, where the SDK's own JSON
converter knows dataclasses only. What is large is compressed on its way; what was written uncompressed is read as ever.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from typing import Any, Final

import attrs
import cattrs
import orjson
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.common import Priority
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
    PayloadCodec,
)

#: The one workflow type: the interpreter.
RUN_WORKFLOW: Final = "workflow-run"
#: The interpreter's queue; local activities run there too.
RUN_TASK_QUEUE: Final = "workflow-runs"
#: The activities.
EXECUTE_ACTION: Final = "execute_action"
RECORD_STEPS: Final = "record_steps"
FINISH_RUN: Final = "finish_run"
RECORD_CHILD: Final = "record_child_run"
LOAD_RUN: Final = "load_run"
PAUSE: Final = "pause"
OPEN_SETTLEMENT: Final = "open_settlement"
LOOK_AT_WAIT: Final = "look_at_wait"
LEAVE_WAITS: Final = "leave_waits"
#: The signal that a wait is over; carries the wait's id.
WAKE: Final = "wake"

#: What Temporal's schedules start: a workflow type of one activity, which starts a run.
LAUNCH_WORKFLOW: Final = "workflow-launch"
LAUNCH_TASK_QUEUE: Final = "workflow-launches"
START_SCHEDULED: Final = "start_scheduled_run"

#: A run of a job: it begins, its attempts are made where the job is installed, and what they could not write of its
#: end is written.
JOB_WORKFLOW: Final = "workflow-job"
JOB_TASK_QUEUE: Final = "workflow-jobs"
BEGIN_JOB_RUN: Final = "begin_job_run"
RUN_JOB: Final = "run_job"
END_JOB_RUN: Final = "end_job_run"


def job_task_queue(distribution: str) -> str:
    """The queue of a distribution's jobs: beside its actions, so that long jobs keep no step of a run waiting."""
    return f"jobs.{distribution}"


def action_task_queue(distribution: str) -> str:
    """The queue of a distribution's external actions; only workers that loaded it poll it."""
    return f"actions.{distribution}"


def share_of(tenant: str) -> Priority:
    """What has Temporal deal a queue's tasks out to the tenants in turn; what an execution starts has it as well."""
    return Priority(fairness_key=tenant)


def run_workflow_id(run_id: str, execution: int) -> str:
    """The Temporal workflow id of the n-th execution of a run."""
    return f"{run_id}/{execution}"


def execution_of(workflow_id: str) -> int:
    """Which execution of a run has this Temporal workflow id."""
    return int(workflow_id.rpartition("/")[2])


_converter = cattrs.Converter()


class _AttrsPayloadConverter(EncodingPayloadConverter):
    """JSON through orjson, with attrs classes on both sides."""

    def __init__(self) -> None:
        self._fallback = JSONPlainPayloadConverter()

    @property
    def encoding(self) -> str:
        return self._fallback.encoding

    def to_payload(self, value: Any) -> Payload | None:
        if not attrs.has(type(value)):
            return self._fallback.to_payload(value)
        data = orjson.dumps(_converter.unstructure(value))
        return Payload(metadata={"encoding": self.encoding.encode()}, data=data)

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        if type_hint is None or not attrs.has(type_hint):
            return self._fallback.from_payload(payload, type_hint)
        return _converter.structure(orjson.loads(payload.data), type_hint)


class WorkflowPayloadConverter(CompositePayloadConverter):
    """The SDK's converters, with attrs in the place of its JSON."""

    def __init__(self) -> None:
        own = _AttrsPayloadConverter()
        standard = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*(own if c.encoding == own.encoding else c for c in standard))


#: Bytes; what is smaller is not worth its time.
_COMPRESSED_FROM: Final = 4096
#: Bytes of one payload as JSON; Temporal takes no more than two megabytes, however it is compressed.
_LARGEST: Final = 64 * 1024 * 1024
_COMPRESSED: Final = b"binary/zlib"


class CompressionCodec(PayloadCodec):
    """Payloads in zlib's format, where that makes them smaller."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As they go to Temporal."""
        return [
            payload if payload.ByteSize() < _COMPRESSED_FROM else await asyncio.to_thread(_compressed, payload)
            for payload in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As they were.

        Raises:
            ValueError: A payload is broken, or larger than any of ours.
        """
        return [
            await asyncio.to_thread(_decompressed, payload)
            if payload.metadata.get("encoding") == _COMPRESSED
            else payload
            for payload in payloads
        ]


def _compressed(payload: Payload) -> Payload:
    plain = payload.SerializeToString()
    data = zlib.compress(plain, level=1)
    return payload if len(data) >= len(plain) else Payload(metadata={"encoding": _COMPRESSED}, data=data)


def _decompressed(payload: Payload) -> Payload:
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(payload.data, _LARGEST)
    except zlib.error as error:
        raise ValueError("A payload in Temporal is broken: it cannot be decompressed.") from error
    if not inflate.eof:
        raise ValueError(f"A payload in Temporal is cut off, or has more than {_LARGEST} bytes.")
    return Payload.FromString(plain)


#: For every client, worker and replayer of this platform.
data_converter: Final = DataConverter(
    payload_converter_class=WorkflowPayloadConverter, payload_codec=CompressionCodec()
)


async def connect(address: str, namespace: str) -> Client:
    """A client of the platform's Temporal namespace."""
    return await Client.connect(address, namespace=namespace, data_converter=data_converter)
