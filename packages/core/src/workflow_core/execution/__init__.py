"""Running workflows: starting a run, executing one action with its ledger, and the run's history.

``runs`` starts a run and reads runs back; ``child_runs`` records the ones that runs call; ``executor`` executes one
action call; ``ledger`` is the effect ledger that makes an effect happen once; ``verdicts`` says what may follow a
failure; ``history`` writes the rows of steps and runs. Nothing here knows Temporal but ``runs``, which starts
executions.
"""
