"""Icons and tiles: an icon can be looked at, and nothing else."""

import pytest

from workflow_core.modules import Icon, Module


def svg(inside: str = "", attributes: str = "") -> str:
    """A picture with these elements, and these attributes on its root."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{inside}</svg>'


@pytest.mark.parametrize(
    "picture",
    [
        svg(),
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- drawn by hand -->\n{svg()}',
        svg('<title>Acme</title><g fill="none" stroke="#123"><path d="M0 0h9v9z"/><circle r="3"/></g>'),
        svg('<defs><linearGradient id="a"><stop offset="0"/></linearGradient></defs><rect fill="url(#a)"/>'),
        svg('<symbol id="s"><path d="M0 0"/></symbol><use href="#s"/>'),
        svg('<use xlink:href="#s"/>', 'xmlns:xlink="http://www.w3.org/1999/xlink"'),
        svg("<text>Ünïcode</text>", 'viewBox="0 0 24 24" role="img" class="icon"'),
    ],
)
def test_pictures(picture: str) -> None:
    """Shapes, gradients, texts and references within the picture are what icons are made of."""
    assert Icon("acme", picture).svg == picture


@pytest.mark.parametrize(
    ("picture", "cause"),
    [
        ("", "not well-formed"),
        ("<svg", "not well-formed"),
        ("<svg/>", "SVG namespace"),
        ('<html xmlns="http://www.w3.org/1999/xhtml"/>', "SVG namespace"),
        (svg("&#0;"), "not well-formed"),
        ("<!DOCTYPE svg>" + svg(), "document type"),
        (f'<!DOCTYPE svg [<!ENTITY a "aaaa">]>{svg("<text>&a;</text>")}', "document type"),
        (f'<!-- --><!DOCTYPE svg SYSTEM "http://example.com/a.dtd">{svg()}', "document type"),
        (f"<!<!--DOCTYPE svg>{svg()}", "document type"),
        (svg("<![CDATA[x]]>"), "document type"),
        (f'<?xml-stylesheet href="http://example.com/a.css"?>{svg()}', "style sheet"),
        (svg("<script>alert(1)</script>"), "<script>"),
        (svg('<g><script href="#a"/></g>'), "<script>"),
        (svg('<x:script xmlns:x="http://www.w3.org/2000/svg"/>'), "<script>"),
        (svg('<h:script xmlns:h="http://www.w3.org/1999/xhtml"/>'), "script>"),
        (svg("<foreignObject/>"), "<foreignObject>"),
        (svg('<image href="#a"/>'), "<image>"),
        (svg("<style>@import url(http://example.com)</style>"), "<style>"),
        (svg('<a href="#a"/>'), "<a>"),
        (svg('<animate attributeName="href" to="http://example.com"/>'), "<animate>"),
        (svg('<set attributeName="onload" to="alert(1)"/>'), "<set>"),
        (svg('<iframe xmlns="http://www.w3.org/1999/xhtml"/>'), "iframe>"),
        (svg(attributes='onload="alert(1)"'), "attribute onload"),
        (svg('<path ONCLICK="alert(1)"/>'), "attribute onclick"),
        (svg('<use href="http://example.com/a.svg#b"/>'), "attribute href"),
        (svg('<use href="//example.com/a.svg#b"/>'), "attribute href"),
        (svg('<use href=" #a"/>'), "attribute href"),
        (svg('<use href="data:image/svg+xml,x"/>'), "attribute href"),
        (svg('<use xlink:href="a.svg"/>', 'xmlns:xlink="http://www.w3.org/1999/xlink"'), "attribute href"),
        (svg('<use href="#a"/>', 'xml:base="http://example.com/a.svg"'), "attribute base"),
        (svg('<path fill="url(http://example.com/a)"/>'), "attribute fill"),
        (svg('<path fill="URL(http://example.com/a)"/>'), "attribute fill"),
        (svg('<path fill="url(#a) url(http://example.com/a)"/>'), "attribute fill"),
        (svg('<path fill="url( http://example.com/a)"/>'), "attribute fill"),
        (svg(r'<path fill="u\72 l(http://example.com/a)"/>'), "attribute fill"),
        (svg('<path style="background: image-set(&quot;http://example.com/a&quot; 1x)"/>'), "attribute style"),
        (svg('<path d="JavaScript:alert(1)"/>'), "attribute d"),
        (svg("<path/>" * 10_000), "at most 65536 characters"),
    ],
)
def test_refused_pictures(picture: str, cause: str) -> None:
    """Whatever runs, fetches, expands or links is refused when the icon is made, and the message says what."""
    with pytest.raises(ValueError, match=r"icon") as caught:
        Icon("acme", picture)
    assert cause in str(caught.value)


@pytest.mark.parametrize("token", ["ninjaone", "a", "9", "data-store", "a" * 64])
def test_tokens(token: str) -> None:
    """A token is a word that can stand in an address."""
    assert Icon(token, svg()).token == token


@pytest.mark.parametrize("token", ["", "Acme", "a/b", "../a", "a.svg", "-a", "a b", "ä", "a" * 65, "acme\n"])
def test_refused_tokens(token: str) -> None:
    """A token that could lead elsewhere is refused."""
    with pytest.raises(ValueError, match=r"icon token .*: use lower-case letters"):
        Icon(token, svg())


def module(**fields: object) -> Module:
    """A tile."""
    values = {
        "group_key": "app:acme",
        "label": "Acme",
        "description": "",
        "tile_kind": "app",
        "default_action_id": None,
        "allowed_action_ids": (),
    }
    return Module(**(values | fields))


def test_icon_token() -> None:
    """The token is the icon's own, else the group's word."""
    assert module(icon=Icon("acme-icon", svg())).icon_token == "acme-icon"
    assert module().icon_token == "acme"
    assert module(group_key="data-store").icon_token == "data-store"


def test_picture_stays_out_of_logs() -> None:
    """A module's text form is short: without the picture."""
    assert "<svg" not in repr(module(icon=Icon("acme", svg())))


@pytest.mark.parametrize(
    "fields",
    [
        {"group_key": None},
        {"label": 3},
        {"description": None},
        {"tile_kind": "tile"},
        {"default_action_id": 3},
        {"allowed_action_ids": (None,)},
        {"allowed_action_ids": "acme.greet"},
        {"icon": "acme"},
        {"availability_key": 3},
    ],
)
def test_wrong_fields(fields: dict[str, object]) -> None:
    """A tile with a field of a wrong type cannot be made: discovery names the hook that tried."""
    with pytest.raises((TypeError, ValueError), match=next(iter(fields))):
        module(**fields)
