"""What is run, and what it has to have done in the end: all of it follows from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final
from uuid import UUID, uuid5

import attrs

_NAMESPACE: Final = UUID("2f0e6a4c-6a51-5c7e-9d3b-5f1f0b8f7c21")
_KINDS: Final = ("row", "waiting", "loop", "guarded", "waiting", "calling")
_FIRST_DEVICE: Final = 5001

#: What the vendor does instead of a plain answer to an acting request; see :mod:`tests.faults.vendor`.
REFUSED: Final = frozenset({"429"})
LOST: Final = frozenset({"500", "gateway", "hang before", "cut before"})
LOST_THOUGH_DONE: Final = frozenset({"hang after", "cut after"})
_TROUBLE: Final = sorted(REFUSED | LOST | LOST_THOUGH_DONE)


@attrs.frozen
class Target:
    """A device with an alert on it, of one step of one run alone.

    Attributes:
        device: NinjaOne's id of the device.
        alert: NinjaOne's uid of the alert.
        reboot: Whether the run reboots it.
        offline: Whether it is offline, so that it does not reboot.
        comes_back: Whether it is online again soon after it was told to.
        triggers_again: Whether the alert is active again as soon as it was reset.
        reboot_trouble: What the vendor does with the reboot requests, one after the other.
        reset_trouble: The same of the resets.
        read_trouble: The same of the first reading of the device.
    """

    device: int
    alert: str
    reboot: bool
    offline: bool
    comes_back: bool
    triggers_again: bool
    reboot_trouble: tuple[str, ...]
    reset_trouble: tuple[str, ...]
    read_trouble: tuple[str, ...]

    @property
    def shows(self) -> bool:
        """Whether a reboot shows within the time for which it is looked for."""
        return not self.offline or self.comes_back


@attrs.frozen
class PlannedEvent:
    """An event that one wait of one run waits for.

    Attributes:
        event_id: The same however often it is posted.
        key: By which the run knows it.
        word: What it brings.
        after: Seconds after the one before.
        requests: So many post it at the same moment.
    """

    event_id: UUID
    key: str
    word: str
    after: float
    requests: int


@attrs.frozen
class PlannedRun:
    """One run to start.

    Attributes:
        ref: Names it in the titles of its tickets.
        kind: Which workflow.
        targets: What it acts on.
        start: How its client starts it: ``patiently`` until it is accepted, ``twice`` at the same moment with one
            key, ``once``, giving up at the first failure, or by an ``event``.
        canceled_after: Seconds after which its client wants it to end; None: it does not.
        events: What it waits for, in the order in which it comes.
    """

    ref: str
    kind: str
    targets: tuple[Target, ...]
    start: str
    canceled_after: float | None
    events: tuple[PlannedEvent, ...] = ()

    @property
    def event_id(self) -> UUID:
        """Of the event that starts it."""
        return uuid5(_NAMESPACE, self.ref)

    @property
    def payload(self) -> dict[str, Any]:
        """The run's payload."""
        items = [{"device": t.device, "alert": t.alert, "reboot": t.reboot} for t in self.targets]
        return {"ref": self.ref, "items": items, **items[0]}

    @property
    def tickets(self) -> frozenset[str]:
        """The titles of its tickets; those of :attr:`either` come on top, and what a person says it is told."""
        words = {
            "row": ["opened", "closed"],
            "loop": [*(f"item {index}" for index in range(len(self.targets))), "closed"],
            "guarded": [],
            "calling": ["opened", "called", "closed"],
            "waiting": ["opened", "heard 1", "heard 2"],
        }
        return frozenset(f"{self.ref} {word}" for word in words[self.kind])

    @property
    def either(self) -> tuple[str, str] | None:
        """Two tickets of which it opens one: when its device was rebooted, and when the vendor refused."""
        return (f"{self.ref} rebooted", f"{self.ref} refused") if self.kind == "guarded" else None

    @property
    def syncs(self) -> int:
        """How many syncs it does."""
        return len(self.targets) if self.kind in ("row", "loop") else 0


@attrs.frozen
class Workload:
    """All runs of one execution of the suite."""

    seed: int
    runs: tuple[PlannedRun, ...]

    def targets(self) -> Iterator[Target]:
        """What all of them act on."""
        for run in self.runs:
            yield from run.targets


def plan(seed: int, runs: int) -> Workload:
    """The workload of a seed."""
    random = Random(f"{seed}/workload")
    devices = iter(range(_FIRST_DEVICE, 2**31))
    return Workload(seed, tuple(_run(random, seed, number, devices) for number in range(runs)))


def _run(random: Random, seed: int, number: int, devices: Iterator[int]) -> PlannedRun:
    kind = _KINDS[number % len(_KINDS)]
    count = random.randint(2, 4) if kind == "loop" else 1
    targets = tuple(_target(random, seed, next(devices), reboots=kind != "loop") for _ in range(count))
    start = random.choices(("patiently", "twice", "once"), weights=(6, 1, 2))[0]
    if kind == "waiting" and random.random() < 0.5:
        start = "event"
    canceled_after = random.uniform(0.0, 20.0) if random.random() < 0.1 else None
    ref = f"run-{seed}-{number:04}"
    events: list[PlannedEvent] = []
    if kind == "loop":
        events = [_event(random, f"{ref}/{index}", str(index)) for index in range(count)]
        random.shuffle(events)
    elif kind == "waiting":
        events = [_event(random, ref, word) for word in ("1", "2")]
    return PlannedRun(ref, kind, targets, start, canceled_after, tuple(events))


def _event(random: Random, key: str, word: str) -> PlannedEvent:
    return PlannedEvent(
        event_id=uuid5(_NAMESPACE, f"{key}: {word}"),
        key=key,
        word=word,
        after=random.uniform(0.0, 2.0),
        requests=random.choices((1, 2), weights=(3, 1))[0],
    )


def _target(random: Random, seed: int, device: int, *, reboots: bool) -> Target:
    return Target(
        device=device,
        alert=str(uuid5(_NAMESPACE, f"{seed}/{device}")),
        reboot=reboots or random.random() < 0.3,
        offline=random.random() < 0.4,
        comes_back=random.random() < 0.3,
        triggers_again=random.random() < 0.3,
        reboot_trouble=_trouble(random),
        reset_trouble=_trouble(random),
        read_trouble=tuple(random.choices(("429", "gateway", "cut before"))) if random.random() < 0.15 else (),
    )


def _trouble(random: Random) -> tuple[str, ...]:
    if random.random() < 0.45:
        return ()
    return tuple(random.choices(_TROUBLE, k=random.choices((1, 2, 3), weights=(7, 2, 1))[0]))
