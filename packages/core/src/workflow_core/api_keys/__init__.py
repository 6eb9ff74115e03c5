"""API keys: with which scripts authenticate, each in the name of a user and for one tenant.

A key is shown once, when it is made; the database keeps its SHA-256. It is made, listed and revoked by the command
``workflow-modules api-keys``, since whoever may do that may act as anybody.
"""
