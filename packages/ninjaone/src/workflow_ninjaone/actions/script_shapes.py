"""What the script actions take and give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import attrs
import msgspec

from workflow_core.errors import FieldError
from workflow_core.options import picker
from workflow_core.schema import Trimmed
from workflow_ninjaone.actions.shapes import DeviceId, ExternalDeviceId, Limit


@attrs.frozen
class ExactlyOne:
    """One of the two fields is given, and the other is not."""

    first: str
    second: str

    def check(self, values: Mapping[str, Any]) -> FieldError | None:
        """See :class:`workflow_core.schema.Rule`."""
        given = [name for name in (self.first, self.second) if values.get(name) is not None]
        return None if len(given) == 1 else FieldError("", "RULE", f"give either {self.first} or {self.second}")

    def schema(self) -> dict[str, Any]:
        """See :class:`workflow_core.schema.Rule`."""
        return {
            "oneOf": [
                {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
                for name in (self.first, self.second)
            ]
        }


@attrs.frozen(kw_only=True)
class ListScripts:
    """Input of ``ninjaone.devices.scripting_options``."""

    device_id: DeviceId
    query: Annotated[
        Trimmed | None, msgspec.Meta(description="Words that the name or the description has to have.")
    ] = None
    limit: Limit = 50


@attrs.frozen(kw_only=True)
class Script:
    """A script, or an action that is built into NinjaOne."""

    type: Annotated[Literal["SCRIPT", "ACTION"], msgspec.Meta(description="Which of the two it is.")]
    script_id: Annotated[int | None, msgspec.Meta(description="Of a script: what to run it by.")]
    action_uid: Annotated[str | None, msgspec.Meta(description="Of an action: what to run it by.")]
    name: Annotated[str, msgspec.Meta(description="What it is called.")]
    description: Annotated[str | None, msgspec.Meta(description="What it does.")]
    language: Annotated[str | None, msgspec.Meta(description="Such as powershell.")]
    category: Annotated[str | None, msgspec.Meta(description="Where it stands in NinjaOne's library.")]


@attrs.frozen(kw_only=True)
class ScriptCredential:
    """A credential that is stored in NinjaOne."""

    id: Annotated[str, msgspec.Meta(description="What to give as run_as.")]
    name: Annotated[str | None, msgspec.Meta(description="What it is called.")]
    type: Annotated[str | None, msgspec.Meta(description="What kind it is.")]


@attrs.frozen(kw_only=True)
class ScriptingOptions:
    """Output of ``ninjaone.devices.scripting_options``."""

    scripts: Annotated[tuple[Script, ...], msgspec.Meta(description="What the device can run, up to the limit.")]
    count: Annotated[int, msgspec.Meta(description="How many scripts there are in the list.")]
    roles: Annotated[tuple[str, ...], msgspec.Meta(description="As whom, such as SYSTEM: what to give as run_as.")]
    credentials: Annotated[tuple[ScriptCredential, ...], msgspec.Meta(description="Or by which stored credential.")]


@attrs.frozen(kw_only=True)
class RunScript:
    """Input of ``ninjaone.devices.run_script``."""

    __rules__: ClassVar = (ExactlyOne("script_id", "action_uid"),)

    device_id: DeviceId
    script_id: Annotated[
        Annotated[int, msgspec.Meta(gt=0)] | None,
        msgspec.Meta(
            description="A script of NinjaOne's library; or else action_uid.",
            extra_json_schema=picker("ninjaone.scripts", device_id="device_id"),
        ),
    ] = None
    action_uid: Annotated[
        Trimmed | None,
        msgspec.Meta(
            description="An action that is built into NinjaOne.",
            extra_json_schema=picker("ninjaone.script_actions", device_id="device_id"),
        ),
    ] = None
    parameters: Annotated[
        Trimmed | None, msgspec.Meta(description="What to run it with; NinjaOne splits it at spaces.")
    ] = None
    run_as: Annotated[
        Trimmed | None,
        msgspec.Meta(
            description="As whom: a role, such as SYSTEM, or the id of a credential that is stored in NinjaOne.",
            extra_json_schema=picker("ninjaone.run_as", device_id="device_id"),
        ),
    ] = None


@attrs.frozen(kw_only=True)
class RequestedScript:
    """Output of ``ninjaone.devices.run_script``."""

    run_requested: Annotated[
        bool, msgspec.Meta(description="Whether NinjaOne has taken the command; what comes of it shows there later.")
    ]
    external_device_id: ExternalDeviceId
    activity_id: Annotated[str | None, msgspec.Meta(description="NinjaOne's activity of it, if it says so.")]
    job_uid: Annotated[str | None, msgspec.Meta(description="What NinjaOne calls the run, if it says so.")]
