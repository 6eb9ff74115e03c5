"""``notifications.send_in_app``: who is notified, and that a key notifies once."""

import asyncio
from uuid import uuid4

import pytest

from workflow_core.errors import NotFoundError, ValidationError


@pytest.fixture
async def roles(desk):
    """Two roles: the helper, the lead and somebody inactive are technicians, and the lead is an administrator."""
    for name in ("Technician", "Admin", "Nobody"):
        await desk.add("roles", "role_id", name=name, role_name=name)
    async with desk.db.tenant(desk.tenant) as conn:
        for user, role in (
            ("helper", "Technician"),
            ("lead", "Technician"),
            ("gone", "Technician"),
            ("lead", "Admin"),
        ):
            await conn.execute(
                "INSERT INTO user_roles (tenant, user_id, role_id) VALUES ($1, $2, $3)",
                *(desk.tenant, desk[user], desk[role]),
            )
    return desk


async def send(desk, recipients, **more):
    given = {"recipients": recipients, "title": "Offline", "body": "SRV-01 does not answer."} | more
    return await desk.run("notifications.send_in_app", given)


async def test_row(desk):
    """
    One row for each recipient, as the application reads it.
    """
    sent = await send(desk, {"user_ids": [str(desk["user"])]}, severity="error", link="/msp/tickets/1")

    (row,) = await desk.rows("internal_notifications")
    assert {
        "internal_notification_id": sent.notification_ids[0],
        "user_id": desk["user"],
        "template_name": "workflow-custom",
        "language_code": "en",
        "title": "Offline",
        "message": "SRV-01 does not answer.",
        "type": "error",
        "category": "workflow",
        "link": "/msp/tickets/1",
        "metadata": {"source": "workflow", "run_id": None, "step_path": "root.steps[0]"},
        "is_read": False,
        "read_at": None,
        "delivery_status": "pending",
        "delivery_attempts": 0,
    }.items() <= row.items()
    assert (len(sent.notification_ids), sent.delivered_count) == (1, 1)


async def test_defaults(desk):
    """
    An information that leads nowhere.
    """
    await send(desk, {"user_ids": [str(desk["user"])]})

    (row,) = await desk.rows("internal_notifications")
    assert (row["type"], row["link"]) == ("info", None)


@pytest.mark.parametrize(
    ("recipients", "expected"),
    [
        ({"user_ids": ["user", "helper", "user"]}, {"user", "helper"}),
        ({"user_ids": ["gone"]}, {"gone"}),
        ({"role_ids": ["Technician"]}, {"helper", "lead"}),
        ({"role_names": [" technICIAN "]}, {"helper", "lead"}),
        ({"role_names": ["Technician", "Admin", "Unheard of"], "role_ids": ["Admin"]}, {"helper", "lead"}),
        ({"user_ids": ["user", "lead"], "role_names": ["admin"], "role_ids": None}, {"user", "lead"}),
    ],
)
async def test_recipients(roles, recipients, expected):
    """
    Users, and the active ones among those who have a role; each once.
    """
    given = {
        kind: some and [one if kind == "role_names" else str(roles[one]) for one in some]
        for kind, some in recipients.items()
    }

    sent = await send(roles, given)

    rows = await roles.rows("internal_notifications")
    assert {row["user_id"] for row in rows} == {roles[name] for name in expected}
    assert sent.delivered_count == len(rows) == len(expected)
    assert set(sent.notification_ids) == {row["internal_notification_id"] for row in rows}


async def test_unknown_users(desk, foreign_desk, places):
    """
    All of them are named, another tenant's among them, and nobody is notified.
    """
    unknown, theirs = str(uuid4()), str(foreign_desk["user"])

    with pytest.raises(NotFoundError) as caught:
        await send(desk, {"user_ids": [unknown, str(desk["user"]), theirs, unknown]}, dedupe_key="k")

    assert caught.value.details["missing_user_ids"] == [unknown, theirs]
    assert places(caught.value) == {(f"recipients.user_ids[{index}]", "NOT_FOUND") for index in (0, 2, 3)}
    assert await desk.rows("internal_notifications") == []
    assert await desk.rows("workflow_idempotency_keys") == []


async def test_unknown_roles(roles, foreign_desk, places):
    """
    A role that is given by its id has to be there.
    """
    theirs = await foreign_desk.add("roles", "role_id", role_name="Technician")

    with pytest.raises(NotFoundError) as caught:
        await send(roles, {"user_ids": [str(roles["user"])], "role_ids": [str(theirs)]})

    assert places(caught.value) == {("recipients.role_ids[0]", "NOT_FOUND")}
    assert caught.value.details["missing_user_ids"] == []


async def test_another_tenants_role_of_the_same_name(roles, foreign_desk):
    """
    Its members are not ours.
    """
    role_id = await foreign_desk.add("roles", "role_id", role_name="Technician")
    async with foreign_desk.db.tenant(foreign_desk.tenant) as conn:
        await conn.execute(
            "INSERT INTO user_roles (tenant, user_id, role_id) VALUES ($1, $2, $3)",
            *(foreign_desk.tenant, foreign_desk["user"], role_id),
        )

    assert (await send(roles, {"role_names": ["Technician"]})).delivered_count == 2


@pytest.mark.parametrize(
    "recipients", [{}, {"user_ids": []}, {"user_ids": None}, {"role_names": ["Nobody"]}, {"role_names": ["Unheard of"]}]
)
async def test_no_recipient(roles, places, recipients):
    """
    Somebody has to be notified.
    """
    with pytest.raises(ValidationError) as caught:
        await send(roles, recipients)

    assert places(caught.value) == {("recipients", "RULE")}


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"title": " "}, "title", "LENGTH"),
        ({"body": ""}, "body", "LENGTH"),
        ({"severity": "loud"}, "severity", "CHOICE"),
        ({"recipients": {"user_ids": ["user"]}}, "recipients.user_ids[0]", "FORMAT"),
        ({"recipients": {"role_names": [""]}}, "recipients.role_names[0]", "LENGTH"),
        ({"recipients": {"team_ids": []}}, "recipients.team_ids", "UNKNOWN_FIELD"),
    ],
)
async def test_input_that_breaks_its_contract(desk, places, change, path, code):
    """
    A title and a text, for people.
    """
    with pytest.raises(ValidationError) as caught:
        await send(desk, **({"recipients": {"user_ids": [str(desk["user"])]}} | change))

    assert places(caught.value) == {(path, code)}


# ── The same key ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_key_notifies_once(desk):
    """
    Whatever else the second call says: the first notifications are the answer, though they be deleted.
    """
    first = await send(desk, {"user_ids": [str(desk["user"]), str(desk["lead"])]}, dedupe_key="k")
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("DELETE FROM internal_notifications")

    again = await send(desk, {"user_ids": [str(uuid4())]}, dedupe_key=" k ", title="Another")

    assert again == first
    assert await desk.rows("internal_notifications") == []


async def test_other_keys_other_tenants(desk, foreign_desk):
    """
    A key is one tenant's; without a key everybody is notified each time.
    """
    ours, theirs = {"user_ids": [str(desk["user"])]}, {"user_ids": [str(foreign_desk["user"])]}

    for key in ("k", "k2", None, None):
        await send(desk, ours, dedupe_key=key)
    await send(foreign_desk, theirs, dedupe_key="k")

    assert len(await desk.rows("internal_notifications")) == 4
    assert len(await foreign_desk.rows("internal_notifications")) == 1


async def test_the_same_key_at_the_same_time(desk):
    """
    Of calls that race for a key, one notifies and the others answer its notifications.
    """
    recipients = {"user_ids": [str(desk["user"]), str(desk["lead"])]}

    sent = await asyncio.gather(*(send(desk, recipients, dedupe_key="k") for _ in range(6)))

    assert len(set(sent)) == 1
    assert len(await desk.rows("internal_notifications")) == 2
