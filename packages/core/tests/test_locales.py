"""What a package ships in other languages is found without importing it, and falls back word by word."""

from __future__ import annotations

import json
import sys

import pytest

from workflow_core.actions import Action, Effect, Example
from workflow_core.catalog import catalog_records
from workflow_core.discovery import registry_of
from workflow_core.locales import NO_TRANSLATIONS, LocaleFile, Translations, Words, load_translations
from workflow_core.modules import Module

GERMAN = LocaleFile(
    modules={"app:acme": Words(label="Akme", description="Sicherungen.")},
    actions={"acme.run": Words(label="Starten", description="Startet.")},
    events={"RAN": Words(label="Gelaufen", description="Lief.")},
)
AUSTRIAN = LocaleFile(actions={"acme.run": Words(label="Anwerfen", description="Wirft an.")})
BOTH = Translations({"de": (GERMAN,), "de-at": (AUSTRIAN,)})


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (("de",), "de"),
        (("DE-at",), "de-at"),
        (("de-CH",), "de"),
        (("fr", "de"), "de"),
        (("fr",), "en"),
        (("en-GB", "de"), "en"),
        ((), "en"),
        (("-",), "en"),
        (("de-" * 10_000,), "de"),
    ],
)
def test_the_first_language_that_there_is(asked, chosen):
    """Of what somebody asks for; a language that nobody has translated into leads to the default."""
    assert BOTH.choose(asked) == chosen


def test_words_fall_back_from_locale_to_base_to_the_declared():
    """Each word by itself."""
    assert BOTH.action("de-at", "acme.run") == AUSTRIAN.actions["acme.run"]
    assert BOTH.module("de-at", "app:acme") == GERMAN.modules["app:acme"]
    assert BOTH.event("de", "RAN") == GERMAN.events["RAN"]
    assert BOTH.module("de", "app:other") is None
    assert BOTH.module("en", "app:acme") is None


def test_the_catalog_speaks_the_language():
    """Labels and descriptions; ids and everything else stay, and the order follows the labels that are read."""

    async def handle(given, ctx):
        return given

    actions = [
        Action(
            id=f"acme.{name}",
            label=label,
            description="English.",
            input=Words,
            output=Words,
            effect=Effect.READ,
            io="database",
            handler=handle,
            examples=(Example("", {}, {}),),
        )
        for name, label in (("run", "A run"), ("other", "Other"))
    ]
    module = Module(
        group_key="app:acme",
        label="Acme",
        description="English.",
        tile_kind="app",
        default_action_id="acme.run",
        allowed_action_ids=("acme.run", "acme.other"),
    )
    registry = registry_of("acme", "1", modules=[module], actions=actions)
    ((_, german),) = catalog_records(registry, BOTH, "de")
    ((_, english),) = catalog_records(registry, NO_TRANSLATIONS)
    assert (german["label"], german["description"]) == ("Akme", "Sicherungen.")
    assert [(action["id"], action["label"]) for action in german["actions"]] == [
        ("acme.other", "Other"),
        ("acme.run", "Starten"),
    ]
    assert [action["id"] for action in english["actions"]] == ["acme.run", "acme.other"]


def package(fake_distribution, name, files):
    """A distribution whose package cannot be imported, with files in its folder ``locales``."""
    folder = fake_distribution(name, entry_points={"acme": f"{name}:plugin"})
    (folder / f"{name}.py").unlink()
    (folder / name / "locales").mkdir(parents=True)
    (folder / name / "__init__.py").write_text("raise RuntimeError('imported')")
    for file, text in files.items():
        (folder / name / "locales" / file).write_text(text)


def test_files_are_found_without_importing(fake_distribution):
    """Of the distributions that are asked for, and of no other."""
    words = {"modules": {"app:acme": {"label": "Akme", "description": ""}}}
    package(fake_distribution, "acme_words", {"de.json": json.dumps(words)})
    found = load_translations(["acme-words"])
    assert found.module("de", "app:acme") == Words(label="Akme", description="")
    assert "acme_words" not in sys.modules
    assert load_translations([]).choose(["de"]) == "en"


@pytest.mark.parametrize("text", ["{", "[]", '{"moduls": {}}', '{"modules": {"a": {"label": ""}}}', '{"actions": 1}'])
def test_a_broken_file_is_left_out_and_logged(fake_distribution, caplog, text):
    """The others count."""
    package(fake_distribution, "acme_broken", {"de.json": text, "fr.json": "{}"})
    found = load_translations(["acme-broken"])
    assert found.choose(["de"]) == "en"
    assert found.choose(["fr"]) == "fr"
    assert "acme-broken: de.json is left out" in caplog.text
