"""Searching texts with regular expressions, on RE2: its time is linear in the text, whatever the expression."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, TypeVar

import attrs
import msgspec
import re2

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError, ValidationError
from workflow_psa.transform.sizes import as_text, check_length

T = TypeVar("T")

_Text = Annotated[Any, msgspec.Meta(description="The text; a number or anything else is written as text.")]
_Pattern = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=1000,
        description="The regular expression, such as (?P<host>SRV-[0-9]+); without look-around and back-references.",
    ),
]
_IgnoreCase = Annotated[bool | None, msgspec.Meta(description="Whether capitals and small letters are the same.")]
_Multiline = Annotated[bool | None, msgspec.Meta(description="Whether ^ and $ also stand for the ends of lines.")]

#: How many matches one search counts.
_MAX_MATCHES: Final = 10_000
_GROUP = re.compile(r"\$(\$|&|[0-9]{1,2}|<[A-Za-z_][A-Za-z0-9_]*>)")


@attrs.frozen(kw_only=True)
class MatchText:
    """Input of ``transform.match_text``."""

    text: _Text = None
    pattern: _Pattern
    ignore_case: _IgnoreCase = False
    multiline: _Multiline = False
    limit: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=1000)] | None,
        msgspec.Meta(description="How many matches to give at most."),
    ] = 100


@attrs.frozen(kw_only=True)
class Match:
    """One place where the expression fits."""

    text: Annotated[str, msgspec.Meta(description="What fits.")]
    index: Annotated[int, msgspec.Meta(description="Where it begins, from 0.")]
    groups: Annotated[tuple[str | None, ...], msgspec.Meta(description="What its groups have, in their order.")]
    named: Annotated[dict[str, str | None], msgspec.Meta(description="What its named groups have.")]


@attrs.frozen(kw_only=True)
class Matches:
    """Output of ``transform.match_text``."""

    matched: Annotated[bool, msgspec.Meta(description="Whether the expression fits anywhere.")]
    first: Annotated[Match | None, msgspec.Meta(description="The first place.")]
    matches: Annotated[tuple[Match, ...], msgspec.Meta(description="All places, up to the limit.")]


@attrs.frozen(kw_only=True)
class ReplacePattern:
    """Input of ``transform.replace_pattern``."""

    text: _Text = None
    pattern: _Pattern
    replacement: Annotated[
        str | None,
        msgspec.Meta(description="What to write instead: $1 or $<name> for a group, $& for all of it, $$ for $."),
    ] = ""
    replace_all: Annotated[
        bool | None, msgspec.Meta(description="Whether to replace everywhere or only where it fits first.")
    ] = True
    ignore_case: _IgnoreCase = False
    multiline: _Multiline = False


@attrs.frozen(kw_only=True)
class ReplacedText:
    """Output of ``transform.replace_pattern``."""

    text: Annotated[str, msgspec.Meta(description="The text.")]
    count: Annotated[int, msgspec.Meta(description="In how many places something was replaced.")]


async def match_text(given: MatchText, _ctx: ActionContext) -> Matches:
    """
    Where the expression fits.

    Raises:
        ValidationError: The expression cannot be used.
    """
    compiled = _compile(given)
    matches = await _in_thread(_find, compiled, _bounded(given.text), given.limit or 100)
    return Matches(matched=bool(matches), first=matches[0] if matches else None, matches=matches)


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """
    In a thread: a long text takes a moment, and this is a process for many.

    One search is linear in the text, many need not be: a step that is given up must not keep its thread.
    """
    given_up = threading.Event()
    try:
        return await asyncio.to_thread(work, *arguments, given_up)
    finally:
        given_up.set()


def _searched(compiled: Any, text: str, given_up: threading.Event) -> Iterator[Any]:
    """Where the expression fits, as long as somebody wants to know."""
    for found in compiled.finditer(text):
        if given_up.is_set():
            return
        yield found


def _find(compiled: Any, text: str, limit: int, given_up: threading.Event) -> tuple[Match, ...]:
    matches: list[Match] = []
    for found in _searched(compiled, text, given_up):
        matches.append(
            Match(text=found.group(), index=found.start(), groups=tuple(found.groups()), named=found.groupdict())
        )
        if len(matches) == limit:
            break
    return tuple(matches)


async def replace_pattern(given: ReplacePattern, _ctx: ActionContext) -> ReplacedText:
    """
    The text with something else where the expression fits.

    Raises:
        ValidationError: The expression or the replacement cannot be used, or the text becomes too long.
    """
    compiled, replacement = _compile(given), given.replacement or ""
    known = {"$$", "$&", *(f"${number}" for number in range(compiled.groups + 1))}
    known |= {f"$<{name}>" for name in compiled.groupindex}
    unknown = sorted({found.group() for found in _GROUP.finditer(replacement)} - known)
    if unknown:
        message = f"the expression has no group for {', '.join(unknown)}; write $$ for $"
        raise ValidationError(f"replacement: {message}", errors=[FieldError("replacement", "FORMAT", message)])
    limit = _MAX_MATCHES if given.replace_all is not False else 1
    return await _in_thread(_replace, compiled, _bounded(given.text), replacement, limit)


def _replace(compiled: Any, text: str, replacement: str, limit: int, given_up: threading.Event) -> ReplacedText:
    pieces: list[str] = []
    end = length = count = 0
    for found in _searched(compiled, text, given_up):
        if count == limit:
            if limit > 1:
                raise ValidationError(f"The expression fits in more than {limit} places.")
            break
        written = _GROUP.sub(lambda reference, found=found: _group(found, reference.group(1)), replacement)  # type: ignore[misc]  # a bound default
        pieces += [text[end : found.start()], written]
        length += found.start() - end + len(written)
        check_length(length)
        end, count = found.end(), count + 1
    check_length(length + len(text) - end)
    return ReplacedText(text="".join([*pieces, text[end:]]), count=count)


def _group(found: Any, reference: str) -> str:
    if reference == "$":
        return "$"
    if reference == "&":
        return str(found.group())
    key = reference[1:-1] if reference.startswith("<") else int(reference)
    return found.group(key) or ""


def _bounded(value: Any) -> str:
    text = as_text(value)
    check_length(len(text))
    return text


def _compile(given: MatchText | ReplacePattern) -> Any:
    options = re2.Options()
    options.log_errors = False  # RE2 would write them to standard error
    options.case_sensitive = not given.ignore_case
    flags = "(?m)" if given.multiline else ""
    try:
        return re2.compile(flags + given.pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        words = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        problem = FieldError("pattern", "FORMAT", f"cannot be used: {words}")
        raise ValidationError(f"pattern {problem.message}", errors=[problem]) from None
