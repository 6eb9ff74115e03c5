"""What is wrong with the references of an input, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from workflow_core.errors import FieldError, NotFoundError, ValidationError, WorkflowError


def missing(path: str, what: str) -> FieldError:
    """A reference that leads nowhere, or to another tenant's record."""
    return FieldError(path, "NOT_FOUND", f"there is no such {what}")


def refusal(problems: Sequence[FieldError]) -> WorkflowError:
    """
    One error for all problems.

    Returns:
        A ``NotFoundError`` if something does not exist, whose ``details["errors"]`` has the path of everything that
        is wrong; else a ``ValidationError``.
    """
    message = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
    if any(problem.code == "NOT_FOUND" for problem in problems):
        return NotFoundError(message, details={"errors": [attrs.asdict(problem) for problem in problems]})
    return ValidationError(message, errors=problems)


def refuse(problems: Iterable[FieldError]) -> None:
    """
    Raises :func:`refusal` of all problems, or does nothing when there is none.

    Raises:
        NotFoundError: Something does not exist.
        ValidationError: Everything exists, but does not go together or is inactive.
    """
    found = list(problems)
    if found:
        raise refusal(found)
