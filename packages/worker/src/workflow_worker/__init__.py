"""The standalone Temporal worker: the workflow interpreter and the activities that it calls."""
