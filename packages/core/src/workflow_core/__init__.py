"""workflow_core."""
