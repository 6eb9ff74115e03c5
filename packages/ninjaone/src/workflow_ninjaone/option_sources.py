"""What there is to pick for the fields of the actions: what has been synced; scripts, which NinjaOne is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from workflow_core.errors import FieldError, NotFoundError, ValidationError
from workflow_core.options import (
    Option,
    OptionContext,
    OptionPage,
    OptionQuery,
    OptionSource,
    Search,
    select_options,
)
from workflow_ninjaone import client as vendor
from workflow_ninjaone.actions.access import Access, active_integration
from workflow_ninjaone.module import PROVIDER

# Each is a SELECT as of select_options. $1 is the tenant, $2 the connection, $3 whether values are only to be named,
# $4 a dependency as text, or NULL.

_DEVICES: Final = f"""
SELECT a.rmm_device_id AS value, a.name AS label,
       concat_ws(' · ', o.external_organization_name, a.serial_number) AS description, 0 AS rank
FROM assets a
LEFT JOIN rmm_organization_mappings o
    ON o.tenant = $1 AND o.integration_id = $2 AND o.external_organization_id = a.rmm_organization_id
WHERE a.tenant = $1 AND a.rmm_provider = '{PROVIDER}' AND a.rmm_device_id ~ '^[0-9]{{1,10}}$'
  AND $3::boolean IS NOT NULL AND ($4::text IS NULL OR a.rmm_organization_id = $4)
"""  # noqa: S608 - our own text
_ASSETS: Final = _DEVICES.replace("a.rmm_device_id AS value", "a.asset_id::text AS value")

_ORGANIZATIONS: Final = """
SELECT o.external_organization_id AS value, coalesce(o.external_organization_name, o.external_organization_id) AS label,
       c.client_name AS description, 0 AS rank
FROM rmm_organization_mappings o LEFT JOIN clients c ON c.tenant = $1 AND c.client_id = o.client_id
WHERE o.tenant = $1 AND o.integration_id = $2 AND o.external_organization_id ~ '^[0-9]{1,10}$'
  AND $3::boolean IS NOT NULL AND $4::text IS NULL
"""

_ALERTS: Final = """
SELECT l.alert_id::text AS value, coalesce(l.metadata ->> 'title', left(l.message, 200), l.external_alert_id) AS label,
       concat_ws(' · ', l.device_name, l.severity) AS description,
       -coalesce(extract(epoch FROM l.triggered_at), 0)::bigint AS rank
FROM rmm_alerts l
WHERE l.tenant = $1 AND l.integration_id = $2 AND ($3 OR l.status IN ('active', 'acknowledged')) AND $4::text IS NULL
"""
_ALERT_UIDS: Final = _ALERTS.replace("l.alert_id::text AS value", "l.external_alert_id AS value")


def _local(statement: str, *, numeric: bool = False, narrowed_by: str = "") -> Search:
    """Finds records of ours; ``numeric`` ones have numbers for values."""

    async def search(query: OptionQuery, ctx: OptionContext) -> OptionPage:
        async with ctx.transaction() as conn:
            integration = await active_integration(conn, ctx.tenant)
            page = await select_options(
                conn,
                query,
                statement,
                ctx.tenant,
                integration.integration_id,
                query.values is not None,
                query.dependencies.get(narrowed_by),
            )
        if not numeric:
            return page
        return attrs.evolve(page, options=[attrs.evolve(option, value=int(option.value)) for option in page.options])

    return search


# ── Scripts ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _search_scripts(query: OptionQuery, ctx: OptionContext) -> OptionPage:
    """Scripts that the device can run; without a device, all that there are."""
    options = await _scripting_options(query, ctx)
    if options is not None:
        scripts: Iterable[vendor.Script] = options.scripts
    else:
        _, client = await Access().connect(ctx)
        scripts = await client.list_scripts()
    return _page(
        (
            Option(script.id, script.name, script.description)
            for script in scripts
            if script.type == "SCRIPT" and script.id is not None
        ),
        query,
    )


async def _search_actions(query: OptionQuery, ctx: OptionContext) -> OptionPage:
    """Actions that the device can run: NinjaOne tells them of a device only."""
    options = await _scripting_options(query, ctx)
    scripts = () if options is None else options.scripts
    return _page(
        (
            Option(script.uid, script.name, script.description)
            for script in scripts
            if script.type == "ACTION" and script.uid is not None
        ),
        query,
    )


async def _search_run_as(query: OptionQuery, ctx: OptionContext) -> OptionPage:
    options = await _scripting_options(query, ctx)
    if options is None:
        return _page((), query)
    roles = (Option(role, role) for role in options.roles)
    credentials = (Option(str(found.id), found.name or str(found.id), found.type) for found in options.credentials)
    return _page((*roles, *credentials), query)


async def _scripting_options(query: OptionQuery, ctx: OptionContext) -> vendor.ScriptingOptions | None:
    """Of the device that the search depends on; None without one."""
    device = query.dependencies.get("device_id")
    if device is None:
        return None
    if not (device.isascii() and device.isdigit()):
        problem = FieldError("device_id", "FORMAT", "must be the id of a device")
        raise ValidationError(f"device_id: {problem.message}", errors=[problem])
    _, client = await Access().connect(ctx)
    try:
        return await client.get_scripting_options(int(device))
    except NotFoundError:
        return vendor.ScriptingOptions((), {}, (), ())


def _page(options: Iterable[Option], query: OptionQuery) -> OptionPage:
    """A page of what NinjaOne gives as a whole; the cursor is how many there were before."""
    words = query.q.lower().split()
    wanted = None if query.values is None else set(query.values)
    found = sorted(
        (
            option
            for option in options
            if (wanted is None or str(option.value) in wanted)
            and all(word in f"{option.label} {option.description or ''}".lower() for word in words)
        ),
        key=lambda option: (option.label.casefold(), str(option.value)),
    )
    start = _start(query.cursor)
    end = start + query.limit
    return OptionPage(found[start:end], str(end) if end < len(found) else None)


def _start(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        problem = FieldError("cursor", "FORMAT", "must be the nextCursor of a page")
        raise ValidationError(f"cursor: {problem.message}", errors=[problem])
    return int(cursor)


def ninjaone_options() -> list[OptionSource]:
    """All of them."""
    device = ("device_id",)
    return [
        OptionSource(
            id="ninjaone.devices",
            search=_local(_DEVICES, numeric=True, narrowed_by="organization_id"),
            depends_on=("organization_id",),
        ),
        OptionSource(id="ninjaone.assets", search=_local(_ASSETS)),
        OptionSource(id="ninjaone.organizations", search=_local(_ORGANIZATIONS, numeric=True)),
        OptionSource(id="ninjaone.alerts", search=_local(_ALERTS)),
        OptionSource(id="ninjaone.alert_uids", search=_local(_ALERT_UIDS)),
        OptionSource(id="ninjaone.scripts", search=_search_scripts, depends_on=device),
        OptionSource(id="ninjaone.script_actions", search=_search_actions, depends_on=device),
        OptionSource(id="ninjaone.run_as", search=_search_run_as, depends_on=device),
    ]
