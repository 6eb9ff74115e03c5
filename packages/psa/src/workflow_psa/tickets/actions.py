"""The ticket actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.tickets.add_comment import ACTION_ID as ADD_COMMENT
from workflow_psa.tickets.add_comment import add_comment
from workflow_psa.tickets.assign import ACTION_ID as ASSIGN
from workflow_psa.tickets.assign import assign_ticket
from workflow_psa.tickets.close import ACTION_ID as CLOSE
from workflow_psa.tickets.close import close_ticket
from workflow_psa.tickets.create import ACTION_ID as CREATE
from workflow_psa.tickets.create import create_ticket
from workflow_psa.tickets.find import ACTION_ID as FIND
from workflow_psa.tickets.find import find_ticket
from workflow_psa.tickets.link_entities import ACTION_ID as LINK
from workflow_psa.tickets.link_entities import link_entities
from workflow_psa.tickets.shapes import (
    AddComment,
    AddedComment,
    AssignedTicket,
    AssignTicket,
    ClosedTicket,
    CloseTicket,
    CreatedTicket,
    CreateTicket,
    FindTicket,
    FoundTickets,
    LinkedTicket,
    LinkEntities,
    UpdatedTicket,
    UpdateFields,
)
from workflow_psa.tickets.update_fields import ACTION_ID as UPDATE
from workflow_psa.tickets.update_fields import update_fields

_TICKET = "0b8c5d0e-6c0f-4c53-9d1e-5b1c6f1f7a01"
_CLIENT = "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d"
_BOARD = "9c1e8a44-0f3b-4d0c-8a55-7b6d5c4e3f21"
_STATUS = "6a3f1b52-88f4-4b0e-a1d7-8f7f6a0c2b11"
_CLOSED_STATUS = "1d7e2c60-4b9a-4e0d-93f8-2a5c6b7d8e9f"
_PRIORITY = "f2a6f0de-5d55-4a8e-93a7-1d1b7e3a9c21"
_USER = "5e0d7c1a-3b2f-4e6d-9a8b-7c6d5e4f3a21"
_TEAM = "c4b3a291-8f7e-4d6c-b5a4-938271605f4e"
_COMMENT = "8a9b0c1d-2e3f-4a5b-8c6d-7e8f90a1b2c3"
_ASSET = "7f0c3a1e-5b2d-4c6e-8f9a-1b2c3d4e5f60"

_CREATED = {
    "ticket_id": _TICKET,
    "ticket_number": "TIC001042",
    "created_at": "2026-03-02T09:15:00Z",
    "status_id": _STATUS,
    "priority_id": _PRIORITY,
    "url": None,
}
_FOUND = {
    "ticket_id": _TICKET,
    "ticket_number": "TIC001042",
    "title": "Disk C: of SRV-01 is nearly full",
    "url": None,
    "client_id": _CLIENT,
    "client_name": "Emerald City",
    "company_id": _CLIENT,
    "contact_name_id": None,
    "contact_name": None,
    "location_id": None,
    "board_id": _BOARD,
    "board_name": "Alerts",
    "status_id": _STATUS,
    "status_name": "New",
    "priority_id": _PRIORITY,
    "priority_name": "High",
    "category_id": None,
    "category_name": None,
    "subcategory_id": None,
    "subcategory_name": None,
    "assigned_to": _USER,
    "assigned_to_name": "Glinda Upland",
    "assigned_team_id": None,
    "entered_at": "2026-03-02T09:15:00Z",
    "updated_at": "2026-03-02T09:20:00Z",
    "closed_at": None,
    "due_date": None,
    "is_closed": False,
    "attributes": None,
}


def ticket_actions() -> list[Action]:
    """All of them."""
    return [_create(), _find(), _add_comment(), _update_fields(), _assign(), _close(), _link_entities()]


def _create() -> Action:
    return Action(
        id=CREATE,
        label="Create ticket",
        description="Creates a ticket for a client, with its assignment, tags and a first comment.",
        input=CreateTicket,
        output=CreatedTicket,
        effect=Effect.LOCAL,
        io="database",
        handler=create_ticket,
        permission="ticket:create",
        examples=(
            Example(
                "From an alert",
                {
                    "client_id": _CLIENT,
                    "title": "Disk C: of SRV-01 is nearly full",
                    "board_id": _BOARD,
                    "priority_id": _PRIORITY,
                    "description": "Less than 5 % are free.",
                    "idempotency_key": "alert 0c6cb3d4-9a52-4d50-8ab3-5a5a0e4a7f10",
                },
                _CREATED,
            ),
            Example(
                "Assigned, tagged and with a note",
                {
                    "client_id": _CLIENT,
                    "title": "Replace the battery of UPS-2",
                    "board_id": _BOARD,
                    "priority_id": _PRIORITY,
                    "assignment": {"primary": {"type": "user", "id": _USER}, "additional_user_ids": []},
                    "tags": ["hardware", "on-site"],
                    "custom_fields": {"rack": "B4"},
                    "initial_comment": {"body": "The key is at the reception.", "visibility": "internal"},
                },
                _CREATED,
            ),
        ),
    )


def _find() -> Action:
    return Action(
        id=FIND,
        label="Find ticket",
        description="Finds a ticket by its id, its number or the reference of another system, with its comments.",
        input=FindTicket,
        output=FoundTickets,
        effect=Effect.READ,
        io="database",
        handler=find_ticket,
        permission="ticket:read",
        examples=(
            Example(
                "By its number, with the newest comment",
                {
                    "ticket_number": "TIC001042",
                    "include": {"comments": True, "comments_limit": 1, "comments_order": "desc"},
                },
                {
                    "ticket": _FOUND,
                    "comments": [
                        {
                            "comment_id": _COMMENT,
                            "note": "Old backups are being removed.",
                            "is_internal": False,
                            "is_resolution": False,
                            "created_at": "2026-03-02T09:20:00Z",
                            "user_id": _USER,
                            "contact_name_id": None,
                            "author_type": "internal",
                        }
                    ],
                    "comments_meta": {"total_count": 3, "returned_count": 1, "truncated": True},
                },
            ),
            Example(
                "The ticket of an alert, if there is one",
                {"external_ref": "alert 0c6cb3d4-9a52-4d50-8ab3-5a5a0e4a7f10"},
                {"ticket": None, "comments": None, "comments_meta": None},
            ),
        ),
    )


def _add_comment() -> Action:
    return Action(
        id=ADD_COMMENT,
        label="Add comment to ticket",
        description="Adds a comment that the client sees, or one for technicians only.",
        input=AddComment,
        output=AddedComment,
        effect=Effect.LOCAL,
        io="database",
        handler=add_comment,
        permission="ticket:update",
        examples=(
            Example(
                "For technicians",
                {"ticket_id": _TICKET, "body": "The alert has come back.", "visibility": "internal"},
                {"comment_id": _COMMENT, "created_at": "2026-03-02T09:20:00Z", "visibility": "internal"},
            ),
        ),
    )


def _update_fields() -> Action:
    return Action(
        id=UPDATE,
        label="Update ticket",
        description="Changes fields of a ticket: its status, priority, assignment, categories, tags and more.",
        input=UpdateFields,
        output=UpdatedTicket,
        effect=Effect.LOCAL,
        io="database",
        handler=update_fields,
        permission="ticket:update",
        examples=(
            Example(
                "Another priority, unless somebody was faster",
                {
                    "ticket_id": _TICKET,
                    "patch": {"priority_id": _PRIORITY, "tags": ["disk", "urgent"]},
                    "expected_updated_at": "2026-03-02T09:15:00Z",
                },
                {
                    "ticket_id": _TICKET,
                    "updated_at": "2026-03-02T09:20:00Z",
                    "status_id": _STATUS,
                    "priority_id": _PRIORITY,
                    "tags": ["disk", "urgent"],
                },
            ),
        ),
    )


def _assign() -> Action:
    return Action(
        id=ASSIGN,
        label="Assign ticket",
        description="Gives a ticket to a user, a team or a queue, and says so in a comment.",
        input=AssignTicket,
        output=AssignedTicket,
        effect=Effect.LOCAL,
        io="database",
        handler=assign_ticket,
        permission="ticket:update",
        examples=(
            Example(
                "To a team, with a comment",
                {
                    "ticket_id": _TICKET,
                    "assignment": {"primary": {"type": "team", "id": _TEAM}, "additional_user_ids": []},
                    "reason": "Nobody has answered for an hour.",
                    "comment": {"body": "Please take a look at this."},
                },
                {
                    "ticket_id": _TICKET,
                    "assigned_type": "team",
                    "assigned_id": _TEAM,
                    "assigned_to": _USER,
                    "updated_at": "2026-03-02T10:15:00Z",
                },
            ),
        ),
    )


def _close() -> Action:
    return Action(
        id=CLOSE,
        label="Close ticket",
        description="Closes a ticket with a resolution, and with last comments for the client and for technicians.",
        input=CloseTicket,
        output=ClosedTicket,
        effect=Effect.LOCAL,
        io="database",
        handler=close_ticket,
        permission="ticket:update",
        examples=(
            Example(
                "The alert has gone",
                {
                    "ticket_id": _TICKET,
                    "resolution": {"code": "auto_resolved", "text": "The disk has enough space again."},
                    "public_note": "The disk has enough space again.",
                },
                {
                    "ticket_id": _TICKET,
                    "closed_at": "2026-03-02T11:00:00Z",
                    "resolution_code": "auto_resolved",
                    "final_status_id": _CLOSED_STATUS,
                },
            ),
        ),
    )


def _link_entities() -> Action:
    return Action(
        id=LINK,
        label="Link ticket",
        description="Links a ticket to an asset, a project, a task of a project or a contract.",
        input=LinkEntities,
        output=LinkedTicket,
        effect=Effect.LOCAL,
        io="database",
        handler=link_entities,
        permission="ticket:update",
        examples=(
            Example(
                "The asset of an alert",
                {"ticket_id": _TICKET, "entity_type": "asset", "entity_id": _ASSET, "link_type": "affected"},
                {
                    "link_id": "2f3e4d5c-6b7a-4890-9f8e-7d6c5b4a3928",
                    "entity_type": "asset",
                    "entity_id": _ASSET,
                    "link_type": "affected",
                    "linked_entity_summary": {"type": "asset", "id": _ASSET, "name": "SRV-01", "url": None},
                },
            ),
        ),
    )
