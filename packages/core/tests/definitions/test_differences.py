"""What differs between two versions: by step, by path, bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workflow_core.definitions.differences import MAX_CHANGES, MAX_VALUE, difference


def step(name, step_type="state.set", **fields):
    return {"id": name, "type": step_type, **fields}


def branch(name, *then, **fields):
    return step(name, "control.if", then=list(then), **fields)


def told(old, new):
    """The differences between two lists of steps, in short."""
    found = difference({"steps": old}, {"steps": new})
    assert found.truncated is False
    return [(change.kind, change.step_id, change.old_path, change.new_path) for change in found.changes]


def test_nothing():
    """Equal definitions; id and version do not count."""
    steps = [step("a"), branch("b", step("c"))]
    assert difference({"id": 1, "version": 1, "steps": steps}, {"id": 2, "version": 2, "steps": steps}).changes == ()


def test_steps_come_and_go():
    """With their paths; what is left out of a block goes with it."""
    assert told([step("a"), branch("b", step("c"))], [branch("d", step("e")), step("a")]) == [
        ("added", "d", None, "root.steps[0]"),
        ("added", "e", None, "root.steps[0].then.steps[0]"),
        ("removed", "b", "root.steps[1]", None),
        ("removed", "c", "root.steps[1].then.steps[0]", None),
    ]


def test_fewest_moves():
    """Only what has to move has moved; what goes along with its step has not."""
    a, b, c, d = step("a"), branch("b", step("inner")), step("c"), step("d")
    assert told([a, b, c, d], [b, c, d, a]) == [("moved", "a", "root.steps[0]", "root.steps[3]")]
    assert told([a, b, c, d], [step("new"), a, b, c, d]) == [("added", "new", None, "root.steps[0]")]
    assert told([a, b], [branch("b", step("inner"), a)]) == [
        ("moved", "a", "root.steps[0]", "root.steps[0].then.steps[1]")
    ]


def test_values():
    """The deepest places, with old and new; a number that is written differently is another."""
    old = {"a": 1, "b": {"c": [1, 2]}, "gone": None, "same": [{}]}
    new = {"a": 1.0, "b": {"c": [1, 3, True]}, "here": {"x": 1}, "same": [{}]}
    found = difference(
        {"name": "old", "steps": [step("s", config=old)]}, {"name": "new", "steps": [step("s", config=new)]}
    )
    own, changed = found.changes
    assert (own.step_id, own.old_path, own.new_path) == (None, "root", "root")
    assert [(value.path, value.values) for value in own.changes] == [("name", {"old": "old", "new": "new"})]
    assert [(value.path, value.values) for value in changed.changes] == [
        ("config.a", {"old": 1, "new": 1.0}),
        ("config.b.c[1]", {"old": 2, "new": 3}),
        ("config.b.c[2]", {"new": True}),
        ("config.here", {"new": {"x": 1}}),
        ("config.gone", {"old": None}),
    ]


def test_moved_and_changed():
    """Both are told of one step."""
    assert told([step("a"), branch("b")], [branch("b", step("a", x=1))]) == [
        ("moved", "a", "root.steps[0]", "root.steps[0].then.steps[0]"),
        ("changed", "a", "root.steps[0]", "root.steps[0].then.steps[0]"),
    ]


def test_steps_without_ids():
    """They are compared place by place; so are those that share one."""
    assert told([{"type": "x"}, step("a"), step("a")], [{"type": "y"}, step("a"), step("a", x=1)]) == [
        ("changed", None, "root.steps[0]", "root.steps[0]"),
        ("changed", "a", "root.steps[2]", "root.steps[2]"),
    ]


def test_bounded():
    """Large values are left out, and there are only so many changes."""
    large = "x" * MAX_VALUE
    (change,) = difference({"a": large, "steps": []}, {"a": "short", "steps": []}).changes
    (value,) = change.changes
    assert (value.values, value.too_large) == ({"new": "short"}, True)
    many = difference({"steps": []}, {"steps": [step(str(number)) for number in range(2 * MAX_CHANGES)]})
    assert (len(many.changes), many.truncated) == (MAX_CHANGES, True)
    values = difference({"steps": []}, {**{str(number): number for number in range(2 * MAX_CHANGES)}, "steps": []})
    assert (len(values.changes[0].changes), values.truncated) == (MAX_CHANGES, True)


NAMES = st.sampled_from(["a", "b", "c"])
BLOCKS = st.recursive(
    st.lists(st.builds(step, NAMES, x=st.integers(0, 1)) | st.none() | st.integers(0, 3), max_size=3),
    lambda inner: st.lists(st.builds(lambda name, then: branch(name, *then), NAMES, inner), max_size=3),
)


@given(BLOCKS, BLOCKS)
def test_any_two(old, new):
    """Nothing is told of equal ones, something of different ones, and each place exists."""
    found = difference({"steps": old}, {"steps": new})
    assert (found.changes == ()) == (old == new)
    back = difference({"steps": new}, {"steps": old})
    kinds = [change.kind for change in found.changes]
    assert kinds.count("added") == [change.kind for change in back.changes].count("removed")
