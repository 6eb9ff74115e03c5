"""One attempt at an action call: what it was given, what it may show, and how far it came."""

from __future__ import annotations

import logging
from enum import Enum, auto
from typing import Any, Final
from uuid import UUID

import attrs

from workflow_core.actions import Action, Effect
from workflow_core.errors import ActionError, OutputTooLargeError, ValidationError
from workflow_core.execution import ledger
from workflow_core.execution.models import ActionCall
from workflow_core.language._values import MISSING
from workflow_core.language.mapping import get_at, put_at
from workflow_core.manifest import canonical_json, sha256_json
from workflow_core.redaction import Redactor
from workflow_core.schema import convert, marked_secrets, mask_secrets, to_json

_log = logging.getLogger(__name__)

#: The effects in the order of their strictness.
_STRICTNESS: Final = (Effect.READ, Effect.LOCAL, Effect.REPEATABLE, Effect.ONCE)
#: Bytes of an output as JSON that may travel through a workflow's history.
MAX_OUTPUT: Final = 1024 * 1024
#: Bytes of what ``prepare`` gives, as JSON.
MAX_PREPARED: Final = 64 * 1024


class Progress(Enum):
    """How far an external effect has come in this attempt."""

    NOTHING = auto()
    """Nothing is written; another attempt may be under way."""
    RESERVED = auto()
    """The key is ours, and certainly nothing was sent by us."""
    SENT = auto()
    """It may have happened, and the ledger says so."""


@attrs.define(eq=False)
class Attempt:
    """What one attempt learns on its way.

    Attributes:
        call: What the interpreter asked for.
        action: What this process has under that id and version.
        shown_input: The input as the history may show it: converted when it could be, secrets hidden.
        notes: What a reader of the step should know.
    """

    call: ActionCall
    action: Action
    redactor: Redactor = attrs.Factory(Redactor)
    notes: list[str] = attrs.Factory(list)
    progress: Progress = Progress.NOTHING
    hold: ledger.Hold | None = None
    shown_input: Any = attrs.field(init=False)
    tenant: UUID = attrs.field(init=False)
    key: ledger.EffectKey = attrs.field(init=False)
    input_sha256: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """What follows from the call alone."""
        self.tenant = UUID(self.call.tenant)
        self.key = ledger.effect_key(self.call)
        self.shown_input = mask_secrets(self.action.input, self.call.input)
        # Over the unresolved input: a changed secret is no changed input, and its hash would tell of its value.
        self.input_sha256 = sha256_json(self.call.input)

    @property
    def effect(self) -> Effect:
        """The stricter of the plan's effect and our own."""
        return max(self.action.effect, Effect(self.call.effect), key=_STRICTNESS.index)

    @property
    def time_limit(self) -> float:
        """The handler's hard limit in seconds: never more than the plan said, on which the activity's limit rests."""
        return min(self.action.time_limit.total_seconds(), self.call.time_limit)

    @property
    def secret_names(self) -> dict[tuple[str | int, ...], str]:
        """The names of the secrets that the author of the step put into its mapping, by their places."""
        return {tuple(place): get_at(self.call.input, place)["$secret"] for place in self.call.secrets}

    def convert_input(self, secrets: dict[str, str]) -> Any:
        """The handler's input: authored secrets and missing results put in their places, converted and checked.

        Raises:
            ValidationError: Naming every wrong place.
        """
        given: Any = self.call.input
        for place, name in self.secret_names.items():
            given = put_at(given, place, secrets[name])
            self.redactor.add(secrets[name])
        for missing in self.call.missing:
            given = put_at(given, missing, MISSING)
        for value in marked_secrets(self.action.input, given):
            self.redactor.add(value)
        try:
            value = convert(self.action.input, given, unknown="ignore", mapped=True)
        except ValidationError as error:
            error.message = f"The input of {self.call.action_id} does not fit: {error.message}"
            raise
        plain = to_json(value)
        for place in self.secret_names:
            self._hide_converted(plain, place)
        self.shown_input = self.redactor.redact(mask_secrets(self.action.input, plain))
        return value

    def _hide_converted(self, plain: Any, place: tuple[str | int, ...]) -> None:
        """A secret that was trimmed or normalised on its way in is the same secret."""
        try:
            item = get_at(plain, place)
        except (LookupError, TypeError):  # a field that the action does not have, or that became a list
            return
        if isinstance(item, str | int) and not isinstance(item, bool):
            self.redactor.add(str(item))

    @property
    def is_done(self) -> bool:
        """Whether the handler is called at all: a dry run only tells of what acts, and of what it has a sample for."""
        return not self.call.dry_run or (self.effect is Effect.READ and self.call.sample is None)

    def sample_output(self) -> Any:
        """What a step gives that is not done: what was said for it, else the action's first example.

        Raises:
            ActionError: ``NO_EXAMPLE``.
        """
        if self.call.sample is not None:
            self.notes.append("would do; the output is the sample that was given")
            return self.call.sample
        if not self.action.examples:
            raise ActionError(
                f"A dry run cannot go on after {self.call.action_id}: its integration gives no example of an output. "
                "Give a sample for this step.",
                code="NO_EXAMPLE",
            )
        self.notes.append("would do; the output is the action's example")
        return self.action.examples[0].output

    @property
    def held(self) -> ledger.Hold:
        """The right to act, once the key is reserved."""
        assert self.hold is not None  # noqa: S101 - for the type: nothing asks for it before
        return self.hold

    def read_prepared(self, result: Any) -> Any:
        """What ``prepare`` gave, as JSON.

        Raises:
            ActionError: It cannot be kept; nothing was sent.
        """
        try:
            plain = to_json(result)
            size = len(canonical_json(plain))
        except Exception as error:  # noqa: BLE001 - guards against whatever an integration gives
            kind = type(error).__name__
            raise ActionError(
                f"What {self.call.action_id} prepared is not JSON ({kind}).", code="INTERNAL_ERROR"
            ) from None
        if size > MAX_PREPARED:
            raise ActionError(
                f"What {self.call.action_id} prepared has {size} bytes; {MAX_PREPARED} can be kept.",
                code="INTERNAL_ERROR",
            )
        return plain

    def read_output(self, result: Any) -> Any:
        """A handler's result as redacted JSON; never fails, since what it tells of has happened.

        One that breaks its schema is kept and reported. One that is no JSON at all is replaced by a note of its kind.
        """
        try:
            plain = to_json(result)
            canonical_json(plain)
        except Exception as error:  # noqa: BLE001 - guards against whatever an integration gives
            self._report(f"the output is not JSON ({type(error).__name__})")
            return {"$unreadable": type(result).__name__}
        try:
            convert(self.action.output, plain)
        except ValidationError as error:
            places = ", ".join(sorted({problem.path or "value" for problem in error.errors}))
            self._report(f"the output does not fit the action's schema at: {places}")
        return self.redactor.redact(mask_secrets(self.action.output, plain))

    def check_size(self, output: Any) -> None:
        """Refuses an output that cannot travel.

        Raises:
            OutputTooLargeError: Saying whether the effect has happened.
        """
        size = len(canonical_json(output))
        if size <= MAX_OUTPUT:
            return
        done = "" if self.effect is Effect.READ or self.progress is Progress.NOTHING else " Its effect has happened."
        raise OutputTooLargeError(
            f"The output of {self.call.action_id} has {size} bytes; {MAX_OUTPUT} can be used in a workflow.{done}",
            details={"bytes": size, "maximum": MAX_OUTPUT},
        )

    def _report(self, note: str) -> None:
        self.notes.append(note)
        _log.error("%s, run %s, %s: %s", self.call.action_id, self.call.run_id, self.call.step_path, note)
