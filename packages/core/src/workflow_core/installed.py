"""Which installed distributions name plugins, read from their metadata: nothing is imported."""

from __future__ import annotations

import importlib.metadata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
from packaging.utils import canonicalize_name

#: The group of entry points in which a distribution names its plugin objects.
ENTRY_POINT_GROUP: Final = "workflow.modules"


@attrs.frozen
class Unreadable:
    """A distribution that speaks of our group and whose metadata is broken."""

    version: str
    cause: str


@attrs.frozen
class Installed:
    """The distributions that have entry points of our group, by normalised name."""

    points: Mapping[str, Sequence[importlib.metadata.EntryPoint]]
    unreadable: Mapping[str, Unreadable]


def find_installed() -> Installed:
    """Looks through ``sys.path``; of several distributions with one name, the first is the one that imports give."""
    points: dict[str, list[importlib.metadata.EntryPoint]] = defaultdict(list)
    unreadable: dict[str, Unreadable] = {}
    for distribution in importlib.metadata.distributions():
        name, version = identify(distribution)
        if name in points or name in unreadable:
            continue
        try:
            named = distribution.entry_points.select(group=ENTRY_POINT_GROUP)
        except Exception as error:  # noqa: BLE001 - guards a foreign file: it must not hide all others
            if _mentions_our_group(distribution):
                cause = f"its entry_points.txt cannot be read ({type(error).__name__})"
                unreadable[name] = Unreadable(version, cause)
        else:
            if named:
                points[name] += named
    return Installed(points, unreadable)


def identify(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    """Normalised name and version; a distribution without metadata has neither."""
    try:
        return canonicalize_name(distribution.name), distribution.version or ""
    except Exception:  # noqa: BLE001 - guards a foreign file
        return "(a distribution without a name)", ""


def _mentions_our_group(distribution: importlib.metadata.Distribution) -> bool:
    try:
        return ENTRY_POINT_GROUP in (distribution.read_text("entry_points.txt") or "")
    except Exception:  # noqa: BLE001 - guards a foreign file
        return False
