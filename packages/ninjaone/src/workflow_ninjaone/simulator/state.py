"""The simulated account while it lives: the one place where anything changes.

All records keep the vendor's JSON shapes; all times are epoch seconds with a fraction.
"""

from __future__ import annotations

import copy
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from workflow_ninjaone.simulator.faults import FaultRule, parse_rule
from workflow_ninjaone.simulator.seed import Record, Seed, default_seed

SCOPES = ("monitoring", "management", "control")

Outcome = Literal["done", "refused", "fault"]

_STATE_FORMAT = 1
_BASE_DEVICE_FIELDS = (
    *("id", "uid", "assignedOwnerUid", "parentDeviceId", "organizationId", "locationId", "nodeClass"),
    *("nodeRoleId", "rolePolicyId", "policyId", "approvalStatus", "offline", "displayName", "systemName"),
    *("dnsName", "netbiosName", "created", "lastContact", "lastUpdate", "userData", "tags", "maintenance"),
)


@attrs.frozen
class ApiApplication:
    """An *API Services* application of the account.

    Attributes:
        client_id: Its public name.
        client_secret: Its secret.
        scopes: What it may ask for.
    """

    client_id: str
    client_secret: str = attrs.field(repr=False)
    scopes: frozenset[str] = frozenset(SCOPES)


@attrs.frozen
class Timing:
    """When what was asked for happens. All in seconds.

    Attributes:
        reboot_seconds: How long after the command a device has rebooted; one that is offline does so when it is back.
        report_seconds: How long after that it shows: the device's boot time, and an activity, both of then.
        clock_offset: How far the account's clock is ahead.
    """

    reboot_seconds: float = 2.0
    report_seconds: float = 0.0
    clock_offset: float = 0.0


@attrs.frozen
class Grant:
    """What an access token stands for.

    Attributes:
        client_id: Whose it is.
        scopes: What it allows.
        good_until: Epoch seconds.
    """

    client_id: str
    scopes: frozenset[str]
    good_until: float


class SimulatorState:
    """One account with its records, tokens, journal and fault rules.

    Args:
        applications: The applications that may ask for tokens.
        seed: What the account holds at first.
        token_seconds: How long an access token lives.
        timing: When what was asked for happens, and what the account's clock shows.
        clock: The present in epoch seconds; for tests.
        state_file: Where records and journal outlive the process; ``None`` for nowhere.
        journal_file: Where every entry of the journal is appended as a line of JSON; ``None`` for nowhere.

    Raises:
        OSError: The state file cannot be read.
        ValueError: The state file is not one.
    """

    def __init__(
        self,
        *,
        applications: Iterable[ApiApplication],
        seed: Seed | None = None,
        token_seconds: float = 3600.0,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.time,
        state_file: Path | None = None,
        journal_file: Path | None = None,
    ) -> None:
        self.applications = {application.client_id: application for application in applications}
        self.token_seconds = token_seconds
        self.timing = self._first_timing = timing or Timing()
        self._clock = clock
        self._seed = seed or default_seed()
        self._state_file = state_file
        self._journal_file = journal_file
        self._tokens: dict[str, Grant] = {}
        self._next_rule = 1
        self.faults: list[FaultRule] = []
        self.journal: list[Record] = []
        self._fill()
        if state_file is not None and state_file.exists():
            self._load(state_file)

    def clock(self) -> float:
        """The account's present in epoch seconds: what its records and the ``Date`` of its answers show."""
        return self._clock() + self.timing.clock_offset

    def _fill(self) -> None:
        seed = self._seed.at(self.clock())
        self.organizations = {record["id"]: record for record in seed.organizations}
        self.locations = {record["id"]: record for record in seed.locations}
        self.devices = {record["id"]: record for record in seed.devices}
        self.alerts = {record["uid"]: record for record in seed.alerts}
        self.activities = list(seed.activities)
        self.pending_reboots: list[Record] = []

    def reset(self) -> None:
        """Back to the seed, with an empty journal and no fault rules; access tokens stay good."""
        self.timing = self._first_timing
        self._fill()
        self.journal.clear()
        self.faults.clear()
        self.save()

    # ── Tokens ───────────────────────────────────────────────────────────────────────────────────────────────────

    def application(self, client_id: str, client_secret: str) -> ApiApplication | None:
        """The application with these credentials, or ``None``."""
        found = self.applications.get(client_id)
        if found is None or not hmac.compare_digest(found.client_secret.encode(), client_secret.encode()):
            return None
        return found

    def issue_token(self, application: ApiApplication, scopes: Iterable[str]) -> str:
        """A new access token."""
        now = self.clock()
        self._tokens = {key: grant for key, grant in self._tokens.items() if grant.good_until > now}
        token = secrets.token_urlsafe(32)
        self._tokens[token] = Grant(application.client_id, frozenset(scopes), now + self.token_seconds)
        return token

    def grant(self, token: str) -> Grant | None:
        """What a token allows, or ``None`` when it is unknown or has expired."""
        found = self._tokens.get(token)
        return found if found is not None and found.good_until > self.clock() else None

    def revoke_tokens(self) -> None:
        """Makes every access token useless, as if all had expired."""
        self._tokens.clear()

    # ── Records ──────────────────────────────────────────────────────────────────────────────────────────────────

    def base_device(self, device_id: int) -> Record:
        """A device in the short form of lists, searches and alerts."""
        device = self.devices[device_id]
        return {key: device[key] for key in _BASE_DEVICE_FIELDS if key in device}

    def alert_answer(self, alert: Mapping[str, Any]) -> Record:
        """An alert as the API sends it: with its device where the record asks for it."""
        answer = {key: value for key, value in alert.items() if key != "device"}
        if alert.get("device") is True and alert.get("deviceId") in self.devices:
            answer["device"] = self.base_device(alert["deviceId"])
        return answer

    def add_alert(self, fields: Mapping[str, Any]) -> Record:
        """Triggers an alert.

        Args:
            fields: The vendor's fields of an alert; ``deviceId`` is required. What is absent is made: ``uid``,
                ``message``, and the times (now). ``"device": false`` leaves the device out of answers.

        Returns:
            The alert as the API sends it.

        Raises:
            ValueError: There is no such device, or the ``uid`` is taken or no string.
        """
        device_id = fields.get("deviceId")
        if type(device_id) is not int or device_id not in self.devices:
            raise ValueError("deviceId must be the id of a device")
        now = self.clock()
        alert: Record = {
            "uid": str(uuid.uuid4()),
            "message": "Condition triggered.",
            "createTime": now,
            "updateTime": now,
            "device": True,
            **copy.deepcopy(dict(fields)),
        }
        if not isinstance(alert["uid"], str) or not alert["uid"] or alert["uid"] in self.alerts:
            raise ValueError("uid must be a string that no active alert has")
        self.alerts[alert["uid"]] = alert
        shared = ("severity", "priority", "sourceConfigUid", "sourceName", "subject")
        self.add_activity(
            deviceId=device_id,
            seriesUid=alert["uid"],
            activityType="CONDITION",
            statusCode="TRIGGERED",
            status="Triggered",
            type="Condition",
            message=alert["message"],
            **{key: alert[key] for key in shared if key in alert},
        )
        self.save()
        return self.alert_answer(alert)

    def reset_alert(self, uid: str, data: Record | None) -> bool:
        """Clears an alert; ``False`` when none with this ``uid`` is active."""
        alert = self.alerts.pop(uid, None)
        if alert is None:
            return False
        self.add_activity(
            deviceId=alert.get("deviceId"),
            seriesUid=uid,
            activityType="CONDITION",
            statusCode="RESET",
            status="Reset",
            type="Condition",
            message=f"Condition reset: {alert.get('message', '')}",
            data=data or {},
        )
        return True

    def request_reboot(self, device_id: int, mode: str, reason: str | None) -> None:
        """Takes the command; the device reboots :attr:`Timing.reboot_seconds` later, or when it is online again."""
        self.add_activity(
            deviceId=device_id,
            activityType="ACTION",
            statusCode="START_REQUESTED",
            status="Start Requested",
            type="Action",
            message=f"Reboot requested ({mode})" + (f": {reason}" if reason else "."),
        )
        due = self.clock() + self.timing.reboot_seconds
        self.pending_reboots.append({"deviceId": device_id, "mode": mode, "due": due})

    def set_offline(self, device_id: int, *, offline: bool) -> None:
        """Cuts a device off, or lets it come back: then it does what it was asked to do meanwhile."""
        self.settle()
        self.devices[device_id]["offline"] = offline
        for reboot in self.pending_reboots:
            if reboot["deviceId"] == device_id:
                reboot["due"] = max(reboot["due"], self.clock())
        self.save()

    def settle(self) -> None:
        """Lets everything happen that is due by now."""
        now = self.clock()
        due = [
            reboot
            for reboot in self.pending_reboots
            if reboot["due"] + self.timing.report_seconds <= now and not self.devices[reboot["deviceId"]].get("offline")
        ]
        for reboot in due:
            self.pending_reboots.remove(reboot)
            device = self.devices[reboot["deviceId"]]
            device["lastContact"] = device["lastUpdate"] = reboot["due"]
            if "os" in device:
                device["os"]["lastBootTime"] = reboot["due"]
                device["os"]["needsReboot"] = False
            self.add_activity(
                at=reboot["due"],
                deviceId=reboot["deviceId"],
                activityType="SYSTEM",
                statusCode="SYSTEM_REBOOTED",
                status="System Rebooted",
                type="System",
                activityResult="SUCCESS",
                message=f"{device.get('displayName')} rebooted.",
            )
        if due:
            self.save()

    def add_activity(self, *, at: float | None = None, **fields: Any) -> None:
        """Appends to the activity log under the next id."""
        latest = self.activities[-1]["id"] if self.activities else 0
        self.activities.append({"id": latest + 1, "activityTime": self.clock() if at is None else at, **fields})

    # ── Journal and faults ───────────────────────────────────────────────────────────────────────────────────────

    def record(self, *, kind: str, outcome: Outcome, **fields: Any) -> None:
        """Adds to the journal: one entry per acting request; none holds a token or a secret.

        Args:
            kind: ``reboot`` or ``alert_reset``.
            outcome: ``done``: it was carried out (even if the answer was then lost); ``refused``: it was answered
                with an error; ``fault``: a fault rule kept it from being carried out.
            **fields: ``method``, ``path``, ``device_id`` or ``uid``, ``body``, ``status``, ``fault``, ``client_id``.
        """
        entry: Record = {
            "seq": len(self.journal) + 1,
            "at": self.clock(),
            "kind": kind,
            "outcome": outcome,
            **fields,
        }
        self.journal.append(entry)
        if self._journal_file is not None:
            with self._journal_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        self.save()

    def add_fault(self, rule: object) -> FaultRule:
        """Sets up a fault rule from its JSON form.

        Raises:
            ValueError: It is none.
        """
        parsed = parse_rule(rule, identity=self._next_rule)
        self._next_rule += 1
        self.faults.append(parsed)
        return parsed

    def take_fault(self, method: str, path: str) -> FaultRule | None:
        """The first rule for this request, counted as used once more."""
        for rule in self.faults:
            if rule.fits(method, path):
                rule.times -= 1
                if rule.times == 0:
                    self.faults.remove(rule)
                return rule
        return None

    # ── What outlives the process ────────────────────────────────────────────────────────────────────────────────

    def to_json(self) -> Record:
        """Records and journal, without tokens and secrets."""
        return {
            "format": _STATE_FORMAT,
            "devices": list(self.devices.values()),
            "alerts": list(self.alerts.values()),
            "activities": self.activities,
            "pending_reboots": self.pending_reboots,
            "journal": self.journal,
        }

    def save(self) -> None:
        """Writes the state file, if there is to be one, in one piece."""
        if self._state_file is not None:
            draft = self._state_file.with_name(self._state_file.name + ".new")
            draft.write_text(json.dumps(self.to_json()), encoding="utf-8")
            draft.replace(self._state_file)

    def _load(self, path: Path) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != _STATE_FORMAT:
            raise ValueError("the file is not a simulator's state")
        try:
            self.devices = {record["id"]: record for record in content["devices"]}
            self.alerts = {record["uid"]: record for record in content["alerts"]}
            self.activities = list(content["activities"])
            self.pending_reboots = list(content["pending_reboots"])
            self.journal = list(content["journal"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"the file is not a simulator's state: {error!r}") from None
