"""What the server is configured with: see :mod:`workflow_core.process`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import attrs
import orjson
from yarl import URL

from workflow_catalog_server.auth import JwtKey
from workflow_catalog_server.session_auth import DevelopmentUser
from workflow_core.errors import ConfigurationError, ValidationError
from workflow_core.process import Environment, ProcessSettings
from workflow_core.schema import convert

_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost"})

#: The server's own variables → what ``--help`` says of them.
VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "WORKFLOW_JWT_KEY": "what verifies tokens: an HS256 secret of at least 32 bytes, or a public key in PEM "
        "(required, here or in a file)",
        "WORKFLOW_JWT_KEY_FILE": "a file that holds it",
        "WORKFLOW_JWT_ISSUER": "tokens must name it, when set",
        "WORKFLOW_JWT_AUDIENCE": "tokens must name it, when set",
        "WORKFLOW_HTTP_HOST": "where to listen (127.0.0.1)",
        "WORKFLOW_HTTP_PORT": "where to listen; 0: a free port (8080)",
        "WORKFLOW_DEVELOPMENT_SIGN_IN_FILE": "never in production: a JSON file of users whom the designer signs in "
        "without a password: [{name, company, token}]",
        "WORKFLOW_PUBLIC_URL": "where browsers and other systems reach it, such as https://workflows.example.com; for "
        "connections (http://<host>:<port> when it listens to this machine only)",
    }
)


@attrs.frozen(kw_only=True)
class Settings(ProcessSettings):
    """The server's configuration.

    Attributes:
        http_host: Where to listen.
        http_port: Where to listen; 0 takes a free port.
        public_url: Where browsers and other systems reach it; None: nobody has said, and it listens for others.
        jwt_key: What verifies bearer tokens.
        jwt_issuer: Tokens must name it, if set.
        jwt_audience: Tokens must name it, if set.
        development_users: Whom the designer signs in without a password; nobody outside of development.
    """

    http_host: str
    http_port: int
    public_url: str | None
    jwt_key: JwtKey
    jwt_issuer: str | None
    jwt_audience: str | None
    development_users: tuple[DevelopmentUser, ...]


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings from environment variables.

    Raises:
        ConfigurationError: Naming everything that is missing or wrong, at once.
    """
    read = Environment(environ)
    return read.settings(
        Settings,
        http_host=read.text("WORKFLOW_HTTP_HOST", "127.0.0.1"),
        http_port=read.number("WORKFLOW_HTTP_PORT", 8080, least=0, most=65535),
        public_url=read.parsed(_public_url),
        jwt_key=read.parsed(_jwt_key),
        jwt_issuer=read.text("WORKFLOW_JWT_ISSUER", None),
        jwt_audience=read.text("WORKFLOW_JWT_AUDIENCE", None),
        development_users=read.parsed(_development_users),
    )


def _public_url(environ: Mapping[str, str]) -> str | None:
    text = environ.get("WORKFLOW_PUBLIC_URL")
    if not text:
        host, port = environ.get("WORKFLOW_HTTP_HOST") or "127.0.0.1", environ.get("WORKFLOW_HTTP_PORT") or "8080"
        return f"http://{host}:{port}" if host in _THIS_MACHINE and port != "0" else None
    try:
        url = URL(text)
        plain = url.scheme in {"http", "https"} and url.host and not (url.user or url.query_string or url.fragment)
    except ValueError:
        plain = False
    if not plain or url.path not in {"", "/"}:
        raise ConfigurationError(
            f"WORKFLOW_PUBLIC_URL has to be like https://workflows.example.com, without a path, not {text!r}"
        )
    return str(url.origin())


def _jwt_key(environ: Mapping[str, str]) -> JwtKey:
    text, file = environ.get("WORKFLOW_JWT_KEY"), environ.get("WORKFLOW_JWT_KEY_FILE")
    if text and file:
        raise ConfigurationError("WORKFLOW_JWT_KEY and WORKFLOW_JWT_KEY_FILE are both set; set one of them")
    if file:
        try:
            return JwtKey.parse(Path(file).read_bytes().strip())
        except OSError as error:
            raise ConfigurationError(
                f"The file {file!r} that WORKFLOW_JWT_KEY_FILE names cannot be read ({type(error).__name__})"
            ) from error
    if not text:
        raise ConfigurationError("WORKFLOW_JWT_KEY or WORKFLOW_JWT_KEY_FILE is not set")
    return JwtKey.parse(text.strip().encode())


def _development_users(environ: Mapping[str, str]) -> tuple[DevelopmentUser, ...]:
    file = environ.get("WORKFLOW_DEVELOPMENT_SIGN_IN_FILE")
    if not file:
        return ()
    try:
        return tuple(convert(DevelopmentUser, entry) for entry in orjson.loads(Path(file).read_bytes()))
    except (OSError, ValueError, TypeError, ValidationError) as error:
        raise ConfigurationError(
            f"The file {file!r} that WORKFLOW_DEVELOPMENT_SIGN_IN_FILE names is no readable JSON list of "
            f"{{name, company, token}} ({type(error).__name__})"
        ) from None
