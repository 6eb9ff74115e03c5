"""A worker as in production, but that NinjaOne's actions have shorter time limits: ``python -m tests.faults.worker``.

What a killed worker leaves behind is taken up when the limit of its action has passed, a minute in production.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Final

from workflow_ninjaone.actions import access, definitions
from workflow_worker.__main__ import main

ACTION_SECONDS: Final = 8.0
REQUEST_SECONDS: Final = 1.5

if __name__ == "__main__":
    vars(definitions)["_TIME_LIMIT"] = timedelta(seconds=ACTION_SECONDS)
    vars(access)["REQUEST_SECONDS"] = REQUEST_SECONDS
    sys.exit(main())
