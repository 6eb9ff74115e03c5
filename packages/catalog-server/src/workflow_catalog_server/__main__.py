"""The command ``workflow-catalog-server``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence

from workflow_catalog_server.server import serve
from workflow_catalog_server.settings import VARIABLES, load_settings
from workflow_core.errors import ConfigurationError


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until it is told to stop.

    Returns:
        0 after a graceful stop, 2 when the process cannot start as configured.
    """
    parser = argparse.ArgumentParser(
        prog="workflow-catalog-server",
        description="Serves the designer's catalog, definitions, publishing and runs.",
        epilog=VARIABLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    options = parser.parse_args(argv)
    logging.basicConfig(
        level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    try:
        asyncio.run(serve(load_settings(os.environ)))
    except ConfigurationError as error:
        sys.stderr.write(f"workflow-catalog-server cannot start:\n{error.message}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
