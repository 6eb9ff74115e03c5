"""Extension apps are shown to tenants that have installed and enabled them."""

import pytest

from workflow_core.availability import resolve_availability
from workflow_core.records.extensions import extension_resolver


@pytest.fixture
async def installed(db, tenants):
    """Tenant A has Acme.Cloud.Backup of publisher Contoso; how it is enabled is the test's."""

    async def install(*, is_enabled, status):
        async with db.untenanted() as conn:
            registry_id = await conn.fetchval(
                "INSERT INTO extension_registry (publisher, name) VALUES ('Contoso', 'Acme.Cloud.Backup') RETURNING id"
            )
        async with db.tenant(tenants.a) as conn:
            await conn.execute(
                "INSERT INTO tenant_extension_install (tenant, registry_id, is_enabled, status) "
                "VALUES ($1, $2, $3, $4)",
                tenants.a,
                registry_id,
                is_enabled,
                status,
            )

    return install


async def available(db, tenant, group_key):
    resolver = extension_resolver(group_key)
    answers = await resolve_availability(db, tenant, [resolver.key], {resolver.key: resolver})
    return answers[resolver.key].available


@pytest.mark.parametrize("group_key", ["app:acme.cloud.backup", "app:backup", "app:contoso.acme.cloud.backup"])
async def test_every_name_of_an_app_finds_it(db, tenants, installed, group_key):
    """Its name, the last segment of it, and publisher and name; for its own tenant only."""
    await installed(is_enabled=True, status=None)
    assert await available(db, tenants.a, group_key)
    assert not await available(db, tenants.b, group_key)
    assert not await available(db, tenants.a, "app:cloud")


@pytest.mark.parametrize(
    ("is_enabled", "status", "shown"),
    [(True, "disabled", True), (False, "enabled", True), (False, "disabled", False), (False, None, False)],
)
async def test_either_flag_enables(db, tenants, installed, is_enabled, status, shown):
    """``is_enabled`` or the status ``enabled``; without both it is hidden."""
    await installed(is_enabled=is_enabled, status=status)
    assert await available(db, tenants.a, "app:backup") is shown
