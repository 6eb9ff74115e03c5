"""A bundle's form: every wrong place is told at once, and nothing else is a reason to refuse one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_core.bundles.envelope import read_bundle
from workflow_core.errors import ValidationError


def places(value):
    """What is wrong with a bundle: path and code, sorted."""
    with pytest.raises(ValidationError) as refused:
        read_bundle(value)
    assert refused.value.code == "INVALID_BUNDLE"
    return sorted((error.path, error.code) for error in refused.value.errors)


def test_samples_are_bundles(sample):
    """Those of the older product are."""
    assert [workflow.raw for workflow in read_bundle(sample)] == sample["workflows"]


def test_everything_at_once(bundle, entry, definition):
    """Envelope, entries, metadata, drafts, versions: with their paths."""
    wrong = entry(
        "Upper case", metadata={"name": "", "isPaused": 1}, draft={"draftVersion": 0, "definition": {"name": "x"}}
    )
    twice = [{"version": 1, "definition": {}}, {"version": 1, "definition": []}]
    del wrong["dependencies"]
    value = bundle(wrong, entry("same"), entry("same", published=twice), exportedBy="me", formatVersion=2)
    del value["exportedAt"]
    assert places(value) == [
        ("exportedAt", "REQUIRED"),
        ("exportedBy", "UNKNOWN_FIELD"),
        ("formatVersion", "CHOICE"),
        ("workflows[0].dependencies", "REQUIRED"),
        ("workflows[0].draft.definition.steps", "REQUIRED"),
        ("workflows[0].draft.draftVersion", "RANGE"),
        ("workflows[0].key", "FORMAT"),
        ("workflows[0].metadata.isPaused", "TYPE"),
        ("workflows[0].metadata.name", "LENGTH"),
        ("workflows[2].key", "DUPLICATE_KEY"),
        ("workflows[2].publishedVersions[1].definition", "TYPE"),
        ("workflows[2].publishedVersions[1].version", "DUPLICATE_VERSION"),
    ]


def test_same_number_written_differently(bundle, entry, definition):
    """Numbers that are read as the same version are."""
    published = [{"version": 1, "definition": definition()}, {"version": "1", "definition": definition()}]
    assert places(bundle(entry(published=published))) == [
        ("workflows[0].publishedVersions[1].version", "DUPLICATE_VERSION")
    ]


@pytest.mark.parametrize("value", [None, 3, [], {}, {"workflows": 3}, {"workflows": [None, [], {}]}, {"workflows": []}])
def test_no_bundle_at_all(value):
    """It is refused with places, not with a failure."""
    assert places(value)


NAMES = st.sampled_from(["workflows", "key", "draft", "metadata", "publishedVersions", "version"])
ANYTHING = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner),
)


@given(ANYTHING)
def test_any_json(value):
    """Whatever is sent, the answer is a list of places."""
    assert places({"workflows": value})
