"""Where workflows are stored: one draft each, and published versions that never change.

Every function works on a connection that is bound to the tenant. A stored definition is kept as it came, also what
nobody here knows; its ``id`` is always the workflow's. Its ``version`` is the number under which it is published. A
draft's number is the one that publishing it will give, except for a draft that came with a bundle and has not been
published since: it keeps the bundle's number.

Concepts have a module each: :mod:`~workflow_core.definitions.models`, :mod:`~workflow_core.definitions.reading`,
:mod:`~workflow_core.definitions.writing`, :mod:`~workflow_core.definitions.publishing`,
:mod:`~workflow_core.definitions.differences` and :mod:`~workflow_core.definitions.surroundings`.
"""
