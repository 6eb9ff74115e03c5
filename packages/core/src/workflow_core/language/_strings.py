"""Functions of strings: sizes are checked before anything is made, and patterns are RE2's."""

from __future__ import annotations

import base64
import math
import re
import urllib.parse
from collections.abc import Iterator
from typing import Any

from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.utils import Utils

from workflow_core.language._engine import Engine, fail
from workflow_core.language._regex import Regex
from workflow_core.language._values import NULL


def string(engine: Engine, value: Any, pretty: Any) -> str | None:
    """``$string``."""
    return None if value is None else engine.text_of(value, pretty=bool(pretty))


def lowercase(_engine: Engine, text: Any) -> Any:
    """``$lowercase``."""
    return None if text is None else _text(text).lower()


def pad(engine: Engine, text: Any, width: Any, char: Any) -> Any:
    """``$pad``."""
    if isinstance(width, int | float):
        engine.hold_text(abs(math.trunc(width)))
    return Functions.pad(text, width, char)


def contains(engine: Engine, text: Any, token: Any) -> bool | None:
    """``$contains``."""
    if text is None:
        return None
    if isinstance(token, str):
        return token in _text(text)
    return next(_matches(engine, text, token), None) is not None


def match(engine: Engine, text: Any, pattern: Any, limit: Any) -> Any:
    """``$match``."""
    if text is None:
        return None
    count = _limit(limit, "D3040")
    result = Utils.create_sequence()
    for match in _matches(engine, text, pattern):
        if count is not None and len(result) >= count:
            break
        groups = [NULL if group is None else group for group in match.groups()]
        result.append({"match": match.group(), "index": match.start(), "groups": groups})
    return result


def split(engine: Engine, text: Any, separator: Any, limit: Any) -> Any:
    """``$split``."""
    if text is None:
        return None
    count = _limit(limit, "D3020")
    if count == 0:
        return []
    if not isinstance(separator, str):
        return list(_split_by_regex(engine, _text(text), separator, count))
    pieces = len(_text(text)) if separator == "" else text.count(separator) + 1
    engine.hold(pieces if count is None else min(pieces, count))
    return list(text[:count]) if separator == "" else text.split(separator)[:count]


def _split_by_regex(engine: Engine, text: str, pattern: Any, count: int | None) -> Iterator[str]:
    position = made = 0
    for match in _matches(engine, text, pattern):
        if count is not None and made >= count:
            return
        yield text[position : match.start()]
        made += 1
        position = match.end()
    if count is None or made < count:
        yield text[position:]


def join(engine: Engine, texts: Any, separator: Any) -> str | None:
    """``$join``."""
    if texts is None:
        return None
    glue = "" if separator is None else _text(separator)
    engine.hold_text(sum(map(len, texts)) + len(glue) * max(len(texts) - 1, 0))
    return glue.join(texts)


def replace(engine: Engine, text: Any, pattern: Any, replacement: Any, limit: Any) -> str | None:
    """``$replace``."""
    if text is None:
        return None
    count = _limit(limit, "D3011")
    if not isinstance(pattern, str):
        return _replace_by_regex(engine, _text(text), _regex(pattern), replacement, count)
    if pattern == "":
        raise JException("D3010", -1)
    if not isinstance(replacement, str):
        raise JException("D3012", -1)
    found = _text(text).count(pattern)
    found = found if count is None else min(found, count)
    engine.hold_text(len(text) + found * (len(replacement) - len(pattern)))
    return str(text.replace(pattern, replacement, found))


def _replace_by_regex(engine: Engine, text: str, pattern: Regex, replacement: Any, count: int | None) -> str:
    pieces: list[str] = []
    size = position = 0
    template = _template(replacement, pattern.groups) if isinstance(replacement, str) else []
    for made, match in enumerate(_matches(engine, text, pattern)):
        if count is not None and made >= count:
            break
        if isinstance(replacement, str):
            engine.charge(len(template) >> 2)
            put = "".join(part if isinstance(part, str) else match.group(part) or "" for part in template)
        else:
            groups = [NULL if group is None else group for group in match.groups()]
            put = engine.call(
                replacement,
                [{"match": match.group(), "start": match.start(), "end": match.end(), "groups": groups}],
            )
            if not isinstance(put, str):
                raise JException("D3012", -1)
        pieces += (text[position : match.start()], put)
        size = engine.grow_text(size + len(pieces[-2]), put)
        position = match.end()
    pieces.append(text[position:])
    engine.hold_text(size + len(pieces[-1]))
    return "".join(pieces)


def _template(replacement: str, groups: int) -> list[str | int]:
    """Literal texts and numbers of groups; of the digits after ``$`` as many count as there are groups for."""
    most = len(str(groups)) if groups else 1
    parts: list[str | int] = []
    position = 0
    for found in re.finditer(r"\$(\$|[0-9]+)", replacement):
        parts.append(replacement[position : found.start()])
        position = found.end()
        what = found.group(1)
        if what == "$":
            parts.append("$")
            continue
        digits = what[:1] if what[0] == "0" else what[:most]
        if len(digits) > 1 and int(digits) > groups:
            digits = digits[:-1]
        if int(digits) <= groups:
            parts.append(int(digits))
        parts.append(what[len(digits) :])
    parts.append(replacement[position:])
    return [part for part in parts if part != ""]


def _matches(engine: Engine, text: Any, pattern: Any) -> Iterator[Any]:
    for match in _regex(pattern).matches(_text(text), engine.charge):
        if match.start() == match.end():
            raise JException("D1004", -1)
        yield match


def _regex(pattern: Any) -> Regex:
    """The reference accepts other functions as patterns too."""
    if not isinstance(pattern, Regex):
        fail("Give a string or a regular expression between slashes as the pattern.")
    return pattern


def base64decode(_engine: Engine, text: Any) -> str | None:
    """``$base64decode``."""
    return None if text is None else base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()


def decode_url(_engine: Engine, text: Any) -> str | None:
    """``$decodeUrl`` and ``$decodeUrlComponent``."""
    if text is None:
        return None
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise JException("D3140", -1)
    return urllib.parse.unquote(text, errors="strict")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise JException("T0410", -1)
    return value


def _limit(limit: float | None, code: str) -> int | None:
    if limit is None:
        return None
    if limit < 0:
        raise JException(code, -1)
    return math.ceil(limit) if code == "D3040" else math.floor(limit)
