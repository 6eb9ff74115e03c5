"""What may follow a failure: another attempt, a ``catch`` block, or nothing at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from workflow_core.errors import EffectUncertainError, ErrorCategory

#: A person has to look first, or the run is over, or the interpreter itself is lost.
_FINAL: Final = (ErrorCategory.CANCELLATION, ErrorCategory.INTERPRETER_CORRUPTION)


def may_be_caught(error: Mapping[str, Any]) -> bool:
    """Whether a ``catch`` block, ``onError`` or ``onItemError`` may go on after this error object.

    Never after an uncertain effect, a cancellation or an interpreter that cannot go on; nor when that is how a
    called workflow failed. A called workflow that was canceled by itself is a failure of the call like any other.
    """
    if error["code"] == EffectUncertainError.code or error["category"] in _FINAL:
        return False
    cause = error["details"].get("error") if error["category"] == ErrorCategory.CHILD_WORKFLOW else None
    return not isinstance(cause, Mapping) or cause["category"] == ErrorCategory.CANCELLATION or may_be_caught(cause)


def may_be_retried(error: Mapping[str, Any], *, retryable: bool, retry_on: Collection[str] | None) -> bool:
    """Whether another attempt follows, if there is one left.

    Args:
        error: The error object.
        retryable: What the error says of itself.
        retry_on: The categories and codes that the step names; they alone are retried then.
    """
    if not may_be_caught(error):
        return False
    return retryable if retry_on is None else error["category"] in retry_on or error["code"] in retry_on
