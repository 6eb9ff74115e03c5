"""How ``tickets.update_fields`` works."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import UNSET, UnsetType

from workflow_core.actions import ActionContext
from workflow_core.errors import ConflictError, FieldError
from workflow_core.schema import to_json
from workflow_psa.domain_events import Change
from workflow_psa.idempotency import answer_once
from workflow_psa.problems import missing, refuse
from workflow_psa.tickets.change import NOW, change_ticket, helpers_of, known, lock_ticket
from workflow_psa.tickets.events import emit_assigned, emit_closed, emit_updated
from workflow_psa.tickets.references import References, helpers, look_up, problems
from workflow_psa.tickets.shapes import TicketPatch, UpdatedTicket, UpdateFields
from workflow_psa.tickets.tags import distinct, replace_tags, tags_of

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID = "tickets.update_fields"

_PLAIN = ("title", "priority_id", "location_id", "due_date", "category_id", "subcategory_id")


async def update_fields(given: UpdateFields, ctx: ActionContext) -> UpdatedTicket:
    """
    Changes fields of a ticket; one that has them all already stays as it is, ``updated_at`` included.

    Raises:
        NotFoundError: The ticket, or something that it is to refer to, does not exist for this tenant;
            ``details["errors"]`` has the path of everything that is wrong.
        ValidationError: What it is to refer to does not fit the ticket, or is inactive.
        ConflictError: The ticket has been changed since ``expected_updated_at``.
    """
    return await answer_once(ctx, ACTION_ID, given.idempotency_key, UpdatedTicket, lambda: _update(given, ctx))


async def _update(given: UpdateFields, ctx: ActionContext) -> UpdatedTicket:
    patch = given.patch
    locked = await lock_ticket(ctx, given.ticket_id)
    references = _references(patch, locked)
    found = await look_up(references, ctx)
    refuse(_problems(references, found, locked))
    before = known(locked)
    _check_unchanged(before, given.expected_updated_at)

    values = {name: value for name, value in _values(patch, before, found).items() if before[name] != value}
    changes = _changes(before, values)
    had_tags = await tags_of(ctx, given.ticket_id)
    tags = had_tags if isinstance(patch.tags, UnsetType) else distinct(patch.tags)
    if tags != had_tags:
        changes["tags"] = Change(previous=had_tags, new=tags)
    additional = None
    if not isinstance(patch.assignment, UnsetType):
        additional = sorted(helpers(patch.assignment, found["assigned_to"]))
        had_helpers = sorted(await helpers_of(ctx, given.ticket_id))
        if additional != had_helpers:
            changes["additional_user_ids"] = Change(previous=had_helpers, new=additional)
    if not changes:
        return _updated(before, tags)

    actor = found["actor"]
    if tags != had_tags:
        await replace_tags(ctx, given.ticket_id, tags, actor)
    written = values | _closing(before, found, values, actor)
    after = await change_ticket(ctx, given.ticket_id, written, actor, helpers=additional)
    await emit_updated(ctx, after, actor, after["updated_at"], changes)
    if not values.keys().isdisjoint(("assigned_to", "assigned_team_id")):
        await emit_assigned(ctx, after, actor, after["updated_at"], before=before)
    if after["is_closed"] and not before["is_closed"]:
        await emit_closed(ctx, after, actor, after["updated_at"])
    return _updated(after, tags)


def _references(patch: TicketPatch, ticket: Record | None) -> References:
    has: Any = {} if ticket is None else ticket
    return References(
        client_id=has.get("client_id"),
        board_id=has.get("board_id"),
        status_id=_given(patch.status_id),
        priority_id=_given(patch.priority_id),
        location_id=_given(patch.location_id),
        category_id=_given(patch.category_id),
        parent_category_id=has.get("category_id") if patch.category_id is UNSET else _given(patch.category_id),
        subcategory_id=_given(patch.subcategory_id),
        assignment=_given(patch.assignment),
    )


def _given(value: Any) -> Any:
    return None if value is UNSET else value


def _problems(references: References, found: Record, ticket: Record | None) -> Iterator[FieldError]:
    if ticket is None:
        yield missing("ticket_id", "ticket")
    for problem in problems(references, found, "patch."):
        if ticket is not None or problem.code == "NOT_FOUND":  # without a ticket nothing can fit it
            yield problem


def _check_unchanged(ticket: Record, expected: datetime | None) -> None:
    if expected is None or ticket["updated_at"] == expected:
        return
    raise ConflictError(
        "The ticket has been changed since it was read: read it again, and decide anew.",
        details=to_json({"expected_updated_at": expected, "actual_updated_at": ticket["updated_at"]}),
    )


def _values(patch: TicketPatch, ticket: Record, found: Record) -> dict[str, Any]:
    """What the columns are to be, changed or not."""
    values = {name: getattr(patch, name) for name in _PLAIN if getattr(patch, name) is not UNSET}
    if values.get("category_id", ticket["category_id"]) != ticket["category_id"]:
        values.setdefault("subcategory_id", None)  # the former one is not below the new category
    if not isinstance(patch.status_id, UnsetType):
        values["status_id"] = patch.status_id
    if not isinstance(patch.assignment, UnsetType):
        values["assigned_to"] = found["assigned_to"]
        values["assigned_team_id"] = found["assigned_team_id"]
    attributes = dict(ticket["attributes"] or {})
    if not isinstance(patch.attributes, UnsetType):
        attributes |= patch.attributes
    if not isinstance(patch.custom_fields, UnsetType):
        attributes["custom_fields"] = patch.custom_fields
    if attributes != (ticket["attributes"] or {}):
        values["attributes"] = attributes
    return values


def _changes(ticket: Record, values: dict[str, Any]) -> dict[str, Change]:
    """The columns that change; of the attributes, those that do."""
    changes = {name: Change(previous=ticket[name], new=new) for name, new in values.items() if name != "attributes"}
    had = ticket["attributes"] or {}
    for name, new in values.get("attributes", {}).items():
        if name not in had or had[name] != new:
            changes[f"attributes.{name}"] = Change(previous=had.get(name), new=new)
    return changes


def _closing(ticket: Record, found: Record, values: dict[str, Any], actor: UUID | None) -> dict[str, Any]:
    """What else becomes of a ticket whose new status is closed, or is not any more."""
    if "status_id" not in values or found["status_closed"] == ticket["is_closed"]:
        return {}
    if found["status_closed"]:
        return {"is_closed": True, "closed_at": NOW, "closed_by": actor}
    return {"is_closed": False, "closed_at": None, "closed_by": None}


def _updated(ticket: Record, tags: list[str]) -> UpdatedTicket:
    return UpdatedTicket(
        ticket_id=ticket["ticket_id"],
        updated_at=ticket["updated_at"],
        status_id=ticket["status_id"],
        priority_id=ticket["priority_id"],
        tags=tuple(tags),
    )
