"""The asset actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.assets.find import find_assets
from workflow_psa.assets.shapes import FindAssets, FoundAssets

_SERVER = {
    "asset_id": "7f0c3a1e-5b2d-4c6e-8f9a-1b2c3d4e5f60",
    "name": "SRV-01",
    "asset_tag": "ninjaone-42",
    "asset_type": "server",
    "serial_number": "5CD1234ABC",
    "status": "active",
    "client_id": "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d",
    "client_name": "Emerald City",
    "rmm_provider": "ninjaone",
    "external_device_id": "42",
    "agent_status": "online",
    "last_seen_at": "2026-03-02T09:14:10Z",
}


def asset_actions() -> list[Action]:
    """All of them."""
    return [
        Action(
            id="assets.find",
            label="Find asset",
            description="Finds an asset by its id, the id that an RMM gives it, its serial number or its name, and "
            "the client that it belongs to.",
            input=FindAssets,
            output=FoundAssets,
            effect=Effect.READ,
            io="database",
            handler=find_assets,
            permission="asset:read",
            examples=(
                Example(
                    "The device of an alert",
                    {"external_device_id": "42", "provider": "ninjaone"},
                    {"asset": _SERVER, "assets": [_SERVER], "count": 1},
                ),
                Example("Unknown", {"name": "NOT-OURS"}, {"asset": None, "assets": [], "count": 0}),
            ),
        )
    ]
