"""What is wrong with what an action was given: found together, and told at once."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from workflow_core.errors import FieldError, NotFoundError, ValidationError


def missing(path: str, what: str) -> FieldError:
    """Something that is named at this place does not exist for the tenant."""
    return FieldError(path, "NOT_FOUND", f"there is no such {what}")


def refuse(problems: Iterable[FieldError]) -> None:
    """Raises one error for all of them, if there are any.

    Raises:
        NotFoundError: Something does not exist; ``details["errors"]`` has the path of everything that is wrong.
        ValidationError: All of it exists, and does not fit.
    """
    found = list(problems)
    if not found:
        return
    message = "; ".join(f"{problem.path}: {problem.message}" for problem in found)
    if any(problem.code == "NOT_FOUND" for problem in found):
        raise NotFoundError(message, details={"errors": [attrs.asdict(problem) for problem in found]})
    raise ValidationError(message, errors=found)
