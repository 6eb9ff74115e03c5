"""The library of scripts and built-in actions that devices of the account can be told to run."""

from __future__ import annotations

from typing import Any

from workflow_ninjaone.simulator.shapes import Record, uid

CATEGORIES: tuple[Record, ...] = (
    {"id": 1, "name": "Maintenance", "internal": False},
    {"id": 2, "name": "Built-in", "internal": True},
)

SCRIPTS: tuple[Record, ...] = (
    {
        "type": "SCRIPT",
        "id": 71,
        "name": "Clear temporary files",
        "language": "powershell",
        "description": "Removes temporary files of all users",
        "architecture": ["32", "64"],
        "categoryId": 1,
    },
    {
        "type": "SCRIPT",
        "id": 72,
        "name": "Restart print spooler",
        "language": "powershell",
        "description": "",
        "architecture": ["64"],
        "categoryId": 1,
    },
    {
        "type": "SCRIPT",
        "id": 73,
        "name": "Rotate logs",
        "language": "sh",
        "description": "",
        "architecture": ["64"],
        "categoryId": 1,
    },
    {
        "type": "ACTION",
        "uid": uid("action/flush-dns"),
        "name": "Flush DNS cache",
        "description": "Built-in action",
        "architecture": ["32", "64"],
        "categoryId": 2,
    },
)

_CREDENTIALS: Record = {
    "roles": ["SYSTEM", "LOGGED_ON_USER"],
    "credentials": [{"id": 5, "name": "Domain administrator", "type": "BASIC"}],
}


def options_for(node_class: str) -> Record:
    """The vendor's ``DeviceScriptingOptions`` for a device of a class: what its operating system can run."""
    if not node_class.startswith(("WINDOWS_", "LINUX_", "MAC")):
        return {"categories": [], "scripts": [], "credentials": {"roles": [], "credentials": []}}
    language = "powershell" if node_class.startswith("WINDOWS_") else "sh"
    scripts = [script for script in SCRIPTS if script.get("language", language) == language]
    return {"categories": list(CATEGORIES), "scripts": scripts, "credentials": _CREDENTIALS}


def find(kind: object, identity: Any, action_uid: Any) -> Record | None:
    """The script with an id, or the action with a uid; ``None`` when the library has none."""
    for script in SCRIPTS:
        if script["type"] == kind and (
            script.get("id") == identity if kind == "SCRIPT" else script["uid"] == action_uid
        ):
            return script
    return None


def catalog() -> list[Record]:
    """The scripts as the vendor's ``AutomationScript``."""
    return [
        {
            "id": script["id"],
            "name": script["name"],
            "description": script["description"],
            "active": True,
            "language": script["language"],
            "architecture": script["architecture"],
            "operatingSystems": ["Windows"] if script["language"] == "powershell" else ["Linux", "Mac"],
        }
        for script in SCRIPTS
        if script["type"] == "SCRIPT"
    ]
