"""The NinjaOne account that the runs act on: its devices and alerts, its troubles, and what it says it has done."""

from __future__ import annotations

import asyncio
import copy
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import attrs

from tests.faults.worker import REQUEST_SECONDS
from tests.faults.workload import REFUSED, Target, Workload
from workflow_ninjaone.simulator.seed import default_seed

_POLL_SECONDS: Final = 0.05
#: Longer than a request may take, so that the client gives up.
_HANG_SECONDS: Final = REQUEST_SECONDS + 1.0

EFFECTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "429": {"status": 429, "headers": {"Retry-After": "1"}},
    "500": {"status": 500},
    "gateway": {"html": True, "status": 503},
    "hang before": {"hang_seconds": _HANG_SECONDS, "when": "before"},
    "hang after": {"hang_seconds": _HANG_SECONDS, "when": "after"},
    "cut before": {"cut": "before"},
    "cut after": {"cut": "after"},
}
"""What the simulator does instead of a plain answer, by the names that a :class:`Target` has for it."""


def account(workload: Workload) -> dict[str, Any]:
    """What the simulator's account holds at first: its usual organizations, and a device for each target."""
    seed = default_seed()
    pattern = seed.devices[0]
    return {
        "organizations": list(seed.organizations),
        "locations": list(seed.locations),
        "devices": [_device(pattern, target) for target in workload.targets()],
    }


def _device(pattern: Mapping[str, Any], target: Target) -> dict[str, Any]:
    name = f"DEV-{target.device}"
    device = copy.deepcopy(dict(pattern))
    device |= {"id": target.device, "uid": target.alert, "offline": target.offline}
    device |= {"displayName": name, "systemName": name, "dnsName": f"{name.lower()}.example", "netbiosName": name}
    device["system"] |= {"name": name, "serialNumber": name, "biosSerialNumber": name}
    return device


@attrs.frozen
class Entry:
    """An acting request that reached the vendor.

    Attributes:
        done: Whether it was carried out.
        answered: Whether its client was given a plain answer: that it was done, or refused for sure.
    """

    done: bool
    answered: bool


class Journal:
    """What the vendor was asked to do, read from the file that the simulator appends to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self.reboots: dict[int, list[Entry]] = defaultdict(list)
        self.resets: dict[str, list[Entry]] = defaultdict(list)
        self.troubles: dict[str, int] = defaultdict(int)

    def read(self) -> None:
        """Takes in what has been added since the last time."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                self._take(json.loads(line))

    def _take(self, raw: Mapping[str, Any]) -> None:
        trouble = next((name for name, effect in EFFECTS.items() if effect == raw["fault"]), None)
        if trouble is not None:
            self.troubles[trouble] += 1
        if raw["status"] == 401:  # for its token: the same sending goes on with another one
            return
        entry = Entry(done=raw["outcome"] == "done", answered=trouble is None or trouble in REFUSED)
        if raw["kind"] == "reboot":
            self.reboots[raw["device_id"]].append(entry)
        else:
            self.resets[raw["uid"]].append(entry)

    def rebooted(self, device: int) -> int:
        """How often a device was told to reboot, and will."""
        self.read()
        return sum(entry.done for entry in self.reboots[device])


class Vendor:
    """Pulls the simulator's strings.

    Args:
        url: The simulator's address.
        workload: What is going to be asked of it.
        journal: What it has done.
    """

    def __init__(self, url: str, workload: Workload, journal: Journal) -> None:
        self._control = f"{url}/_simulator"
        self._workload = workload
        self.journal = journal

    async def prepare(self) -> None:
        """Sets up what will go wrong."""
        rules = [rule for target in self._workload.targets() for rule in _rules(target)]
        await self._call("POST", "faults", rules)

    async def trigger(self, targets: Iterable[Target]) -> None:
        """Triggers the alerts of a run that is about to start."""
        for target in targets:
            await self._call("POST", "alerts", {"uid": target.alert, "deviceId": target.device})

    async def follow(self) -> None:
        """Triggers alerts again as soon as they were reset, and brings devices back; until it is cancelled."""
        alerts = {target.alert: target for target in self._workload.targets() if target.triggers_again}
        away = {target.device for target in self._workload.targets() if target.offline and target.comes_back}
        while True:
            self.journal.read()
            for uid in [uid for uid in alerts if _is_done(self.journal.resets.get(uid))]:
                await self.trigger([alerts.pop(uid)])
            for device in [device for device in away if _is_done(self.journal.reboots.get(device))]:
                away.remove(device)
                await self._call("POST", f"devices/{device}", {"offline": False})
            await asyncio.sleep(_POLL_SECONDS)

    async def expire_tokens(self) -> None:
        """Makes every access token useless."""
        await self._call("DELETE", "tokens")

    async def active_alerts(self) -> frozenset[str]:
        """The uids of the alerts that are active."""
        state = await self._call("GET", "state")
        return frozenset(alert["uid"] for alert in state["alerts"])

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        async with aiohttp.request(method, f"{self._control}/{path}", json=body) as answer:
            answer.raise_for_status()
            return None if answer.status == 204 else await answer.json()


def _is_done(entries: Sequence[Entry] | None) -> bool:
    return any(entry.done for entry in entries or ())


def _rules(target: Target) -> list[dict[str, Any]]:
    def rules(method: str, path: str, troubles: Sequence[str]) -> list[dict[str, Any]]:
        return [{"method": method, "path": path, "effect": EFFECTS[trouble]} for trouble in troubles]

    return [
        *rules("POST", f"/device/{target.device}/reboot/", target.reboot_trouble),
        *rules("POST", f"/alert/{target.alert}/reset", target.reset_trouble),
        *rules("GET", f"/device/{target.device}$", target.read_trouble),
    ]
