-- Definitions come back as they went in. jsonb rewrites numbers: -0.0 loses its sign, and 1e18 becomes an integer.

ALTER TABLE workflow_definitions ALTER COLUMN draft_definition TYPE json USING draft_definition::text::json;
ALTER TABLE workflow_definition_versions
    ALTER COLUMN definition_json TYPE json USING definition_json::text::json,
    ALTER COLUMN payload_schema_json TYPE json USING payload_schema_json::text::json;

-- What a bundle said beside what the other columns hold; NULL: it did not come from one.
ALTER TABLE workflow_definitions ADD COLUMN imported json;
ALTER TABLE workflow_definition_versions ADD COLUMN imported json;

-- Lists are by name.
CREATE INDEX workflow_definitions_by_name ON workflow_definitions (tenant, lower(name), workflow_id);
