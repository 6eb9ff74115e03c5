"""Numbers in expressions: rounding, and pictures of decimal numbers.

The pictures are those of XPath and XQuery Functions 3.1, section 4.7, as JSONata has them: a sub-picture is a prefix, a
mantissa with an optional exponent, and a suffix.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import attrs
from jsonata.jexception import JException

_EXACT: Final = decimal.Context(prec=1500, rounding=decimal.ROUND_HALF_EVEN, traps=[decimal.InvalidOperation])
"""Holds every float and what is made of it here, to the last digit."""

_MOST_PLACES: Final = 330  # beyond the smallest float
_PLAIN: Final = {
    "decimal-separator": ".", "grouping-separator": ",", "exponent-separator": "e", "minus-sign": "-", "percent": "%",
    "per-mille": "‰", "zero-digit": "0", "digit": "#", "pattern-separator": ";",
}  # fmt: skip


def round_half_even(number: float, places: float) -> float:
    """Round the number as it is printed: 2.675 to two places is 2.68.

    Args:
        number: A finite number.
        places: After the decimal point, or before it when negative.
    """
    kept = max(min(math.trunc(places), _MOST_PLACES), -_MOST_PLACES)
    return float(_rounded(Decimal(repr(number)), kept))


def format_decimal(number: float, picture: str, options: Mapping[str, str]) -> str:
    """``$formatNumber``.

    Args:
        number: A finite number.
        picture: Such as ``#,##0.00;(#)``.
        options: One character each, by the names of XPath's decimal formats.

    Raises:
        JException: The picture is wrong; D3080 to D3093.
    """
    signs = _Signs({**_PLAIN, **options})
    pictures = picture.split(signs["pattern-separator"])
    if len(pictures) > 2:
        raise JException("D3080", -1)
    parts = [_SubPicture.read(part, signs) for part in pictures]
    if number >= 0:
        return parts[0].format(Decimal(repr(number)), signs)
    text = parts[-1].format(Decimal(repr(-number)), signs)
    return text if len(parts) == 2 else signs["minus-sign"] + text


class _Signs(dict[str, str]):
    """The characters that mean something in a picture, by name."""

    def __init__(self, signs: Mapping[str, str]) -> None:
        super().__init__(signs)
        zero = ord(self["zero-digit"])
        self.digits = "".join(map(chr, range(zero, zero + 10)))
        names = ("decimal-separator", "grouping-separator", "digit")
        self.active = self.digits + "".join(self[name] for name in names)

    def count(self, text: str) -> int:
        """How many digits a part of a picture requires."""
        return sum(char in self.digits for char in text)

    def size(self, text: str) -> int:
        """How many digits it requires or allows."""
        return self.count(text) + text.count(self["digit"])

    def localized(self, digits: str) -> str:
        """Latin digits as those of the picture."""
        return digits if self["zero-digit"] == "0" else "".join(self.digits[int(digit)] for digit in digits)


@attrs.frozen
class _SubPicture:
    """One sub-picture, read and checked."""

    prefix: str
    suffix: str
    whole: str
    fraction: str
    exponent: str | None

    @classmethod
    def read(cls, picture: str, signs: _Signs) -> _SubPicture:
        places = [index for index, char in enumerate(picture) if char in signs.active]
        if not places:
            raise JException("D3085", -1)
        active = picture[places[0] : places[-1] + 1]
        prefix, suffix = picture[: places[0]], picture[places[-1] + 1 :]
        mantissa, mark, rest = active.partition(signs["exponent-separator"])
        whole, _, fraction = mantissa.partition(signs["decimal-separator"])
        part = cls(prefix, suffix, whole, fraction, rest if mark else None)
        part.check(picture, mantissa, signs)
        return part

    def check(self, picture: str, mantissa: str, signs: _Signs) -> None:
        point, comma = signs["decimal-separator"], signs["grouping-separator"]
        percents, mills = picture.count(signs["percent"]), picture.count(signs["per-mille"])
        exponent = self.exponent
        for wrong, code in (
            (mantissa.count(point) > 1, "D3081"),
            (percents > 1, "D3082"),
            (mills > 1, "D3083"),
            (percents and mills, "D3084"),
            (not signs.size(mantissa), "D3085"),
            (any(char not in signs.active for char in mantissa), "D3086"),
            (point in mantissa and (self.whole.endswith(comma) or self.fraction.startswith(comma)), "D3087"),
            (point not in mantissa and self.whole.endswith(comma), "D3088"),
            (comma * 2 in mantissa, "D3089"),
            (re.search("0#", self._shape(self.whole, signs)), "D3090"),
            (re.search("#0", self._shape(self.fraction, signs)), "D3091"),
            (exponent is not None and (percents or mills), "D3092"),
            (exponent is not None and signs.count(exponent) != max(len(exponent), 1), "D3093"),
        ):
            if wrong:
                raise JException(code, -1)

    @staticmethod
    def _shape(part: str, signs: _Signs) -> str:
        return "".join("#" if char == signs["digit"] else "0" for char in part if char != signs["grouping-separator"])

    def format(self, value: Decimal, signs: _Signs) -> str:
        least_whole = scale = signs.count(self.whole)
        least_fraction, most_fraction = signs.count(self.fraction), signs.size(self.fraction)
        if least_whole == 0 and most_fraction == 0:
            if self.exponent is None:
                least_whole = 1
            else:
                least_fraction = most_fraction = 1
        if self.exponent is not None and least_whole == 0 and signs["digit"] in self.whole:
            least_whole = 1
        if least_whole == 0 and least_fraction == 0:
            least_fraction = 1
        both = self.prefix + self.suffix
        power = 2 if signs["percent"] in both else 3 if signs["per-mille"] in both else 0
        value = _EXACT.scaleb(value, power)
        exponent = 0
        if self.exponent is not None and value:
            exponent = value.adjusted() + 1 - scale
            value = _EXACT.scaleb(value, -exponent)
            if exponent > 0 and value == Decimal(10) ** (scale - 1):  # the reference stops at ten, not at one
                exponent -= 1
                value = _EXACT.scaleb(value, 1)
        whole, _, fraction = f"{_rounded(value, most_fraction):f}".partition(".")
        whole = self._grouped(signs.localized(whole.lstrip("0").rjust(least_whole, "0")), signs)
        fraction = signs.localized(fraction.rstrip("0").ljust(least_fraction, "0"))
        text = whole
        if fraction:
            text += signs["decimal-separator"] + self._split(fraction, signs)
        if self.exponent is not None:
            digits = signs.localized(str(abs(exponent)).rjust(len(self.exponent), "0"))
            text += signs["exponent-separator"] + (signs["minus-sign"] if exponent < 0 else "") + digits
        return self.prefix + text + self.suffix

    def _grouped(self, digits: str, signs: _Signs) -> str:
        """The digits before the decimal point; groups of one size go on to the left."""
        comma = signs["grouping-separator"]
        places = [signs.size(self.whole[index:]) for index, char in enumerate(self.whole) if char == comma]
        if not places:
            return digits
        group = math.gcd(*places)
        if set(places) == set(range(group, group * len(places) + 1, group)):
            places = list(range(group, len(digits), group))
        return _separated(digits, comma, lambda index: len(digits) - index in places)

    def _split(self, digits: str, signs: _Signs) -> str:
        """The digits after it."""
        comma = signs["grouping-separator"]
        places = [signs.size(self.fraction[:index]) for index, char in enumerate(self.fraction) if char == comma]
        return _separated(digits, comma, lambda index: index in places)


def _separated(digits: str, separator: str, stands_before: Callable[[int], bool]) -> str:
    return "".join((separator if index and stands_before(index) else "") + char for index, char in enumerate(digits))


def _rounded(value: Decimal, places: int) -> Decimal:
    return _EXACT.quantize(value, Decimal((0, (1,), -places)))
