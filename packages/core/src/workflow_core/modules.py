"""What the designer shows of an integration: its module."""

from __future__ import annotations

import re
from typing import Literal, get_args
from xml.etree import (
    ElementTree as ET,
)  # an SVG that contains a document type or an entity is refused before parsing

import attrs
from attrs.validators import deep_iterable, in_, instance_of, optional

TileKind = Literal["core-object", "transform", "app", "ai"]

_TOKEN = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_SVG = "{http://www.w3.org/2000/svg}"
_ALLOWED_ELEMENTS = frozenset(
    [
        "svg",
        "g",
        "path",
        "circle",
        "ellipse",
        "rect",
        "line",
        "polyline",
        "polygon",
        "title",
        "desc",
        "defs",
        "linearGradient",
        "radialGradient",
        "stop",
        "clipPath",
        "mask",
        "use",
        "text",
        "tspan",
        "symbol",
    ]
)
#: Style sheets can fetch in more ways than can be listed; a base turns ``#a`` into an address elsewhere.
_REFUSED_ATTRIBUTES = frozenset(["style", "base"])
_MAX_SVG = 64 * 1024


@attrs.frozen
class Icon:
    """An SVG that the package ships, behind a token under which the server serves it.

    Attributes:
        token: Lower case, such as ``ninjaone``.
        svg: The text of a self-contained SVG: shapes only, no scripts, no styles from elsewhere, no links.
    """

    token: str = attrs.field(validator=instance_of(str))
    svg: str = attrs.field(validator=instance_of(str), repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuses a token or a picture that could do more than be looked at."""
        if not _TOKEN.match(self.token):
            raise ValueError(f"icon token {self.token!r}: use lower-case letters, digits and hyphens")
        _check_svg(self.svg)


def _check_svg(svg: str) -> None:
    if len(svg) > _MAX_SVG:
        raise ValueError(f"an icon's SVG has at most {_MAX_SVG} characters")
    if "<!" in svg.replace("<!--", "") or "<?xml-stylesheet" in svg:
        raise ValueError("an icon's SVG may not contain a document type, an entity or a style sheet")
    try:
        root = ET.fromstring(svg)  # noqa: S314 - see the refusal above
    except ET.ParseError as error:
        raise ValueError(f"the icon is not well-formed XML: {error}") from None
    if root.tag != f"{_SVG}svg":
        raise ValueError("an icon must be an <svg> element of the SVG namespace")
    for element in root.iter():
        name = str(element.tag).removeprefix(_SVG)
        if name not in _ALLOWED_ELEMENTS:
            raise ValueError(f"an icon's SVG may not contain <{name}>")
        for attribute, value in element.attrib.items():
            local = attribute.rsplit("}", 1)[-1].lower()
            if local.startswith("on") or local in _REFUSED_ATTRIBUTES or _reaches_out(local, value.lower()):
                raise ValueError(f"an icon's SVG may not have the attribute {local} = {value[:40]!r}")


def _reaches_out(attribute: str, value: str) -> bool:
    """Whether an attribute, in lower case, refers to something that is not in the picture itself."""
    if attribute == "href":
        return not value.startswith("#")
    # CSS reads `u\72l(` as `url(`: no picture needs the backslash.
    return "url(" in value.replace("url(#", "") or "javascript:" in value or "\\" in value


@attrs.frozen(kw_only=True)
class Module:
    """One tile of the designer's palette: metadata only; the resolver stands behind ``availability_key``.

    Attributes:
        group_key: ``app:<name>`` for an integration, a plain word for a generic module; unique in a process.
        label: What an operator reads.
        description: A sentence for the palette.
        tile_kind: Which part of the palette it stands in.
        icon: Its own icon, or None for the token of its group key.
        default_action_id: The action of a step that was just added; one of ``allowed_action_ids``.
        allowed_action_ids: The actions of its steps: these and no others.
        availability_key: Which resolver says whether a tenant has it; None: every tenant does.
    """

    group_key: str = attrs.field(validator=instance_of(str))
    label: str = attrs.field(validator=instance_of(str))
    description: str = attrs.field(validator=instance_of(str))
    tile_kind: TileKind = attrs.field(validator=in_(get_args(TileKind)))
    default_action_id: str | None = attrs.field(validator=optional(instance_of(str)))
    allowed_action_ids: tuple[str, ...] = attrs.field(validator=deep_iterable(instance_of(str), instance_of(tuple)))
    icon: Icon | None = attrs.field(default=None, validator=optional(instance_of(Icon)))
    availability_key: str | None = attrs.field(default=None, validator=optional(instance_of(str)))

    @property
    def icon_token(self) -> str:
        """The token of its icon."""
        return self.icon.token if self.icon else self.group_key.removeprefix("app:")
