"""
The rule of isolation, and the tables that stand outside it.

A table of ours either has a ``tenant uuid NOT NULL`` column and the tenant policy of ``workflow_protect()``, or its
name stands in :data:`TABLES_WITHOUT_TENANT`. :func:`find_violations` tells where a database breaks that rule;
``migrate`` refuses a migration that does.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from workflow_core.storage.database import Connection

DISPATCH_ROLE: Final = "workflow_dispatch"
"""What must look across tenants does so as this role, which sees ids, states and due times, and no payloads."""

TABLES_WITHOUT_TENANT: Final[frozenset[str]] = frozenset(
    {
        "extension_registry",  # which extensions exist; who installed them is in tenant_extension_install
        "workflow_migrations",  # what has been applied to this database
        "workflow_webhook_routes",  # sha256(token) → tenant and integration: looked up before the tenant is known
        "workflow_workers",  # worker processes and what they can run
    }
)
"""The only tables that every tenant's connection sees whole. A new entry needs a reason beside it."""

TENANT_POLICY: Final = "(tenant = (NULLIF(current_setting('app.tenant'::text, true), ''::text))::uuid)"
"""The condition of ``workflow_protect()``, as PostgreSQL prints it."""

_TABLES = """
SELECT c.oid, c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS protected,
       coalesce('security_invoker=true' = ANY (c.reloptions), false) AS invoker,
       a.atttypid = 'uuid'::regtype AND a.attnotnull AS tenant_ok
FROM pg_class c
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1::text[])
ORDER BY c.relname
"""

_POLICIES = """
SELECT p.polname AS name, p.polpermissive AS permissive, p.polcmd::text AS command,
       ARRAY (SELECT pg_get_userbyid(r) FROM unnest(p.polroles) AS r WHERE r <> 0)::text[] AS roles,
       pg_get_expr(p.polqual, p.polrelid) AS reads, pg_get_expr(p.polwithcheck, p.polrelid) AS writes
FROM pg_policy p
WHERE p.polrelid = $1
"""


async def find_violations(conn: Connection, tables: Collection[str]) -> list[str]:
    """
    Where these tables and views of the current schema break the rule of isolation.

    Args:
        conn: Any connection that can read the catalog.
        tables: Names of what our migrations created; names that no longer exist are skipped.

    Returns:
        One sentence per violation, with the remedy; empty when all is well.
    """
    violations: list[str] = []
    for table in await conn.fetch(_TABLES, sorted(tables)):
        name, kind = table["name"], table["kind"]
        if kind == "m":
            violations.append(f"{name}: a materialized view cannot be protected; use a table or a view")
        elif kind == "v":
            if not table["invoker"]:
                violations.append(f"{name}: create the view WITH (security_invoker = true)")
        elif name in TABLES_WITHOUT_TENANT:
            continue
        elif table["tenant_ok"] is None:
            violations.append(
                f"{name}: add a column 'tenant uuid NOT NULL' and SELECT workflow_protect('{name}'), or list the "
                "table in workflow_core.storage.tenancy.TABLES_WITHOUT_TENANT"
            )
        elif not table["tenant_ok"]:
            violations.append(f"{name}: the column 'tenant' has to be 'uuid NOT NULL'")
        elif not table["protected"]:
            violations.append(f"{name}: row-level security is off; add SELECT workflow_protect('{name}')")
        else:
            violations += await _policy_violations(conn, table["oid"], name)
    return violations


async def _policy_violations(conn: Connection, oid: int, name: str) -> list[str]:
    """Permissive policies add up, so besides the tenant policy only reading by the dispatch role is allowed."""
    violations: list[str] = []
    has_tenant_policy = False
    for policy in await conn.fetch(_POLICIES, oid):
        everyone = not policy["roles"]
        if not policy["permissive"]:
            continue
        if everyone and policy["command"] == "*" and policy["reads"] == policy["writes"] == TENANT_POLICY:
            has_tenant_policy = True
        elif policy["command"] != "r" or policy["roles"] != [DISPATCH_ROLE]:
            violations.append(
                f"{name}: the policy {policy['name']!r} opens the table beside the tenant policy; only "
                f"workflow_allow_dispatch() may do that, for reading by {DISPATCH_ROLE}"
            )
    if not has_tenant_policy:
        violations.append(f"{name}: the tenant policy is missing; add SELECT workflow_protect('{name}')")
    return violations
