"""Ends the process at a named moment of an execution: how fault tests kill a worker exactly there.

``WORKFLOW_FAULT_POINT=after-commit:tickets.create`` kills the process (SIGKILL) when an execution of that action
reaches the point; ``after-sent+0.01:ninjaone.devices.reboot`` a hundredth of a second later, in the middle of what
follows. Never set it in production; the worker warns when it is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
from collections.abc import Mapping
from typing import Final

from workflow_core.errors import ConfigurationError
from workflow_core.execution.fault_points import FAULT_POINTS, FaultPoint
from workflow_core.execution.models import ActionCall

VARIABLE: Final = "WORKFLOW_FAULT_POINT"

_DELAY: Final = re.compile(r"|[0-9]+(\.[0-9]+)?")

_log = logging.getLogger(__name__)


async def _nothing(_point: str, _call: ActionCall) -> None:
    return None


def fault_point(environ: Mapping[str, str]) -> FaultPoint:
    """What to do at each point, from the environment.

    Raises:
        ConfigurationError: The variable names no point.
    """
    text = environ.get(VARIABLE)
    if not text:
        return _nothing
    moment, _, action_id = text.partition(":")
    point, _, delay = moment.partition("+")
    if point not in FAULT_POINTS or not action_id or not _DELAY.fullmatch(delay):
        raise ConfigurationError(
            f"{VARIABLE} must be POINT:ACTION or POINT+SECONDS:ACTION with a point of {', '.join(FAULT_POINTS)}."
        )
    _log.warning("%s is set: this process kills itself at %s of %s", VARIABLE, moment, action_id)

    async def kill(reached: str, call: ActionCall) -> None:
        if (reached, call.action_id) != (point, action_id):
            return
        if not delay:
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.get_running_loop().call_later(float(delay), os.kill, os.getpid(), signal.SIGKILL)

    return kill
