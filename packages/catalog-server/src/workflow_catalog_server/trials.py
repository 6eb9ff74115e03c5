"""Whether somebody may try something out: its errors, its secrets, its samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.findings import verdict_on
from workflow_catalog_server.problems import problem
from workflow_core.definitions.calls import called_by
from workflow_core.definitions.surroundings import Surroundings
from workflow_core.errors import FieldError, ValidationError
from workflow_core.language.definition import iter_steps
from workflow_core.language.mapping import iter_secrets
from workflow_core.records.permissions import permissions_of
from workflow_core.storage.database import Connection


async def findings_on(
    conn: Connection, principal: Principal, surroundings: Surroundings, definition: Mapping[str, Any]
) -> dict[str, Any]:
    """The findings for who tries a definition, and acts by it."""
    return await verdict_on(
        surroundings,
        definition,
        called=await called_by(conn, principal.tenant, definition),
        permissions=await permissions_of(conn, principal.tenant, principal.user),
    )


def refusal(answer: Mapping[str, Any]) -> web.Response:
    """The answer to who tries what has errors."""
    words = f"Nothing was started: the definition has {len(answer['errors'])} error(s)."
    return problem(422, "TRIAL_REFUSED", words, members=dict(answer))


def check_secrets(principal: Principal, definition: Mapping[str, Any]) -> None:
    """Who can have a step use a secret can have it told: that needs the permission to publish.

    Raises:
        PermissionDeniedError: The definition names a secret.
    """
    if any(True for _ in iter_secrets(definition)):
        principal.require(Permission.PUBLISH)


def check_samples(definition: Mapping[str, Any], samples: Mapping[str, Any]) -> None:
    """Each sample is of a step that calls an action.

    Raises:
        ValidationError: Naming every other one.
    """
    words = "no step with this id calls an action"
    errors = [
        FieldError(f"samples.{step_id}", "UNKNOWN_STEP", words) for step_id in set(samples) - calling_steps(definition)
    ]
    if errors:
        errors.sort(key=lambda error: error.path)
        raise ValidationError(f"{errors[0].path}: {words}", errors=errors)


def calling_steps(definition: Mapping[str, Any]) -> set[str]:
    """The ids of the steps that call an action."""
    return {str(step.get("id")) for _, step in iter_steps(definition) if step.get("type") == "action.call"}
