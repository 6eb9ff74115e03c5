"""``notifications.send_in_app``: who is told, what they read, and that a key tells nobody twice."""

import asyncio
from uuid import uuid4

import pytest

from workflow_core.errors import NotFoundError, ValidationError

SEND = "notifications.send_in_app"


@pytest.fixture
async def roles(desk):
    """Two roles: of the user and the helper, and of somebody who is gone."""
    for name, role_name, members in (("techs", "Technician", ("user", "helper")), ("ghosts", "Ghost", ("gone",))):
        role_id = await desk.add("roles", "role_id", name=name, role_name=role_name)
        async with desk.db.tenant(desk.tenant) as conn:
            for member in members:
                await conn.execute(
                    "INSERT INTO user_roles (tenant, user_id, role_id) VALUES ($1, $2, $3)",
                    desk.tenant,
                    desk[member],
                    role_id,
                )


@pytest.fixture
def send(desk, roles):
    """Sends a notification to recipients, with what a test adds."""

    async def run(recipients, **more):
        given = {"recipients": recipients, "title": "Disk full", "body": "C: of SRV-01", **more}
        return await desk.run(SEND, given)

    return run


def listed(*ids):
    """As mapped values come."""
    return [str(identity) for identity in ids]


async def told(desk):
    """Who was told."""
    return [row["user_id"] for row in await desk.rows("internal_notifications")]


async def test_what_a_user_reads(desk, send):
    """
    The row is the one that the existing product's inbox shows.
    """
    sent = await send({"user_ids": listed(desk["user"])}, severity="warning", link="/assets/1")

    [row] = await desk.rows("internal_notifications")
    assert (sent.notification_ids, sent.delivered_count) == ((row["internal_notification_id"],), 1)
    shown = ("user_id", "template_name", "language_code", "title", "message", "type", "category", "link", "is_read")
    assert tuple(row[name] for name in shown) == (
        desk["user"],
        "workflow-custom",
        "en",
        "Disk full",
        "C: of SRV-01",
        "warning",
        "workflow",
        "/assets/1",
        False,
    )


async def test_everybody_is_told_once(desk, send):
    """
    However often somebody is named: as a user, and by roles, whose names may be in any case.
    """
    sent = await send(
        {
            "user_ids": listed(desk["lead"], desk["user"], desk["user"]),
            "role_ids": listed(desk["techs"]),
            "role_names": ["TECHNICIAN", "ghost"],
        }
    )

    assert sent.delivered_count == 3
    assert sorted(await told(desk)) == sorted([desk["lead"], desk["user"], desk["helper"]])


@pytest.mark.parametrize("recipients", [{}, {"user_ids": []}, {"role_names": ["Ghost"]}])
async def test_nobody_to_tell(desk, send, recipients):
    """
    A role that only somebody inactive has counts as nobody.
    """
    with pytest.raises(ValidationError) as caught:
        await send(recipients)

    assert [error.path for error in caught.value.errors] == ["recipients"]
    assert await told(desk) == []


async def test_unknown_recipients(desk, foreign_desk, send):
    """
    All of them are named, another tenant's users too; nobody is told.
    """
    unknown = listed(uuid4(), foreign_desk["user"])
    with pytest.raises(NotFoundError) as caught:
        await send(
            {
                "user_ids": [str(desk["user"]), *unknown],
                "role_ids": listed(uuid4()),
                "role_names": ["Technician", "Nobody"],
            }
        )

    assert caught.value.details["missing_user_ids"] == unknown
    assert [error["path"] for error in caught.value.details["errors"]] == [
        "recipients.user_ids[1]",
        "recipients.user_ids[2]",
        "recipients.role_ids[0]",
        "recipients.role_names[1]",
    ]
    assert await told(desk) == []
    assert await told(foreign_desk) == []


async def test_inactive_user(desk, send):
    """
    Somebody who is named and inactive is a mistake.
    """
    with pytest.raises(ValidationError) as caught:
        await send({"user_ids": listed(desk["gone"])})

    assert [(error.path, error.code) for error in caught.value.errors] == [("recipients.user_ids[0]", "INACTIVE")]


async def test_key_tells_nobody_twice(desk, send):
    """
    The second call with the key gives the first one's answer; another key tells again.
    """
    first = await send({"user_ids": listed(desk["user"])}, dedupe_key="k")
    again = await send({"user_ids": listed(desk["helper"])}, dedupe_key="k", title="Other")
    other = await send({"user_ids": listed(desk["user"])}, dedupe_key="other")

    assert again == first != other
    assert await told(desk) == [desk["user"], desk["user"]]


async def test_two_at_once_with_one_key(desk, send):
    """
    The second waits for the first, and tells nobody.
    """
    first, second = await asyncio.gather(*(send({"user_ids": listed(desk["user"])}, dedupe_key="k") for _ in range(2)))

    assert first == second
    assert await told(desk) == [desk["user"]]


async def test_keys_are_the_tenants_own(desk, foreign_desk, send):
    """
    Another tenant's key is another key.
    """
    await send({"user_ids": listed(desk["user"])}, dedupe_key="k")
    await foreign_desk.run(
        SEND,
        {"recipients": {"user_ids": listed(foreign_desk["user"])}, "title": "t", "body": "b", "dedupe_key": "k"},
    )

    assert await told(foreign_desk) == [foreign_desk["user"]]


@pytest.mark.parametrize("name", ["Ärzte", "İzmir", "STRAẞE"])
async def test_role_names_of_any_script(desk, name):
    """The database makes small letters of both names: Python knows others."""
    role = await desk.add("roles", "role_id", role_name=name)
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("INSERT INTO user_roles VALUES ($1, $2, $3)", desk.tenant, desk["user"], role)
    given = {"recipients": {"role_names": [name]}, "title": "t", "body": "b"}
    assert (await desk.run("notifications.send_in_app", given)).delivered_count == 1
