"""Answers that are made once and sent many times: serialised, compressed and tagged before the first request."""

from __future__ import annotations

import gzip
import hashlib

from aiohttp import hdrs, web
from multidict import CIMultiDict, istr

from workflow_catalog_server.negotiation import accepts_gzip, has_entity


class PreparedAnswer:
    """A body with its headers, plain and compressed.

    Args:
        body: What is sent.
        content_type: Its type.
        headers: More headers.
        salt: Goes into the entity tag beside the body, such as the process's fingerprint.
    """

    __slots__ = ("_compressed", "_plain", "etag", "etag_gzip")

    def __init__(self, body: bytes, content_type: str, headers: dict[istr, str], *, salt: str = "") -> None:
        digest = hashlib.sha256(salt.encode() + b"\0" + body).hexdigest()[:32]
        self.etag = f'"{digest}"'
        self.etag_gzip = f'"{digest}-gzip"'
        vary = "Authorization, X-Api-Key, X-Tenant-Id, Accept-Encoding, Accept-Language"
        common = {hdrs.CONTENT_TYPE: content_type, hdrs.VARY: vary, **headers}
        self._plain = (body, CIMultiDict({**common, hdrs.ETAG: self.etag}))
        compressed = gzip.compress(body, mtime=0)
        if len(compressed) < len(body):
            with_encoding = {**common, hdrs.ETAG: self.etag_gzip, hdrs.CONTENT_ENCODING: "gzip"}
            self._compressed = (compressed, CIMultiDict(with_encoding))
        else:
            self._compressed = self._plain

    def respond(self, request: web.Request) -> web.Response:
        """The answer to one request: 304 when the client has it already, else the form that it accepts."""
        headers = request.headers
        accepted = headers.get(hdrs.ACCEPT_ENCODING)
        form = self._compressed if accepted is not None and accepts_gzip(accepted) else self._plain
        known = headers.get(hdrs.IF_NONE_MATCH)
        if known is not None and has_entity(known, self.etag, self.etag_gzip):
            return web.Response(status=304, headers=form[1])
        return web.Response(body=form[0], headers=form[1])
