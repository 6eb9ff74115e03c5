-- Where a failed run stood, so that it can go on from there.

ALTER TABLE workflow_runs
    ADD COLUMN checkpoint json,       -- before the step that failed; NULL: the run can only go on from its beginning
    ADD COLUMN failed_step_path text, -- of the step that ended the run, and
    ADD COLUMN failed_iteration text,
    ADD COLUMN correction json;       -- fields of that step's input that the next execution takes instead
