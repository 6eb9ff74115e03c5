"""The NinjaOne public API, version 2, as the module calls it.

:class:`~workflow_ninjaone.client.api.NinjaOneClient` speaks HTTP, :mod:`~workflow_ninjaone.client.auth` gets access
tokens, :mod:`~workflow_ninjaone.client.models` holds what we read, :mod:`~workflow_ninjaone.client.errors` turns a
refusal into one of the platform's errors, and :mod:`~workflow_ninjaone.client.transport` is one HTTP exchange.
"""

from workflow_ninjaone.client.api import NinjaOneClient, Observed, RebootMode
from workflow_ninjaone.client.auth import ApiApplication, ConnectionTokenSource, TokenEndpoint, TokenSource
from workflow_ninjaone.client.models import (
    Activity,
    Alert,
    AlertList,
    Device,
    OperatingSystem,
    Organization,
    Processor,
    SystemInfo,
    Volume,
)
from workflow_ninjaone.client.scripts import Credential, Script, ScriptingOptions, ScriptJob
from workflow_ninjaone.client.transport import RetryPolicy, checked_base_url

__all__ = [
    "Activity",
    "Alert",
    "AlertList",
    "ApiApplication",
    "ConnectionTokenSource",
    "Credential",
    "Device",
    "NinjaOneClient",
    "Observed",
    "OperatingSystem",
    "Organization",
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
