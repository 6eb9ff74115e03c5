"""What may follow a failure."""

from __future__ import annotations

import pytest

from workflow_core.execution.verdicts import may_be_caught, may_be_retried


def error(category="ActionError", code="NO", **details):
    return {"category": category, "code": code, "message": "", "details": details, "nodePath": "", "at": ""}


@pytest.mark.parametrize(
    ("failure", "caught"),
    [
        (error(), True),
        (error("TransientError"), True),
        (error(code="EFFECT_UNCERTAIN"), False),
        (error("Cancellation", "CANCELED"), False),
        (error("InterpreterCorruption"), False),
        (error("ChildWorkflowError", "WORKFLOW_PAUSED"), True),
        (error("ChildWorkflowError", error=error()), True),
        (error("ChildWorkflowError", "CANCELED", error=error("Cancellation", "CANCELED")), True),
        (error("ChildWorkflowError", error=error("InterpreterCorruption")), False),
        (error("ChildWorkflowError", error=error("ChildWorkflowError", error=error("InterpreterCorruption"))), False),
        (error("ChildWorkflowError", "EFFECT_UNCERTAIN", error=error(code="EFFECT_UNCERTAIN")), False),
    ],
)
def test_what_may_be_caught(failure, caught):
    """Not an uncertain effect, a cancellation or a lost interpreter, neither one's own nor a called workflow's."""
    assert may_be_caught(failure) is caught
    assert may_be_retried(failure, retryable=True, retry_on=None) is caught


def test_what_is_retried():
    """The error's own word counts, until the step names what is to be retried."""
    assert not may_be_retried(error(), retryable=False, retry_on=None)
    assert may_be_retried(error(), retryable=False, retry_on=["NO"])
    assert may_be_retried(error(), retryable=False, retry_on=["ActionError"])
    assert not may_be_retried(error(), retryable=True, retry_on=["OTHER"])
    assert not may_be_retried(error(), retryable=True, retry_on=[])
    assert not may_be_retried(error(code="EFFECT_UNCERTAIN"), retryable=True, retry_on=["EFFECT_UNCERTAIN"])
