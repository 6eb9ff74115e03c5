"""
The NinjaOne module: devices and alerts of NinjaOne RMM in workflows.

- ``plugin`` is what the platform finds by its entry point; ``module``, ``availability`` and ``connection`` its parts.
- ``actions`` is what a workflow can do: look at ``actions.shapes`` for what goes in and out.
- ``client`` speaks the vendor's API; ``simulator`` is such an API to test against, and shares nothing with the client.
"""
