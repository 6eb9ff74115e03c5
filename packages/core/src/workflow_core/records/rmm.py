"""Remote monitoring: a tenant's connections, which organization over there is which client, and alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs

from workflow_core.records._rows import columns, read, read_optional
from workflow_core.records.devices import give_devices
from workflow_core.storage.database import Connection

# ── Integrations ─────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen
class Integration:
    """A row of ``rmm_integrations``: one tenant's connection to one provider; ``method`` is how it was connected."""

    integration_id: UUID
    provider: str
    instance_url: str | None
    method: str | None
    is_active: bool
    connected_at: datetime | None
    last_sync_at: datetime | None
    last_full_sync_at: datetime | None
    last_incremental_sync_at: datetime | None
    sync_status: str | None
    sync_error: str | None
    settings: dict[str, Any]
    created_at: datetime
    updated_at: datetime


_SELECT_INTEGRATION = f"SELECT {columns(Integration)} FROM rmm_integrations"  # noqa: S608 - our columns


async def get_integration(conn: Connection, tenant: UUID, provider: str) -> Integration | None:
    """The tenant's connection to a provider, active or not."""
    row = await conn.fetchrow(f"{_SELECT_INTEGRATION} WHERE tenant = $1 AND provider = $2", tenant, provider)
    return read_optional(Integration, row)


async def get_active_integration(conn: Connection, tenant: UUID, provider: str) -> Integration | None:
    """The tenant's connection to a provider if it is active."""
    integration = await get_integration(conn, tenant, provider)
    return integration if integration is not None and integration.is_active else None


async def put_integration(
    conn: Connection,
    tenant: UUID,
    provider: str,
    *,
    is_active: bool,
    instance_url: str | None = None,
    connected_at: datetime | None = None,
    settings: dict[str, Any] | None = None,
) -> Integration:
    """
    Connect, change or disconnect.

    Args:
        conn: Bound to the tenant.
        tenant: Whose connection.
        provider: Such as ``ninjaone``.
        is_active: Whether it can be used from now on.
        instance_url: Where its API is; None leaves what is stored.
        connected_at: When it was connected; None leaves what is stored.
        settings: Merged into what is stored, key by key; no secrets.
    """
    row = await conn.fetchrow(
        f"""
        INSERT INTO rmm_integrations AS i (tenant, provider, is_active, instance_url, connected_at, settings)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (tenant, provider) DO UPDATE
        SET is_active = EXCLUDED.is_active, instance_url = coalesce(EXCLUDED.instance_url, i.instance_url),
            connected_at = coalesce(EXCLUDED.connected_at, i.connected_at),
            settings = i.settings || EXCLUDED.settings
        RETURNING {columns(Integration)}
        """,  # noqa: S608 - our columns
        tenant,
        provider,
        is_active,
        instance_url,
        connected_at,
        settings or {},
    )
    return read(Integration, row)


async def merge_settings(conn: Connection, tenant: UUID, integration_id: UUID, settings: dict[str, Any]) -> None:
    """Merge into a connection's settings, key by key; no secrets."""
    await conn.execute(
        "UPDATE rmm_integrations SET settings = settings || $3 WHERE tenant = $1 AND integration_id = $2",
        tenant,
        integration_id,
        settings,
    )


async def record_sync(
    conn: Connection,
    tenant: UUID,
    integration_id: UUID,
    *,
    status: str,
    error: str | None = None,
    full: bool = False,
) -> None:
    """
    Remember how a sync goes.

    Args:
        conn: Bound to the tenant.
        tenant: Whose connection.
        integration_id: Which one.
        status: ``pending``, ``syncing``, ``completed`` or ``error``; ``completed`` sets the times.
        error: What went wrong, without secrets or foreign bodies.
        full: Whether everything was synced, or only what changed.
    """
    await conn.execute(
        """
        UPDATE rmm_integrations
        SET sync_status = $3, sync_error = $4,
            last_sync_at = CASE WHEN $5 THEN now() ELSE last_sync_at END,
            last_full_sync_at = CASE WHEN $5 AND $6 THEN now() ELSE last_full_sync_at END,
            last_incremental_sync_at = CASE WHEN $5 AND NOT $6 THEN now() ELSE last_incremental_sync_at END
        WHERE tenant = $1 AND integration_id = $2
        """,
        tenant,
        integration_id,
        status,
        error,
        status == "completed",
        full,
    )


# ── Organizations ────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen
class OrganizationMapping:
    """A row of ``rmm_organization_mappings``; without ``client_id`` it is known over there and not mapped here yet."""

    mapping_id: UUID
    integration_id: UUID
    external_organization_id: str
    external_organization_name: str | None
    client_id: UUID | None
    default_contact_id: UUID | None
    auto_sync_assets: bool
    metadata: dict[str, Any]
    last_synced_at: datetime | None


_SELECT_ORGANIZATION = f"SELECT {columns(OrganizationMapping)} FROM rmm_organization_mappings"  # noqa: S608 - our columns


async def list_organizations(conn: Connection, tenant: UUID, integration_id: UUID) -> list[OrganizationMapping]:
    """All organizations of a connection, by name."""
    rows = await conn.fetch(
        f"{_SELECT_ORGANIZATION} WHERE tenant = $1 AND integration_id = $2 "
        "ORDER BY lower(external_organization_name), external_organization_id",
        tenant,
        integration_id,
    )
    return [read(OrganizationMapping, row) for row in rows]


async def get_organization(
    conn: Connection, tenant: UUID, integration_id: UUID, organization_id: str
) -> OrganizationMapping | None:
    """One organization, by the provider's id."""
    row = await conn.fetchrow(
        f"{_SELECT_ORGANIZATION} WHERE tenant = $1 AND integration_id = $2 AND external_organization_id = $3",
        tenant,
        integration_id,
        organization_id,
    )
    return read_optional(OrganizationMapping, row)


async def find_client_id(conn: Connection, tenant: UUID, integration_id: UUID, organization_id: str) -> UUID | None:
    """The client that an organization is mapped to."""
    organization = await get_organization(conn, tenant, integration_id, organization_id)
    return None if organization is None else organization.client_id


async def put_organization(
    conn: Connection, tenant: UUID, integration_id: UUID, organization_id: str, name: str | None
) -> OrganizationMapping:
    """Remember an organization that the provider reports; what it is mapped to stays."""
    row = await conn.fetchrow(
        f"""
        INSERT INTO rmm_organization_mappings AS o
            (tenant, integration_id, external_organization_id, external_organization_name, last_synced_at)
        VALUES ($1, $2, $3, $4, now())
        ON CONFLICT (tenant, integration_id, external_organization_id) DO UPDATE
        SET external_organization_name = coalesce(EXCLUDED.external_organization_name, o.external_organization_name),
            last_synced_at = now()
        RETURNING {columns(OrganizationMapping)}
        """,  # noqa: S608 - our columns
        tenant,
        integration_id,
        organization_id,
        name,
    )
    return read(OrganizationMapping, row)


async def meet_organizations(
    conn: Connection, tenant: UUID, integration_id: UUID, named: Mapping[str, str | None]
) -> dict[str, OrganizationMapping]:
    """
    The organizations that the provider reports, by its ids; those that are new are remembered.

    None of them is mapped anew before the transaction ends.

    Args:
        conn: Bound to the tenant.
        tenant: Whose connection.
        integration_id: Which one.
        named: Their names by the provider's ids; None leaves what is stored.
    """
    wanted = sorted(named)
    await conn.execute(
        "INSERT INTO rmm_organization_mappings AS o "
        "    (tenant, integration_id, external_organization_id, external_organization_name, last_synced_at) "
        "SELECT $1, $2, id, name, now() FROM unnest($3::text[], $4::text[]) AS met(id, name) "
        "ON CONFLICT (tenant, integration_id, external_organization_id) DO UPDATE "
        "SET external_organization_name = EXCLUDED.external_organization_name, last_synced_at = now() "
        "WHERE EXCLUDED.external_organization_name <> coalesce(o.external_organization_name, '')",
        tenant,
        integration_id,
        wanted,
        [named[organization_id] for organization_id in wanted],
    )
    rows = await conn.fetch(
        f"{_SELECT_ORGANIZATION} WHERE tenant = $1 AND integration_id = $2 "
        "AND external_organization_id = ANY ($3::text[]) ORDER BY external_organization_id FOR SHARE",
        tenant,
        integration_id,
        wanted,
    )
    return {row["external_organization_id"]: read(OrganizationMapping, row) for row in rows}


async def map_organization(
    conn: Connection,
    tenant: UUID,
    integration_id: UUID,
    organization_id: str,
    *,
    client_id: UUID | None,
    auto_sync_assets: bool = True,
    default_contact_id: UUID | None = None,
) -> OrganizationMapping:
    """
    Say which client an organization is; the assets of its devices are that client's at once.

    Args:
        conn: Bound to the tenant.
        tenant: Whose connection.
        integration_id: Which one.
        organization_id: The provider's id; need not have been reported yet.
        client_id: The client; None takes the mapping back.
        auto_sync_assets: Whether its devices are synced.
        default_contact_id: Who is the contact of tickets for it.
    """
    before = await conn.fetchval(
        "SELECT client_id FROM rmm_organization_mappings "
        "WHERE tenant = $1 AND integration_id = $2 AND external_organization_id = $3 FOR UPDATE",
        tenant,
        integration_id,
        organization_id,
    )
    row = await conn.fetchrow(
        f"""
        INSERT INTO rmm_organization_mappings
            (tenant, integration_id, external_organization_id, client_id, auto_sync_assets, default_contact_id)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (tenant, integration_id, external_organization_id) DO UPDATE
        SET client_id = EXCLUDED.client_id, auto_sync_assets = EXCLUDED.auto_sync_assets,
            default_contact_id = EXCLUDED.default_contact_id
        RETURNING {columns(OrganizationMapping)}
        """,  # noqa: S608 - our columns
        tenant,
        integration_id,
        organization_id,
        client_id,
        auto_sync_assets,
        default_contact_id,
    )
    if client_id != before:
        provider = await conn.fetchval(
            "SELECT provider FROM rmm_integrations WHERE tenant = $1 AND integration_id = $2", tenant, integration_id
        )
        await give_devices(conn, tenant, provider, organization_id, client_id)
    return read(OrganizationMapping, row)


# ── Alerts ───────────────────────────────────────────────────────────────────────────────────────────────────────

ACTIVE: Final = "active"
ACKNOWLEDGED: Final = "acknowledged"


@attrs.frozen
class Alert:
    """A row of ``rmm_alerts``."""

    alert_id: UUID
    integration_id: UUID
    external_alert_id: str
    external_device_id: str | None
    asset_id: UUID | None
    severity: str
    priority: str | None
    status: str
    source_type: str | None
    alert_class: str | None
    activity_type: str | None
    message: str | None
    device_name: str | None
    ticket_id: UUID | None
    open_ticket_id: UUID | None
    triggered_at: datetime | None
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: UUID | None
    last_occurrence_at: datetime | None
    occurrence_count: int
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@attrs.frozen(kw_only=True)
class ReportedAlert:
    """
    An alert as a provider reports it.

    Attributes:
        external_alert_id: The provider's id of it.
        severity: ``critical``, ``major``, ``moderate``, ``minor`` or ``none``; None: it does not say.
        status: ``active``, ``resolved``, ``auto_resolved``, ``acknowledged`` or ``suppressed``.
        external_device_id: The provider's id of the device.
        asset_id: The asset that the device is.
        priority: The provider's own word.
        source_type: What raised it.
        alert_class: The provider's class of it.
        activity_type: The provider's type of it.
        message: What it says.
        device_name: What the device is called.
        triggered_at: When it began.
        resolved_at: When it ended.
        dedup_key: Equal for repetitions of the same alert.
        metadata: What else to remember; merged key by key.
    """

    external_alert_id: str
    severity: str | None = None
    status: str = ACTIVE
    external_device_id: str | None = None
    asset_id: UUID | None = None
    priority: str | None = None
    source_type: str | None = None
    alert_class: str | None = None
    activity_type: str | None = None
    message: str | None = None
    device_name: str | None = None
    triggered_at: datetime | None = None
    resolved_at: datetime | None = None
    dedup_key: str | None = None
    metadata: dict[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class UpsertedAlert:
    """The alert as it is now, and whether it is a new one."""

    alert: Alert
    created: bool


_ALERT_COLUMNS = columns(Alert)
_SELECT_ALERT = f"SELECT {_ALERT_COLUMNS} FROM rmm_alerts"  # noqa: S608 - our columns


async def upsert_alert(conn: Connection, tenant: UUID, integration_id: UUID, alert: ReportedAlert) -> UpsertedAlert:
    """
    Remember an alert that a provider reports, known by the provider's id of it.

    What is None leaves what is stored. Reports come late and twice: an alert that was acknowledged or resolved here
    does not become active again by one.
    """
    row = await conn.fetchrow(
        f"""
        INSERT INTO rmm_alerts AS a
            (tenant, integration_id, external_alert_id, severity, status, external_device_id, asset_id, priority,
             source_type, alert_class, activity_type, message, device_name, triggered_at, resolved_at, dedup_key,
             metadata, last_occurrence_at)
        VALUES ($1, $2, $3, coalesce($4, 'none'), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                coalesce($14, now()))
        ON CONFLICT (tenant, integration_id, external_alert_id) DO UPDATE
        SET severity = coalesce($4, a.severity),
            status = CASE WHEN EXCLUDED.status = 'active' THEN a.status ELSE EXCLUDED.status END,
            external_device_id = coalesce(EXCLUDED.external_device_id, a.external_device_id),
            asset_id = coalesce(EXCLUDED.asset_id, a.asset_id),
            priority = coalesce(EXCLUDED.priority, a.priority),
            source_type = coalesce(EXCLUDED.source_type, a.source_type),
            alert_class = coalesce(EXCLUDED.alert_class, a.alert_class),
            activity_type = coalesce(EXCLUDED.activity_type, a.activity_type),
            message = coalesce(EXCLUDED.message, a.message),
            device_name = coalesce(EXCLUDED.device_name, a.device_name),
            triggered_at = coalesce(EXCLUDED.triggered_at, a.triggered_at),
            resolved_at = coalesce(EXCLUDED.resolved_at, a.resolved_at),
            dedup_key = coalesce(EXCLUDED.dedup_key, a.dedup_key),
            metadata = a.metadata || EXCLUDED.metadata,
            last_occurrence_at = greatest(a.last_occurrence_at, EXCLUDED.last_occurrence_at)
        RETURNING xmax = 0 AS created, {_ALERT_COLUMNS}
        """,  # noqa: S608 - our columns
        tenant,
        integration_id,
        alert.external_alert_id,
        alert.severity,
        alert.status,
        alert.external_device_id,
        alert.asset_id,
        alert.priority,
        alert.source_type,
        alert.alert_class,
        alert.activity_type,
        alert.message,
        alert.device_name,
        alert.triggered_at,
        alert.resolved_at,
        alert.dedup_key,
        alert.metadata,
    )
    assert row is not None  # noqa: S101 - an upsert returns its row
    return UpsertedAlert(read(Alert, row), created=row["created"])


async def list_active_alerts(conn: Connection, tenant: UUID, integration_id: UUID, *, limit: int = 50) -> list[Alert]:
    """Alerts of a connection that are active, the newest first."""
    rows = await conn.fetch(
        f"{_SELECT_ALERT} WHERE tenant = $1 AND integration_id = $2 AND status = 'active' "
        "ORDER BY triggered_at DESC NULLS LAST, alert_id LIMIT $3",
        tenant,
        integration_id,
        limit,
    )
    return [read(Alert, row) for row in rows]


async def get_alert(conn: Connection, tenant: UUID, alert_id: UUID) -> Alert | None:
    """One alert, by our id."""
    row = await conn.fetchrow(f"{_SELECT_ALERT} WHERE tenant = $1 AND alert_id = $2", tenant, alert_id)
    return read_optional(Alert, row)


async def get_alert_by_external_id(
    conn: Connection, tenant: UUID, integration_id: UUID, external_alert_id: str
) -> Alert | None:
    """One alert, by the provider's id."""
    row = await conn.fetchrow(
        f"{_SELECT_ALERT} WHERE tenant = $1 AND integration_id = $2 AND external_alert_id = $3",
        tenant,
        integration_id,
        external_alert_id,
    )
    return read_optional(Alert, row)


async def acknowledge_alert(conn: Connection, tenant: UUID, alert_id: UUID, *, actor: UUID | None) -> Alert | None:
    """
    Mark an alert acknowledged as of now; one that already is keeps who did it and when, and one that is over stays so.

    Returns:
        The alert as it is now; None when there is none.
    """
    row = await conn.fetchrow(
        f"""
        UPDATE rmm_alerts
        SET status = CASE WHEN status IN ('resolved', 'auto_resolved') THEN status ELSE 'acknowledged' END,
            acknowledged_at = coalesce(acknowledged_at, now()),
            acknowledged_by = CASE WHEN acknowledged_at IS NULL THEN $3 ELSE acknowledged_by END
        WHERE tenant = $1 AND alert_id = $2
        RETURNING {_ALERT_COLUMNS}
        """,  # noqa: S608 - our columns
        tenant,
        alert_id,
        actor,
    )
    return read_optional(Alert, row)


# ── What a provider tells by itself ──────────────────────────────────────────────────────────────────────────────


async def activity_seen(conn: Connection, tenant: UUID, integration_id: UUID) -> int | None:
    """Up to which of the provider's numbers its activities have been read; None: never."""
    seen: int | None = await conn.fetchval(
        "SELECT activity_seen FROM rmm_integrations WHERE tenant = $1 AND integration_id = $2", tenant, integration_id
    )
    return seen


async def set_activity_seen(conn: Connection, tenant: UUID, integration_id: UUID, number: int) -> None:
    """Remember up to which of the provider's numbers its activities have been read."""
    await conn.execute(
        "UPDATE rmm_integrations SET activity_seen = $3 "
        "WHERE tenant = $1 AND integration_id = $2 AND activity_seen IS DISTINCT FROM $3",
        tenant,
        integration_id,
        number,
    )


async def count_ignored(conn: Connection, tenant: UUID, integration_id: UUID) -> None:
    """Count a delivery that nobody here knows what to do with."""
    await conn.execute(
        "UPDATE rmm_integrations SET webhook_ignored = webhook_ignored + 1 WHERE tenant = $1 AND integration_id = $2",
        tenant,
        integration_id,
    )


async def ignored_count(conn: Connection, tenant: UUID, integration_id: UUID) -> int:
    """How many such deliveries there were."""
    count: int = await conn.fetchval(
        "SELECT webhook_ignored FROM rmm_integrations WHERE tenant = $1 AND integration_id = $2", tenant, integration_id
    )
    return count
