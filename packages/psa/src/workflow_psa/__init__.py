"""
The generic modules that every tenant has.

Each kind of record has a package: ``shapes`` is the contract of its actions, ``actions`` the list of them, and one
module per action does the work. The tables are in ``migrations/``; nothing here is imported by server or worker, which
find :mod:`workflow_psa.plugin` by its entry point.
"""
