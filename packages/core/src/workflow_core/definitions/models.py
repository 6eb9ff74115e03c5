"""What is known of a stored workflow."""

# ruff: noqa: N815 - settings are named as in bundles and in the API

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.errors import FieldError, ValidationError
from workflow_core.language.definition import DefinitionShape
from workflow_core.schema import convert

#: What a path names: the draft, or a number.
VersionName = int | Literal["draft"]

#: The table of workflows, as the audit log names it.
TABLE: Final = "workflow_definitions"

KEY_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]*$"
WorkflowKey = Annotated[str, msgspec.Meta(pattern=KEY_PATTERN, max_length=255)]

_Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class EditableSettings:
    """How a workflow is handled, whatever its definition says.

    Attributes:
        isVisible: Whether lists show it to everybody.
        isPaused: Whether nothing starts it.
        concurrencyLimit: How many runs may be under way at once; others wait for their turn. Runs that other runs
            called are part of these.
        orderedByCorrelationKey: Whether runs that events of one correlation key start come one after the other, in
            the order of the events.
        autoPauseOnFailure: Whether it is paused when too many runs fail.
        failureRateThreshold: The share of failed runs that is too many.
        failureRateMinRuns: How many runs there have to be before that counts.
        retentionPolicyOverride: How long runs are kept, where that differs from the tenant's policy.
        payloadSchemaMode: Such as ``pinned``.
        pinnedPayloadSchemaRef: The schema that the payload is pinned to.
    """

    isVisible: bool = True
    isPaused: bool = False
    concurrencyLimit: _Count | None = None
    orderedByCorrelationKey: bool = False
    autoPauseOnFailure: bool = False
    failureRateThreshold: Annotated[float, msgspec.Meta(ge=0)] | None = None
    failureRateMinRuns: _Count | None = None
    retentionPolicyOverride: Any = None
    payloadSchemaMode: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    pinnedPayloadSchemaRef: Annotated[str, msgspec.Meta(max_length=255)] | None = None


@attrs.frozen(kw_only=True)
class WorkflowSettings(EditableSettings):
    """All settings.

    Attributes:
        isSystem: Whether it came with the platform.
    """

    isSystem: bool = False


#: The settings' columns, by name.
SETTING_COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "isSystem": "is_system",
        "isVisible": "is_visible",
        "isPaused": "is_paused",
        "concurrencyLimit": "concurrency_limit",
        "orderedByCorrelationKey": "ordered_by_correlation_key",
        "autoPauseOnFailure": "auto_pause_on_failure",
        "failureRateThreshold": "failure_rate_threshold",
        "failureRateMinRuns": "failure_rate_min_runs",
        "retentionPolicyOverride": "retention_policy_override",
        "payloadSchemaMode": "payload_schema_mode",
        "pinnedPayloadSchemaRef": "pinned_payload_schema_ref",
    }
)


# ── Workflows and their versions ─────────────────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class WorkflowSummary:
    """A workflow without its definition.

    Attributes:
        workflow_id: Its id.
        key: Under which bundles name it, if any.
        name: Of the draft, as are description, payload schema and trigger.
        status: ``draft`` until a version has been published.
        draft_version: The draft's number.
        published_version: The newest published version, if any.
        settings: How it is handled.
    """

    workflow_id: UUID
    key: str | None
    name: str
    description: str | None
    payload_schema_ref: str | None
    trigger: dict[str, Any] | None
    status: str
    draft_version: int
    published_version: int | None
    settings: WorkflowSettings
    created_by: UUID | None
    updated_by: UUID | None
    created_at: datetime
    updated_at: datetime


@attrs.frozen(kw_only=True)
class StoredDefinition:
    """A draft or a published version.

    Attributes:
        workflow_id: The workflow.
        version: The published version, or the draft's number.
        is_draft: Whether it can still change.
        definition: As stored.
        sha256: Of its canonical JSON; a published version's never changes.
        published_by: Who published it, if known.
        published_at: When.
    """

    workflow_id: UUID
    version: int
    is_draft: bool
    definition: dict[str, Any] = attrs.field(repr=False)
    sha256: str
    published_by: UUID | None = None
    published_at: datetime | None = None


@attrs.frozen(kw_only=True)
class PublishedVersion:
    """A published version without its definition."""

    version: int
    sha256: str
    published_by: UUID | None
    published_at: datetime


@attrs.frozen(kw_only=True)
class Imported:
    """What a bundle said of a workflow beside what the tables' own columns hold.

    Attributes:
        metadata: As it came.
        dependencies: As they came.
        entry: Members of the workflow's entry that nobody here knows.
        draft: Likewise, of its ``draft``.
        order: The numbers of the published versions, in the bundle's order.
        held: Published versions that cannot be run here and were therefore not published: their entries, under the
            workflow's new id. They are given back on export, and can be published by rolling back to them.
        content_sha256: Of the draft and the versions as they came: while it is the same, what was derived from them is
            given back as it came.
    """

    metadata: dict[str, Any]
    dependencies: dict[str, Any]
    entry: dict[str, Any]
    draft: dict[str, Any]
    order: list[int]
    held: list[dict[str, Any]]
    content_sha256: str

    def held_version(self, version: int) -> dict[str, Any] | None:
        """The definition of a version that was held back, if there is one of this number."""
        return next((entry["definition"] for entry in self.held if entry["version"] == version), None)


def read_shape(definition: Any) -> DefinitionShape:
    """What is listed of a definition; everything that a draft needs to be stored.

    Raises:
        ValidationError: ``INVALID_WORKFLOW_DEFINITION``, with paths below ``definition``.
    """
    try:
        return convert(DefinitionShape, definition, unknown="ignore")
    except ValidationError as error:
        raise ValidationError(
            f"The definition cannot be stored: {error.message}",
            code="INVALID_WORKFLOW_DEFINITION",
            errors=[_below_definition(wrong) for wrong in error.errors],
        ) from None


def _below_definition(error: FieldError) -> FieldError:
    return attrs.evolve(error, path=f"definition.{error.path}" if error.path else "definition")
