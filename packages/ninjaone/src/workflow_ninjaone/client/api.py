"""The calls of the NinjaOne API that the module makes.

Source: the vendor's OpenAPI document for API version 2; below ``https://HOST/v2``.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

import aiohttp
import attrs

from workflow_core.errors import FieldError, Refused, ValidationError
from workflow_ninjaone.client.auth import TokenSource
from workflow_ninjaone.client.calls import Call, Requests, unreadable_answer
from workflow_ninjaone.client.models import (
    ALERT_UID,
    Activity,
    AlertList,
    Device,
    Organization,
    parse_activity,
    parse_alert,
    parse_device,
    parse_organization,
)
from workflow_ninjaone.client.pace import Pace
from workflow_ninjaone.client.paging import IdPage, by_id, newest_first
from workflow_ninjaone.client.scripts import (
    Script,
    ScriptingOptions,
    ScriptJob,
    parse_script,
    parse_script_job,
    parse_scripting_options,
)
from workflow_ninjaone.client.transport import RetryPolicy, checked_base_url

_T = TypeVar("_T")

RebootMode = Literal["NORMAL", "FORCED"]

MAX_PAGE_SIZE = 1000
"""The largest page that is known to work; the vendor documents no limit."""

MIN_ACTIVITIES = 10
"""The smallest page of activities."""

_MAX_INT32 = 2**31 - 1


@attrs.frozen
class DevicePage:
    """Some of a list of devices.

    Attributes:
        devices: None that an earlier page had.
        after: From here the list goes on, now or in another process.
    """

    devices: tuple[Device, ...]
    after: int


@attrs.frozen
class Observed:
    """A device as it was at a moment.

    Attributes:
        at: On the vendor's clock, to the second before; None when the answer does not say.
    """

    device: Device
    at: datetime | None


class NinjaOneClient:
    """Reads devices, organizations and alerts; resets alerts; reboots devices.

    *Reads* are sent up to three times: after 429 with a short ``Retry-After``, 502, 503, 504 and a lost connection; who
    is patient (:class:`RetryPolicy`) has them sent more often.

    *Acting calls* are sent once. Only after a 401, which NinjaOne gives before it acts, are they sent a second time,
    with a new token. They raise :class:`~workflow_core.errors.Refused` where nothing has been done for sure: no
    token to be had, the connection never opened, 401, 429, an argument that was not sent. Any other error leaves open
    whether NinjaOne has acted: the vendor knows no idempotency key, so nobody may send the call again blindly.

    All errors of a call, besides those of the token source:

    * ``TransientError``: ``RATE_LIMITED`` (with ``retry_after``), ``UPSTREAM_ERROR`` (5xx), ``UPSTREAM_TIMEOUT``,
      ``UPSTREAM_UNREACHABLE``, ``UPSTREAM_DISCONNECTED``, ``UPSTREAM_ANSWER_UNREADABLE``
    * ``NotFoundError`` (404), ``PermissionDeniedError`` (403, and 401 for a missing scope)
    * ``ActionError``: ``UPSTREAM_UNAUTHENTICATED`` (401 in spite of a new token), ``ACTION_FAILED`` (any other refusal)
    * ``ValidationError``: an argument out of its range

    Args:
        session: Whose connections to use; the caller closes it. It must keep no cookies (``DummyCookieJar``): the
            vendor also knows a session by cookie, and tenants share hosts.
        base_url: The instance: ``https://HOST``, or ``http`` to this machine.
        tokens: Where access tokens come from.
        timeout: Seconds for one request, from waiting for a connection to the last byte.
        retry: Tries and waits of reads.
        pace: The tenant's share of requests; ``None`` for no limit.

    Raises:
        IntegrationNotConfiguredError: ``base_url`` is unfit.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        tokens: TokenSource,
        timeout: float = 20.0,
        retry: RetryPolicy | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._requests = Requests(
            session, checked_base_url(base_url), tokens, timeout, retry=retry or RetryPolicy(), pace=pace
        )

    # ── Reads ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def get_device(self, device_id: int) -> Device:
        """One device with all its details (``GET /v2/device/{id}``).

        Raises:
            NotFoundError: The account has no such device.
        """
        return (await self.observe_device(device_id)).device

    async def observe_device(self, device_id: int) -> Observed:
        """The same, with the moment at which the vendor said it.

        Raises:
            NotFoundError: The account has no such device.
        """
        call = Call("GET", "/v2/device/{id}", f"/v2/device/{_checked_device_id(device_id)}")
        record, answer = await self._requests.observe(call)
        device = parse_device(record)
        if device is None:
            raise unreadable_answer(call)
        return Observed(device, answer.given_at)

    async def list_reboots(self, device_id: int) -> list[Activity]:
        """A device's reboots, as far as the vendor has heard of them (``GET /v2/device/{id}/activities``).

        Raises:
            NotFoundError: The account has no such device.
        """
        call = Call(
            "GET",
            "/v2/device/{id}/activities",
            f"/v2/device/{_checked_device_id(device_id)}/activities",
            {"activityType": "SYSTEM", "status": "SYSTEM_REBOOTED", "pageSize": str(MAX_PAGE_SIZE)},
        )
        answer = await self._requests.read(call)
        # One that does not know the filter gives activities of all kinds.
        rows = _activity_rows(answer)
        return [found for found in _records(rows, parse_activity, call) if found.status_code == "SYSTEM_REBOOTED"]

    async def search_devices(self, q: str, limit: int = 50) -> list[Device]:
        """Devices by free text: name, address, logged-in user (``GET /v2/devices/search``).

        Args:
            q: What to look for.
            limit: How many at most; also cut here, should the vendor give more.

        Returns:
            Devices in their short form, best match first.
        """
        if limit < 1:
            raise _invalid("limit", "RANGE", "a number of at least 1")
        call = Call("GET", "/v2/devices/search", "/v2/devices/search", {"q": q, "limit": str(limit)})
        found = await self._requests.read(call)
        if not isinstance(found, Mapping):
            raise unreadable_answer(call)
        return _records(found.get("devices", []), parse_device, call)[:limit]

    async def list_devices(
        self, df: str | None = None, *, page_size: int = 500, detailed: bool = False
    ) -> AsyncIterator[Device]:
        """All devices, or those that a filter selects, page by page (``GET /v2/devices``).

        Args:
            df: The vendor's device filter, such as ``org = 1 AND class in (MAC,WINDOWS_SERVER)``. It is a grammar,
                not free text, and a malformed one is answered with 500.
            page_size: Devices per request, 1 to 1000.
            detailed: Ask for the full form instead (``GET /v2/devices-detailed``).

        Raises:
            TransientError: ``PAGING_STUCK`` when the vendor's pages do not advance: what came so far is not all.
        """
        async for page in self.device_pages(df, page_size=page_size, detailed=detailed):
            for device in page.devices:
                yield device

    async def device_pages(
        self, df: str | None = None, *, after: int | None = None, page_size: int = 500, detailed: bool = False
    ) -> AsyncIterator[DevicePage]:
        """The same page by page, from the devices after one.

        Args:
            df: As in :meth:`list_devices`.
            after: The :attr:`DevicePage.after` of the page after which the list goes on.
            page_size: As there.
            detailed: As there.

        Raises:
            TransientError: As there.
        """
        path = "/v2/devices-detailed" if detailed else "/v2/devices"
        async for page in self._pages(path, {} if df is None else {"df": df}, page_size, after):
            devices = [device for row in page.rows if (device := parse_device(row)) is not None]
            yield DevicePage(tuple(devices), page.after)

    async def list_organizations(self, *, page_size: int = 500) -> AsyncIterator[Organization]:
        """All organizations, page by page (``GET /v2/organizations``).

        Args:
            page_size: Organizations per request, 1 to 1000.

        Raises:
            TransientError: ``PAGING_STUCK``, as in :meth:`list_devices`.
        """
        async for page in self._pages("/v2/organizations", {}, page_size):
            for row in page.rows:
                organization = parse_organization(row)
                if organization is not None:
                    yield organization

    def _pages(
        self, path: str, params: Mapping[str, str], page_size: int, after: int | None = None
    ) -> AsyncIterator[IdPage]:
        if not 1 <= page_size <= MAX_PAGE_SIZE:
            raise _invalid("page_size", "RANGE", f"a number from 1 to {MAX_PAGE_SIZE}")

        async def read(position: Mapping[str, str]) -> Any:
            query = {**params, "pageSize": str(page_size), **position}
            return await self._requests.read(Call("GET", path, path, query), kind=list)

        return by_id(read, path=path, after=after)

    async def list_alerts(self, *, df: str | None = None, source_type: str | None = None) -> AlertList:
        """All active alerts (``GET /v2/alerts``, which has neither pages nor a limit).

        Args:
            df: The vendor's device filter.
            source_type: Only alerts of this kind of condition.
        """
        params = {key: value for key, value in (("df", df), ("sourceType", source_type)) if value is not None}
        call = Call("GET", "/v2/alerts", "/v2/alerts", params)
        rows = await self._requests.read(call)
        alerts = _records(rows, parse_alert, call)
        return AlertList(tuple(alerts), left_out=len(rows) - len(alerts))

    async def latest_activity_id(self) -> int:
        """The number of the account's newest activity; 0 when there is none (``GET /v2/activities``)."""
        call = Call("GET", "/v2/activities", "/v2/activities", {"pageSize": str(MIN_ACTIVITIES)})
        answer = await self._requests.read(call)
        last = answer.get("lastActivityId") if isinstance(answer, Mapping) else None
        found = _records(_activity_rows(answer), parse_activity, call)
        return max([last if type(last) is int else 0, *(activity.id for activity in found)])

    async def list_activities(
        self, newer_than: int, *, activity_type: str | None = None, device_id: int | None = None
    ) -> AsyncIterator[Activity]:
        """Activities of the account or of a device with higher numbers, the newest first (``GET …/activities``).

        Args:
            newer_than: Of an activity; itself it is not given.
            activity_type: Such as ``CONDITION``.
            device_id: Only of this device.

        Raises:
            NotFoundError: The account has no such device.
            TransientError: ``PAGING_STUCK``, as in :meth:`list_devices`.
        """
        path = template = "/v2/activities"
        kind = "type"
        if device_id is not None:
            path, template = f"/v2/device/{_checked_device_id(device_id)}/activities", "/v2/device/{id}/activities"
            kind = "activityType"
        params = {"newerThan": str(newer_than), "pageSize": str(MAX_PAGE_SIZE)}
        if activity_type is not None:
            params[kind] = activity_type

        async def read(position: Mapping[str, str]) -> Any:
            call = Call("GET", template, path, {**params, **position})
            rows = _activity_rows(await self._requests.read(call, kind=(list, Mapping)))
            if not isinstance(rows, list):
                raise unreadable_answer(call)
            return rows

        async for page in newest_first(read, path=template, newer_than=newer_than):
            for row in page:
                found = parse_activity(row)
                # An instance may not know a filter.
                if found is not None and activity_type in (None, found.activity_type):
                    yield found

    async def get_scripting_options(self, device_id: int) -> ScriptingOptions:
        """What a device can run, and as whom (``GET /v2/device/{id}/scripting/options``).

        Raises:
            NotFoundError: The account has no such device.
        """
        path = f"/v2/device/{_checked_device_id(device_id)}/scripting/options"
        return parse_scripting_options(
            await self._requests.read(Call("GET", "/v2/device/{id}/scripting/options", path))
        )

    async def list_scripts(self) -> list[Script]:
        """The scripts of the account's library (``GET /v2/automation/scripts``)."""
        call = Call("GET", "/v2/automation/scripts", "/v2/automation/scripts")
        return _records(await self._requests.read(call), lambda row: parse_script(row, type_="SCRIPT"), call)

    # ── Acting calls ─────────────────────────────────────────────────────────────────────────────────────────────

    async def reset_alert(self, uid: str) -> None:
        """Clears a triggered condition (``POST /v2/alert/{uid}/reset``); it triggers again if it still holds.

        Raises:
            Refused: Certainly nothing was done.
            NotFoundError: No such alert is active: unknown, or cleared already.
            WorkflowError: It is unknown whether anything was done.
        """
        if ALERT_UID.fullmatch(uid) is None:
            raise Refused(_invalid("uid", "FORMAT", "the alert's uid, a UUID"))
        await self._requests.act(Call("POST", "/v2/alert/{uid}/reset", f"/v2/alert/{uid}/reset", body={}))

    async def reboot_device(self, device_id: int, mode: RebootMode = "NORMAL", reason: str | None = None) -> None:
        """Asks a device to restart (``POST /v2/device/{id}/reboot/{mode}``).

        NinjaOne answers as soon as it has taken the command. That it happened shows only later: in the device's
        activities (``SYSTEM_REBOOTED``) and in :attr:`OperatingSystem.last_boot_at`.

        Args:
            device_id: The vendor's id.
            mode: ``FORCED`` does not wait for programs to close.
            reason: Shown in NinjaOne's activity feed.

        Raises:
            Refused: Certainly nothing was done.
            NotFoundError: The account has no such device.
            WorkflowError: It is unknown whether anything was done.
        """
        if mode not in ("NORMAL", "FORCED"):
            raise Refused(_invalid("mode", "RANGE", "NORMAL or FORCED"))
        try:
            path = f"/v2/device/{_checked_device_id(device_id)}/reboot/{mode}"
        except ValidationError as error:
            raise Refused(error) from None
        body = {} if reason is None else {"reason": reason}
        await self._requests.act(Call("POST", "/v2/device/{id}/reboot/{mode}", path, body=body))

    async def run_script(
        self,
        device_id: int,
        *,
        script_id: int | None = None,
        action_uid: str | None = None,
        parameters: str | None = None,
        run_as: str | None = None,
    ) -> ScriptJob:
        """Asks a device to run a script, or an action that is built in (``POST /v2/device/{id}/script/run``).

        NinjaOne answers as soon as it has taken the command; what comes of it shows in the device's activities alone.

        Args:
            device_id: The vendor's id.
            script_id: Of a script; or else
            action_uid: Of an action.
            parameters: The vendor splits them at spaces.
            run_as: A role, or the id of a credential.

        Raises:
            Refused: Certainly nothing was done.
            NotFoundError: The account has no such device or script.
            WorkflowError: It is unknown whether anything was done.
        """
        try:
            path = f"/v2/device/{_checked_device_id(device_id)}/script/run"
        except ValidationError as error:
            raise Refused(error) from None
        body: dict[str, Any] = {"type": "SCRIPT", "id": script_id} if action_uid is None else {"type": "ACTION"}
        named = {"uid": action_uid, "parameters": parameters, "runAs": run_as}
        body |= {name: value for name, value in named.items() if value is not None}
        answer = await self._requests.act(Call("POST", "/v2/device/{id}/script/run", path, body=body))
        try:
            return parse_script_job(json.loads(answer.body))
        except (ValueError, RecursionError):  # an empty answer, or a bare uuid
            return parse_script_job(answer.body.decode("utf-8", "replace").strip())

    async def put_webhook(
        self, url: str, *, headers: Mapping[str, str], activities: Mapping[str, Sequence[str]], expand: Sequence[str]
    ) -> None:
        """Has the account send activities to an address, and to no other (``PUT /v2/webhook``).

        Args:
            url: Where to.
            headers: To be sent along.
            activities: Status codes by activity type.
            expand: What is told of a device besides its id.

        Raises:
            PermissionDeniedError: Only a system administrator may.
            WorkflowError: It is unknown where it sends to now.
        """
        body = {
            "url": url,
            "activities": {kind: list(codes) for kind, codes in activities.items()},
            "expand": list(expand),
            "headers": [{"name": name, "value": value} for name, value in headers.items()],
        }
        await self._requests.act(Call("PUT", "/v2/webhook", "/v2/webhook", body=body))

    async def delete_webhook(self) -> None:
        """Has the account send nothing any more (``DELETE /v2/webhook``).

        Raises:
            PermissionDeniedError: Only a system administrator may.
        """
        await self._requests.act(Call("DELETE", "/v2/webhook", "/v2/webhook"))


def _records(rows: object, parse: Callable[[object], _T | None], call: Call) -> list[_T]:
    if not isinstance(rows, list):
        raise unreadable_answer(call)
    return [record for row in rows if (record := parse(row)) is not None]


def _activity_rows(answer: object) -> object:
    """Some instances give the bare list."""
    return answer.get("activities") if isinstance(answer, Mapping) else answer


def _checked_device_id(device_id: int) -> int:
    if type(device_id) is not int or not 0 < device_id <= _MAX_INT32:
        raise _invalid("device_id", "RANGE", "a NinjaOne device id, a positive whole number")
    return device_id


def _invalid(path: str, code: str, expected: str) -> ValidationError:
    message = f"must be {expected}"
    return ValidationError(f"{path} {message}.", errors=[FieldError(path=path, code=code, message=message)])
