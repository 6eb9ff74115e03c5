"""``transform``: texts, patterns, lists and objects."""

import asyncio
import importlib.metadata
from datetime import UTC, datetime

import pytest

from workflow_core.discovery import discover
from workflow_core.errors import ValidationError
from workflow_core.language._budget import Budget
from workflow_core.language.expressions import MISSING
from workflow_core.language.mapping import evaluate_mapping
from workflow_core.language.plan import compile_plan
from workflow_core.schema import convert, to_json
from workflow_psa.plugin import PsaPlugin
from workflow_psa.transform.sizes import MAX_TEXT

ACTIONS = {action.id: action for action in PsaPlugin().workflow_actions()}


async def transform(name, given, *, mapped=False):
    """As the executor calls it; there is nothing in the context that it needs."""
    action = ACTIONS[f"transform.{name}"]
    return to_json(await action.handler(convert(action.input, given, mapped=mapped), None))


def places(error) -> set[tuple[str, str]]:
    return {(problem["path"], problem["code"]) for problem in error.details["errors"]}


# ── Texts ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"maxLength": 100}, "The quick brown fox"),
        ({"maxLength": 9}, "The qu..."),
        ({"maxLength": 9, "strategy": "start"}, "...wn fox"),
        ({"maxLength": 10, "strategy": "middle"}, "The ...fox"),
        ({"maxLength": 6, "ellipsis": ""}, "The qu"),
        ({"maxLength": 2}, ".."),
        ({"maxLength": 0}, ""),
        ({"maxLength": 6, "ellipsis": None, "strategy": None}, "The qu"),
    ],
)
async def test_truncate(given, text):
    """Never longer than it may be, with the ellipsis where something is left out."""
    assert await transform("truncate_text", {"text": "The quick brown fox"} | given) == {"text": text}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("x", "x"),
        (7, "7"),
        (7.0, "7"),
        (0.5, "0.5"),
        (True, "true"),
        ([1, None, "a"], "1,,a"),
        ({"a": 1}, '{"a":1}'),
    ],
)
async def test_anything_becomes_text(value, text):
    """Numbers without a needless point, lists with commas, objects as JSON."""
    assert await transform("trim_text", {"text": value}) == {"text": text}


async def test_texts():
    """Each in the usual and in its odd case."""
    assert await transform("concat_text", {"values": ["a", None, 1], "separator": "-"}) == {"text": "a--1"}
    assert await transform("concat_text", {"values": "a"}, mapped=True) == {"text": "a"}
    assert await transform("join_text", {"items": None}) == {"text": ""}
    assert await transform("join_text", {"items": [1, 2], "delimiter": ", "}) == {"text": "1, 2"}
    assert await transform("replace_text", {"text": "aXbX", "search": "X"}) == {"text": "ab"}
    given = {"text": "aXbX", "search": "X", "replacement": "$&", "replaceAll": False}
    assert await transform("replace_text", given) == {"text": "a$&bX"}
    assert await transform("replace_text", {"text": "a", "search": "", "replacement": "x"}) == {"text": "a"}
    assert await transform("split_text", {"text": "a,,b", "delimiter": ","}) == {"items": ["a", "", "b"]}
    assert await transform("split_text", {"text": "ab", "delimiter": ""}) == {"items": ["a", "b"]}
    assert await transform("lowercase_text", {"text": "ÄB"}) == {"text": "äb"}
    assert await transform("uppercase_text", {"text": "äb"}) == {"text": "ÄB"}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("replace_text", {"text": "a" * 2000, "search": "a", "replacement": "b" * 2000}),
        ("join_text", {"items": [""] * 2000, "delimiter": "b" * 2000}),
        ("replace_pattern", {"text": "a" * 2000, "pattern": "a", "replacement": "b" * 2000}),
        ("match_text", {"text": "a" * (MAX_TEXT + 1), "pattern": "a"}),
    ],
)
async def test_texts_that_would_burst(name, given):
    """They are refused before they are made."""
    with pytest.raises(ValidationError, match=str(MAX_TEXT)):
        await transform(name, given)


# ── Patterns ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_matches():
    """All places with their groups, up to a limit."""
    given = {"text": "SRV-01 and srv-2x", "pattern": "srv-(?P<number>[0-9]+)(x)?", "ignore_case": True}
    found = await transform("match_text", given)

    assert found["matched"]
    assert found["first"] == found["matches"][0]
    assert found["matches"] == [
        {"text": "SRV-01", "index": 0, "groups": ["01", None], "named": {"number": "01"}},
        {"text": "srv-2x", "index": 11, "groups": ["2", "x"], "named": {"number": "2"}},
    ]
    assert len((await transform("match_text", given | {"limit": 1}))["matches"]) == 1
    assert await transform("match_text", {"pattern": "x", "text": None}) == {
        "matched": False,
        "first": None,
        "matches": [],
    }
    lines = await transform("match_text", {"text": "a\nb", "pattern": "^.$", "multiline": True})
    assert [match["text"] for match in lines["matches"]] == ["a", "b"]


@pytest.mark.parametrize("pattern", ["(", "(?=x)", r"(a)\1", "a{2000}"])
async def test_patterns_that_cannot_be_used(pattern):
    """The error says so, and what RE2 cannot do takes no time."""
    for name in ("match_text", "replace_pattern"):
        with pytest.raises(ValidationError) as caught:
            await transform(name, {"text": "x", "pattern": pattern})
        assert places(caught.value) == {("pattern", "FORMAT")}


async def test_a_catastrophic_pattern():
    """Time is linear: another engine would never come back."""
    given = {"text": "a" * 50_000 + "!", "pattern": "^(a+)+$"}
    assert not (await transform("match_text", given))["matched"]


def test_a_search_that_is_given_up():
    """Every match costs a look at the whole rest: when the step's time is over, the thread is free for others."""

    async def step():
        async with asyncio.timeout(0.5):
            await transform("replace_pattern", {"text": "ab" * (MAX_TEXT // 2), "pattern": "a.*?z|b"})

    with pytest.raises(TimeoutError):
        asyncio.run(step())  # which waits for the threads


async def test_replacing():
    """Groups by number and name, all of it, and a plain dollar."""
    given = {"text": "a1 b2", "pattern": "(?P<letter>[a-z])([0-9])", "replacement": "$2$<letter>[$&]$$"}
    assert await transform("replace_pattern", given) == {"text": "1a[a1]$ 2b[b2]$", "count": 2}
    assert await transform("replace_pattern", given | {"replace_all": False}) == {"text": "1a[a1]$ b2", "count": 1}
    assert await transform("replace_pattern", {"text": "ab", "pattern": "(x)?b", "replacement": "$1-"}) == {
        "text": "a-",
        "count": 1,
    }
    with pytest.raises(ValidationError) as caught:
        await transform("replace_pattern", given | {"replacement": "$3 $<digit>"})
    assert places(caught.value) == {("replacement", "FORMAT")}


# ── Objects and lists ────────────────────────────────────────────────────────────────────────────────────────────


async def test_first_value():
    """Null is no value, nor is white space unless it is wanted; false and 0 are."""
    assert await transform("coalesce_value", {"candidates": [None, " ", 0]}) == {"value": 0, "matchedIndex": 2}
    given = {"candidates": [None, " "], "treatEmptyStringAsMissing": False}
    assert await transform("coalesce_value", given) == {"value": " ", "matchedIndex": 1}
    assert await transform("coalesce_value", {"candidates": [None]}) == {"value": None, "matchedIndex": None}


async def test_objects():
    """Building, picking and renaming."""
    fields = [{"key": "a", "value": 1}, {"key": "b"}, {"key": "a", "value": 2}]
    assert await transform("build_object", {"fields": fields}) == {"object": {"a": 2, "b": None}}
    source = {"a": 1, "b": None, "c": [3]}
    assert await transform("pick_fields", {"source": source, "fields": ["c", "b", "x"]}) == {
        "object": {"c": [3], "b": None}
    }
    assert await transform("pick_fields", {"source": None, "fields": ["a"]}) == {"object": {}}
    renames = [{"from": "a", "to": "b"}, {"from": "x", "to": "c"}, {"from": "c", "to": "c"}]
    assert await transform("rename_fields", {"source": source, "renames": renames}) == {"object": {"b": 1, "c": [3]}}


async def test_lists():
    """Building and appending."""
    assert await transform("build_array", {"items": [1, None]}) == {"items": [1, None]}
    assert await transform("append_array", {"items": [1], "values": [[2], 3]}) == {"items": [1, [2], 3]}


@pytest.mark.parametrize(
    ("path", "op", "value", "kept"),
    [
        ("n", "=", 1, [0]),
        ("n", "=", True, [2]),
        ("n", "!=", 1, [1, 2, 3]),
        ("n", "in", [1, "2"], [0, 1]),
        ("n", "not_in", [1, "2"], [2, 3]),
        ("deep.list[0]", "exists", None, [0]),
        ("deep.list[0]", "not_exists", None, [1, 2, 3]),
        ("n", ">", 0, [0]),
        ("n", "<=", "2", [1]),
        ("deep.list", "contains", {"x": 1}, [0]),
        ("s", "contains", "b", [0, 1]),
        ("s", "starts_with", "a", [0]),
        ("s", "ends_with", "b", [1]),
        ("deep.list[9].x", "=", None, [0, 1, 2, 3]),
    ],
)
async def test_filtering(path, op, value, kept):
    """Every operator compares what is of one kind; what is not there is null."""
    items = [{"n": 1, "s": "abc", "deep": {"list": [{"x": 1}]}}, {"n": "2", "s": "b"}, {"n": True, "s": 3}, 7]

    found = await transform("filter_array", {"items": items, "conditions": [{"path": path, "op": op, "value": value}]})

    assert found == {"items": [items[i] for i in kept], "first": items[kept[0]], "count": len(kept)}


@pytest.mark.parametrize("op", ["in", "not_in"])
async def test_filtering_by_a_long_list(op):
    """Each item is looked up, not compared with each value: nothing else would ever end."""
    items = [{"id": number} for number in range(100_000)]
    condition = {"path": "id", "op": op, "value": [float(number) for number in range(50_000, 200_000)]}
    found = await transform("filter_array", {"items": items, "conditions": [condition]})
    assert found["items"] == (items[50_000:] if op == "in" else items[:50_000])


async def test_too_many_conditions():
    """Each costs time for every item."""
    with pytest.raises(ValidationError) as caught:
        await transform("filter_array", {"items": [1], "conditions": [{"op": "exists"}] * 101})
    assert places(caught.value) == {("conditions", "LENGTH")}


async def test_several_conditions():
    """All of them, or any; without conditions everything stays."""
    conditions = [{"op": ">", "value": 1}, {"op": "<", "value": 3}]
    given = {"items": [1, 2, 3], "conditions": conditions}
    assert (await transform("filter_array", given))["items"] == [2]
    assert (await transform("filter_array", given | {"match": "any"}))["items"] == [1, 2, 3]
    assert await transform("filter_array", given | {"conditions": [{"op": ">", "value": 9}]}) == {
        "items": [],
        "first": None,
        "count": 0,
    }


@pytest.mark.parametrize(("op", "value"), [("in", 1), ("not_in", "ab"), ("starts_with", None), ("ends_with", 1)])
async def test_a_value_that_does_not_fit_its_operator(op, value):
    """It is refused before anything is compared."""
    with pytest.raises(ValidationError) as caught:
        await transform("filter_array", {"items": [], "conditions": [{"op": op, "value": value}]})
    assert places(caught.value) == {("conditions[0]", "RULE")}


# ── Composing ────────────────────────────────────────────────────────────────────────────────────────────────────


def output(*blocks, key="body", label=None):
    return {"id": key, "label": label or key, "stableKey": key, "document": {"version": 1, "blocks": list(blocks)}}


def paragraph(*children, kind="paragraph", **more):
    return {"type": kind, "children": list(children), **more}


def words(text, *marks, **more):
    return {"type": "text", "text": text, "marks": list(marks), **more}


def reference(value, path="vars.x"):
    return {"type": "reference", "path": path, "label": "X", "value": value}


async def test_composing():
    """Markdown: blocks, lists that go on, marks, links, and what references stand for."""
    body = output(
        paragraph(words("Alert"), kind="heading", level=2),
        paragraph(
            words("On "), words("SRV", "bold", "code"), words(" see "), words("here", "link", href="https://x.test/a")
        ),
        paragraph(words("one"), kind="bullet_list_item"),
        paragraph(words("two", "italic"), kind="bullet_list_item"),
        paragraph(words("first"), kind="ordered_list_item"),
        paragraph(words("second"), kind="ordered_list_item"),
        paragraph(reference("a\nb"), kind="blockquote"),
        {"type": "code_block", "text": "x = ```1```"},
        paragraph(*(reference(value) for value in ("s", 1, 2.0, True, None, [1], {"a": 1}))),
    )
    composed = await transform("compose_text", {"outputs": [body, output(key="empty")]})

    assert composed == {
        "body": (
            "## Alert\n\nOn **`SRV`** see [here](https://x.test/a)\n\n- one\n- _two_\n\n1. first\n2. second\n\n"
            '> a\n> b\n\n````\nx = ```1```\n````\n\ns12truenull[1]{"a":1}'
        ),
        "empty": "",
    }


async def test_composing_in_a_run():
    """A stored step keeps its outputs beside its mapping; the plan of a run brings both together."""
    points = importlib.metadata.entry_points(group="workflow.modules", name="psa")
    registry = discover(entry_points=list(points)).registry
    document = output(paragraph(words("For "), {"type": "reference", "path": "payload.list[0].name", "label": "N"}))
    config = {"actionId": "transform.compose_text", "version": 1, "inputMapping": {}, "outputs": [document]}
    stored = {"id": "d", "version": 1, "name": "", "steps": [{"id": "s", "type": "action.call", "config": config}]}

    mapping = compile_plan(stored, registry).definition["steps"][0]["config"]["inputMapping"]
    scope = {"payload": {"list": [{"name": "Ada"}]}}
    given = evaluate_mapping(mapping, scope, now=datetime.now(UTC), budget=Budget())

    assert await transform("compose_text", given, mapped=True) == {"body": "For Ada"}


async def test_a_reference_to_nothing():
    """A text with a hole in it is not written."""
    with pytest.raises(ValidationError) as caught:
        await transform("compose_text", {"outputs": [output(paragraph(reference(MISSING)))]}, mapped=True)
    assert caught.value.code == "MISSING_REFERENCE"
    assert caught.value.details == {"outputKey": "body", "referencePath": "vars.x", "referenceLabel": "X"}


@pytest.mark.parametrize(
    ("outputs", "place"),
    [
        ([], "outputs"),
        ([output(), output(label="other")], "outputs[1].stableKey"),
        ([output(), output(key="other", label="BODY")], "outputs[1].label"),
        ([output(key="Not-a-key")], "outputs[0].stableKey"),
        ([output({"type": "code_block"})], "outputs[0].document.blocks[0]"),
        ([output({"type": "paragraph"})], "outputs[0].document.blocks[0]"),
        ([output(paragraph(kind="heading"))], "outputs[0].document.blocks[0]"),
        ([output(paragraph(words("x", "link")))], "outputs[0].document.blocks[0].children[0]"),
        ([output(paragraph(words("x", href="https://x.test")))], "outputs[0].document.blocks[0].children[0]"),
        ([output(paragraph({"type": "reference"}))], "outputs[0].document.blocks[0].children[0]"),
        ([output(paragraph(words("x", "link", href="a) b")))], "outputs[0].document.blocks[0].children[0].href"),
    ],
)
async def test_documents_that_are_not_complete(outputs, place):
    """Each is refused at its place."""
    with pytest.raises(ValidationError) as caught:
        await transform("compose_text", {"outputs": outputs})
    assert {path for path, _ in places(caught.value)} == {place}
