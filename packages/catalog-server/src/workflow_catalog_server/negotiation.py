"""What the client accepts and already has: encodings and languages with their q-values, and ``If-None-Match``."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=256)
def accepts_gzip(header: str) -> bool:
    """Whether gzip is acceptable, and not less welcome than an unencoded answer (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for part in header.split(","):
        coding, *parameters = (piece.strip() for piece in part.lower().split(";"))
        if coding:
            weights[coding] = _weight(parameters)
    anything = weights.get("*", 0.0)
    gzip = weights.get("gzip", weights.get("x-gzip", anything))
    # Without a word about it, an unencoded answer is acceptable, and the last choice.
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


@lru_cache(maxsize=256)
def accepted_languages(header: str) -> tuple[str, ...]:
    """The languages of ``Accept-Language``, the most welcome first; ``*`` is none (RFC 9110, 12.5.4)."""
    weights: dict[str, float] = {}
    for part in header.split(","):
        language, *parameters = (piece.strip() for piece in part.split(";"))
        if language and language != "*":
            weights[language] = _weight([parameter.lower() for parameter in parameters])
    return tuple(sorted((name for name, weight in weights.items() if weight > 0), key=lambda name: -weights[name]))


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return weight if 0 <= weight <= 1 else 0.0
    return 1.0


@lru_cache(maxsize=256)
def has_entity(if_none_match: str, etag: str, variant: str) -> bool:
    """Whether the client already has what we would send, encoded or not.

    Args:
        if_none_match: The header's value.
        etag: Of the unencoded answer, with its quotes.
        variant: Of the encoded answer.
    """
    if if_none_match.strip() == "*":
        return True
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in known or variant in known
