"""What can be made to go wrong: rules that a test sets up, each for a number of requests.

A rule in JSON::

    {"method": "POST", "path": "/reboot/", "skip": 2, "times": 1, "effect": {"cut": "after"}}

``method`` (default: any) and ``path`` (a regular expression that is searched for in the request's path; default: any)
say which requests; ``skip`` (default 0) how many of them pass first, ``share`` (default 1) how many of the others are
struck, at random, and ``times`` (default 1; ``null`` for no end) how often. The effect is one of

* ``{"status": 429, "headers": {...}, "body": ...}``: this answer, and nothing is done; a body that is a string is sent
  as plain text, any other as JSON
* ``{"html": true, "status": 502}``: a gateway's page (default status 502), and nothing is done
* ``{"hang_seconds": n, "when": "before"}``: waits, then serves the request, unless the client has gone meanwhile:
  then nothing is done
* ``{"hang_seconds": n, "when": "after"}``: does what was asked, waits, then answers
* ``{"cut": "before"}`` or ``{"cut": "after"}``: closes the connection instead of an answer, before or after doing
  what was asked; ``{"cut": "during"}``: does it, and closes the connection in the middle of the answer's body
* ``{"truncate": "body"}``: does it, and answers with the first half of the body's text as if it were whole;
  ``{"truncate": "rows"}``: the same with the first half of the rows of the list in the body
* ``{"content_type": "text/html"}``: does it, and calls the answer something else than it is

The control paths are exempt. The first rule that fits is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

When = Literal["before", "after"]
CutWhen = Literal["before", "after", "during"]
Truncated = Literal["body", "rows"]

MAX_HANG_SECONDS = 3600.0


class InvalidRuleError(ValueError):
    """The JSON is not a fault rule; the message says why."""


@attrs.frozen
class AnswerEffect:
    """Answer instead of acting."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: Any = None
    html: bool = False


@attrs.frozen
class HangEffect:
    """Wait, before or after acting."""

    seconds: float
    when: When


@attrs.frozen
class CutEffect:
    """Close the connection before or after acting, or during the answer."""

    when: CutWhen


@attrs.frozen
class TruncateEffect:
    """Act, and keep half of the answer back."""

    what: Truncated


@attrs.frozen
class RelabelEffect:
    """Act, and give the answer another content type."""

    content_type: str


Effect = AnswerEffect | HangEffect | CutEffect | TruncateEffect | RelabelEffect


@attrs.define
class FaultRule:
    """One rule, and for how many requests it still holds.

    Attributes:
        id: Its number, from 1.
        method: An HTTP method in capitals, ``None`` for any.
        path: What to search the path for.
        skip: Requests that it still lets pass.
        share: The share of requests that it strikes.
        times: Requests that it is still for; ``None`` for no end.
        effect: What happens to them.
        source: The rule as it was given, to show it.
    """

    id: int
    method: str | None
    path: re.Pattern[str]
    skip: int
    share: float
    times: int | None
    effect: Effect
    source: Mapping[str, Any]

    @property
    def is_spent(self) -> bool:
        """Whether it is for no more requests."""
        return self.times == 0

    def strikes(self, method: str, path: str, chance: Callable[[], float]) -> bool:
        """Whether a request is struck by this rule; counts it.

        Args:
            method: The request's method.
            path: Its path.
            chance: A random number from 0 up to 1.
        """
        if self.method not in {None, method} or self.path.search(path) is None:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.share < 1 and chance() >= self.share:
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def to_json(self) -> dict[str, Any]:
        """The rule as given, with its ``id`` and the ``times`` that are left."""
        return {**self.source, "id": self.id, "times": self.times}


def parse_rule(value: object, *, identity: int) -> FaultRule:
    """A rule from its JSON form.

    Raises:
        InvalidRuleError: It is none; the message says what is wrong.
    """
    if not isinstance(value, Mapping):
        raise InvalidRuleError("a fault rule is an object")
    _only(value, {"method", "path", "skip", "share", "times", "effect"}, "a fault rule")
    method = value.get("method")
    if method is not None and not isinstance(method, str):
        raise InvalidRuleError("method must be a string")
    path = value.get("path", "")
    if not isinstance(path, str):
        raise InvalidRuleError("path must be a regular expression")
    try:
        pattern = re.compile(path)
    except re.error as error:
        raise InvalidRuleError(f"path is no regular expression: {error}") from None
    times = value.get("times", 1)
    if times is not None and (type(times) is not int or times < 1):
        raise InvalidRuleError("times must be a whole number of at least 1, or null for no end")
    skip = value.get("skip", 0)
    if type(skip) is not int or skip < 0:
        raise InvalidRuleError("skip must be a whole number, zero or more")
    share = value.get("share", 1)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise InvalidRuleError("share must be a number above 0, up to 1")
    return FaultRule(
        id=identity,
        method=None if method in {None, "*"} else str(method).upper(),
        path=pattern,
        skip=skip,
        share=float(share),
        times=times,
        effect=_parse_effect(value.get("effect")),
        source=dict(value),
    )


def _parse_effect(value: object) -> Effect:
    if not isinstance(value, Mapping):
        raise InvalidRuleError("effect must be an object")
    if "hang_seconds" in value:
        _only(value, {"hang_seconds", "when"}, "a hang")
        seconds = value["hang_seconds"]
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MAX_HANG_SECONDS:
            raise InvalidRuleError(f"hang_seconds must be a number from 0 to {MAX_HANG_SECONDS:g}")
        return HangEffect(float(seconds), _when(value.get("when", "before")))
    if "cut" in value:
        _only(value, {"cut"}, "a cut")
        return CutEffect("during" if value["cut"] == "during" else _when(value["cut"]))
    if "truncate" in value:
        _only(value, {"truncate"}, "a truncated answer")
        return TruncateEffect(_truncated(value["truncate"]))
    if "content_type" in value:
        _only(value, {"content_type"}, "a relabelled answer")
        if not isinstance(value["content_type"], str) or not value["content_type"].isprintable():
            raise InvalidRuleError("content_type must be a string")
        return RelabelEffect(value["content_type"])
    if "html" in value or "status" in value:
        _only(value, {"status", "headers", "body", "html"}, "an answer")
        return _parse_answer(value)
    raise InvalidRuleError("effect needs one of: status, html, hang_seconds, cut, truncate, content_type")


def _parse_answer(value: Mapping[str, Any]) -> AnswerEffect:
    html = value.get("html", False)
    status = value.get("status", 502)
    headers = value.get("headers", {})
    if not isinstance(html, bool):
        raise InvalidRuleError("html must be true or false")
    if type(status) is not int or not 200 <= status <= 599:
        raise InvalidRuleError("status must be an HTTP status from 200 to 599")
    if not isinstance(headers, Mapping) or not all(isinstance(item, str) for item in headers.values()):
        raise InvalidRuleError("headers must be an object of strings")
    return AnswerEffect(status, dict(headers), value.get("body"), html)


def _when(value: object) -> When:
    if value == "before":
        return "before"
    if value == "after":
        return "after"
    raise InvalidRuleError("it happens either before or after")


def _truncated(value: object) -> Truncated:
    if value == "body":
        return "body"
    if value == "rows":
        return "rows"
    raise InvalidRuleError("truncate is either body or rows")


def _only(value: Mapping[str, Any], known: set[str], what: str) -> None:
    if unknown := set(value) - known:
        raise InvalidRuleError(f"{what} has no {', '.join(sorted(unknown))}")
