"""Workflows that a clock starts.

Publishing, pausing and deleting a workflow write what is wanted (the table ``tenant_workflow_schedule``); syncing makes
Temporal's schedules equal to it, whatever was lost on either side; what Temporal fires is held against it once more,
and starts a run.
"""
