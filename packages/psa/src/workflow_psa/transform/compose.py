"""``transform.compose_text``: Markdown from documents with references in them.

A stored workflow keeps the documents in its step's ``outputs``; the plan of a run moves them into the input and gives
every reference the value that it stands for.
"""

# ruff: noqa: N815 - fields are named as the existing product's, which stored workflows have

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import attrs
import msgspec
import orjson

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError, ValidationError
from workflow_core.schema import Trimmed
from workflow_psa.transform.sizes import as_text, joined

ACTION_ID = "transform.compose_text"


@attrs.frozen
class _InlineIsComplete:
    """A text has its words, a reference its path, a link its address."""

    def check(self, values: Mapping[str, Any]) -> FieldError | None:
        """See :class:`workflow_core.schema.Rule`."""
        if values["type"] == "reference":
            return None if values.get("path") else FieldError("", "RULE", "a reference needs a path")
        if values.get("text") is None:
            return FieldError("", "RULE", "a text needs text")
        if ("link" in (values.get("marks") or ())) != bool(values.get("href")):
            return FieldError("", "RULE", "the mark link and href need each other")
        return None

    def schema(self) -> dict[str, Any]:
        """See :class:`workflow_core.schema.Rule`."""
        return {
            "if": {"properties": {"type": {"const": "reference"}}},
            "then": {"required": ["path"]},
            "else": {"required": ["text"]},
        }


@attrs.frozen(kw_only=True)
class Inline:
    """A piece of a line: words, or a reference to a value of the run."""

    __rules__: ClassVar = (_InlineIsComplete(),)

    type: Annotated[Literal["text", "reference"], msgspec.Meta(description="Which of them it is.")]
    text: Annotated[str | None, msgspec.Meta(description="The words.")] = None
    marks: Annotated[
        tuple[Literal["bold", "italic", "code", "link"], ...] | None, msgspec.Meta(description="How to show the words.")
    ] = None
    href: Annotated[
        Annotated[str, msgspec.Meta(pattern="^[A-Za-z][A-Za-z0-9+.-]*:[^\\s()<>]+$")] | None,
        msgspec.Meta(description="Where a link leads."),
    ] = None
    path: Annotated[Trimmed | None, msgspec.Meta(description="What is referred to, such as payload.title.")] = None
    label: Annotated[Trimmed | None, msgspec.Meta(description="What the designer shows for it.")] = None
    value: Annotated[Any, msgspec.Meta(description="What the reference stands for in this run.")] = msgspec.UNSET


@attrs.frozen
class _BlockIsComplete:
    """A block of code has text, any other has children, a heading its level too."""

    def check(self, values: Mapping[str, Any]) -> FieldError | None:
        """See :class:`workflow_core.schema.Rule`."""
        if values["type"] == "code_block":
            return FieldError("", "RULE", "a code_block needs text") if values.get("text") is None else None
        if values.get("children") is None:
            return FieldError("", "RULE", f"a {values['type']} needs children")
        if values["type"] == "heading" and values.get("level") is None:
            return FieldError("", "RULE", "a heading needs a level")
        return None

    def schema(self) -> dict[str, Any]:
        """See :class:`workflow_core.schema.Rule`."""
        return {
            "if": {"properties": {"type": {"const": "code_block"}}},
            "then": {"required": ["text"]},
            "else": {"required": ["children"]},
        }


@attrs.frozen(kw_only=True)
class Block:
    """A paragraph, or something like it."""

    __rules__: ClassVar = (_BlockIsComplete(),)

    type: Annotated[
        Literal["paragraph", "bullet_list_item", "ordered_list_item", "heading", "blockquote", "code_block"],
        msgspec.Meta(description="What it is."),
    ]
    children: Annotated[tuple[Inline, ...] | None, msgspec.Meta(description="Its pieces.")] = None
    level: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=3)] | None, msgspec.Meta(description="The level of a heading.")
    ] = None
    text: Annotated[str | None, msgspec.Meta(description="The text of a block of code.")] = None


@attrs.frozen(kw_only=True)
class Document:
    """A text with references."""

    version: Annotated[Literal[1], msgspec.Meta(description="Of this format.")]
    blocks: Annotated[tuple[Block, ...], msgspec.Meta(description="Its blocks.")]


@attrs.frozen(kw_only=True)
class ComposedOutput:
    """One text to write."""

    id: Annotated[Trimmed, msgspec.Meta(description="Its id in the designer.")]
    label: Annotated[Trimmed, msgspec.Meta(description="What the designer calls it.")]
    stableKey: Annotated[
        str, msgspec.Meta(pattern="^[a-z_][a-z0-9_]*$", description="The name of the output's field, such as body.")
    ]
    document: Annotated[Document, msgspec.Meta(description="What to write.")]


@attrs.frozen(kw_only=True)
class ComposeText:
    """Input of ``transform.compose_text``."""

    outputs: Annotated[tuple[ComposedOutput, ...], msgspec.Meta(description="The texts to write.")] = ()


@attrs.frozen(kw_only=True)
class ComposedTexts:
    """Output of ``transform.compose_text``: each text under its ``stableKey``."""

    __additional__: ClassVar = str


async def compose_text(given: ComposeText, _ctx: ActionContext) -> dict[str, str]:
    """
    The texts, as Markdown.

    Raises:
        ValidationError: There is nothing to write, two texts have one name, or a reference finds nothing
            (``MISSING_REFERENCE``).
    """
    problems = list(_problems(given.outputs))
    if problems:
        message = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
        raise ValidationError(message, errors=problems)
    return {output.stableKey: _render(output.document, output.stableKey) for output in given.outputs}


def _problems(outputs: Sequence[ComposedOutput]) -> Iterator[FieldError]:
    if not outputs:
        yield FieldError("outputs", "LENGTH", "has no text to write: add one")
    labels: set[str] = set()
    keys: set[str] = set()
    for index, output in enumerate(outputs):
        if output.label.lower() in labels:
            yield FieldError(f"outputs[{index}].label", "RULE", "another text has this label")
        if output.stableKey in keys:
            yield FieldError(f"outputs[{index}].stableKey", "RULE", "another text has this key")
        labels.add(output.label.lower())
        keys.add(output.stableKey)


def _render(document: Document, key: str) -> str:
    rendered: list[str] = []
    previous: str | None = None
    number = 0
    for block in document.blocks:
        line = "" if block.type == "code_block" else _line(block.children or (), key)
        number = number + 1 if block.type == previous else 1
        match block.type:
            case "code_block":
                text = block.text or ""
                fence = "````" if "```" in text else "```"
                line = f"{fence}\n{text}\n{fence}"
            case "heading":
                line = f"{'#' * (block.level or 1)} {line}"
            case "blockquote":
                line = "\n".join(f"> {part}" for part in line.split("\n"))
            case "bullet_list_item":
                line = f"- {line}"
            case "ordered_list_item":
                line = f"{number}. {line}"
            case _:
                pass
        goes_on = block.type == previous and block.type.endswith("_list_item")
        rendered += ["\n" if goes_on else "\n\n", line] if rendered else [line]
        previous = block.type
    return joined(rendered, "")


def _line(children: Sequence[Inline], key: str) -> str:
    return joined([_reference(child, key) if child.type == "reference" else _words(child) for child in children], "")


def _words(node: Inline) -> str:
    text = (node.text or "").replace("\n", "  \n")
    marks = node.marks or ()
    for mark, sign in (("code", "`"), ("bold", "**"), ("italic", "_")):
        if text and mark in marks:
            text = f"{sign}{text}{sign}"
    return f"[{text}]({node.href})" if node.href else text


def _reference(node: Inline, key: str) -> str:
    if node.value is msgspec.UNSET:
        raise ValidationError(
            f"The text {key} refers to {node.path}, which is not there.",
            code="MISSING_REFERENCE",
            details={"outputKey": key, "referencePath": node.path, "referenceLabel": node.label},
        )
    if isinstance(node.value, str | int | float):
        return as_text(node.value)
    return orjson.dumps(node.value).decode()
