"""
Records that integrations share: clients, assets, mappings to external entities, and what remote monitoring knows.

Functions take a connection that is bound to the tenant, and the tenant itself: every statement names it besides what
row-level security does. Records are frozen; what is not there is None.
"""
