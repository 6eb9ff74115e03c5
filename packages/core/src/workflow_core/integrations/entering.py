"""What an admin enters to connect: checked against the description, before anybody is called."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import attrs
from yarl import URL

from workflow_core.connections import INSTANCE_URL, Connection, ConnectionField, ConnectionMethod
from workflow_core.errors import FieldError, ValidationError

_LONGEST: Final = 2048
_LONGEST_URL: Final = 255
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@attrs.frozen(kw_only=True)
class Entered:
    """What was entered, and is complete.

    Attributes:
        method: The way to connect.
        scopes: What the tenant allows, in the order of the description.
        instance_url: The field of this name.
        settings: The other fields that are not secret.
        secrets: Those that are, as far as they were entered now.
        kept: The names of secrets that are stored, and stay.
    """

    method: ConnectionMethod
    scopes: tuple[str, ...]
    instance_url: str | None
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = attrs.field(repr=False)
    kept: tuple[str, ...]


def check_entered(
    connection: Connection,
    *,
    method: str | None,
    values: Mapping[str, str],
    scopes: Sequence[str] | None,
    stored_secrets: Collection[str],
    stored_instance_url: str | None,
) -> Entered:
    """What was entered, if it is complete.

    Args:
        connection: What is being connected.
        method: The key of a method; None: the first one.
        values: By the names of fields; an empty one counts as left out.
        scopes: The keys of what is allowed; None: all there are.
        stored_secrets: The names of the secrets that are stored.
        stored_instance_url: Where those are sent to. They do not follow to another address, which could read them.

    Raises:
        ValidationError: Naming everything that is wrong.
    """
    chosen = next(iter(connection.methods), connection.method("credentials")) if method is None else None
    chosen = chosen or connection.method(method or "")
    if chosen is None:
        known = ", ".join(known.key for known in connection.methods) or "credentials"
        raise _invalid([FieldError("method", "UNKNOWN_METHOD", f"must be one of {known}")])
    given = {name: value if _is_secret(connection, name) else value.strip() for name, value in values.items()}
    given = {name: value for name, value in given.items() if value}
    fields = connection.fields_of(chosen.key)
    names = {field.name for field in fields}
    errors = [
        FieldError(f"values.{name}", "UNKNOWN_FIELD", "is no field of this way of connecting")
        for name in sorted(given.keys() - names)
    ]
    moved = INSTANCE_URL in given and given[INSTANCE_URL] != stored_instance_url
    kept = []
    for field in fields:
        if field.name in given:
            errors += _problems(field, given[field.name])
        elif field.kind == "secret" and field.name in stored_secrets and not moved:
            kept.append(field.name)
        elif field.required:
            again = field.kind == "secret" and field.name in stored_secrets
            message = "must be entered again, since the address has changed" if again else "must be entered"
            errors.append(FieldError(f"values.{field.name}", "REQUIRED", message))
    known_scopes = [scope.key for scope in connection.scopes]
    wanted = set(known_scopes if scopes is None else scopes)
    errors += [
        FieldError("scopes", "UNKNOWN_SCOPE", f"{key} is not among {', '.join(known_scopes) or 'those there are'}")
        for key in sorted(wanted - set(known_scopes))
    ]
    errors += [
        FieldError("scopes", "REQUIRED", f"there is no connection without {scope.key}")
        for scope in connection.scopes
        if scope.required and scope.key not in wanted
    ]
    if errors:
        raise _invalid(errors)
    kinds = {field.name: field.kind for field in fields}
    return Entered(
        method=chosen,
        scopes=tuple(key for key in known_scopes if key in wanted),
        instance_url=given.get(INSTANCE_URL),
        settings={name: value for name, value in given.items() if kinds[name] != "secret" and name != INSTANCE_URL},
        secrets={name: value for name, value in given.items() if kinds[name] == "secret"},
        kept=tuple(kept),
    )


def _is_secret(connection: Connection, name: str) -> bool:
    return any(field.name == name and field.kind == "secret" for field in connection.fields)


def _problems(field: ConnectionField, value: str) -> Iterator[FieldError]:
    path = f"values.{field.name}"
    longest = _LONGEST_URL if field.name == INSTANCE_URL else _LONGEST
    if field.kind != "secret" and len(value) > longest:
        yield FieldError(path, "LENGTH", f"must have at most {longest} characters")
    if "\0" in value:
        yield FieldError(path, "FORMAT", "must not have a NUL character")
    choices = [choice for choice, _ in field.choices]
    if field.kind == "choice" and value not in choices and not field.other:
        yield FieldError(path, "CHOICE", f"must be one of {', '.join(choices)}")
    is_address = field.kind == "url" or field.name == INSTANCE_URL
    if is_address and value not in choices and not _is_address(value):
        yield FieldError(path, "FORMAT", "must be an address that begins with https://, such as https://example.com")


def _is_address(value: str) -> bool:
    """Whether secrets may be sent there: encrypted, or not over a network at all."""
    try:
        url = URL(value)
        host, port = url.host, url.port
    except ValueError:
        return False
    secure = url.scheme == "https" or (url.scheme == "http" and host in _LOOPBACK)
    return bool(host) and port is not None and secure and not url.user and not url.password


def _invalid(errors: Sequence[FieldError]) -> ValidationError:
    first = errors[0]
    return ValidationError(f"{first.path}: {first.message}", errors=errors)
