"""Fixtures for the tests of all packages."""

pytest_plugins = [
    "workflow_core.testing.distributions",
    "workflow_core.testing.postgres",
    "workflow_core.testing.temporal",
]
