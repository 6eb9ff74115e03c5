"""The HTTP side of the platform: the designer's catalog, definitions and their publishing, runs, secrets, health.

Requests flow one way: a route module reads and converts the request, core does the work, the answer goes back as plain
JSON. ``app`` puts the pieces together; ``services`` names what the routes are given; ``problems`` is the one place that
turns an error into an answer.
"""
