"""``./dev faults``: runs the fault suite and prints what it found."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults import suite
from tests.faults.suite import Result

_SHOWN_PROBLEMS = 20


def main() -> int:
    """Answers 0 when every check holds."""
    options = _parser().parse_args()
    console = Console()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    wanted = suite.short(seed) if options.runs is None else suite.long(options.runs, seed)
    console.print(f"{wanted.runs} runs with seed {seed}: ./dev faults --runs {wanted.runs} --seed {seed}")
    with tempfile.TemporaryDirectory(prefix="workflow-faults-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary, "data") if options.keep is None else options.keep
        result = asyncio.run(suite.run(wanted, folder, say=console.print))
    show(result, console)
    return 0 if result.passed else 1


def show(result: Result, console: Console | None = None) -> None:
    """Prints the tables."""
    console = console or Console()
    torment = Table("what", "times", title="What was done to it")
    for what, times in result.torment.items():
        torment.add_row(what, str(times))
    console.print(torment)
    found = Table("", "what", "expected", "found", title="What came of it")
    for check in result.checks:
        found.add_row("✓" if check.holds else "✗", check.what, check.expected, str(check.found))
    console.print(found)
    for check in result.checks:
        for problem in check.problems[:_SHOWN_PROBLEMS]:
            console.print(f"[red]✗[/] {check.what}: {problem}", soft_wrap=True)
    verdict = "Nothing was lost, and nothing was done twice" if result.passed else "[red]Not all is well[/]"
    console.print(f"{verdict} ({result.seconds:.0f} s).")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev faults",
        description="Runs workflows against a real PostgreSQL, a real Temporal and the NinjaOne simulator, kills and "
        "restarts everything meanwhile, and checks that nothing was lost and nothing was done twice.",
    )
    parser.add_argument("--runs", type=int, help="how many runs are started; default: the short form")
    parser.add_argument("--seed", type=int, help="of the runs, NinjaOne's troubles and the blows; default: a new one")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="a new folder in which data and logs are kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
