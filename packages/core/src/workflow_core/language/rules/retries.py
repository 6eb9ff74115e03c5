"""Whether ``retryOn`` names errors that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from workflow_core.errors import ErrorCategory, WorkflowError
from workflow_core.language.findings import Finding
from workflow_core.language.rules.context import ALIKE, MISSPELT, Context, StepView, most_alike

#: Codes of the contract that no class of ours stands for.
_CODES = ("RATE_LIMITED", "TRANSIENT_FAILURE", "INTEGRATION_INACTIVE")
_CODE = re.compile(r"[A-Z][A-Z0-9_]*")


def retried_errors_exist(view: StepView, _context: Context) -> Iterator[Finding]:
    """Each word is a category, or may be a code."""
    retry = view.step.get("retry")
    words = retry.get("retryOn") if isinstance(retry, Mapping) else None
    if not isinstance(words, list):
        return
    known = [*ErrorCategory, *sorted({*_CODES, *_codes(WorkflowError)})]
    for index, word in enumerate(words):
        if not isinstance(word, str) or word in known:
            continue
        is_code = _CODE.fullmatch(word) is not None
        # Integrations have codes of their own: only what is written almost like a known one is taken for a mistake.
        match = most_alike(word, known, likeness=MISSPELT if is_code else ALIKE)
        if match is None and is_code:
            continue
        yield view.warning(
            "UNKNOWN_ERROR_CODE",
            f"No error has the category or code {word[:60]}: it is never retried.",
            at=f"retry.retryOn[{index}]",
            suggestion=f"did you mean {match}?" if match else None,
        )


def _codes(error: type[WorkflowError]) -> Iterator[str]:
    """The codes of a class and of all below it."""
    yield error.code
    for child in error.__subclasses__():
        yield from _codes(child)
