-- What a run's plan needs of each action that a worker has: for runs that are started by a process that lacks it.

ALTER TABLE workflow_workers ADD COLUMN planned jsonb NOT NULL DEFAULT '{}'; -- id@version → as in a run's plan
