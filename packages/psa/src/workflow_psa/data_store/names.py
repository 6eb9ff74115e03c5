"""The names that values and links are kept under."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from workflow_core.schema import TRIM_MARK

_TRIMMED: Final = {TRIM_MARK: True}

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256, extra_json_schema=_TRIMMED)]
Namespace = Annotated[
    Name, msgspec.Meta(description="What belongs together, such as project-task-mirror; like a folder.")
]
IdempotencyKey = Annotated[
    Name | None,
    msgspec.Meta(description="The same key never does this twice, not even from another run: the first answer holds."),
]
