"""What a test can turn: when things happen, how long tokens live, which of the vendor's habits show, how events travel.

Each group is one frozen class, set at the start and changed by its control path (:func:`changed`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import attrs

Rotation = Literal["always", "alternate", "never"]
ConsentMode = Literal["allow", "ask", "deny"]
ScriptAnswer = Literal["turns", "number", "id", "activityId", "jobUid", "uid", "empty"]
ScriptResult = Literal["SUCCESS", "FAILURE", "UNSUPPORTED", "UNCOMPLETED"]
Order = Literal["given", "reversed", "random"]

_LONGEST = 1e9  # seconds
_Check = Callable[[Any, "attrs.Attribute[Any]", Any], None]
_S = TypeVar("_S", "Timing", "TokenPolicy", "Quirks", "DeliveryPolicy")


def _number(least: float, most: float, what: str) -> _Check:
    def check(_owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"{field.name} must be {what}")

    return check


def _whole(least: int) -> _Check:
    def check(_owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if type(value) is not int or not least <= value < 2**31:
            raise ValueError(f"{field.name} must be a whole number of at least {least}")

    return check


def _flag(_owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{field.name} must be true or false")  # noqa: TRY004 - one error for all settings


def _one_of(*known: str) -> _Check:
    def check(_owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if value not in known:
            raise ValueError(f"{field.name} must be one of: {', '.join(known)}")

    return check


_SECONDS = _number(0, _LONGEST, "a number of seconds, zero or more")
_OFFSET = _number(-_LONGEST, _LONGEST, "a number of seconds")
_SHARE = _number(0, 1, "a number from 0 to 1")
_RATE = _number(0, 3600, "a number from 0 to 3600")


@attrs.frozen
class Timing:
    """When what was asked for happens. All in seconds.

    Attributes:
        reboot_seconds: How long after the command a device has rebooted; one that is offline does so when it is back.
        report_seconds: How long after that it shows: the device's boot time, and an activity, both of then.
        clock_offset: How far the account's clock is ahead.
        reboot_spread_seconds: Up to this much later, at random, a device reboots.
        script_seconds: How long after the command a script has run.
        stray_reboots_per_hour: How many devices restart in an hour, anywhere in the account, that nobody asked to.
    """

    reboot_seconds: float = attrs.field(default=2.0, validator=_SECONDS)
    report_seconds: float = attrs.field(default=0.0, validator=_SECONDS)
    clock_offset: float = attrs.field(default=0.0, validator=_OFFSET)
    reboot_spread_seconds: float = attrs.field(default=0.0, validator=_SECONDS)
    script_seconds: float = attrs.field(default=2.0, validator=_SECONDS)
    stray_reboots_per_hour: float = attrs.field(default=0.0, validator=_RATE)


@attrs.frozen
class TokenPolicy:
    """How the authorization server treats tokens.

    Attributes:
        access_seconds: How long an access token lives.
        refresh_seconds: How long a refresh token lives, from when it was given.
        code_seconds: How long an authorization code may be used, once.
        rotation: Whether a refresh answers a new refresh token: always, every second time, or never. Where it does not,
            the answer has none, and the old one stays good.
        shows_scope: Whether token answers have a ``scope``.
        consent: What the consent page does: approves at once, asks with two buttons, or refuses at once.
    """

    access_seconds: float = attrs.field(default=3600.0, validator=_SECONDS)
    refresh_seconds: float = attrs.field(default=29 * 86400.0, validator=_SECONDS)
    code_seconds: float = attrs.field(default=60.0, validator=_SECONDS)
    rotation: Rotation = attrs.field(default="always", validator=_one_of("always", "alternate", "never"))
    shows_scope: bool = attrs.field(default=True, validator=_flag)
    consent: ConsentMode = attrs.field(default="allow", validator=_one_of("allow", "ask", "deny"))


@attrs.frozen
class Quirks:
    """Habits of the vendor's that differ between its instances. None shows at first.

    Attributes:
        page_cap: The most rows of a page, silently less than was asked for.
        boundary_rows: A page that is asked for with ``after`` begins with that very row.
        bare_cursors: A report's ``cursor`` is its name instead of an object.
        bare_activities: Activities come as a bare array.
        search_limit_ignored: A search gives all that it finds.
        offline_for_machines: ``offline_access`` with client credentials is tolerated (without a refresh token)
            instead of refused.
        scripts_need_user: A script that is run with client credentials gives 500.
        webhook_forbidden: Configuring the webhook gives 403: not a system administrator.
        script_answer: The shape of the answer to a script that is run; by turns at first.
        script_result: How scripts end.
    """

    page_cap: int | None = attrs.field(default=None, validator=attrs.validators.optional(_whole(1)))
    boundary_rows: bool = attrs.field(default=False, validator=_flag)
    bare_cursors: bool = attrs.field(default=False, validator=_flag)
    bare_activities: bool = attrs.field(default=False, validator=_flag)
    search_limit_ignored: bool = attrs.field(default=False, validator=_flag)
    offline_for_machines: bool = attrs.field(default=False, validator=_flag)
    scripts_need_user: bool = attrs.field(default=False, validator=_flag)
    webhook_forbidden: bool = attrs.field(default=False, validator=_flag)
    script_answer: ScriptAnswer = attrs.field(
        default="turns", validator=_one_of("turns", "number", "id", "activityId", "jobUid", "uid", "empty")
    )
    script_result: ScriptResult = attrs.field(
        default="SUCCESS", validator=_one_of("SUCCESS", "FAILURE", "UNSUPPORTED", "UNCOMPLETED")
    )


@attrs.frozen
class DeliveryPolicy:
    """How events travel to the webhook.

    Attributes:
        paused: Events are kept until it is false again; what is kept is then one batch.
        duplicates: How many times more each event is sent.
        order: The order within a batch; duplicates are part of it.
        lost_share: The share of sendings that never leave.
        attempts: How often one event is tried.
        retry_seconds: The pause between two tries.
        timeout_seconds: How long the other side may take.
        disable_after: So many failed sendings in a row disable the webhook.
    """

    paused: bool = attrs.field(default=False, validator=_flag)
    duplicates: int = attrs.field(default=0, validator=_whole(0))
    order: Order = attrs.field(default="given", validator=_one_of("given", "reversed", "random"))
    lost_share: float = attrs.field(default=0.0, validator=_SHARE)
    attempts: int = attrs.field(default=2, validator=_whole(1))
    retry_seconds: float = attrs.field(default=1.0, validator=_SECONDS)
    timeout_seconds: float = attrs.field(default=10.0, validator=_SECONDS)
    disable_after: int = attrs.field(default=10, validator=_whole(1))


def changed(current: _S, body: object) -> _S:
    """The settings with what ``body`` says.

    Args:
        current: What holds until now.
        body: A JSON object with some of the settings' names.

    Raises:
        ValueError: It names something else, or a value is out of its range; the message says which.
    """
    known = [field.name for field in attrs.fields(type(current))]
    if not isinstance(body, Mapping) or set(body) - set(known):
        raise ValueError(f"the body must be an object of {', '.join(known)}")
    return attrs.evolve(current, **body)
