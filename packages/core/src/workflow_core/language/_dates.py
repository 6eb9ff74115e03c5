"""Dates in expressions, with the run's clock.

jsonata-python reads the clock of the host where a picture leaves out the leading components of a date, and matches
pictures with a backtracking engine into which it puts their literal text unescaped. Here the run's time fills the gap
and RE2 matches; the rest is its code.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from jsonata.datetimeutils import DateTimeUtils
from jsonata.jexception import JException

from workflow_core.language._regex import compile_internal

MAX_PICTURE_CHARACTERS = 256
MAX_TIMESTAMP_CHARACTERS = 256

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO: Final = re.compile(
    r"([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?(?:T([0-9]{2}):([0-9]{2}):([0-9]{2}))?(?:\.([0-9]+))?"
    r"(?:Z|([+-])([0-9]{2}):?([0-9]{2}))?"
)
_ISO_PICTURE = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"


def iso_text(moment: datetime) -> str:
    """Print a moment as JavaScript's ``toISOString`` does."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def millis_of(moment: datetime) -> int:
    """Milliseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def format_millis(millis: int, picture: str | None, timezone: str | None) -> Any:
    """``$fromMillis``."""
    check_picture(picture)
    if picture is None and timezone is None:
        return iso_text(_EPOCH + timedelta(milliseconds=millis))
    # The picture is always given: jsonata-python shares (and changes) one parsed default between threads.
    return DateTimeUtils.format_datetime(millis, _ISO_PICTURE if picture is None else picture, timezone)


def parse_millis(timestamp: str, picture: str | None, now: datetime) -> int | None:
    """``$toMillis``."""
    check_picture(picture)
    if len(timestamp) > MAX_TIMESTAMP_CHARACTERS:
        raise JException("D3110", -1)
    if picture is not None:
        return _parse_picture(timestamp, picture, now)
    # Not datetime.fromisoformat(), which accepts other texts with every version of Python.
    found = _ISO.fullmatch(timestamp)
    if found is None:
        raise JException("D3110", -1)
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        moment = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "0").ljust(3, "0")[:3]) * 1000, UTC,
        )  # fmt: skip
    except ValueError:
        raise JException("D3110", -1) from None
    return millis_of(moment) - (-offset if sign == "-" else offset) // timedelta(milliseconds=1)


def check_picture(picture: str | None) -> None:
    """Refuse a picture that is too long, or asks for wide padding.

    Raises:
        JException: D3135.
    """
    if picture is None:
        return
    if len(picture) > MAX_PICTURE_CHARACTERS or re.search(r",[^\]]*[0-9]{3}", picture):
        raise JException("D3135", -1)


def _parse_picture(timestamp: str, picture: str, now: datetime) -> int | None:
    parts = DateTimeUtils._generate_regex(DateTimeUtils._analyse_datetime_picture(picture)).parts  # noqa: SLF001 - it has no public parser that takes a clock
    pattern = "".join(f"({part.regex if part.component else re.escape(part.regex)})" for part in parts)
    match = compile_internal(pattern).fullmatch(timestamp)
    if match is None:
        return None
    found = {
        part.component: part.parse(match.group(index))
        for index, part in enumerate(parts, 1)
        if part.component is not None
    }
    return _to_millis(found, now) if found else None


def _to_millis(found: dict[str, int], now: datetime) -> int:
    """Put the components together: the run's time before the first one given, the lowest values after the last."""
    if found.keys() & {"X", "x", "W", "w", "F"} and not found.keys() >= {"Y"}:
        raise JException("D3136", -1)
    day_of_year = "d" in found and "D" not in found
    if "P" in found and "h" in found:
        found["H"] = found["h"] % 12 + (12 if found["P"] else 0)
    today = {
        "Y": now.year, "M": now.month, "D": now.day, "d": now.timetuple().tm_yday,
        "H": now.hour, "m": now.minute, "s": now.second, "f": now.microsecond // 1000,
    }  # fmt: skip
    order = ("Y", "d", "H", "m", "s", "f") if day_of_year else ("Y", "M", "D", "H", "m", "s", "f")
    values: dict[str, int] = {}
    started = ended = False
    for component in order:
        if component in found:
            if ended:
                raise JException("D3136", -1)  # a gap, such as a year and an hour without month and day
            started = True
            values[component] = found[component]
        else:
            ended = started
            values[component] = (1 if component in "MDd" else 0) if started else today[component]
    if 0 <= values["Y"] <= 99:
        values["Y"] += 1900  # as in JavaScript
    moment = datetime(
        values["Y"], values.get("M", 1), values.get("D", 1), values["H"], values["m"], values["s"], tzinfo=UTC
    ) + timedelta(milliseconds=values["f"], days=values["d"] - 1 if day_of_year else 0)
    return millis_of(moment) - (found.get("Z") or found.get("z") or 0) * 60_000
