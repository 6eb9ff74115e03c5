from datetime import UTC, datetime

import pytest

from workflow_ninjaone.client.models import (
    Alert,
    Device,
    OperatingSystem,
    Organization,
    Processor,
    Volume,
    parse_alert,
    parse_device,
    parse_organization,
    parse_time,
)


def test_full_device():
    """
    Every field that we read arrives under our name; times are aware, memory stands at the root.
    """
    device = parse_device(
        {
            "id": 7,
            "uid": "u",
            "organizationId": 1,
            "offline": False,
            "created": 1668617439.123,
            "tags": ["a", 5, "b"],
            "references": {"organization": {"id": 1, "name": "Northwind"}},
            "ipAddresses": ["10.0.0.1"],
            "os": {"name": "Windows", "lastBootTime": 1668617439.0, "needsReboot": True},
            "memory": {"capacity": 1024},
            "processors": [{"numCores": 4, "numLogicalCores": 8}, "junk"],
            "volumes": [{"name": "C:", "capacity": 10, "freeSpace": 3}],
            "neverHeardOf": {"x": 1},
        }
    )
    booted = datetime(2022, 11, 16, 16, 50, 39, tzinfo=UTC)

    assert device == Device(
        id=7,
        uid="u",
        organization_id=1,
        offline=False,
        created_at=booted.replace(microsecond=123000),
        tags=("a", "b"),
        organization_name="Northwind",
        ip_addresses=("10.0.0.1",),
        os=OperatingSystem(name="Windows", last_boot_at=booted, needs_reboot=True),
        memory_bytes=1024,
        processors=(Processor(cores=4, logical_cores=8),),
        volumes=(Volume(name="C:", capacity_bytes=10, free_bytes=3),),
    )


def test_wrong_types_are_none():
    """
    A field of the wrong type counts as absent and spoils nothing else.
    """
    wrong = {
        "id": 7,
        "uid": 5,
        "organizationId": True,
        "offline": "no",
        "created": "yesterday",
        "tags": "a",
        "references": [],
        "os": "Windows",
        "memory": 5,
        "processors": {},
        "volumes": None,
        "displayName": "kept",
    }

    assert Device(id=7, display_name="kept") == parse_device(wrong)


@pytest.mark.parametrize("value", [None, [], "x", {}, {"id": "7"}, {"id": True}, {"id": 1.5}])
def test_no_identity_no_record(value):
    """
    What has no id is neither a device nor an organization.
    """
    assert (parse_device(value), parse_organization(value)) == (None, None)


def test_organization():
    """
    An organization needs nothing but its id.
    """
    assert Organization(3, "Fabrikam", None) == parse_organization({"id": 3, "name": "Fabrikam"})


def test_sparse_alert():
    """
    Severity, priority, source type and device may all be missing.
    """
    alert = parse_alert({"uid": "a", "deviceId": 5, "createTime": 1668617439.000000000, "subject": "", "data": {}})

    assert alert == Alert(uid="a", device_id=5, subject="", created_at=datetime(2022, 11, 16, 16, 50, 39, tzinfo=UTC))
    assert parse_alert({"deviceId": 5}) is None


@pytest.mark.parametrize("value", [None, True, "5", 0, -1, float("nan"), float("inf"), 1668617439000, 10**400])
def test_senseless_times(value):
    """
    Zero stands for never; milliseconds and other things that are no seconds give no time.
    """
    assert parse_time(value) is None
