-- Somebody has been sent to the other system to allow a connection, and has not come back yet. The row goes when they
-- do: each can be used once.

CREATE TABLE workflow_connection_attempts (
    tenant         uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    attempt_id     uuid NOT NULL,
    provider       text NOT NULL,
    user_id        uuid NOT NULL,
    browser_sha256 bytea NOT NULL, -- of what the browser carries as a cookie
    sealed         bytea NOT NULL, -- what was entered, and the verifier; encrypted
    expires_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant, attempt_id)
);
SELECT workflow_protect('workflow_connection_attempts');
