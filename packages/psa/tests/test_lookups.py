"""What a tenant with many records is asked most often is found by an index, in spite of row-level security."""

import asyncpg
import pytest

from workflow_psa.assets.find import _query
from workflow_psa.assets.shapes import FindAssets
from workflow_psa.clients import find as clients
from workflow_psa.contacts import find as contacts

_MANY = """
INSERT INTO clients (tenant, client_name) SELECT $1, 'Client ' || i FROM generate_series(1, 2000) i;
INSERT INTO contacts (tenant, full_name, email) SELECT $1, i, i || '@x.test' FROM generate_series(1, 2000) i;
INSERT INTO assets (tenant, asset_tag, status, name, serial_number)
SELECT $1, i, 'active', 'SRV-' || i, 'S' || i FROM generate_series(1, 2000) i;
INSERT INTO tenant_external_entity_mappings
    (tenant, integration_type, alga_entity_type, alga_entity_id, external_entity_id)
SELECT $1, 'ninjaone', 'asset', asset_id::text, asset_tag FROM assets WHERE tenant = $1;
"""


@pytest.fixture
async def explain(desk, migrated_database):
    """Tells how the database looks something up for a tenant with many records: the conditions of its indexes."""
    async with desk.db.tenant(desk.tenant) as conn:
        for statement in _MANY.split(";")[:-1]:
            await conn.execute(statement, desk.tenant)
    owner = await asyncpg.connect(migrated_database.admin_dsn)
    await owner.execute("ANALYZE")
    await owner.close()

    async def conditions(sql, *arguments) -> list[str]:
        async with desk.db.tenant(desk.tenant) as conn:
            lines = [row[0] for row in await conn.fetch(f"EXPLAIN {sql}", desk.tenant, *arguments)]
        return [line for line in lines if "Index Cond" in line]

    return conditions


async def test_a_contact_by_its_address(explain):
    sql = contacts._FIND.format(columns=contacts.COLUMNS, condition=contacts._CONDITIONS["email"], order="ASC")
    (condition,) = await explain(sql, "7@X.test", None)
    assert "(email_lower = '7@x.test'::text)" in condition


async def test_a_client_by_its_name(explain):
    sql = clients._FIND.format(columns=clients.COLUMNS, condition=clients._CONDITIONS["name"])
    (condition,) = await explain(sql, "CLIENT 7")
    assert "(client_name_lower = 'client 7'::text)" in condition


@pytest.mark.parametrize(("column", "value"), [("name", "srv-7"), ("serial_number", "s7")])
async def test_an_asset_and_its_device(desk, explain, column, value):
    sql, arguments = _query(FindAssets(**{column: value.upper()}), desk.tenant)
    conditions = await explain(sql, *arguments[1:])
    assert any(f"({column}_lower = '{value}'::text)" in condition for condition in conditions)
    assert any("(alga_entity_id)::text = " in condition for condition in conditions)
