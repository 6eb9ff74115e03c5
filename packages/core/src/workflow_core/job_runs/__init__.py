"""Jobs of integrations at work.

A tenant has a job while its connection is active: that is settled from the connections and from what the workers have
installed (the table ``workflow_jobs``). What has a clock is a schedule of Temporal; whoever connects, and whoever asks,
writes a run (``workflow_job_runs``). Temporal executes each run as a workflow of its own, and its attempts as
activities of the workers that have the job.
"""
