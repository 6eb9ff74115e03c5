"""The designer as it is served: pages, files, and what browsers are told about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workflow_catalog_server.designer_routes import PAGES

ROUTES = Path(__file__).parents[1] / "frontend" / "src" / "routes.tsx"


def test_the_server_knows_every_screen():
    """Also when one is gone to by its address, and not from another one."""
    screens = re.findall(r'screen\("([^"]+)"', ROUTES.read_text())
    assert len(screens) > 5
    known = [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in PAGES]
    assert [path for path in screens if not any(page.fullmatch(path) for page in known)] == []


@pytest.mark.parametrize("path", PAGES)
async def test_every_screen_has_an_address(server, path):
    """Without signing in: the page shows how."""
    response = await server.client.get(re.sub(r"\{\w+\}", "x", path))
    assert (response.status, response.content_type, response.headers["Cache-Control"]) == (200, "text/html", "no-cache")


async def test_the_page_runs_nothing_but_its_own_files(server):
    """Neither foreign nor inline scripts; its style sheets have a nonce that is another one each time."""
    first, second = [await server.client.get("/") for _ in range(2)]
    policy = first.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "unsafe" not in policy
    assert policy != second.headers["Content-Security-Policy"]
    nonce = re.search(r"'nonce-([\w-]+)'", policy).group(1)
    page = await first.text()
    assert f'content="{nonce}"' in page
    assert "__NONCE__" not in page
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|https?://", page)


async def test_files_are_kept_for_ever(server):
    """Their names change with their content; those that the page names are there, compressed."""
    page = await (await server.client.get("/")).text()
    names = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
    assert any(name.endswith(".js") for name in names)
    assert any(name.endswith(".css") for name in names)
    for name in names:
        response = await server.client.get(name, headers={"Accept-Encoding": "gzip"})
        assert (response.status, response.headers["Content-Encoding"]) == (200, "gzip")
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert re.search(r"-[\w-]{8,}\.\w+$", name)


async def test_a_file_of_another_version_is_not_there(server, assert_problem):
    """The page that asks for it is older than the server."""
    await assert_problem(await server.client.get("/assets/index-0123.js"), 404, "NOT_FOUND")


async def test_the_list_loads_at_most_300_kib(server):
    """All that the page names, compressed; the editor comes when it is opened."""
    page = await (await server.client.get("/")).text()
    size = 0
    for name in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page):
        response = await server.client.get(name, headers={"Accept-Encoding": "gzip"})
        size += len(await response.read())
    assert size <= 300 * 1024
