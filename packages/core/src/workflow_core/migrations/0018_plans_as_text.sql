-- A plan keeps the order of its definition, in which assignments are made. jsonb puts the shorter name first.

ALTER TABLE workflow_runs ALTER COLUMN plan TYPE json USING plan::text::json;
