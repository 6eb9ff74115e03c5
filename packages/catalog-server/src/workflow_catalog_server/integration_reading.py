"""From descriptions and rows to what the integrations' routes tell."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import attrs

from workflow_catalog_server.integration_answers import (
    AffectedWorkflow,
    Choice,
    FieldAnswer,
    IntegrationAnswer,
    IntegrationDetail,
    MappingKindAnswer,
    MethodAnswer,
    Reason,
    ScopeAnswer,
    Status,
    WebhookAnswer,
    WebhookStatus,
)
from workflow_catalog_server.services import Services
from workflow_core.connections import ENTERED, INSTANCE_URL, Connection, ConnectionField, ConnectionMethod
from workflow_core.discovery import Registry
from workflow_core.errors import ConflictError, WorkflowError
from workflow_core.integrations.deliveries import count_deliveries
from workflow_core.integrations.mapping import count_mapped
from workflow_core.integrations.stored import StoredConnection, read_connection
from workflow_core.integrations.usage import WorkflowUse
from workflow_core.storage.database import Connection as DatabaseConnection
from workflow_core.webhooks import WebhookReceiver


def reason_of(error: WorkflowError) -> Reason:
    """An error as an answer tells of it."""
    return Reason(code=error.code, message=error.message)


def affected(uses: Sequence[WorkflowUse]) -> list[AffectedWorkflow]:
    """Workflows as an answer tells of them."""
    return [AffectedWorkflow(workflowId=use.workflow_id, name=use.name, uses=list(use.uses)) for use in uses]


def integration_answer(
    connection: Connection, stored: StoredConnection | None, registry: Registry, *, workflows: int
) -> IntegrationAnswer:
    """An integration, and how the tenant stands with it."""
    status, since = _status(stored)
    problem = None
    if stored is not None and stored.is_connected and stored.problem_code is not None:
        problem = Reason(code=stored.problem_code, message=stored.problem_message or "")
    return IntegrationAnswer(
        provider=connection.provider,
        label=connection.label,
        description=connection.description,
        icon=_icon(connection, registry),
        status=status,
        reason=problem,
        since=since,
        account=None if stored is None else stored.account_name,
        connectedAt=None if stored is None else stored.connected_at,
        affectedWorkflows=workflows,
    )


async def integration_detail(
    conn: DatabaseConnection,
    tenant: UUID,
    services: Services,
    connection: Connection,
    *,
    secrets: Collection[str],
    uses: Sequence[WorkflowUse],
) -> IntegrationDetail:
    """Everything about an integration that its page shows.

    Args:
        conn: Bound to the tenant.
        tenant: Whose connection.
        services: Of the process.
        connection: Its description.
        secrets: The names of its secrets that are stored.
        uses: The published workflows that use it.
    """
    stored = await read_connection(conn, tenant, connection.provider)
    answer = integration_answer(connection, stored, services.registry, workflows=len(uses))
    methods = connection.methods or tuple(filter(None, [connection.method(ENTERED)]))
    granted = set() if stored is None else set(stored.scopes)
    return IntegrationDetail(
        **attrs.asdict(answer, recurse=False),
        method=None if stored is None else stored.method_of(connection),
        connectedBy=None if stored is None else stored.connected_by,
        methods=[_method(connection, method, stored, secrets) for method in methods],
        redirectUri=_redirect_uri(services, connection),
        scopes=[
            ScopeAnswer(
                key=scope.key,
                label=scope.label,
                description=scope.description,
                required=scope.required,
                granted=scope.key in granted,
            )
            for scope in connection.scopes
        ],
        mappings=await _mappings(conn, tenant, connection, stored),
        webhook=await _webhook(conn, tenant, services.registry.receivers.get(connection.provider), stored),
        workflows=affected(uses),
    )


def _status(stored: StoredConnection | None) -> tuple[Status, datetime | None]:
    if stored is None:
        return Status.NOT_CONNECTED, None
    if not stored.is_connected:
        return Status.NOT_CONNECTED, stored.disconnected_at
    if stored.needs_reconnecting:
        return Status.RECONNECT_REQUIRED, stored.problem_since
    if stored.problem_code is not None:
        return Status.ERROR, stored.problem_since
    return Status.CONNECTED, stored.connected_at


def _icon(connection: Connection, registry: Registry) -> str | None:
    for module in registry.modules.values():
        if any(action_id.split(".", 1)[0] in connection.segments for action_id in module.allowed_action_ids):
            return module.icon_token
    return None


def _redirect_uri(services: Services, connection: Connection) -> str | None:
    if all(method.oauth is None for method in connection.methods):
        return None
    try:
        return services.connector.redirect_uri(connection.provider)
    except ConflictError:
        return None


def _method(
    connection: Connection, method: ConnectionMethod, stored: StoredConnection | None, secrets: Collection[str]
) -> MethodAnswer:
    return MethodAnswer(
        key=method.key,
        label=method.label,
        description=method.description,
        redirects=method.oauth is not None,
        fields=[_field(field, stored, secrets) for field in connection.fields_of(method.key)],
    )


def _field(field: ConnectionField, stored: StoredConnection | None, secrets: Collection[str]) -> FieldAnswer:
    value = None
    if stored is not None and field.kind != "secret":
        value = stored.instance_url if field.name == INSTANCE_URL else stored.settings.get(field.name)
    return FieldAnswer(
        name=field.name,
        label=field.label,
        kind=field.kind,
        required=field.required,
        help=field.help,
        choices=[Choice(value=choice, label=label) for choice, label in field.choices],
        other=field.other,
        value=value if isinstance(value, str) else None,
        isStored=field.name in secrets if field.kind == "secret" else value is not None,
    )


async def _mappings(
    conn: DatabaseConnection, tenant: UUID, connection: Connection, stored: StoredConnection | None
) -> list[MappingKindAnswer]:
    answers = []
    for kind in connection.mappings:
        total, mapped = (0, 0)
        if stored is not None:
            total, mapped = await count_mapped(conn, tenant, stored.integration_id)
        answers.append(
            MappingKindAnswer(
                key=kind.key,
                label=kind.label,
                description=kind.description,
                entity=kind.entity,
                total=total,
                mapped=mapped,
            )
        )
    return answers


async def _webhook(
    conn: DatabaseConnection, tenant: UUID, receiver: WebhookReceiver | None, stored: StoredConnection | None
) -> WebhookAnswer | None:
    if receiver is None:
        return None
    status, waiting, parked = WebhookStatus.OFF, 0, 0
    if stored is not None and stored.is_connected:
        if stored.webhook_error is not None:
            status = WebhookStatus.FAILED
        elif stored.webhook_registered_at is not None:
            status = WebhookStatus.MANUAL if receiver.register is None else WebhookStatus.REGISTERED
        waiting, parked = await count_deliveries(conn, tenant, stored.integration_id)
    error = None if stored is None else stored.webhook_error
    return WebhookAnswer(
        status=status,
        reason=None if error is None else Reason(code=error["code"], message=error["message"]),
        registeredAt=None if stored is None else stored.webhook_registered_at,
        lastReceivedAt=None if stored is None else stored.webhook_received_at,
        waiting=waiting,
        parked=parked,
    )
