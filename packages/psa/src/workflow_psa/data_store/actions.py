"""The actions of the data store."""

from __future__ import annotations

from typing import Final

from workflow_core.actions import Action, Effect, Example
from workflow_psa.data_store import links, store
from workflow_psa.data_store.link_shapes import (
    DeletedLinks,
    DeleteLinks,
    LinkMatches,
    LinkNamespaces,
    ListedLinks,
    ListLinks,
    LookupLinks,
    UpsertedLink,
    UpsertLink,
)
from workflow_psa.data_store.store_shapes import (
    DeletedValue,
    DeleteValue,
    GetValue,
    GotValue,
    Increment,
    Incremented,
    ListedValues,
    ListNamespaces,
    ListValues,
    SetValue,
    StoredValue,
    StoreNamespaces,
)

_READ: Final = "workflow:read"
_MANAGE: Final = "workflow:manage"

_SEEN = {"namespace": "seen-alerts", "key": "0c6cb3d4-9a52-4d50-8ab3-5a5a0e4a7f10"}
_TASK = {"type": "project_task", "id": "4f1d2c3b-5a69-4788-9b0c-1d2e3f405162"}
_MIRROR = {"type": "project_task", "id": "6a7b8c9d-0e1f-4203-8405-162738495a6b"}
_LINK = "c0ffee00-1122-4334-8556-677889900aab"


def data_store_actions() -> list[Action]:
    """All of them."""
    return [*_store_actions(), *_link_actions()]


def _store_actions() -> list[Action]:
    return [
        Action(
            id="store.get",
            label="Get stored value",
            description="Reads a value that an earlier run has stored.",
            input=GetValue,
            output=GotValue,
            effect=Effect.READ,
            io="database",
            handler=store.get_value,
            permission=_READ,
            examples=(
                Example(
                    "An alert that was seen before",
                    _SEEN,
                    {
                        "found": True,
                        "value": {"ticket": "TIC001042"},
                        "value_type": "json",
                        "revision": 3,
                        "expires_at": "2026-03-09T09:15:00Z",
                    },
                ),
                Example(
                    "Nothing stored",
                    {"namespace": "seen-alerts", "key": "unknown"},
                    {"found": False, "value": None, "value_type": None, "revision": None, "expires_at": None},
                ),
            ),
        ),
        Action(
            id="store.set",
            label="Store value",
            description="Stores a value for later runs, for ever or for some time.",
            input=SetValue,
            output=StoredValue,
            effect=Effect.LOCAL,
            io="database",
            handler=store.set_value,
            permission=_MANAGE,
            examples=(
                Example(
                    "Remember an alert for a week",
                    _SEEN | {"value": {"ticket": "TIC001042"}, "ttl_seconds": 604800},
                    {"revision": 1, "created": True},
                ),
                Example(
                    "Only if nobody has changed it",
                    {"namespace": "on-call", "key": "current", "value": "dana.reyes", "if_revision": 7},
                    {"revision": 8, "created": False},
                ),
            ),
        ),
        Action(
            id="store.delete",
            label="Delete stored value",
            description="Deletes a stored value.",
            input=DeleteValue,
            output=DeletedValue,
            effect=Effect.LOCAL,
            io="database",
            handler=store.delete_value,
            permission=_MANAGE,
            examples=(Example("Forget an alert", _SEEN, {"deleted": True}),),
        ),
        Action(
            id="store.increment",
            label="Count up stored number",
            description="Adds to a stored number, such as a counter; exact, however many runs do it at once.",
            input=Increment,
            output=Incremented,
            effect=Effect.LOCAL,
            io="database",
            handler=store.increment,
            permission=_MANAGE,
            examples=(
                Example("Alerts of a device", {"namespace": "alert-count", "key": "42"}, {"value": 12, "revision": 12}),
            ),
        ),
        Action(
            id="store.list",
            label="List stored values",
            description="Lists the values of a namespace, by key.",
            input=ListValues,
            output=ListedValues,
            effect=Effect.READ,
            io="database",
            handler=store.list_values,
            permission=_READ,
            examples=(
                Example(
                    "Counters",
                    {"namespace": "alert-count", "limit": 1},
                    {
                        "items": [
                            {
                                "store_id": "7d8e9f00-1a2b-4c3d-8e4f-506172839405",
                                "namespace": "alert-count",
                                "key": "42",
                                "value": 12,
                                "value_type": "number",
                                "revision": 12,
                                "expires_at": None,
                                "created_at": "2026-03-01T08:00:00Z",
                                "updated_at": "2026-03-02T09:15:00Z",
                            }
                        ],
                        "next_cursor": "42",
                    },
                ),
            ),
        ),
        Action(
            id="store.list_namespaces",
            label="List store namespaces",
            description="Lists the namespaces in which values are stored.",
            input=ListNamespaces,
            output=StoreNamespaces,
            effect=Effect.READ,
            io="database",
            handler=store.list_namespaces,
            permission=_READ,
            examples=(Example("All", {}, {"namespaces": [{"namespace": "alert-count", "key_count": 17}]}),),
        ),
    ]


def _link_actions() -> list[Action]:
    return [
        Action(
            id="links.upsert",
            label="Link records",
            description="Links two records of any kind, or gives their link other attributes.",
            input=UpsertLink,
            output=UpsertedLink,
            effect=Effect.LOCAL,
            io="database",
            handler=links.upsert_link,
            permission=_MANAGE,
            examples=(
                Example(
                    "A task that mirrors another",
                    {
                        "namespace": "project-task-mirror",
                        "from": _TASK,
                        "to": _MIRROR,
                        "relation": "mirrors",
                        "attributes": {"fieldMap": {"title": "task_name"}},
                    },
                    {"link_id": _LINK, "created": True},
                ),
            ),
        ),
        Action(
            id="links.lookup",
            label="Look up linked records",
            description="Finds the records that one is linked to.",
            input=LookupLinks,
            output=LinkMatches,
            effect=Effect.READ,
            io="database",
            handler=links.lookup_links,
            permission=_READ,
            examples=(
                Example(
                    "The mirrors of a task",
                    {"namespace": "project-task-mirror", "from": _TASK, "relation": "mirrors"},
                    {
                        "matches": [
                            {
                                "link_id": _LINK,
                                **_MIRROR,
                                "relation": "mirrors",
                                "attributes": {"fieldMap": {"title": "task_name"}},
                            }
                        ]
                    },
                ),
            ),
        ),
        Action(
            id="links.delete",
            label="Delete links",
            description="Deletes the links that start at a record, lead to it, or both.",
            input=DeleteLinks,
            output=DeletedLinks,
            effect=Effect.LOCAL,
            io="database",
            handler=links.delete_links,
            permission=_MANAGE,
            examples=(
                Example(
                    "A task has no mirrors any more",
                    {"namespace": "project-task-mirror", "from": _TASK},
                    {"deleted_count": 1},
                ),
            ),
        ),
        Action(
            id="links.list",
            label="List links",
            description="Lists the links of a namespace, the oldest first.",
            input=ListLinks,
            output=ListedLinks,
            effect=Effect.READ,
            io="database",
            handler=links.list_links,
            permission=_READ,
            examples=(
                Example(
                    "All mirrors",
                    {"namespace": "project-task-mirror", "relation": "mirrors"},
                    {
                        "items": [
                            {
                                "link_id": _LINK,
                                "namespace": "project-task-mirror",
                                "from": _TASK,
                                "to": _MIRROR,
                                "relation": "mirrors",
                                "attributes": {},
                                "created_at": "2026-03-02T09:15:00Z",
                                "updated_at": "2026-03-02T09:15:00Z",
                            }
                        ],
                        "next_cursor": None,
                    },
                ),
            ),
        ),
        Action(
            id="links.list_namespaces",
            label="List link namespaces",
            description="Lists the namespaces in which there are links.",
            input=ListNamespaces,
            output=LinkNamespaces,
            effect=Effect.READ,
            io="database",
            handler=links.list_link_namespaces,
            permission=_READ,
            examples=(Example("All", {}, {"namespaces": [{"namespace": "project-task-mirror", "link_count": 1}]}),),
        ),
    ]
