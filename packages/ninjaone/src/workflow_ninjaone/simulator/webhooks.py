"""The webhook of each application: what was registered, and the events that are on their way to it.

The vendor has one webhook per application. It posts an *activity*, with the device in it where that was asked for; it
signs nothing, and sends the registered headers along.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import random
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
import attrs

from workflow_ninjaone.simulator.settings import DeliveryPolicy
from workflow_ninjaone.simulator.shapes import Record


@attrs.define
class Webhook:
    """One registered webhook.

    Attributes:
        config: The vendor's ``WebhookConfiguration``.
        failures: Failed sendings since the last that arrived.
        disabled: Whether the vendor has given up.
    """

    config: Record
    failures: int = 0
    disabled: bool = False

    def wants(self, activity: Mapping[str, Any], organization: int | None) -> bool:
        """Whether an activity is to be sent to it."""
        if self.disabled:
            return False
        codes = self.config.get("activities", {}).get(activity.get("activityType"), ())
        only = self.config.get("organizationIds")
        return ("*" in codes or activity.get("statusCode") in codes) and (not only or organization in only)

    @property
    def expands(self) -> frozenset[str]:
        """What is to be told besides the activity."""
        return frozenset(self.config.get("expand", ()))

    def to_json(self) -> Record:
        """What was registered, without the values of its headers."""
        return {
            **{key: value for key, value in self.config.items() if key != "headers"},
            "headers": [header.get("name") for header in self.config.get("headers", [])],
            "failures": self.failures,
            "disabled": self.disabled,
        }


@attrs.define
class _Parcel:
    client_id: str
    payload: Record
    attempt: int = 1
    not_before: float = 0.0  # on the event loop's clock


class PostOffice:
    """Knows the webhooks, keeps what is to be sent to them, and what came of it.

    Args:
        policy: How events travel.
        chance: Decides what is lost and shuffled.

    Attributes:
        policy: How events travel.
        webhooks: By client id.
        log: Every sending, oldest first: ``{"client_id", "activity_id", "status_code", "attempt", "outcome"}``; the
            outcome is the HTTP status, ``lost`` (it never left) or ``unreachable``.
        stirred: Set whenever there may be something to do.
    """

    def __init__(self, policy: DeliveryPolicy, chance: random.Random) -> None:
        self.policy = policy
        self.webhooks: dict[str, Webhook] = {}
        self.log: list[Record] = []
        self.stirred = asyncio.Event()
        self._chance = chance
        self._waiting: deque[_Parcel] = deque()
        self._in_hand = 0

    @property
    def queued(self) -> int:
        """How many events are on their way or kept."""
        return len(self._waiting) + self._in_hand

    def register(self, client_id: str, config: Record) -> None:
        """Replaces an application's webhook, and enables it."""
        self.webhooks[client_id] = Webhook(config)

    def remove(self, client_id: str) -> None:
        """Takes an application's webhook away, with what is on its way to it."""
        self.webhooks.pop(client_id, None)
        self._waiting = deque(parcel for parcel in self._waiting if parcel.client_id != client_id)

    def clear(self) -> None:
        """Takes all webhooks away, and forgets what came of them."""
        self.webhooks.clear()
        self.log.clear()
        self._waiting.clear()

    def offer(self, activity: Record, organization: int | None, places: Mapping[str, Record | None]) -> None:
        """Hands an activity in, for every webhook that wants it.

        Args:
            activity: The vendor's record.
            organization: Of the device that it is about.
            places: What it may be expanded with: ``device``, ``organization``, ``location``.
        """
        for client_id, webhook in self.webhooks.items():
            if webhook.wants(activity, organization):
                payload = copy.deepcopy(activity)
                device = copy.deepcopy(places.get("device"))
                if device is not None and webhook.expands:
                    references = {
                        name: copy.deepcopy(record)
                        for name in ("organization", "location")
                        if name in webhook.expands and (record := places.get(name)) is not None
                    }
                    payload["device"] = {**device, **({"references": references} if references else {})}
                self._waiting.append(_Parcel(client_id, payload))
                self.stirred.set()

    async def work(self, session: aiohttp.ClientSession) -> float | None:
        """Sends what is due.

        Returns:
            Seconds until there is more to send; ``None`` when nothing waits for a time.
        """
        if self.policy.paused:
            return None
        now = asyncio.get_running_loop().time()
        batch = [parcel for parcel in self._waiting if parcel.not_before <= now]
        later = [parcel for parcel in self._waiting if parcel.not_before > now]
        self._waiting = deque(later)
        sendings = [parcel for parcel in batch for _ in range(1 + self.policy.duplicates if parcel.attempt == 1 else 1)]
        self._in_hand = len(sendings)
        try:
            for parcel in self._ordered(sendings):
                await self._send(session, parcel)
                self._in_hand -= 1
        finally:
            self._in_hand = 0
        due = min((parcel.not_before for parcel in self._waiting), default=None)
        return None if due is None else max(0.0, due - asyncio.get_running_loop().time())

    def _ordered(self, parcels: list[_Parcel]) -> Iterable[_Parcel]:
        if self.policy.order == "reversed":
            return parcels[::-1]
        if self.policy.order == "random":
            return self._chance.sample(parcels, len(parcels))
        return parcels

    async def _send(self, session: aiohttp.ClientSession, parcel: _Parcel) -> None:
        webhook = self.webhooks.get(parcel.client_id)
        if webhook is None or webhook.disabled:
            return
        outcome: int | str = "lost"
        if self._chance.random() >= self.policy.lost_share:
            outcome = await self._post(session, webhook.config, parcel.payload)
        self.log.append(
            {
                "client_id": parcel.client_id,
                "activity_id": parcel.payload.get("id"),
                "status_code": parcel.payload.get("statusCode"),
                "attempt": parcel.attempt,
                "outcome": outcome,
            }
        )
        if outcome == "lost":
            return
        if isinstance(outcome, int) and outcome < 300:
            webhook.failures = 0
            return
        webhook.failures += 1
        if webhook.failures >= self.policy.disable_after:
            webhook.disabled = True
        elif parcel.attempt < self.policy.attempts:
            again = asyncio.get_running_loop().time() + self.policy.retry_seconds
            self._waiting.append(attrs.evolve(parcel, attempt=parcel.attempt + 1, not_before=again))

    async def _post(self, session: aiohttp.ClientSession, config: Record, payload: Record) -> int | str:
        headers = {header["name"]: header["value"] for header in config.get("headers", [])}
        timeout = aiohttp.ClientTimeout(total=self.policy.timeout_seconds)
        try:
            async with session.post(
                config["url"], json=payload, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):  # ValueError: headers that HTTP cannot carry
            return "unreachable"

    async def wait(self, seconds: float | None) -> None:
        """Until something stirs, or for so many seconds at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stirred.wait(), seconds)
        self.stirred.clear()

    def to_json(self) -> Record:
        """What is registered, and where the events are."""
        return {
            "webhooks": [{"client_id": client_id, **hook.to_json()} for client_id, hook in self.webhooks.items()],
            "queued": self.queued,
            "deliveries": self.log,
        }

    def save(self) -> list[Record]:
        """The webhooks with all that they need to go on."""
        return [{"client_id": client_id, **attrs.asdict(hook)} for client_id, hook in self.webhooks.items()]

    def restore(self, webhooks: Iterable[Mapping[str, Any]]) -> None:
        """Takes the webhooks of an earlier process over.

        Raises:
            KeyError, TypeError: They are none.
        """
        self.webhooks = {
            saved["client_id"]: Webhook(**{key: value for key, value in saved.items() if key != "client_id"})
            for saved in webhooks
        }
