"""What there is to pick for the fields of the generic actions, in the tenant's own tables.

A search leaves out what is inactive; a value that a field has already is named all the same.
"""

from __future__ import annotations

from typing import Final

from workflow_core.options import OptionContext, OptionPage, OptionQuery, OptionSource, Search, select_options

# Each is a SELECT as of select_options. $1 is the tenant, $2 whether values are only to be named; then come the
# dependencies in their order, NULL where one is not given: ids as uuid, kinds as text.

_BOARDS: Final = """
SELECT b.board_id::text AS value, b.board_name AS label, NULL AS description,
       CASE WHEN b.is_default THEN 0 ELSE 1 END AS rank
FROM boards b WHERE b.tenant = $1 AND ($2 OR NOT b.is_inactive)
"""

_PRIORITIES: Final = """
SELECT p.priority_id::text AS value, p.priority_name AS label, NULL AS description, p.order_number AS rank
FROM priorities p WHERE p.tenant = $1 AND p.item_type = '{item_type}' AND $2::boolean IS NOT NULL
"""

# Of a board that is given, or of the board that a ticket stands on.
_OF_BOARD: Final = """(
    ($3::uuid IS NULL AND $4::uuid IS NULL)
    OR {column} = coalesce($3, (SELECT t.board_id FROM tickets t WHERE t.tenant = $1 AND t.ticket_id = $4))
)"""

_STATUSES: Final = f"""
SELECT s.status_id::text AS value, s.name AS label, b.board_name AS description, s.order_number AS rank
FROM statuses s JOIN boards b ON b.tenant = $1 AND b.board_id = s.board_id
WHERE s.tenant = $1 AND s.status_type = 'ticket' AND ($2 OR NOT b.is_inactive)
  AND {_OF_BOARD.format(column="s.board_id")}
"""  # noqa: S608 - our own text

_CATEGORIES: Final = f"""
SELECT c.category_id::text AS value, c.category_name AS label, b.board_name AS description, 0 AS rank
FROM categories c JOIN boards b ON b.tenant = $1 AND b.board_id = c.board_id
WHERE c.tenant = $1 AND c.parent_category IS NULL AND ($2 OR NOT b.is_inactive)
  AND {_OF_BOARD.format(column="c.board_id")}
"""  # noqa: S608 - our own text

_SUBCATEGORIES: Final = """
SELECT c.category_id::text AS value, c.category_name AS label, p.category_name AS description, 0 AS rank
FROM categories c JOIN categories p ON p.tenant = $1 AND p.category_id = c.parent_category
WHERE c.tenant = $1 AND $2::boolean IS NOT NULL AND ($3::uuid IS NULL OR c.parent_category = $3)
"""

_LOCATIONS: Final = """
SELECT l.location_id::text AS value, coalesce(l.location_name, c.client_name) AS label, c.client_name AS description,
       0 AS rank
FROM client_locations l JOIN clients c ON c.tenant = $1 AND c.client_id = l.client_id
WHERE l.tenant = $1 AND ($2 OR l.is_active) AND (
    ($3::uuid IS NULL AND $4::uuid IS NULL)
    OR l.client_id = coalesce($3, (SELECT t.client_id FROM tickets t WHERE t.tenant = $1 AND t.ticket_id = $4))
)
"""

_USER: Final = """
SELECT u.user_id::text AS value,
       coalesce(nullif(concat_ws(' ', u.first_name, u.last_name), ''), u.username) AS label, u.email AS description,
       0 AS rank
FROM users u WHERE u.tenant = $1 AND ($2 OR NOT u.is_inactive)
"""

_TEAM: Final = """
SELECT t.team_id::text AS value, t.team_name AS label, NULL AS description, 1 AS rank FROM teams t WHERE t.tenant = $1
"""

_TECHNICIANS: Final = f"""{_USER} AND EXISTS (
    SELECT FROM user_roles ur JOIN roles r ON r.tenant = $1 AND r.role_id = ur.role_id
    WHERE ur.tenant = $1 AND ur.user_id = u.user_id AND lower(r.role_name) = 'technician'
)
"""

_ROLES: Final = """
SELECT r.role_id::text AS value, r.role_name AS label, NULL AS description, 0 AS rank
FROM roles r WHERE r.tenant = $1 AND $2::boolean IS NOT NULL
"""

_CLIENT: Final = """
SELECT c.client_id::text AS value, c.client_name AS label, c.url AS description, 0 AS rank
FROM clients c WHERE c.tenant = $1 AND ($2 OR NOT c.is_inactive)
"""

_CONTACT: Final = """
SELECT c.contact_name_id::text AS value, c.full_name AS label, concat_ws(' · ', c.email, k.client_name) AS description,
       0 AS rank
FROM contacts c LEFT JOIN clients k ON k.tenant = $1 AND k.client_id = c.client_id
WHERE c.tenant = $1 AND ($2 OR NOT c.is_inactive)
"""

# Open ones first, then the newest.
_TICKET: Final = """
SELECT t.ticket_id::text AS value, concat_ws(' · ', t.ticket_number, t.title) AS label, c.client_name AS description,
       CASE WHEN t.is_closed THEN 0 ELSE -10000000000 END - coalesce(extract(epoch FROM t.entered_at), 0)::bigint
           AS rank
FROM tickets t LEFT JOIN clients c ON c.tenant = $1 AND c.client_id = t.client_id
WHERE t.tenant = $1
"""

_PROJECT: Final = """
SELECT p.project_id::text AS value, p.project_name AS label, c.client_name AS description, 0 AS rank
FROM projects p LEFT JOIN clients c ON c.tenant = $1 AND c.client_id = p.client_id
WHERE p.tenant = $1 AND ($2 OR NOT p.is_inactive)
"""

_PHASES: Final = """
SELECT h.phase_id::text AS value, h.phase_name AS label, p.project_name AS description, h.order_number AS rank
FROM project_phases h JOIN projects p ON p.tenant = $1 AND p.project_id = h.project_id
WHERE h.tenant = $1 AND ($2 OR NOT p.is_inactive) AND ($3::uuid IS NULL OR h.project_id = $3)
"""

_TASK_STATUSES: Final = """
SELECT m.project_status_mapping_id::text AS value, coalesce(m.custom_name, s.name) AS label,
       p.project_name AS description, m.display_order AS rank
FROM project_status_mappings m
JOIN projects p ON p.tenant = $1 AND p.project_id = m.project_id
LEFT JOIN statuses s ON s.tenant = $1 AND s.status_id = m.status_id
WHERE m.tenant = $1 AND ($2 OR m.is_visible) AND ($3::uuid IS NULL OR m.project_id = $3)
  AND coalesce(m.custom_name, s.name) IS NOT NULL
"""

_TASK: Final = """
SELECT t.task_id::text AS value, t.task_name AS label, p.project_name AS description, 0 AS rank
FROM project_tasks t
JOIN project_phases h ON h.tenant = $1 AND h.phase_id = t.phase_id
JOIN projects p ON p.tenant = $1 AND p.project_id = h.project_id
WHERE t.tenant = $1 AND ($2 OR NOT p.is_inactive)
"""

_ASSET: Final = """
SELECT a.asset_id::text AS value, a.name AS label, concat_ws(' · ', a.asset_tag, c.client_name) AS description,
       0 AS rank
FROM assets a LEFT JOIN clients c ON c.tenant = $1 AND c.client_id = a.client_id
WHERE a.tenant = $1
"""

_ALERTS: Final = """
SELECT l.alert_id::text AS value, coalesce(l.metadata ->> 'title', l.message, l.external_alert_id) AS label,
       l.device_name AS description, -coalesce(extract(epoch FROM l.triggered_at), 0)::bigint AS rank
FROM rmm_alerts l WHERE l.tenant = $1 AND ($2 OR l.status IN ('active', 'acknowledged'))
"""


def _of_kind(**statements: str) -> str:
    """The records of the kind that $3 names; of all kinds when it names none."""
    return " UNION ALL ".join(
        f"SELECT * FROM ({statement}) AS of_{kind} WHERE $3::text IS NULL OR $3 = '{kind}'"  # noqa: S608 - our own text
        for kind, statement in statements.items()
    )


def _search(statement: str, depends_on: tuple[str, ...]) -> Search:
    async def search(query: OptionQuery, ctx: OptionContext) -> OptionPage:
        given = [query.uuid(name) if name.endswith("_id") else query.dependencies.get(name) for name in depends_on]
        async with ctx.transaction() as conn:
            return await select_options(conn, query, statement, ctx.tenant, query.values is not None, *given)

    return search


def _source(source_id: str, statement: str, *depends_on: str) -> OptionSource:
    return OptionSource(id=source_id, search=_search(statement, depends_on), depends_on=depends_on)


def psa_options() -> list[OptionSource]:
    """All of them."""
    return [
        _source("tickets.tickets", f"{_TICKET} AND $2::boolean IS NOT NULL"),
        _source("tickets.boards", _BOARDS),
        _source("tickets.priorities", _PRIORITIES.format(item_type="ticket")),
        _source("tickets.statuses", _STATUSES, "board_id", "ticket_id"),
        _source("tickets.categories", _CATEGORIES, "board_id", "ticket_id"),
        _source("tickets.subcategories", _SUBCATEGORIES, "category_id"),
        _source("tickets.locations", _LOCATIONS, "client_id", "ticket_id"),
        _source("tickets.users", _USER),
        _source("tickets.assignees", _of_kind(user=_USER, team=_TEAM, queue=_BOARDS), "kind"),
        _source("tickets.linkable", _of_kind(asset=_ASSET, project=_PROJECT, project_task=_TASK), "kind"),
        _source("tickets.alerts", _ALERTS),
        _source("clients.clients", _CLIENT),
        _source("contacts.contacts", f"{_CONTACT} AND ($3::uuid IS NULL OR c.client_id = $3)", "client_id"),
        _source(
            "assets.assets",
            f"{_ASSET} AND $2::boolean IS NOT NULL AND ($3::uuid IS NULL OR a.client_id = $3)",
            "client_id",
        ),
        _source("projects.projects", _PROJECT),
        _source("projects.phases", _PHASES, "project_id"),
        _source("projects.tasks", f"{_TASK} AND ($3::uuid IS NULL OR p.project_id = $3)", "project_id"),
        _source("projects.statuses", _TASK_STATUSES, "project_id"),
        _source("projects.priorities", _PRIORITIES.format(item_type="project_task")),
        _source("projects.assignees", _of_kind(user=_USER, team=_TEAM), "kind"),
        _source("notifications.users", _USER),
        _source("notifications.roles", _ROLES),
        _source("scheduling.technicians", _TECHNICIANS),
        _source("scheduling.work", _of_kind(ticket=_TICKET, project_task=_TASK), "kind"),
        _source("crm.targets", _of_kind(client=_CLIENT, contact=_CONTACT, ticket=_TICKET, project=_PROJECT), "kind"),
    ]
