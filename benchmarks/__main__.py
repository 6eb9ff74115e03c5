"""``python -m benchmarks [NAME …]``: starts a devstack and prints the tables."""

from __future__ import annotations

import argparse
import asyncio

from rich.console import Console

from benchmarks import bundles, catalog, designer, fairness, language, ledger, loops, runs, scale, sync, waits, webhooks
from benchmarks.platform import running_platform

BENCHMARKS = {
    "catalog": catalog.measure,
    "designer": designer.measure,
    "runs": runs.measure,
    "ledger": ledger.measure,
    "loops": loops.measure,
    "waits": waits.measure,
    "scale": scale.measure,
    "fairness": fairness.measure,
    "bundles": bundles.measure,
    "language": language.measure,
    "webhooks": webhooks.measure,
    "sync": sync.measure,
}


async def _run(names: list[str]) -> None:
    console = Console()
    console.print("Starting a devstack of its own …")
    async with running_platform() as platform:
        for name in names:
            await BENCHMARKS[name](platform, console)


def main() -> None:
    """Runs what is named, or everything."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*BENCHMARKS, []], metavar="|".join(BENCHMARKS), help="default: all"
    )
    asyncio.run(_run(parser.parse_args().names or list(BENCHMARKS)))


if __name__ == "__main__":
    main()
