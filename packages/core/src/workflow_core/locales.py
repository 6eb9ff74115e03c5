"""
Labels and descriptions in other languages.

A distribution ships ``<package>/locales/<locale>.json`` beside its module; the files are found without importing it::

    {
      "modules": {"ticket": {"label": "Ticket", "description": "Tickets anlegen und bearbeiten."}},
      "actions": {"tickets.create": {"label": "Ticket anlegen", "description": "Legt ein Ticket an."}},
      "events": {"TICKET_CREATED": {"label": "Ticket angelegt", "description": "Ein Ticket wurde angelegt."}},
      "connections": {
        "acme": {
          "label": "Acme", "description": "Sicherungen und ihre Warnungen.",
          "fields": {"api_key": {"label": "API-Schlüssel", "description": "In Acme unter Konto, API."}},
          "methods": {}, "scopes": {}, "mappings": {}
        }
      },
      "schemas": {
        "CreateTicket": {"board_id": {"label": "Board", "description": "Das Board, auf dem das Ticket steht."}}
      },
      "jobs": {"acme.sync": {"label": "Abgleichen", "description": "Gleicht alles ab."}}
    }

``schemas`` says the words of fields: by the name of the attrs class, which its JSON Schema has as its ``title``, and by
the field's name in JSON. They are for the actions and events that the same file names, for what these take, give and
bring, and for every class inside of it.

What is asked for in ``de-AT`` is looked up in ``de-AT``, then in ``de``; what stands in neither keeps the words that
the package declares, which are English.
"""

from __future__ import annotations

import importlib.util
import logging
from collections import ChainMap, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar

import attrs
import msgspec
import orjson

from workflow_core.connections import Connection, ConnectionMethod, ConnectionScope, MappingKind
from workflow_core.errors import ValidationError
from workflow_core.installed import find_installed
from workflow_core.schema import Trimmed, convert

_log = logging.getLogger(__name__)

DEFAULT_LOCALE: Final = "en"
"""The language of what packages declare in their code."""
#: Characters of a locale that count; BCP 47 asks for no more.
_LONGEST: Final = 35

Schema = dict[str, Any]
"""A JSON Schema."""


@attrs.frozen(kw_only=True)
class Words:
    """What a person reads of one thing."""

    label: Trimmed
    description: Annotated[str, msgspec.Meta(max_length=2000)]


@attrs.frozen(kw_only=True)
class ConnectionWords(Words):
    """What a person reads of a connection: of its fields by name, and of the rest by key.

    A field's description is its help. What is left out keeps the words that are declared.
    """

    fields: dict[str, Words] = attrs.Factory(dict)
    methods: dict[str, Words] = attrs.Factory(dict)
    scopes: dict[str, Words] = attrs.Factory(dict)
    mappings: dict[str, Words] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class LocaleFile:
    """One file: words by group key, action id, event name, provider, class and field, and job id."""

    modules: dict[str, Words] = attrs.Factory(dict)
    actions: dict[str, Words] = attrs.Factory(dict)
    events: dict[str, Words] = attrs.Factory(dict)
    connections: dict[str, ConnectionWords] = attrs.Factory(dict)
    schemas: dict[str, dict[str, Words]] = attrs.Factory(dict)
    jobs: dict[str, Words] = attrs.Factory(dict)


@attrs.frozen
class Translations:
    """The words of all loaded distributions, by locale in lower case."""

    _files: Mapping[str, Sequence[LocaleFile]] = MappingProxyType({})

    def choose(self, asked: Sequence[str]) -> str:
        """The first of the locales that somebody asked for in which there is anything, else the default."""
        names = (name for locale in asked for name in _chain(locale) if name in self._files or name == DEFAULT_LOCALE)
        return next(names, DEFAULT_LOCALE)

    def module(self, locale: str, group_key: str) -> Words | None:
        """The words of a module; None: those that it declares."""
        return next((file.modules[group_key] for file in self._of(locale) if group_key in file.modules), None)

    def action(self, locale: str, action_id: str) -> Words | None:
        """The words of an action; None: those that it declares."""
        return next((file.actions[action_id] for file in self._of(locale) if action_id in file.actions), None)

    def event(self, locale: str, name: str) -> Words | None:
        """The words of an event; None: those that it declares."""
        return next((file.events[name] for file in self._of(locale) if name in file.events), None)

    def job(self, locale: str, job_id: str) -> Words | None:
        """The words of a job; None: those that it declares."""
        return next((file.jobs[job_id] for file in self._of(locale) if job_id in file.jobs), None)

    def action_schema(self, locale: str, action_id: str, schema: Schema) -> Schema:
        """The JSON Schema of what an action takes or gives, its fields in the words of a language.

        A field that has words has them as its ``title`` and ``description``. The schema itself stays as it is; it is
        also the answer when there are no words.
        """
        return _in_words(schema, [file for file in self._of(locale) if action_id in file.actions])

    def event_schema(self, locale: str, name: str, schema: Schema) -> Schema:
        """The JSON Schema of what an event brings; see :meth:`action_schema`."""
        return _in_words(schema, [file for file in self._of(locale) if name in file.events])

    def connection(self, locale: str, connection: Connection) -> Connection:
        """A connection in the words of a language; where there are none, in those that it declares."""
        words = next(
            (
                file.connections[connection.provider]
                for file in self._of(locale)
                if connection.provider in file.connections
            ),
            None,
        )
        if words is None:
            return connection
        return attrs.evolve(
            connection,
            label=words.label,
            description=words.description,
            fields=tuple(
                attrs.evolve(field, label=said.label, help=said.description)
                if (said := words.fields.get(field.name))
                else field
                for field in connection.fields
            ),
            methods=_said(connection.methods, words.methods),
            scopes=_said(connection.scopes, words.scopes),
            mappings=_said(connection.mappings, words.mappings),
        )

    def _of(self, locale: str) -> Iterator[LocaleFile]:
        for name in _chain(locale):
            if name == DEFAULT_LOCALE:
                return  # what is declared is in that language
            yield from self._files.get(name, ())


NO_TRANSLATIONS: Final = Translations()
"""Everything as it is declared."""


def _in_words(schema: Schema, files: Sequence[LocaleFile]) -> Schema:
    words = [file.schemas for file in files if file.schemas]
    if not words:
        return schema
    translated = _object_in_words(schema, words)
    if "$defs" in schema:
        definitions = {name: _object_in_words(inner, words) for name, inner in schema["$defs"].items()}
        translated = {**translated, "$defs": definitions}
    return translated


def _object_in_words(schema: Schema, words: Sequence[dict[str, dict[str, Words]]]) -> Schema:
    title = schema.get("title", "")
    said = ChainMap(*(classes[title] for classes in words if title in classes))
    if not said or "properties" not in schema:
        return schema
    properties = {
        name: {**field, "title": found.label, "description": found.description} if (found := said.get(name)) else field
        for name, field in schema["properties"].items()
    }
    return {**schema, "properties": properties}


_Keyed = TypeVar("_Keyed", ConnectionMethod, ConnectionScope, MappingKind)


def _said(declared: Iterable[_Keyed], words: Mapping[str, Words]) -> tuple[_Keyed, ...]:
    return tuple(
        attrs.evolve(part, label=said.label, description=said.description) if (said := words.get(part.key)) else part
        for part in declared
    )


def _chain(locale: str) -> Iterator[str]:
    """A locale, and what it falls back to: ``de-at``, ``de``."""
    parts = locale[:_LONGEST].lower().split("-")
    for end in range(len(parts), 0, -1):
        yield "-".join(parts[:end])


def load_translations(distributions: Collection[str]) -> Translations:
    """The translations that these distributions ship; a file that cannot be read is left out, and logged."""
    files: dict[str, list[LocaleFile]] = defaultdict(list)
    for distribution, points in sorted(find_installed().points.items()):
        if distribution not in distributions:
            continue
        for package in sorted({point.module.partition(".")[0] for point in points}):
            for path in _locale_files(package):
                try:
                    file = convert(LocaleFile, orjson.loads(path.read_bytes()))
                except (OSError, ValueError, ValidationError) as error:
                    _log.error("%s: %s is left out: %s", distribution, path.name, error)
                else:
                    files[path.stem.lower()].append(file)
    return Translations(MappingProxyType({locale: tuple(found) for locale, found in files.items()}))


def _locale_files(package: str) -> list[Path]:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    folders = spec.submodule_search_locations if spec is not None else None
    return [path for folder in folders or () for path in sorted(Path(folder, "locales").glob("*.json"))]
