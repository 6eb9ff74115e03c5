"""Expressions: what they select, what they refuse, what they may cost."""

from __future__ import annotations

import copy
import datetime as datetime_module
import random
import sys
import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import jsonata.datetimeutils
import pytest
from jsonata.jsonata import Jsonata
from jsonata.timebox import Timebox

from workflow_core.errors import ErrorCategory, ExpressionBudgetError, ExpressionError
from workflow_core.language.expressions import MISSING, Budget, compile_expression

NOW = datetime(2025, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)

SCOPE = {
    "payload": {
        "text": "a==b",
        "nothing": None,
        "zero": 0,
        "empty": [],
        "len": 7,
        "append": {"nowIso": "a field"},
        "devices": [
            {"name": "srv-1", "up": True, "load": 3, "tags": ["db", "prod"]},
            {"name": "srv-2", "up": False, "load": 1, "tags": []},
            {"name": "pc-9", "up": True, "load": 2, "tags": ["desk"]},
        ],
        "single": [{"name": "only"}],
        "mixed": [1, None, "x"],
        "whole": 5.0,
        "huge": 2**70,
    },
    "vars": {"title": "Disk full", "alert": {"message": "C: 98 %"}, "names": ["a", "b"]},
    "meta": {"tag": "t"},
    "error": {"message": "boom", "code": "NOT_FOUND"},
    "title": "Disk full",
    "item": {"i": 2},
    "index": 0,
}


def run(source, scope=SCOPE, *, now=NOW, budget=None):
    return compile_expression(source).evaluate(scope, now=now, budget=budget or Budget())


def failure(source, **keywords):
    with pytest.raises(ExpressionError) as caught:
        run(source, **keywords)
    return caught.value


def refusal(source):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    return caught.value


# ── Selecting ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("vars.title", "Disk full"),
        ("title", "Disk full"),
        ("item.i", 2),
        ("index", 0),
        ("error.code", "NOT_FOUND"),
        ("$$.vars.alert.message", "C: 98 %"),
        ("`vars`.`title`", "Disk full"),
        ("payload.devices.name", ["srv-1", "srv-2", "pc-9"]),
        ("payload.devices.tags", ["db", "prod", "desk"]),
        ("payload.devices[0].name", "srv-1"),
        ("payload.devices[-1].name", "pc-9"),
        ("payload.devices[up].name", ["srv-1", "pc-9"]),
        ("payload.devices[load > 2].name", "srv-1"),
        ("payload.devices^(load).name", ["srv-2", "pc-9", "srv-1"]),
        ("payload.devices^(>load)[0].name", "srv-1"),
        ("payload.devices#$i[$i > 0].name", ["srv-2", "pc-9"]),
        ("payload.devices@$d.{'n': $d.name}", [{"n": "srv-1"}, {"n": "srv-2"}, {"n": "pc-9"}]),
        ("payload.devices.tags.%.name", ["srv-1", "srv-1", "pc-9"]),
        ("payload.devices{name: load}", {"srv-1": 3, "srv-2": 1, "pc-9": 2}),
        ("payload.devices{up ? 'up' : 'down': $sum(load)}", {"up": 5, "down": 1}),
        ("vars.*", ["Disk full", {"message": "C: 98 %"}, "a", "b"]),
        ("vars.**.message", "C: 98 %"),
        ("/* why */ vars.title /* so */", "Disk full"),
    ],
)
def test_paths(source, expected):
    """A path selects as JSONata says."""
    assert expected == run(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("payload.unknown", MISSING),
        ("unknown", MISSING),
        ("payload.text.deeper", MISSING),
        ("payload.nothing", None),
        ("payload.nothing.deeper", MISSING),
        ("payload.devices[load > 9]", MISSING),
        ("payload.devices[9]", MISSING),
        ("payload.empty", []),
        ("payload.empty.name", MISSING),
        ("null", None),
        ("payload.unknown ? 1", MISSING),
        ("payload.unknown = payload.unknown", False),
        ("payload.nothing = null", True),
        ("[payload.unknown, null]", [None]),
        ('{"a": payload.unknown, "b": null}', {"b": None}),
        ("payload.mixed", [1, None, "x"]),
        ("payload.mixed[1]", None),
        ("payload.mixed.$type($)", ["number", "null", "string"]),
        ("$map(payload.mixed, function($v) { $type($v) })", ["number", "null", "string"]),
        ("$count(payload.mixed[$ != null])", 2),
    ],
)
def test_null_and_missing(source, expected):
    """Null is a value; what is not there is MISSING, and null in a list stays there."""
    result = run(source)
    assert expected == result
    assert (expected is MISSING) == (result is MISSING)


def test_missing_is_one_falsy_thing():
    """MISSING is compared by identity, is falsy, and survives copying."""
    assert not MISSING
    assert copy.deepcopy(MISSING) is MISSING
    assert repr(MISSING) == "MISSING"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("payload.devices[name = 'pc-9'].load", 2),
        ("payload.single", [{"name": "only"}]),
        ("payload.single.name", "only"),
        ("payload.single.name[]", ["only"]),
        ("payload.devices[load > 2][].name", ["srv-1"]),
        ("$filter(payload.devices, function($d) { $d.load = 3 }).name", "srv-1"),
        ("[payload.devices[load > 2].name]", ["srv-1"]),
        ("vars.names", ["a", "b"]),
    ],
)
def test_one_or_many(source, expected):
    """A path that matches one thing gives the thing; ``[]`` keeps the list."""
    assert expected == run(source)


@pytest.mark.parametrize(
    "source",
    [
        "vars", "vars.alert", "vars.alert.message", "vars.nothing.x", "payload.single.name", "payload.devices.tags",
        "payload.empty.x", "payload.nothing.x", "payload.text.x", "payload.mixed", "payload.zero", "nope.nope",
    ],
)  # fmt: skip
def test_the_short_way_gives_what_the_engine_gives(source):
    """A plain path is followed without the engine; a block around it takes the engine, with the same result."""
    assert run(f"({source})") == run(source)


@pytest.mark.parametrize(
    ("source", "expected", "kind"),
    [
        ("payload.whole", 5, int),
        ("1 + 1", 2, int),
        ("7 / 2", 3.5, float),
        ("4 / 2", 2, int),
        ("5.5 % 2", 1.5, float),
        ("-7 % 3", -1, int),
        ("payload.huge", float(2**70), float),
        ("9007199254740993", 9007199254740992, int),
        ("[1..3]", [1, 2, 3], list),
        ("payload.devices", SCOPE["payload"]["devices"], list),
        ("vars", SCOPE["vars"], dict),
    ],
)
def test_results_are_plain_json(source, expected, kind):
    """No types of the engine come out, ints stay ints, whole floats become ints."""
    result = run(source)
    assert expected == result
    assert kind is type(result)


def test_results_share_nothing_with_the_scope():
    """A result may be changed without changing the run's state."""
    scope = copy.deepcopy(SCOPE)
    run("vars.alert", scope)["message"] = "changed"
    run("(payload.devices)", scope).clear()
    assert scope == SCOPE


@pytest.mark.parametrize("text", ["a\0b", "\0", "ab"])
def test_nul_characters_are_dropped(text):
    """PostgreSQL's jsonb refuses NUL, so no result holds one."""
    assert {"k": text.replace("\0", "")} == run("x", {"x": {"k\0": text}})


def test_surrogates_become_characters():
    """A pair of escapes is one character, a lone one is replaced: every result can be written as UTF-8."""
    assert run(r'"\ud83d\ude00"') == "\N{GRINNING FACE}"
    assert run("x", {"x": "\ud83d"}) == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("source", ["1/0", "$uppercase", "[function($x) { $x }]", "1e308 * 10", "$sqrt(-1)", "x"])
def test_what_is_not_json_is_refused(source):
    """NaN, infinities and functions are no results."""
    assert failure(source, scope={"x": float("nan")}).code == "EXPRESSION_FAILED"


# ── Syntax of our own ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 == 1", True),
        ("payload.text == 'a==b'", True),
        ('payload.text = "a==b"', True),
        ("payload.devices[name=='pc-9'].load==2", True),
        ("'==' & \"==\"", "===="),
        ("`a==b`", "quoted"),
        ("/* == */ 1", 1),
        ("$contains('a==b', /==/)", True),
        ("$replace('a==b', /={2}/, '==')", "a==b"),
        ("1 != 2", True),
        ("1 <= 2 and 2 >= 1", True),
        ("($x := 1; $x == 1)", True),
    ],
)
def test_double_equals(source, expected):
    """``==`` is ``=``, but never inside strings, quoted names, regular expressions or comments."""
    assert expected == run(source, {**SCOPE, "a==b": "quoted"})


@pytest.mark.parametrize("source", ["1 === 1", "1 !== 2", "a == ", "= = 1"])
def test_other_spellings_of_equality_are_errors(source):
    """Only ``==`` is accepted for ``=``."""
    assert refusal(source).code == "INVALID_EXPRESSION"


@pytest.mark.parametrize("dollar", ["", "$"])
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("nowIso()", "2025-01-02T03:04:05.678Z"),
        ("coalesce(payload.unknown, payload.nothing, 'x', 'y')", "x"),
        ("coalesce(payload.zero, 1)", 0),
        ("coalesce(payload.unknown)", None),
        ("coalesce()", None),
        ("len('äöü')", 3),
        ("len(payload.devices)", 3),
        ("len(payload.len)", 0),
        ("len(payload.nothing)", 0),
        ("len(payload.unknown)", 0),
        ("len({'a': 1})", 0),
        ("toString(payload.nothing)", ""),
        ("toString(payload.unknown)", ""),
        ("toString('x')", "x"),
        ("toString(5.0)", "5"),
        ("toString(0.1 + 0.2)", "0.3"),
        ("toString(true)", "true"),
        ("toString([1, null, [2, 'x']])", "1,,2,x"),
        ("toString({'a': [1]})", '{"a":[1]}'),
        ("append(vars.names, 'c')", ["a", "b", "c"]),
        ("append(vars.names, ['c', 'd'])", ["a", "b", "c", "d"]),
        ("append('a', 'b')", ["a", "b"]),
        ("append(payload.unknown, 'b')", ["b"]),
        ("append(payload.nothing, 'b')", ["b"]),
        ("append(vars.names, payload.unknown)", ["a", "b"]),
        ("append([], null)", [None]),
    ],
)
def test_functions_of_the_workflow_language(dollar, call, expected):
    """The five extra functions, with and without ``$``."""
    assert expected == run(dollar + call)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("payload.len", 7),
        ("payload.append.nowIso", "a field"),
        ("len", MISSING),
        ("payload.devices.len(name)", [5, 5, 4]),
        ("payload.devices.name ~> $len", 3),
        ("payload.devices.name ~> len()", 3),
        ("$map(vars.names, $len)", [1, 1]),
        ("len(append(vars.names, len(payload.devices)))", 3),
    ],
)
def test_bare_functions_do_not_hide_fields(source, expected):
    """A name is a function only where it is called."""
    assert expected == run(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("vars.names[1] ?? 'x'", "b"),
        ("vars.names[7] ?? 'x'", "x"),
        ("payload.zero ?? 'x'", 0),
        ("payload.zero ?: 'x'", "x"),
        ("payload.a ?? payload.b ?? vars.title", "Disk full"),
        ("vars.title ? 'yes' : 'no'", "yes"),
    ],
)
def test_defaults(source, expected):
    """``??`` replaces what is missing, ``?:`` what is false."""
    assert expected == run(source)


def test_a_chain_of_defaults_costs_what_it_has_links():
    """Each side of ``??`` is compiled and evaluated once."""
    budget = Budget()
    assert run(" ?? ".join(["payload.unknown"] * 60) + " ?? 1", budget=budget) == 1
    assert budget.activation_steps < 400


@pytest.mark.parametrize(
    "source",
    [
        "$count(rows.tags)",
        "$length($join(rows.text))",
        "$length(toString(rows.text))",
        "$count(rows{text: tags}.*)",
        "$count([rows.tags, rows.tags])",
        "$length($replace($join(rows.text), /x/, 'y'))",
    ],
)
def test_costs_are_proportional(source):
    """Putting many small lists or texts together costs what they have, not the square of it."""

    def cost(rows):
        budget = Budget()
        run(source, {"rows": [{"tags": ["a", "b"], "text": "xz"} for _ in range(rows)]}, budget=budget)
        return budget.activation_steps

    assert cost(2000) < 2.5 * cost(1000)


# ── Built-in functions ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$count(payload.devices)", 3),
        ("$join(payload.devices.name, ', ')", "srv-1, srv-2, pc-9"),
        ("$map(payload.devices, function($d, $i) { $i & $d.name })", ["0srv-1", "1srv-2", "2pc-9"]),
        ("$filter([1..6], function($n) { $n % 2 = 0 })", [2, 4, 6]),
        ("$reduce([1..5], function($a, $b) { $a + $b })", 15),
        ("$reduce([1..3], function($a, $b) { $a + $b }, 10)", 16),
        ("$single(payload.devices, function($d) { $d.load = 1 }).name", "srv-2"),
        ("$each(meta, function($v, $k) { $k & $v })", "tagt"),
        ("$sift({'a': 1, 'b': 0}, function($v) { $v })", {"a": 1}),
        ("$sort([3, 1, 2])", [1, 2, 3]),
        ("$sort(payload.devices, function($l, $r) { $l.load > $r.load }).load", [1, 2, 3]),
        ("$sort(['b', 'a'])", ["a", "b"]),
        ("$distinct([1, true, 1, {'a': 1}, {'a': 1}, null])", [1, True, {"a": 1}, None]),
        ("$reverse([1, 2])", [2, 1]),
        ("$zip([1, 2], ['a', 'b'])", [[1, "a"], [2, "b"]]),
        ("$keys(vars)", ["title", "alert", "names"]),
        ("$keys(payload.devices)", ["name", "up", "load", "tags"]),
        ("$lookup(vars, 'title')", "Disk full"),
        ("$merge([{'a': 1}, {'a': 2, 'b': 3}])", {"a": 2, "b": 3}),
        ("$spread({'a': 1, 'b': 2})", [{"a": 1}, {"b": 2}]),
        ("$exists(payload.nothing)", True),
        ("$exists(payload.unknown)", False),
        ("$type(null) & $type($sum) & $type(/a/)", "nullfunctionfunction"),
        ("$boolean([0, 0])", False),
        ("$not(payload.empty)", True),
        ("1 in [true]", False),
        ("'a' in vars.names", True),
        ("{'a': 1} in [{'a': 1}]", True),
        ("$string({'é': [1.50, 1e21, true, null]})", '{"é":[1.5,1e+21,true,null]}'),
        ("$string({'a': [1, {}]}, true)", '{\n  "a": [\n    1,\n    {}\n  ]\n}'),
        ("$string(0.00001) & ' ' & 1e-8 & ' ' & 1e20", "0.00001 1e-8 100000000000000000000"),
        ("'x' & payload.nothing & payload.unknown", "xnull"),
        ("$lowercase('ẞ') & $uppercase('ß')", "ßSS"),
        ("$number('12.5') + $number('0x1f') + $number(true)", 44.5),
        ("$round(2.5) & $round(1.25, 1)", "21.2"),
        ("$substring('hello', 1, 3)", "ell"),
        ("$trim('  a   b ')", "a b"),
        ("$pad('7', -3, '0')", "007"),
        ("$split('a,b,,c', ',')", ["a", "b", "", "c"]),
        ("$split('abc', '')", ["a", "b", "c"]),
        ("$split('a,b,c', ',', 2)", ["a", "b"]),
        ("$replace('a.b.c', '.', '$1')", "a$1b$1c"),
        ("$replace('aaa', 'a', 'b', 2)", "bba"),
        ("$contains('abc', 'b')", True),
        ("$base64decode($base64encode('ä'))", "ä"),
        ("$encodeUrlComponent('a b&c')", "a%20b%26c"),
        ("$formatNumber(1234.5, '#,##0.00')", "1,234.50"),
        ("$formatInteger(12, 'w')", "twelve"),
        ("$formatBase(255, 16)", "ff"),
        ("$max(payload.devices.load) - $average([1, 2])", 1.5),
        ("$substring(?, 0, 2)('hello')", "he"),
        ("($add := function($a, $b) { $a + $b }; $inc := $add(1, ?); $inc(2))", 3),
        ("($loud := $uppercase ~> $trim; $loud(' a '))", "A"),
        ("'a' ~> $uppercase", "A"),
        ("($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f(10))", 3628800),
        ("($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, $a + $n) }; $f(2000, 0))", 2001000),
    ],
)
def test_built_in_functions(source, expected):
    """All pure functions of JSONata are there."""
    assert expected == run(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$contains('Error 42', /error [0-9]+/i)", True),
        (r"$match('a1b2', /([a-z])(\d)/).groups", ["a", "1", "b", "2"]),
        ("$match('ab', /(a)|(b)/)[1]", {"match": "b", "index": 1, "groups": [None, "b"]}),
        ("$match('aaa', /a/, 2).index", [0, 1]),
        ("$split('a1b22c', /[0-9]+/)", ["a", "b", "c"]),
        ("$split('a1b2c', /[0-9]/, 2)", ["a", "b"]),
        ("$replace('John Smith', /(\\w+) (\\w+)/, '$2, $1')", "Smith, John"),
        ("$replace('a', /a/, '$$1-$0-$9-$x')", "$1-a--$x"),
        ("$replace('a1', /(a)(1)/, '$12')", "a2"),
        ("$replace('aXbX', /x/i, function($m) { '<' & $m.match & '>' })", "a<X>b<X>"),
        ("$replace('aaa', /a/, 'b', 2)", "bba"),
        ("$contains('a\\nb', /^b$/m)", True),
        ("$contains('a\\nb', /^b$/)", False),
        (r"$contains('é', /\u00e9/)", True),
        (r"$contains('a/b', /a\/b/)", True),
        ("/b/('abc').start", 1),
    ],
)
def test_regular_expressions(source, expected):
    """Regular expressions work on RE2."""
    assert expected == run(source)


@pytest.mark.parametrize("pattern", ["(?=a)b", "(?!a)b", "(?<=a)b", r"(a)\1", "a{2000}", "(", "a" * 1001])
def test_regular_expressions_beyond_re2_are_refused(pattern):
    """What takes more than linear time is refused when the expression is compiled, with the reason."""
    assert "regular expression" in refusal(f"$contains('x', /{pattern}/)").message.lower()


def test_a_catastrophic_pattern_is_harmless():
    """A pattern that takes a backtracking engine for ever is done at once, and the same with pictures of dates."""
    start = time.perf_counter()
    assert run("$contains($pad('', 20000, 'a') & '!', /^(a+)+$/)") is False
    assert run("$toMillis($pad('', 40, 'a') & '!', '[Y](a+)+[M]')") is MISSING
    assert time.perf_counter() - start < 2


def test_a_match_of_nothing_is_an_error():
    """As in JSONata, a regular expression has to match at least one character."""
    assert failure("$split('abc', /x*/)").details["jsonata"] == "D1004"


@pytest.mark.parametrize("name", ["random", "shuffle", "eval"])
@pytest.mark.parametrize("form", ["${0}()", "{0}()", "$map([1], ${0})", "($x := ${0}; 1)", "[1] ~> ${0}"])
def test_refused_functions(name, form):
    """Functions that cannot be replayed or checked are refused when the expression is compiled."""
    error = refusal(form.format(name))
    assert error.code == "INVALID_EXPRESSION"
    assert f"${name} is not available" in error.message


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("count(x)", "write $count"),
        ("$cuont(x)", "did you mean $count?"),
        ("colesce(x)", "did you mean $coalesce?"),
        ("$zzz()", "There is no function $zzz"),
    ],
)
def test_unknown_functions_are_refused_with_a_hint(source, hint):
    """A call that can never work is found before the run."""
    assert hint in refusal(source).message


@pytest.mark.parametrize("source", ["", "  ", "\n\t"])
def test_empty_expressions(source):
    """A blank expression has a code of its own."""
    assert refusal(source).code == "EMPTY_EXPRESSION"


@pytest.mark.parametrize(
    "source",
    [
        "(", "a +", '"abc', "'a\\", "a b", "/", "1 /* open", "`a", "!", "a ~ b", "{", "[1..", "$x :=", "1 := 2", "a.1",
        "function($a", "function(1){2}", "a[1", '"\\q"', '"\\u12"', "?", "a ? : b", "%", "1e999", "(" * 400,
        "-" * 5000 + "1", "1" + "+1" * 5000, "x" * 40_000, "function($a)<x?x?x?x?x?x?x?x?x?x?:x>{$a}", "#", "@",
    ],
)  # fmt: skip
def test_invalid_expressions(source):
    """Whatever the text, compiling gives an error of ours, with a message of one line and no stack."""
    error = refusal(source)
    assert (error.code, error.category) == ("INVALID_EXPRESSION", ErrorCategory.EXPRESSION)
    assert "\n" not in error.message
    assert error.__cause__ is None


def test_a_bad_escape_is_named():
    """A string with an escape that there is not is refused for that."""
    assert "Unsupported escape sequence" in refusal(r"'it\'s'").message


def test_the_position_of_a_syntax_error():
    """Where the parser knows the place, it is in the details: the character after the wrong token."""
    assert refusal("payload )").details["position"] == 9


def test_compiling_twice_gives_the_same_object():
    """Compiled expressions are kept."""
    assert compile_expression("vars.title") is compile_expression("vars.title")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("vars.title", {"vars.title"}),
        ("title & payload.a.b", {"title", "payload.a.b"}),
        ("payload.devices[name = x].load", {"payload.devices"}),
        ("$map(payload.devices, function($d) { $d.name & vars.title })", {"payload.devices", "vars.title"}),
        ("payload.devices.(load * $$.vars.factor)", {"payload.devices", "vars.factor"}),
        ("vars.alert ? vars.alert.message : 'x'", {"vars.alert", "vars.alert.message"}),
        ("coalesce(vars.a, $.meta.b)", {"vars.a", "meta.b"}),
        ("{'a': vars.a, 'b': [meta.b]}", {"vars.a", "meta.b"}),
        ("($x := vars.a; $x.b)", {"vars.a"}),
        ("vars.a ?? vars.b", {"vars.a", "vars.b"}),
        ("payload ~> |devices|{'a': name}|", {"payload"}),
        ("payload.devices^(load).name", {"payload.devices"}),
        ("payload.*.name", {"payload"}),
        ("'vars.title'", set()),
        ("nowIso()", set()),
    ],
)
def test_references(source, expected):
    """An expression tells which paths of the scope it reads."""
    assert expected == set(compile_expression(source).references)


# ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("nowIso()", "2025-01-02T03:04:05.678Z"),
        ("$now()", "2025-01-02T03:04:05.678Z"),
        ("$millis()", 1735787045678),
        ("$now('[D01].[M01].[Y0001] [H01]:[m01]', '+0100')", "02.01.2025 04:04"),
        ("$fromMillis(1735787045678)", "2025-01-02T03:04:05.678Z"),
        ("$toMillis('2025-01-02T03:04:05.678Z')", 1735787045678),
        ("$toMillis('2025-01-02')", 1735776000000),
        ("$toMillis('2025')", 1735689600000),
        ("$fromMillis($toMillis('12:30', '[H01]:[m01]'))", "2025-01-02T12:30:00.000Z"),
        ("$fromMillis($toMillis('7/4', '[M]/[D]'))", "2025-07-04T00:00:00.000Z"),
        ("$fromMillis($toMillis('3:15 pm', '[h]:[m] [P]'))", "2025-01-02T15:15:00.000Z"),
        ("$fromMillis($toMillis('2024-060', '[Y0001]-[d001]'))", "2024-02-29T00:00:00.000Z"),
        ("$fromMillis($toMillis('01.02.2024 +01:00', '[D01].[M01].[Y0001] [Z01:01]'))", "2024-01-31T23:00:00.000Z"),
        ("$toMillis('nonsense', '[Y0001]')", MISSING),
    ],
)
def test_time_is_the_runs(source, expected):
    """Every clock is the run's, and fills in what a picture of a date leaves out."""
    assert expected == run(source)


def test_time_zones_of_the_clock():
    """The run's clock may be in any zone; without one it is UTC."""
    local = NOW.astimezone(timezone(timedelta(hours=5)))
    assert run("$now()") == run("$now()", now=local) == run("$now()", now=NOW.replace(tzinfo=None))


def test_no_clock_and_no_randomness_of_the_host(monkeypatch):
    """Nothing in an evaluation asks the host for time or chance."""

    def forbidden(*_args, **_keywords):
        raise AssertionError("asked the host")

    class Frozen(datetime_module.datetime):
        now = utcnow = today = forbidden

    monkeypatch.setattr(Timebox, "current_milli_time", forbidden)
    monkeypatch.setattr(jsonata.datetimeutils.datetime, "datetime", Frozen)
    monkeypatch.setattr(random, "random", forbidden)
    monkeypatch.setattr(random, "shuffle", forbidden)
    monkeypatch.setattr(time, "time", forbidden)
    result = run("[$now(), $millis(), nowIso(), $toMillis('12', '[H01]'), $now('[Y]'), $sort([2, 1]), $count([1])]")
    assert len(result) == 8


# ── Costs ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        ("($f := function($n) { $f($n + 1) }; $f(0))", "max_steps"),
        ("($f := function($n) { 1 + $f($n + 1) }; $f(0))", "max_depth"),
        ("($f := function($n) { $map([$n], $f) }; $f(0))", "max_depth"),
        ("($c := function($f, $n) { $n = 0 ? $f : $c($f ~> $trim, $n - 1) }; $c($trim, 2000)('x'))", "max_depth"),
        ("[1..1000000000]", "max_elements"),
        ("[1..99999].[1..99999]", "max_steps"),
        ("$pad('', 1000000000)", "max_characters"),
        ("$pad('', -1e15)", "max_characters"),
        ("$reduce([1..60], function($a, $b) { $a & $a }, 'xx')", "max_characters"),
        ("$join($map([1..100], function($i) { payload.text }), $pad('', 200000))", "max_characters"),
        ("$replace($pad('', 1000, 'a'), 'a', $pad('', 1000, 'b'))", "max_characters"),
        ("$replace($pad('', 1000, 'a'), /a/, $pad('', 1000, 'b'))", "max_characters"),
        ("$replace($pad('', 1000, 'a'), /a/, function($m) { $pad('', 1000, 'b') })", "max_characters"),
        ("$split($pad('', 200000, 'a'), '')", "max_elements"),
        ("$split($pad('', 200000, 'a'), 'a')", "max_elements"),
        ("$split($pad('', 200000, 'a'), /a/)", "max_steps"),
        ("$string($map([1..5000], function($i) { $pad('', 100) }))", "max_characters"),
        ("toString($map([1..5000], function($i) { $pad('', 100) }))", "max_characters"),
        ("'' & $map([1..5000], function($i) { $pad('', 100) })", "max_characters"),
        ("$encodeUrl($pad('', 200000, 'é'))", "max_characters"),
        ("$map([1..50000], function($i) { payload })", "max_steps"),
        ("$map([1..50000], function($i) { $$.** })", "max_steps"),
        ("[1..2000].($x := $; [1..2000][$ = $x])", "max_steps"),
        ("$map([1..300], function($c) { $c & [1..3000] })", "max_steps"),
        ("$map([1..5000], function($i) { payload = payload })", "max_steps"),
        ("([1..9000])@$a.$$.payload.devices@$b.{'x': $a}", "max_steps"),
        ("$map([1..3000], function($i) { $pad('', 200) })", "max_output_bytes"),
        ("$reduce([1..300], function($a, $b) { [[$a]] }, [1])", "max_nesting"),
        ("$reduce([1..300], function($a, $b) { {'a': $a} }, 1) = 1", None),
    ],
)
def test_budgets(source, limit):
    """An expression that costs too much is stopped by a count, before it holds the memory."""
    budget = Budget(max_elements=100_000)
    start = time.perf_counter()
    if limit is None:
        run(source, budget=budget)
    else:
        error = failure(source, budget=budget)
        assert (ExpressionBudgetError, limit) == (type(error), error.details["limit"])
        assert error.code == "EXPRESSION_BUDGET_EXCEEDED"
    assert time.perf_counter() - start < 3  # far below what the work would take without limits


@pytest.mark.parametrize(
    ("field", "source", "fits"),
    [
        ("max_steps", "[1..100].($ + 1)", 1000),
        ("max_depth", "((((1))))", 10),
        ("max_elements", "[1..100]", 100),
        ("max_characters", "$pad('', 100)", 100),
        ("max_output_bytes", "$pad('', 98, 'x')", 100),
    ],
)
def test_each_limit_can_be_set(field, source, fits):
    """A budget's limits are its own."""
    run(source, budget=Budget(**{field: fits}))
    assert field == failure(source, budget=Budget(**{field: fits // 10})).details["limit"]


def test_output_is_measured_in_utf8():
    """The limit of the output counts bytes, not characters."""
    run("x", {"x": "e" * 98}, budget=Budget(max_output_bytes=100))
    assert (
        failure("x", scope={"x": "é" * 98}, budget=Budget(max_output_bytes=100)).details["limit"] == "max_output_bytes"
    )


def test_an_activation_adds_up():
    """Steps of all evaluations since the last reset tell when to yield; they make nothing fail."""
    budget = Budget(max_activation_steps=1000)
    assert not budget.exhausted_activation
    run("[1..100].($ + 1)", budget=budget)
    assert not budget.exhausted_activation
    run("[1..100].($ + 1)", budget=budget)
    assert budget.exhausted_activation
    assert run("1 + 2", budget=budget) == 3
    budget.reset()
    assert (budget.exhausted_activation, budget.activation_steps) == (False, 0)


def test_a_failed_evaluation_is_accounted_for():
    """What an evaluation spent before it failed counts too."""
    budget = Budget(max_steps=1000)
    failure("($f := function($n) { $f($n + 1) }; $f(0))", budget=budget)
    assert budget.activation_steps == 1000


def test_large_plain_results_count():
    """Copying a result out is work, also without the engine."""
    budget = Budget()
    run("x", {"x": list(range(10_000))}, budget=budget)
    assert budget.activation_steps > 1000


def test_depth_does_not_depend_on_the_callers_stack():
    """The same recursion fails with the same error from a deep stack: the count decides, not the interpreter."""
    source = "($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f({0}))"

    def at(depth, levels):
        return at(depth - 1, levels) if depth else Budget().max_depth and run(source.replace("{0}", str(levels)))

    assert 60 == at(0, 60) == at(1000, 60)
    for depth in (0, 1000):
        with pytest.raises(ExpressionBudgetError) as caught:
            at(depth, 5000)
        assert "check for a recursion" in caught.value.message


def test_a_low_recursion_limit_is_still_our_error():
    """Where the interpreter gives up first, the error is a budget error too."""
    limit = sys.getrecursionlimit()
    deep = []
    for _ in range(150):
        deep = [deep]
    try:
        sys.setrecursionlimit(300)
        with pytest.raises(ExpressionBudgetError):
            run("($f := function($n) { 1 + $f($n + 1) }; $f(0))")
    finally:
        sys.setrecursionlimit(limit)


# ── Safety ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "source",
    [
        "payload ~> |devices|{'name': 'x'}, ['tags']|",
        "$ ~> |**|{'x': 1}|",
        "payload.empty{'a': 1}",
        "payload.empty ~> |$|{'a': 1}|",
        "payload.devices[]",
        "$append(payload.empty, 1)",
        "$sort(payload.devices, function($a, $b) { $a.load > $b.load })",
        "$reverse(payload.devices)",
        "$merge([vars, {'title': 1}])",
        "payload.devices^(load)",
        "payload.devices#$i.{'a': $i}",
        "($x := payload.devices; $x)",
        "$clone(vars) ~> |$|{'title': 1}|",
        "payload.mixed.$",
    ],
)
def test_the_scope_is_never_changed(source):
    """Whatever an expression does, it does to copies."""
    scope = copy.deepcopy(SCOPE)
    run(source, scope)
    assert scope == SCOPE


def test_transforms():
    """A transform changes a copy, and may not reach out of it."""
    assert run("x ~> |$|{'a': 9}, 'c'|", {"x": [{"a": 1, "c": 0}, {"b": 2}]}) == [{"a": 9}, {"a": 9, "b": 2}]
    assert "within the value" in failure("payload ~> |$$.vars|{'title': 1}|").message


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("vars.title + 1", "left side of the + operator"),
        ("1 - vars.title", "right side of the - operator"),
        ("vars.title < 1", "same data type"),
        ("{vars.names: 1}", "Key in object structure must evaluate to a string"),
        ("$number(vars.title)", "Unable to cast value to a number"),
        ("$sum(vars.names)", "Argument 1 of $sum does not fit its signature"),
        ("$substring()", "Argument 1 of $substring does not fit"),
        ("vars.title()", "There is no function"),
        ("vars.names.$toMillis($)", "ISO 8601"),
        ("-vars.title", "Cannot negate"),
        ("$fromMillis(1e18)", "$fromMillis cannot work"),
        ("$power(0, -1)", "$power cannot work"),
        ("$formatInteger(1e15, 'I')", "up to"),
        ("$error('Pick a board first')", "Pick a board first"),
        ("$assert(false, 'No board')", "No board"),
    ],
)
def test_errors_say_what_without_the_data(source, part):
    """An error names the problem and the place, never the values of the run, and has no cause that would."""
    with pytest.raises(ExpressionError) as caught:
        run(source)
    error = caught.value
    assert part in error.message
    assert not {"Disk full", "'a'", "98 %"} & {word for word in ("Disk full", "'a'", "98 %") if word in str(error)}
    assert (error.__cause__, error.__suppress_context__ or error.__context__ is None) == (None, True)


def test_functions_are_not_changed_by_use():
    """Binding a built-in to a name does not rename it for other expressions."""
    before = failure("$sum('x')").message
    run("($mine := $sum; $mine([1]))")
    assert before == failure("$sum('x')").message


def test_threads_do_not_meet():
    """One expression, many threads, each with a scope and a clock of its own."""
    expression = compile_expression(
        "$map([1..40], function($i) { $join([vars.name, $string($i), $substring(?, 0, 4)($now())], '-') })"
    )
    wrong: list[object] = []
    barrier = threading.Barrier(4)

    def work(number):
        barrier.wait()
        now = datetime(2000 + number, 1, 1, tzinfo=UTC)
        expected = [f"t{number}-{i}-{2000 + number}" for i in range(1, 41)]
        for _ in range(15):
            found = expression.evaluate({"vars": {"name": f"t{number}"}}, now=now, budget=Budget())
            if found != expected:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_is_left_in_the_thread():
    """The thread-local of jsonata-python stays untouched, so other users of it are not disturbed."""
    marker = object()
    Jsonata.CURRENT.jsonata = marker
    try:
        compile_expression.cache_clear()
        run("$map([1], function($i) { $now() & $string($i) })")
        assert Jsonata.CURRENT.jsonata is marker
    finally:
        del Jsonata.CURRENT.jsonata


def test_the_same_every_time():
    """Result, error and cost are the same for each evaluation."""
    for source in ("$map(payload.devices, function($d) { $d ~> |$|{'n': $now()}| })", "$keys($$)", "vars.title + 1"):
        outcomes = []
        for _ in range(3):
            budget = Budget()
            try:
                outcome = repr(run(source, copy.deepcopy(SCOPE), budget=budget))
            except ExpressionError as error:
                outcome = (error.message, repr(error.details))
            outcomes.append((outcome, budget.activation_steps))
        assert [outcomes[0]] * 3 == outcomes
