"""The NinjaOne public API, version 2, as the module calls it.

:class:`~workflow_ninjaone.client.api.NinjaOneClient` speaks HTTP, :mod:`~workflow_ninjaone.client.auth` gets access
tokens, :mod:`~workflow_ninjaone.client.models` holds what we read, :mod:`~workflow_ninjaone.client.errors` turns a
refusal into one of the platform's errors. Below them, :mod:`~workflow_ninjaone.client.paging` follows lists to their
end, :mod:`~workflow_ninjaone.client.calls` sends requests with what belongs to them,
:mod:`~workflow_ninjaone.client.pace` says when, and :mod:`~workflow_ninjaone.client.transport` is one HTTP exchange.
"""

from workflow_ninjaone.client.api import DevicePage, NinjaOneClient, Observed, RebootMode
from workflow_ninjaone.client.auth import ApiApplication, ConnectionTokenSource, TokenEndpoint, TokenSource
from workflow_ninjaone.client.models import (
    Activity,
    Alert,
    AlertList,
    Cellular,
    Device,
    OperatingSystem,
    Organization,
    Processor,
    SystemInfo,
    Volume,
)
from workflow_ninjaone.client.pace import Buckets, Pace
from workflow_ninjaone.client.scripts import Credential, Script, ScriptingOptions, ScriptJob
from workflow_ninjaone.client.transport import RetryPolicy, checked_base_url

__all__ = [
    "Activity",
    "Alert",
    "AlertList",
    "ApiApplication",
    "Buckets",
    "Cellular",
    "ConnectionTokenSource",
    "Credential",
    "Device",
    "DevicePage",
    "NinjaOneClient",
    "Observed",
    "OperatingSystem",
    "Organization",
    "Pace",
    "Processor",
    "RebootMode",
    "RetryPolicy",
    "Script",
    "ScriptJob",
    "ScriptingOptions",
    "SystemInfo",
    "TokenEndpoint",
    "TokenSource",
    "Volume",
    "checked_base_url",
]
