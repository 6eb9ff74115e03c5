"""The command ``workflow-catalog-server``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from workflow_catalog_server.server import serve
from workflow_catalog_server.settings import VARIABLES, load_settings
from workflow_core.process import run_process


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is told to stop; see :func:`workflow_core.process.run_process`."""
    description = "Serves the designer's catalog, definitions, publishing and runs."
    return run_process("workflow-catalog-server", description, VARIABLES, _run, arguments)


async def _run(environ: Mapping[str, str]) -> None:
    await serve(load_settings(environ))


if __name__ == "__main__":
    sys.exit(main())
