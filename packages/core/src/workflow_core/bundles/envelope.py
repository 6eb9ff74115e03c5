"""The form of a bundle: read strictly, with every wrong place at once; what workflows carry besides is kept."""

# ruff: noqa: N815 - attributes are named as the fields of the file

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import attrs
import msgspec

from workflow_core.definitions.models import WorkflowKey, WorkflowSettings
from workflow_core.errors import FieldError, ValidationError
from workflow_core.json_text import MAX_DEPTH
from workflow_core.language.definition import DefinitionShape
from workflow_core.schema import convert, field_names

FORMAT: Final = "alga-psa.workflow-bundle"
FORMAT_VERSION: Final = 1

#: Of one file.
MAX_BYTES: Final = 16 * 1024 * 1024
#: A definition stands up to six levels deep in a bundle, and two in the request that saves it.
MAX_BUNDLE_DEPTH: Final = MAX_DEPTH + 4

#: Large enough for every version there is, and small enough to count on from.
_Number = Annotated[int, msgspec.Meta(ge=1, le=999_999_999)]


@attrs.frozen(kw_only=True)
class BundleMetadata(WorkflowSettings):
    """``metadata``: what lists show of a workflow, and how it is handled."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    description: str | None = None
    payloadSchemaRef: str | None = None
    trigger: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class ActionDependency:
    """An action that a workflow calls."""

    actionId: str
    version: int


@attrs.frozen(kw_only=True)
class BundleDependencies:
    """``dependencies``: what a workflow needs to be there."""

    actions: list[ActionDependency]
    nodeTypes: list[str]
    schemaRefs: list[str]


@attrs.frozen(kw_only=True)
class BundleDraft:
    """``draft``."""

    draftVersion: _Number
    definition: DefinitionShape


@attrs.frozen(kw_only=True)
class BundleVersion:
    """One of ``publishedVersions``."""

    version: _Number
    definition: dict[str, Any]
    payloadSchemaJson: Any = None


@attrs.frozen(kw_only=True)
class BundleEntry:
    """One of ``workflows``."""

    key: WorkflowKey
    metadata: BundleMetadata
    dependencies: BundleDependencies
    draft: BundleDraft
    publishedVersions: list[BundleVersion]


@attrs.frozen(kw_only=True)
class BundleShape:
    """A whole bundle."""

    format: Literal["alga-psa.workflow-bundle"]
    formatVersion: Literal[1]
    exportedAt: str
    workflows: Annotated[list[BundleEntry], msgspec.Meta(min_length=1)]


@attrs.frozen
class BundledWorkflow:
    """A workflow as it stands in a bundle.

    Attributes:
        entry: What is known of it.
        raw: All of it, as it came.
    """

    entry: BundleEntry = attrs.field(repr=False)
    raw: dict[str, Any] = attrs.field(repr=False)


def read_bundle(value: Any) -> list[BundledWorkflow]:
    """The workflows of a bundle.

    Args:
        value: The file's JSON value.

    Raises:
        ValidationError: ``INVALID_BUNDLE``, naming every wrong place.
    """
    errors: list[FieldError] = []
    entries: list[BundleEntry] = []
    try:
        entries = convert(BundleShape, value, unknown="ignore").workflows
    except ValidationError as error:
        errors += error.errors
        numbered = _numbered_as_given(value)
    else:
        numbered = [(entry.key, [published.version for published in entry.publishedVersions]) for entry in entries]
    errors += _unknown_members(value)
    errors += _repetitions(numbered)
    if errors:
        places = "; ".join(f"{error.path or 'the bundle'}: {error.message}" for error in errors[:5])
        more = f" (and {len(errors) - 5} more)" if len(errors) > 5 else ""
        raise ValidationError(f"This is not a bundle: {places}{more}", code="INVALID_BUNDLE", errors=errors)
    return [BundledWorkflow(entry, raw) for entry, raw in zip(entries, value["workflows"], strict=True)]


def _unknown_members(value: Any) -> Iterator[FieldError]:
    """The envelope is ours to understand; what stands in a workflow is not."""
    if isinstance(value, Mapping):
        for name in value:
            if name not in field_names(BundleShape):
                yield FieldError(name, "UNKNOWN_FIELD", "there is no such field")


def _numbered_as_given(value: Any) -> list[tuple[Any, list[Any]]]:
    """The key and the version numbers of each entry, whatever they are: the bundle has other errors too."""
    return [
        (_member(entry, "key"), [_member(published, "version") for published in _list(entry, "publishedVersions")])
        for entry in _list(value, "workflows")
    ]


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _list(value: Any, name: str) -> list[Any]:
    found = _member(value, name)
    return found if isinstance(found, list) else []


def _repetitions(numbered: Sequence[tuple[Any, Sequence[Any]]]) -> Iterator[FieldError]:
    """Keys, and the versions of one workflow, that occur twice."""
    for index in _repeated(key for key, _ in numbered):
        yield FieldError(f"workflows[{index}].key", "DUPLICATE_KEY", "is the key of another workflow too")
    for number, (_, versions) in enumerate(numbered):
        for index in _repeated(versions):
            path = f"workflows[{number}].publishedVersions[{index}].version"
            yield FieldError(path, "DUPLICATE_VERSION", "is the number of another version too")


def _repeated(values: Iterable[Any]) -> Iterator[int]:
    seen: set[Any] = set()
    for index, value in enumerate(values):
        if isinstance(value, str | int):
            if value in seen:
                yield index
            seen.add(value)
