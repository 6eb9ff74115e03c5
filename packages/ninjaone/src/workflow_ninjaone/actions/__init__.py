"""
What a workflow can do with NinjaOne.

``shapes`` is the contract, ``definitions`` the list; ``devices``, ``scripts`` and ``alerts`` are the handlers.
``access`` is the way from a step to the tenant's NinjaOne account, ``local`` reads what we know ourselves,
``normalise`` turns the vendor's records into ours, and ``shown`` shows ours.
"""
