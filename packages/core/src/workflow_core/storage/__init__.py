"""
Everything that knows PostgreSQL: the tenant-bound connections, the migrations, and the rule of isolation.

- ``database`` gives out connections inside transactions, bound to one tenant or to none.
- ``migrations`` brings a database to the state that the installed distributions need.
- ``tenancy`` names the tables that belong to no tenant, and checks that all others are protected.
"""
