"""What the paths and headers of definition requests mean."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import hdrs, web

from workflow_catalog_server.definition_answers import etag_of
from workflow_catalog_server.problems import RequestError
from workflow_core.definitions.models import StoredDefinition, VersionName
from workflow_core.errors import ConflictError, FieldError, NotFoundError, ValidationError

PREFIX: Final = "/api/workflow-definitions"

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def path_version(request: web.Request) -> VersionName:
    """The version in a path.

    Raises:
        NotFoundError: It is none.
    """
    version = _version(request.match_info["version"])
    if version is None:
        raise NotFoundError("There is nothing at this address.")
    return version


def version_named(name: str, text: str) -> VersionName:
    """The version that the text of a query parameter names.

    Raises:
        ValidationError: It names none.
    """
    version = _version(text)
    if version is None:
        words = "must be draft or the number of a version"
        raise ValidationError(f"{name}: {words}", errors=[FieldError(name, "FORMAT", words)])
    return version


def check_draft(request: web.Request, draft: StoredDefinition, version: VersionName) -> None:
    """The draft is the one that the path, and ``If-Match`` if given, mean.

    Raises:
        ConflictError: ``VERSION_CONFLICT``: the path means a version that cannot change any more.
        NotFoundError: It means one that does not exist yet.
        RequestError: ``PRECONDITION_FAILED``.
    """
    if version not in ("draft", draft.version):
        if int(version) < draft.version:
            raise ConflictError(
                f"Version {version} cannot change any more; the draft is version {draft.version}.",
                code="VERSION_CONFLICT",
                details={"draftVersion": draft.version},
            )
        raise NotFoundError(f"The workflow has no version {version}.")
    wanted = request.headers.get(hdrs.IF_MATCH)
    if wanted is None or wanted.strip() == "*":
        return
    if etag_of(draft) not in {tag.strip().removeprefix("W/") for tag in wanted.split(",")}:
        raise RequestError(
            412, "PRECONDITION_FAILED", "Somebody else has saved the draft since you read it; read it again."
        )


def _version(text: str) -> VersionName | None:
    if text == "draft":
        return "draft"
    return int(text) if _NUMBER.fullmatch(text) else None
