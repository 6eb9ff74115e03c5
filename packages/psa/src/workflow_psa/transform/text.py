"""Changing texts."""

# ruff: noqa: N815 - fields are named as the existing product's, which stored workflows map into

from __future__ import annotations

from typing import Annotated, Any, Literal

import attrs
import msgspec

from workflow_core.actions import ActionContext
from workflow_psa.transform.sizes import as_text, check_length, joined

_Source = Annotated[Any, msgspec.Meta(description="The text; a number or anything else is written as text.")]
_Values = tuple[Any, ...] | None


@attrs.frozen(kw_only=True)
class Text:
    """Output of what gives one text."""

    text: Annotated[str, msgspec.Meta(description="The text.")]


@attrs.frozen(kw_only=True)
class Texts:
    """Output of what gives several."""

    items: Annotated[tuple[str, ...], msgspec.Meta(description="The texts, in order.")]


@attrs.frozen(kw_only=True)
class SourceText:
    """Input of what needs nothing but a text."""

    text: _Source = None


@attrs.frozen(kw_only=True)
class TruncateText:
    """Input of ``transform.truncate_text``."""

    text: _Source = None
    maxLength: Annotated[int, msgspec.Meta(ge=0, description="How many characters to give at most.")]
    strategy: Annotated[
        Literal["end", "start", "middle"] | None, msgspec.Meta(description="Where to leave characters out.")
    ] = "end"
    ellipsis: Annotated[str | None, msgspec.Meta(description="What to show in their place.")] = "..."


@attrs.frozen(kw_only=True)
class ConcatText:
    """Input of ``transform.concat_text``."""

    values: Annotated[_Values, msgspec.Meta(description="What to write one after the other.")] = ()
    separator: Annotated[str | None, msgspec.Meta(description="What to write between them.")] = ""


@attrs.frozen(kw_only=True)
class ReplaceText:
    """Input of ``transform.replace_text``."""

    text: _Source = None
    search: Annotated[str, msgspec.Meta(description="What to replace, as it stands in the text.")]
    replacement: Annotated[str | None, msgspec.Meta(description="What to write instead.")] = ""
    replaceAll: Annotated[
        bool | None, msgspec.Meta(description="Whether to replace it everywhere or only where it stands first.")
    ] = True


@attrs.frozen(kw_only=True)
class SplitText:
    """Input of ``transform.split_text``."""

    text: _Source = None
    delimiter: Annotated[str, msgspec.Meta(description="What stands between the parts; empty for every character.")]
    removeEmpty: Annotated[bool | None, msgspec.Meta(description="Whether to leave out empty parts.")] = False


@attrs.frozen(kw_only=True)
class JoinText:
    """Input of ``transform.join_text``."""

    items: Annotated[_Values, msgspec.Meta(description="What to join.")] = ()
    delimiter: Annotated[str | None, msgspec.Meta(description="What to write between them.")] = ""


async def truncate_text(given: TruncateText, _ctx: ActionContext) -> Text:
    """The text, shortened to a length that includes the ellipsis."""
    text, ellipsis, longest = as_text(given.text), given.ellipsis or "", given.maxLength
    if len(text) <= longest:
        return Text(text=text)
    if not ellipsis:
        return Text(text=text[:longest])
    if len(ellipsis) >= longest:
        return Text(text=ellipsis[:longest])
    kept = longest - len(ellipsis)
    match given.strategy:
        case "start":
            head, tail = 0, kept
        case "middle":
            head, tail = kept - kept // 2, kept // 2
        case _:
            head, tail = kept, 0
    return Text(text=text[:head] + ellipsis + text[len(text) - tail :])


async def concat_text(given: ConcatText, _ctx: ActionContext) -> Text:
    """The values as one text."""
    return Text(text=joined([as_text(value) for value in given.values or ()], given.separator or ""))


async def replace_text(given: ReplaceText, _ctx: ActionContext) -> Text:
    """The text with something else in it."""
    text, replacement = as_text(given.text), given.replacement or ""
    if not given.search:
        return Text(text=text)
    count = -1 if given.replaceAll is not False else 1
    found = text.count(given.search) if count < 0 else 1
    check_length(len(text) + found * (len(replacement) - len(given.search)))
    return Text(text=text.replace(given.search, replacement, count))


async def split_text(given: SplitText, _ctx: ActionContext) -> Texts:
    """The parts of the text."""
    text = as_text(given.text)
    parts = text.split(given.delimiter) if given.delimiter else list(text)
    return Texts(items=tuple(part for part in parts if part or not given.removeEmpty))


async def join_text(given: JoinText, _ctx: ActionContext) -> Text:
    """The items as one text."""
    return Text(text=joined([as_text(item) for item in given.items or ()], given.delimiter or ""))


async def lowercase_text(given: SourceText, _ctx: ActionContext) -> Text:
    """The text in small letters."""
    return Text(text=as_text(given.text).lower())


async def uppercase_text(given: SourceText, _ctx: ActionContext) -> Text:
    """The text in capital letters."""
    return Text(text=as_text(given.text).upper())


async def trim_text(given: SourceText, _ctx: ActionContext) -> Text:
    """The text without the white space around it."""
    return Text(text=as_text(given.text).strip())
