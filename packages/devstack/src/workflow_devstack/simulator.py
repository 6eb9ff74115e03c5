"""The NinjaOne simulator as one of the stack's processes, and what only its control paths tell."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp
import attrs

from workflow_devstack.errors import DevstackError
from workflow_devstack.folder import DataFolder
from workflow_devstack.keys import read_secret
from workflow_devstack.ports import HOST, Ports
from workflow_devstack.processes import Command, child_environment, command_path

NAME: Final = "simulator"
CLIENT_ID: Final = "devstack"

_SECRET_VARIABLE: Final = "NINJAONE_SIMULATOR_CLIENT_SECRET"  # noqa: S105 - the variable's name
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
_NEW_ALERTS: Final[Sequence[Mapping[str, Any]]] = (
    {
        "message": "Free disk space on volume C: is below 10 % (23 GB of 237 GB free).",
        "subject": "Low disk space",
        "sourceType": "CONDITION_AGENT_DISK_FREE_SPACE",
        "severity": "MAJOR",
        "priority": "MEDIUM",
    },
    {
        "message": "The Windows service Spooler has stopped.",
        "subject": "Service stopped",
        "sourceType": "CONDITION_WINDOWS_SERVICE_STATE_CHANGED",
        "severity": "MODERATE",
        "priority": "LOW",
    },
    {
        "message": "Processor utilisation was above 95 % for 20 minutes.",
        "subject": "High processor load",
        "sourceType": "CONDITION_AGENT_CPU",
        "severity": "CRITICAL",
        "priority": "HIGH",
    },
)


@attrs.frozen
class Account:
    """What the simulated NinjaOne account holds, in the vendor's JSON shapes."""

    organizations: Sequence[Mapping[str, Any]]
    devices: Sequence[Mapping[str, Any]]
    alerts: Sequence[Mapping[str, Any]]
    journal: Sequence[Mapping[str, Any]]


def command(folder: DataFolder, ports: Ports) -> Command:
    """The simulator; its records and journal outlive it in the folder."""
    url = ports.simulator.url

    async def not_ready() -> str | None:
        try:
            async with aiohttp.request("GET", f"{url}/_simulator/health", timeout=_TIMEOUT) as answer:
                return None if answer.ok else f"{url} answers {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"no answer from {url} ({type(error).__name__})"

    return Command(
        name=NAME,
        argv=(
            command_path("ninjaone-simulator"),
            *("--host", HOST),
            *("--port", str(ports.simulator.number)),
            *("--client-id", CLIENT_ID),
            *("--state-file", str(folder.simulator_state)),
        ),
        environ=child_environment({_SECRET_VARIABLE: read_secret(folder.simulator_secret)}, os.environ),
        not_ready=not_ready,
    )


async def read_account(url: str) -> Account:
    """Everything that the simulator holds."""
    state = await _control("GET", f"{url}/_simulator/state")
    return Account(
        organizations=state["organizations"],
        devices=state["devices"],
        alerts=state["alerts"],
        journal=state["journal"],
    )


async def trigger_alert(url: str, account: Account) -> Mapping[str, Any]:
    """
    Have a device raise a new alert, another one each time.

    Args:
        url: The simulator's address.
        account: What it holds.

    Returns:
        The alert in the vendor's shape.
    """
    turn = len(account.journal)
    device = account.devices[turn % len(account.devices)]
    fields = {**_NEW_ALERTS[turn % len(_NEW_ALERTS)], "deviceId": device["id"]}
    alert: Mapping[str, Any] = await _control("POST", f"{url}/_simulator/alerts", json=fields)
    return alert


async def read_resets(url: str, uid: str) -> list[Mapping[str, Any]]:
    """The journal's entries about resetting one alert."""
    journal = await _control("GET", f"{url}/_simulator/journal?kind=alert_reset")
    return [entry for entry in journal["entries"] if entry["uid"] == uid]


async def _control(method: str, url: str, *, json: Any = None) -> Any:
    try:
        async with aiohttp.request(method, url, json=json, timeout=_TIMEOUT) as answer:
            if not answer.ok:
                raise DevstackError(f"The NinjaOne simulator refuses {method} {url}: {await answer.text()}")
            return await answer.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise DevstackError(f"The NinjaOne simulator does not answer {method} {url}: {error}") from error
