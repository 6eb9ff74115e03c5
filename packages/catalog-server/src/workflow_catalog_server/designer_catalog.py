"""The catalog as bytes: for each set of visible modules one answer, serialised and compressed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import orjson
from aiohttp import hdrs

from workflow_catalog_server.availability_cache import TenantAvailability
from workflow_catalog_server.prepared import PreparedAnswer
from workflow_core.actions import Action, Effect
from workflow_core.catalog import action_words, catalog_records, module_availability, visible_records
from workflow_core.discovery import Registry
from workflow_core.locales import Translations
from workflow_core.options import pickers_of
from workflow_core.schema import json_schema, to_json

_HEADERS: Final = {hdrs.CACHE_CONTROL: "private, no-cache"}
_Key = tuple[str, str, bool, tuple[tuple[str, bool, str | None], ...]]


class DesignerCatalog:
    """Prepares and remembers the answers that depend on a tenant's availability only.

    Args:
        registry: What is installed.
        translations: Its words in other languages.
        max_answers: How many are remembered; each is as large as its body, plain and compressed.
    """

    def __init__(self, registry: Registry, translations: Translations, *, max_answers: int = 128) -> None:
        self._registry = registry
        self.translations = translations
        self._fingerprint = registry.manifest.fingerprint
        self._max_answers = max_answers
        self._answers: OrderedDict[_Key, PreparedAnswer] = OrderedDict()

    def modules(self, availability: TenantAvailability, locale: str, *, include_unavailable: bool) -> PreparedAnswer:
        """The designer's palette."""
        return self._answer(
            ("modules", locale, include_unavailable, availability.signature),
            lambda: visible_records(
                catalog_records(self._registry, self.translations, locale),
                availability.answers,
                include_unavailable=include_unavailable,
            ),
        )

    def actions(self, availability: TenantAvailability, locale: str, *, include_unavailable: bool) -> PreparedAnswer:
        """All actions with their contracts."""
        return self._answer(
            ("actions", locale, include_unavailable, availability.signature),
            lambda: [
                record
                for action in self._registry.actions.values()
                if (record := self._visible(action, availability, locale, include_unavailable)) is not None
            ],
        )

    def action(
        self, action_id: str, version: int, availability: TenantAvailability, locale: str, *, include_unavailable: bool
    ) -> PreparedAnswer | None:
        """One action with its contract, or None when the tenant does not have it."""
        action = self._registry.actions.get((action_id, version))
        record = self._visible(action, availability, locale, include_unavailable) if action else None
        if action is None or record is None:
            return None
        return self._answer((action.key, locale, include_unavailable, availability.signature), lambda: record)

    def _answer(self, key: _Key, make: Callable[[], Any]) -> PreparedAnswer:
        answer = self._answers.get(key)
        if answer is None:
            headers = {**_HEADERS, hdrs.CONTENT_LANGUAGE: key[1]}
            answer = PreparedAnswer(orjson.dumps(make()), "application/json", headers, salt=self._fingerprint)
            self._answers[key] = answer
            if len(self._answers) > self._max_answers:
                self._answers.popitem(last=False)
        else:
            self._answers.move_to_end(key)
        return answer

    def _visible(
        self, action: Action, availability: TenantAvailability, locale: str, include_unavailable: bool
    ) -> dict[str, Any] | None:
        module = self._registry.module_of(action.id)
        if module is None:
            return None  # no tile leads to it
        answer = module_availability(module, availability.answers)
        if answer.available:
            return {**self._record(action, locale), "groupKey": module.group_key, "available": True}
        if include_unavailable:
            hidden = {"groupKey": module.group_key, "available": False, "reason": answer.reason}
            return {**self._record(action, locale), **hidden}
        return None

    def _record(self, action: Action, locale: str) -> dict[str, Any]:
        translations = self.translations
        return {
            "id": action.id,
            "version": action.version,
            **action_words(action, translations, locale),
            "effect": action.effect,
            "io": action.io,
            "sideEffectful": action.effect is not Effect.READ,
            "distribution": self._registry.distribution_of[action.id],
            "inputSchema": translations.action_schema(locale, action.id, json_schema(action.input)),
            "outputSchema": translations.action_schema(locale, action.id, json_schema(action.output)),
            "pickers": [
                {"field": picker.field, "source": picker.source, "dependencies": dict(picker.dependencies)}
                for picker in pickers_of(action.input).values()
            ],
            "examples": [to_json(example) for example in action.examples],
        }
