"""What the account holds, and what happens in it: devices come, change, obey and go, alerts trigger and are reset.

All records keep the vendor's JSON shapes; all times are epoch seconds with a fraction.
"""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from workflow_ninjaone.simulator.fleet import FIRST_ORGANIZATION, MAX_FLEET, Devices, Fleet
from workflow_ninjaone.simulator.seed import Seed
from workflow_ninjaone.simulator.settings import Quirks, Timing
from workflow_ninjaone.simulator.shapes import DEVICE_FIELDS, Record, device
from workflow_ninjaone.simulator.webhooks import PostOffice

_HOUR = 3600.0


class Account:
    """The records of one account.

    Args:
        seed: What it holds at first.
        fleet: How many generated devices it has besides.
        timing: When what was asked for happens, and what the account's clock shows.
        clock: The present in epoch seconds.
        chance: Decides where nothing else does.
        post_office: Has the webhooks; is handed every activity.

    Attributes:
        timing: When things happen.
        quirks: Which of the vendor's habits show.
        post_office: Has the webhooks.
        organizations: By id; also ``locations``, ``devices``, and ``alerts`` by uid.
        activities: Oldest first.
        custom_fields: Of devices, by id.
        pending_reboots: What was asked for, and has not happened or not shown yet; also ``pending_scripts``.
    """

    def __init__(
        self,
        *,
        seed: Seed,
        fleet: int,
        timing: Timing,
        clock: Callable[[], float],
        chance: random.Random,
        post_office: PostOffice,
    ) -> None:
        self.timing = timing
        self.quirks = Quirks()
        self.post_office = post_office
        self._clock = clock
        self._chance = chance
        self.fill(seed, fleet)

    def clock(self) -> float:
        """The account's present in epoch seconds: what its records and the ``Date`` of its answers show."""
        return self._clock() + self.timing.clock_offset

    def save(self) -> None:
        """Called when something has changed; by itself an account is kept nowhere."""

    def fill(self, seed: Seed, fleet: int) -> None:
        """Begins anew with these records and a fleet of this size."""
        now = self.clock()
        records = seed.at(now)
        self.organizations = {record["id"]: record for record in records.organizations}
        self.locations = {record["id"]: record for record in records.locations}
        self.alerts = {record["uid"]: record for record in records.alerts}
        self.activities = list(records.activities)
        self.custom_fields: dict[int, Record] = {}
        self.pending_reboots: list[Record] = []
        self.pending_scripts: list[Record] = []
        self._looked_at = now
        self.place(Fleet(fleet, now), records.devices)

    def place(self, fleet: Fleet, devices: Iterable[Record], gone: Iterable[int] = ()) -> None:
        """Puts a fleet and other devices in the place of all that there were.

        Args:
            fleet: The generated ones, with their organizations.
            devices: Records that are kept as they are.
            gone: Ids of the fleet that are no more.
        """
        self.fleet = fleet
        self.devices = Devices(devices, fleet, gone)
        for rows, generated in ((self.organizations, fleet.organizations()), (self.locations, fleet.locations())):
            for identity in [identity for identity in rows if identity >= FIRST_ORGANIZATION]:
                del rows[identity]
            rows.update((record["id"], record) for record in generated)
        self._in_maintenance = {record["id"] for record in self.devices.kept if "maintenance" in record}

    def grow(self, size: int) -> None:
        """Replaces the fleet by one of this size; what is not of the fleet stays.

        Raises:
            ValueError: Nobody has so many devices.
        """
        if not 0 <= size <= MAX_FLEET:
            raise ValueError(f"devices must be a whole number from 0 to {MAX_FLEET}")
        others = [record for record in self.devices.kept if record["id"] not in self.fleet.ids]
        self.place(Fleet(size, self.clock()), others)
        self._forget({record["deviceId"] for record in self._about_devices()} - self.devices.keys())
        self.save()

    def _about_devices(self) -> Iterable[Record]:
        return (*self.alerts.values(), *self.pending_reboots, *self.pending_scripts)

    def _forget(self, gone: set[int]) -> None:
        """Drops the alerts of devices, and what they were asked to do."""
        self.alerts = {uid: alert for uid, alert in self.alerts.items() if alert.get("deviceId") not in gone}
        self.pending_reboots = [pending for pending in self.pending_reboots if pending["deviceId"] not in gone]
        self.pending_scripts = [pending for pending in self.pending_scripts if pending["deviceId"] not in gone]

    # ── Alerts ───────────────────────────────────────────────────────────────────────────────────────────────────

    def alert_answer(self, alert: Mapping[str, Any]) -> Record:
        """An alert as the API sends it: with its device where the record asks for it."""
        answer = {key: value for key, value in alert.items() if key != "device"}
        if alert.get("device") is True and alert.get("deviceId") in self.devices:
            answer["device"] = self.devices.short(alert["deviceId"])
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

    # ── Devices ──────────────────────────────────────────────────────────────────────────────────────────────────

    def add_device(self, fields: Mapping[str, Any]) -> Record:
        """Enrols a device; one that was deleted comes back with its id.

        Args:
            fields: The vendor's fields of a device; ``id`` and an ``organizationId`` that exists are required. The
                rest is made.

        Returns:
            The device in its full form.

        Raises:
            ValueError: The id is taken or none, there is no such organization, or a device has no such field.
        """
        identity = fields.get("id")
        if type(identity) is not int or not 0 < identity < 2**31 or identity in self.devices:
            raise ValueError("id must be a whole number that no device has")
        organization = fields.get("organizationId")
        locations = [row["id"] for row in self.locations.values() if row.get("organizationId") == organization]
        record = device(
            identity,
            organization=int(organization or 0),
            location=locations[0] if locations else 0,
            node_class="WINDOWS_WORKSTATION",
            name=f"DEV-{identity}",
            ip="192.0.2.1",
            offline_since=None,
        )
        now = self.clock()
        self._check_device(fields)
        if organization not in self.organizations:
            raise ValueError("organizationId must be the id of an organization")
        given = copy.deepcopy(dict(fields))
        self.devices[identity] = {**record, "created": now, "lastContact": now, "lastUpdate": now, **given}
        self._tell_of_device(identity, "NODE_CREATED", "Node Created", "was added")
        self.save()
        return self.devices[identity]

    def change_device(self, identity: int, fields: Mapping[str, Any]) -> Record:
        """Changes a device: moves it, renames it, cuts it off or lets it come back.

        One that comes back does what it was asked to do meanwhile.

        Args:
            identity: The device's id.
            fields: The vendor's fields with their new values.

        Returns:
            The device in its full form.

        Raises:
            KeyError: There is no such device.
            ValueError: A device has no such field, or it cannot have such a value.
        """
        self._check_device(fields)
        if fields.get("id", identity) != identity:
            raise ValueError("the id of a device does not change")
        self.settle()
        record = self.devices.edit(identity)
        record.update(copy.deepcopy(dict(fields)))
        record["lastUpdate"] = self.clock()
        if "offline" in fields:
            for pending in (*self.pending_reboots, *self.pending_scripts):
                if pending["deviceId"] == identity:
                    pending["due"] = max(pending["due"], self.clock())
        if set(fields) != {"offline"}:
            self._tell_of_device(identity, "NODE_UPDATED", "Node Updated", "was changed")
        self.save()
        return record

    def _check_device(self, fields: Mapping[str, Any]) -> None:
        if unknown := set(fields) - DEVICE_FIELDS:
            raise ValueError(f"a device has no {', '.join(sorted(unknown))}")
        if not isinstance(fields.get("offline", False), bool):
            raise ValueError("offline must be true or false")  # noqa: TRY004 - one error for all fields
        if "organizationId" in fields and fields["organizationId"] not in self.organizations:
            raise ValueError("organizationId must be the id of an organization")

    def delete_device(self, identity: int) -> None:
        """Deletes a device with its alerts and what it was asked to do.

        Raises:
            KeyError: There is no such device.
        """
        if identity not in self.devices:
            raise KeyError(identity)
        self._tell_of_device(identity, "NODE_DELETED", "Node Deleted", "was deleted")
        del self.devices[identity]
        self._forget({identity})
        self._in_maintenance.discard(identity)
        self.save()

    def set_maintenance(self, identity: int, maintenance: Record | None) -> None:
        """Begins or plans a device's maintenance, or ends it.

        Args:
            identity: The device's id.
            maintenance: The vendor's record, in epoch seconds; ``None`` for none.
        """
        record = self.devices.edit(identity)
        record.pop("maintenance", None)
        self._in_maintenance.discard(identity)
        if maintenance is not None:
            record["maintenance"] = maintenance
            self._in_maintenance.add(identity)
        self.settle()

    def _tell_of_device(self, identity: int, code: str, status: str, what: str) -> None:
        self.add_activity(
            deviceId=identity,
            activityType="SYSTEM",
            statusCode=code,
            status=status,
            type="System",
            activityResult="SUCCESS",
            message=f"{self.devices[identity].get('displayName')} {what}.",
        )

    # ── What devices are told to do ──────────────────────────────────────────────────────────────────────────────

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
        spread = self._chance.random() * self.timing.reboot_spread_seconds
        due = self.clock() + self.timing.reboot_seconds + spread
        self.pending_reboots.append({"deviceId": device_id, "mode": mode, "due": due})
        self.post_office.stirred.set()

    def restart(self, device_id: int) -> None:
        """A device reboots now, and nobody has asked it to."""
        self.settle()
        self._rebooted(device_id, self.clock())
        self.save()

    def run_script(self, device_id: int, script: Record, parameters: str, run_as: str) -> Record:
        """Takes the command; the script ends :attr:`Timing.script_seconds` later, or when the device is online again.

        Returns:
            The activity of the request; its ``seriesUid`` is the job's, and the result's.
        """
        series = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        command = {
            "deviceId": device_id,
            "seriesUid": series,
            "activityType": "ACTION",
            "type": "Action",
            "sourceName": script["name"],
            "subject": script["name"],
        }
        activity = self.add_activity(
            **command,
            statusCode="START_REQUESTED",
            status="Start Requested",
            message=f"Run {script['name']} requested.",
            data={"parameters": parameters, "runAs": run_as},
        )
        self.pending_scripts.append(
            {
                "deviceId": device_id,
                "createTime": activity["activityTime"],
                "due": self.clock() + self.timing.script_seconds,
                "result": self.quirks.script_result,
                "command": command,
            }
        )
        self.post_office.stirred.set()
        return activity

    def settle(self) -> None:
        """Lets everything happen that is due by now."""
        now = self.clock()
        happened = self._settle_reboots(now) + self._settle_scripts(now) + self._settle_maintenance(now)
        happened += self._settle_strays(now)
        self._looked_at = now
        if happened:
            self.save()

    def next_due(self) -> float | None:
        """When something is going to happen by itself, in epoch seconds; ``None`` when nothing is."""
        times = [
            pending["due"] + late
            for pendings, late in ((self.pending_reboots, self.timing.report_seconds), (self.pending_scripts, 0.0))
            for pending in pendings
            if not self.devices[pending["deviceId"]].get("offline")
        ]
        if self.timing.stray_reboots_per_hour:
            times.append(self._looked_at + 1.0)
        return min(times, default=None)

    def _settle_reboots(self, now: float) -> int:
        due = [
            reboot
            for reboot in self.pending_reboots
            if reboot["due"] + self.timing.report_seconds <= now and not self.devices[reboot["deviceId"]].get("offline")
        ]
        for reboot in due:
            self.pending_reboots.remove(reboot)
            self._rebooted(reboot["deviceId"], reboot["due"])
        return len(due)

    def _settle_strays(self, now: float) -> int:
        """Reboots nobody asked for: as many as chance has it in the time since the last look."""
        rate = self.timing.stray_reboots_per_hour / _HOUR
        strays = 0
        moment = self._looked_at
        while rate and (moment := moment + self._chance.expovariate(rate)) <= now:
            record = self.devices.chosen(self._chance.randrange)
            if record is not None and "os" in record and not record.get("offline"):
                self._rebooted(record["id"], moment)
                strays += 1
        return strays

    def _rebooted(self, device_id: int, at: float) -> None:
        record = self.devices.edit(device_id)
        record["lastContact"] = record["lastUpdate"] = at
        if "os" in record:
            record["os"]["lastBootTime"] = at
            record["os"]["needsReboot"] = False
        self.add_activity(
            at=at,
            deviceId=device_id,
            activityType="SYSTEM",
            statusCode="SYSTEM_REBOOTED",
            status="System Rebooted",
            type="System",
            activityResult="SUCCESS",
            message=f"{record.get('displayName')} rebooted.",
        )

    def _settle_scripts(self, now: float) -> int:
        due = [
            pending
            for pending in self.pending_scripts
            if pending["due"] <= now and not self.devices[pending["deviceId"]].get("offline")
        ]
        for pending in due:
            self.pending_scripts.remove(pending)
            name, result = pending["command"]["sourceName"], pending["result"]
            self.add_activity(
                at=pending["due"],
                **pending["command"],
                statusCode="COMPLETED",
                status="Completed",
                activityResult=result,
                message=f"{name} completed.",
                data={"exitCode": 0 if result == "SUCCESS" else 1},
            )
        return len(due)

    def _settle_maintenance(self, now: float) -> int:
        ended = 0
        for identity in list(self._in_maintenance):
            record = self.devices.edit(identity)
            maintenance = record["maintenance"]
            if maintenance.get("end") is not None and maintenance["end"] <= now:
                del record["maintenance"]
                self._in_maintenance.discard(identity)
                ended += 1
            else:
                maintenance["status"] = "IN_MAINTENANCE" if maintenance["start"] <= now else "PENDING"
        return ended

    def add_activity(self, *, at: float | None = None, **fields: Any) -> Record:
        """Appends to the activity log under the next id, and hands it to the webhooks.

        Returns:
            The activity.
        """
        latest = self.activities[-1]["id"] if self.activities else 0
        activity: Record = {"id": latest + 1, "activityTime": self.clock() if at is None else at, **fields}
        self.activities.append(activity)
        if self.post_office.webhooks:
            record = self.devices.get(fields.get("deviceId") or 0)
            places = {} if record is None else self._places(record)
            self.post_office.offer(activity, None if record is None else record.get("organizationId"), places)
        return activity

    def _places(self, record: Record) -> dict[str, Record | None]:
        return {
            "device": self.devices.short(record["id"]),
            "organization": self.organizations.get(record.get("organizationId", 0)),
            "location": self.locations.get(record.get("locationId", 0)),
        }
