"""Expressions that try to take all time or memory: each ends by count, soon, and the same way every time."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime

import pytest

from workflow_core.errors import ExpressionError
from workflow_core.language.expressions import Budget, compile_expression

NOW = datetime(2025, 1, 2, tzinfo=UTC)
SCOPE = {"payload": {"list": [{"a": number, "b": ["x" * 20] * 5} for number in range(200)]}}

SECONDS = 5  # on a busy machine; most take a tenth of one
MEGABYTES = 64

DOUBLED = "($d := function($s, $n) {{ $n = 0 ? $s : $d({pair}, $n - 1) }}; $x := $d({start}, 60); {use})"
NESTED = "($d := function($s, $n) { $n = 0 ? $s : $d([[$s]], $n - 1) }; $x := $d(0, 3000); <use>)"
LONG = "($s := $pad('', 200000, 'a'); [1..50000].<use>)"
OBJECT = "($o := $merge([1..3000].{$string($): $}); [1..50000].<use>)"


def outcome(source):
    """The result or the error, and the steps."""
    budget = Budget()
    try:
        result = compile_expression(source).evaluate(SCOPE, now=NOW, budget=budget)
    except ExpressionError as error:
        return (error.code, error.message, error.details), budget.activation_steps
    return result, budget.activation_steps


def doubled(pair, use, start="1"):
    """A value that is itself small, as it holds the same halves again and again, but has 2**60 leaves."""
    return DOUBLED.format(pair=pair, use=use, start=start)


EXCEEDED = [
    # recursion
    "($f := function($n) { $f($n) }; $f(1))",
    "($f := function($n) { $n + $f($n) }; $f(1))",
    "($a := function($n) { $b($n) }; $b := function($n) { $a($n) }; $a(1))",
    "($f := function($n) { {'a': $f($n)} }; $f(1))",
    "($f := function($n) { [1, 2]^($f($n)) }; $f(1))",
    "($f := function($n) { [1][$f($n)] }; $f(1))",
    "($f := function($n) { ({'a': 1} ~> |$|{'b': $f(1)}|) }; $f(1))",
    "($f := function($n) { $map([1..10], function($i) { $f($n) }) }; $f(1))",
    "($f := function($n) { $reduce([1..10], function($i, $j) { $f($n) }) }; $f(1))",
    "($f := function($n) { $sort([2, 1], function($i, $j) { $f($n) }) }; $f(1))",
    "($f := function($n) { $replace('aa', /a/, function($m) { $f($n) }) }; $f(1))",
    "($c := function($f, $n) { $n = 0 ? $f : $c($f ~> $trim, $n - 1) }; $c($trim, 2000)('x'))",
    # strings
    "($f := function($x){$x & $x}; $g := $f ~> $f ~> $f ~> $f ~> $f; ($g ~> $g ~> $g ~> $g)('abcdefgh'))",
    "($d := function($s, $n) { $n = 0 ? $s : $d($s & $s, $n - 1) }; $d('x', 100))",
    "$pad('', 1e8)",
    "$pad('', -1e300)",
    "$join([1..5000].$pad('', 100, 'x'), $pad('', 100000))",
    "$replace($pad('', 200000, 'a'), 'a', $pad('', 200000, 'b'))",
    "$replace($pad('', 50000, 'a'), /a/, $pad('', 200000, '$9'))",
    "$reduce([1..50000], function($a, $i) { $a & 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxx' }, '')",
    LONG.replace("<use>", "$contains($s, 'ab')"),
    LONG.replace("<use>", "($s = $s & '')"),
    LONG.replace("<use>", "$encodeUrlComponent($s)"),
    LONG.replace("<use>", "$base64decode($s)"),
    LONG.replace("<use>", "$uppercase($s)"),
    LONG.replace("<use>", "$split($s, '')"),
    # lists
    "[1..1000000000]",
    "[1..99999].[1..99999]",
    "($d := function($s, $n) { $n = 0 ? $s : $d($append($s, $s), $n - 1) }; $d([1], 100))",
    "$zip([1..99999], [1..99999], [1..99999], [1..99999], [1..99999])",
    "[1..300]@$a.$$.[1..300]@$b.$$.[1..300]@$c.($a & $b & $c)",
    "$reduce([1..10000], function($a, $i) { $append($a, $i) }, [])",
    "($a := [1..90000]; [1..5000].$max($a))",
    "($a := [1..90000]; [1..5000].($a[$ > 89999]))",
    "[1..40000] ~> $sort(function($a, $b) { $a < $b })",
    "[1..50000]^(-$)",
    "$distinct([1..2000].{'a': $})",
    "($s := $pad('', 9000, 'a'); $l := [1..20000].($s & $); $t := $s & 'z'; $t in $l)",
    "**.**.**.**",
    # objects
    "[1..50000]{$string($): $}",
    "[1..50000]{$string($ % 7): $}",
    "$reduce([1..10000], function($a, $i) { $merge([$a, {$string($i): $i}]) }, {})",
    OBJECT.replace("<use>", "$keys($o)"),
    OBJECT.replace("<use>", "($o = $o)"),
    OBJECT.replace("<use>", "$spread($o)"),
    OBJECT.replace("<use>", "$string($o)"),
    # what is deep, or wide by sharing
    *(
        doubled("[[$s], [$s]]", use, start="0")
        for use in (
            "$boolean($x)", "toString($x)", "$string($x)", "$keys($x)", "$lookup($x, 'a')", "$spread($x)", "$x.a",
            "$x.*", "$clone($x)", "$x ~> |$|{'a': 1}|", "$distinct([$x, $d(0, 60)])", "$d(0, 60) in [[$x]]",
            "$x", "$x.**",
        )
    ),
    *(doubled("{'a': $s, 'b': $s}", use) for use in ("$x", "$string($x)", "$x.**", "$x = $d(1, 60)", "$clone($x)")),
    *(
        NESTED.replace("<use>", use)
        for use in (
            "$boolean($x)", "toString($x)", "$string($x)", "$keys($x)", "$lookup($x, 'a')", "$spread($x)", "$x.a", "$x",
            "$clone($x)", "$x = $d(0, 3000)",
        )
    ),
    # regular expressions
    "$match($pad('', 200000, 'a'), /(a?){900}b/)",
    "$match($pad('', 200000, 'ab'), /(a|b)*a(a|b){100}c/)",
    "[1..5000].$contains($pad('', 3000, 'ab'), /[ab]{900}c/)",
    "[1..5000].$match($pad('', 20000, 'a'), /(a+)+$/)",
    "[1..2000].$replace($pad('', 200, 'a'), /a/, '')",
    "[1..5000].$match($pad('', 200, 'a'), /" + "(a)?" * 150 + "a/)",
    # pictures
    "[1..50000].$formatNumber(1e300, '#,##0." + "#" * 200 + "')",
    "[1..50000].$fromMillis($, '" + "[Yw]" * 60 + "')",
    "[1..50000].$toMillis('one', '" + "[Yw]" * 60 + "')",
    "[1..50000].$formatInteger(123456789012, 'w')",
    # output
    "$spread(payload.list) ~> $map(function($l) { $$ })",
    "$map([1..3000], function($i) { $pad('', 200) })",
]  # fmt: skip


@pytest.mark.parametrize("source", EXCEEDED)
def test_it_ends_soon_and_the_same_way(source):
    """It is stopped with ``EXPRESSION_BUDGET_EXCEEDED``; again, it is stopped at the same step."""
    start = time.perf_counter()
    (code, message, details), steps = outcome(source)
    assert time.perf_counter() - start < SECONDS
    assert code == "EXPRESSION_BUDGET_EXCEEDED"
    assert outcome(source) == ((code, message, details), steps)


@pytest.mark.parametrize(
    "source",
    [
        "$pad('', 1e8)",
        "$pad('x', -1e8, $pad('', 1000))",
        "[1..1000000000]",
        "($d := function($s, $n) { $n = 0 ? $s : $d($s & $s, $n - 1) }; $d('x', 100))",
        "($d := function($s, $n) { $n = 0 ? $s : $d($append($s, $s), $n - 1) }; $d([1], 100))",
        "$join([1..5000].$pad('', 100, 'x'), $pad('', 100000))",
        "$replace($pad('', 200000, 'a'), 'a', $pad('', 200000, 'b'))",
        "$replace($pad('', 200000, 'a'), /a/, $pad('', 200000, 'b'))",
        "$split($pad('', 250000, 'a'), '')",
        "$split($pad('', 250000, 'a'), /a/)",
        "$match($pad('', 250000, 'a'), /(a)/)",
        "$zip([1..99999], [1..99999], [1..99999], [1..99999], [1..99999])",
        "$encodeUrlComponent($pad('', 250000, '\u20ac'))",
        "[1..99999].[1..99999]",
        doubled("[[$s], [$s]]", "$string($x)"),
        doubled("[[$s], [$s]]", "$clone($x)"),
        doubled("{'a': $s, 'b': $s}", "$x"),
        "[1..50000]{'k': $$}",
        "$map([1..50000], function($i) { payload })",
    ],
)
def test_sizes_are_checked_before_the_memory_is_taken(source):
    """What would need gigabytes is refused while it needs a few megabytes."""
    compile_expression(source)
    tracemalloc.start()
    try:
        (code, *_), _ = outcome(source)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code == "EXPRESSION_BUDGET_EXCEEDED"
    assert peak < MEGABYTES << 20


@pytest.mark.parametrize(
    "source",
    [
        "[" + ",".join(["1"] * 16_000) + "]",
        "1" + "+1" * 15_000,
        "a" + ".a" * 10_000,
        "(" * 5000 + "1" + ")" * 5000,
        "a.`" + "`.`" * 8000 + "`",
        "a^(" + ",".join(["a"] * 15_000) + ")",
        "-" * 30_000 + "1",
        "a" + "??a" * 10_000,
        "*" + ".*" * 15_000,
    ],
    ids=range(9),
)
def test_compiling_is_bounded(source):
    """So is the work of compiling; how deep an expression may be does not depend on the caller's stack."""
    start = time.perf_counter()
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    assert caught.value.code == "INVALID_EXPRESSION"
    assert time.perf_counter() - start < SECONDS


def test_depth_of_an_expression_does_not_depend_on_the_callers_stack():
    """The same paths compile, and do not, from a shallow and from a deep stack."""

    def compiles(source, depth):
        if depth:
            return compiles(source, depth - 1)
        try:
            compile_expression.__wrapped__(source)
        except ExpressionError:
            return False
        return True

    for operator in (".a", "+1", "[0]"):
        for links, expected in ((250, True), (350, False)):
            assert [compiles("a" + operator * links, depth) for depth in (0, 5000)] == [expected] * 2


def test_thirty_thousand_small_evaluations_yield():
    """A loop of small evaluations is asked to yield, at the same places every time, long before it takes a second."""

    def loop():
        budget = Budget()
        yields = []
        longest = 0.0
        start = time.perf_counter()
        for index in range(30_000):
            scope = {"index": index, "item": {"name": f"device {index}"}}
            text = compile_expression("item.name & ' of ' & (index + 1)").evaluate(scope, now=NOW, budget=budget)
            assert text == f"device {index} of {index + 1}"
            if budget.exhausted_activation:
                yields.append(index)
                budget.reset()
                longest = max(longest, time.perf_counter() - start)
                start = time.perf_counter()
        return yields, longest

    yields, longest = loop()
    assert len(yields) > 3
    assert longest < 2
    assert loop()[0] == yields
