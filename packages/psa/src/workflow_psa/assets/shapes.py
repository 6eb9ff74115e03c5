"""What the asset actions take and give."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.options import picker
from workflow_core.schema import AtLeastOne, Timestamp, Trimmed


@attrs.frozen(kw_only=True)
class FindAssets:
    """Input of ``assets.find``: every criterion that is given has to be met."""

    __rules__: ClassVar = (AtLeastOne("asset_id", "external_device_id", "serial_number", "name"),)

    asset_id: Annotated[
        UUID | None, msgspec.Meta(description="The asset itself.", extra_json_schema=picker("assets.assets"))
    ] = None
    external_device_id: Annotated[
        Trimmed | int | None,
        msgspec.Meta(description="The id that the device has in an RMM, such as an alert's device_id."),
    ] = None
    serial_number: Annotated[Trimmed | None, msgspec.Meta(description="The serial number, in any case.")] = None
    name: Annotated[Trimmed | None, msgspec.Meta(description="The whole name, in any case.")] = None
    provider: Annotated[Trimmed | None, msgspec.Meta(description="Only devices of this RMM, such as ninjaone.")] = None
    on_not_found: Annotated[
        Literal["return_null", "error"],
        msgspec.Meta(description="What to do when there is none: give an empty result, or fail the step."),
    ] = "return_null"
    limit: Annotated[int, msgspec.Meta(ge=1, le=50, description="How many assets to give at most.")] = 10


@attrs.frozen(kw_only=True)
class FoundAsset:
    """One asset."""

    asset_id: Annotated[UUID, msgspec.Meta(description="The asset.")]
    name: Annotated[str, msgspec.Meta(description="Its name.")]
    asset_tag: Annotated[str, msgspec.Meta(description="The tag that it is known by.")]
    asset_type: Annotated[str, msgspec.Meta(description="Such as workstation, server or network_device.")]
    serial_number: Annotated[str | None, msgspec.Meta(description="Its serial number.")]
    status: Annotated[str, msgspec.Meta(description="Such as active.")]
    client_id: Annotated[UUID | None, msgspec.Meta(description="The client that it belongs to.")]
    client_name: Annotated[str | None, msgspec.Meta(description="That client's name.")]
    rmm_provider: Annotated[str | None, msgspec.Meta(description="The RMM that watches it.")]
    external_device_id: Annotated[str | None, msgspec.Meta(description="Its id there.")]
    agent_status: Annotated[str | None, msgspec.Meta(description="Whether its agent is online.")]
    last_seen_at: Annotated[Timestamp | None, msgspec.Meta(description="When its agent last reported.")]


@attrs.frozen(kw_only=True)
class FoundAssets:
    """Output of ``assets.find``."""

    asset: Annotated[
        FoundAsset | None, msgspec.Meta(description="The first that fits: active and last seen before others.")
    ]
    assets: Annotated[tuple[FoundAsset, ...], msgspec.Meta(description="All that fit, up to the limit.")]
    count: Annotated[int, msgspec.Meta(description="How many assets there are in the list.")]
