"""What a package ships in other languages is found without importing it, and falls back word by word."""

from __future__ import annotations

import copy
import json
import sys
from typing import Annotated

import attrs
import msgspec
import pytest

from workflow_core.actions import Action, Effect, Example
from workflow_core.catalog import catalog_records
from workflow_core.discovery import registry_of
from workflow_core.locales import NO_TRANSLATIONS, LocaleFile, Translations, Words, load_translations
from workflow_core.modules import Module
from workflow_core.schema import json_schema


@attrs.frozen
class Part:
    """What stands inside of another."""

    size: Annotated[int, msgspec.Meta(description="How large it is.")]
    name: str


@attrs.frozen
class Whole:
    """What an action takes."""

    part: Annotated[Part | None, msgspec.Meta(description="The first.")]
    parts: list[Part]
    size: int


GERMAN = LocaleFile(
    modules={"app:acme": Words(label="Akme", description="Sicherungen.")},
    actions={"acme.run": Words(label="Starten", description="Startet.")},
    events={"RAN": Words(label="Gelaufen", description="Lief.")},
    schemas={
        "Whole": {"part": Words(label="Teil", description="Der erste."), "gone": Words(label="Weg", description="")},
        "Part": {"size": Words(label="Größe", description="Wie groß es ist.")},
    },
    jobs={"acme.sync": Words(label="Abgleichen", description="Gleicht ab.")},
)
AUSTRIAN = LocaleFile(
    actions={"acme.run": Words(label="Anwerfen", description="Wirft an.")},
    schemas={"Whole": {"parts": Words(label="Teile", description="Alle.")}},
)
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
    assert BOTH.job("de-at", "acme.sync") == GERMAN.jobs["acme.sync"]
    assert BOTH.job("en", "acme.sync") is None
    assert BOTH.job("de", "acme.other") is None


def titles(schema):
    return {name: field.get("title") for name, field in schema["properties"].items()}


@pytest.mark.parametrize(
    ("locale", "whole"),
    [
        ("de", {"part": "Teil", "parts": None, "size": None}),
        ("de-at", {"part": "Teil", "parts": "Teile", "size": None}),
    ],
)
def test_fields_have_the_words_of_their_class(locale, whole):
    """As title and description, at any depth; the rest stays, and so does the schema that contracts are made of."""
    declared = json_schema(Whole)
    before = copy.deepcopy(declared)
    schema = BOTH.action_schema(locale, "acme.run", declared)
    assert titles(schema) == whole
    assert titles(schema["$defs"]["Part"]) == {"size": "Größe", "name": None}
    assert schema["$defs"]["Part"]["properties"]["size"]["description"] == "Wie groß es ist."
    assert {**schema["properties"]["part"], "title": None, "description": None} == {
        **declared["properties"]["part"],
        "title": None,
        "description": None,
    }
    assert (schema["title"], schema["properties"]["size"]) == ("Whole", declared["properties"]["size"])
    assert declared == before
    assert titles(BOTH.event_schema(locale, "RAN", declared))["part"] == "Teil"


def test_fields_without_words():
    """What no file names keeps its schema, which is not copied: a class of that name may be another distribution's."""
    declared = json_schema(Whole)
    for said in (
        BOTH.action_schema("en", "acme.run", declared),
        BOTH.action_schema("de", "other.run", declared),
        BOTH.event_schema("de", "OTHER", declared),
        NO_TRANSLATIONS.event_schema("de", "RAN", declared),
    ):
        assert said is declared


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
