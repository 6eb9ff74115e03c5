"""The tile in the designer's palette."""

from __future__ import annotations

from importlib.resources import files

from workflow_core.modules import Icon, Module

#: What the connection, the availability key and every shared record of this integration are called.
PROVIDER = "ninjaone"

#: The two ways of connecting it: in a person's name, or in an application's.
AUTHORIZATION_CODE = "authorization_code"
CLIENT_CREDENTIALS = "client_credentials"


def ninjaone_module() -> Module:
    """NinjaOne with its actions."""
    return Module(
        group_key="app:ninjaone",
        label="NinjaOne",
        description="NinjaOne RMM actions for devices and alerts.",
        tile_kind="app",
        icon=Icon("ninjaone", files("workflow_ninjaone").joinpath("icon.svg").read_text(encoding="utf-8")),
        default_action_id="ninjaone.devices.find",
        allowed_action_ids=(
            "ninjaone.alerts.get",
            "ninjaone.alerts.list_active",
            "ninjaone.alerts.reset",
            "ninjaone.devices.find",
            "ninjaone.devices.reboot",
            "ninjaone.devices.run_script",
            "ninjaone.devices.scripting_options",
            "ninjaone.devices.sync",
        ),
        availability_key=PROVIDER,
    )
