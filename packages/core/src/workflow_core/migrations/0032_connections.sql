-- How a tenant stands with each integration. Nothing of this decides whether its modules are available.

ALTER TABLE rmm_integrations
    ADD COLUMN method                text,
    ADD COLUMN scopes                text[] NOT NULL DEFAULT '{}', -- what the tenant allows
    ADD COLUMN account_name          text,                         -- over there
    ADD COLUMN connected_by          uuid,
    ADD COLUMN disconnected_at       timestamptz,
    ADD COLUMN problem_code          text,                         -- NULL: it works, as far as we know
    ADD COLUMN problem_message       text,
    ADD COLUMN problem_since         timestamptz,
    ADD COLUMN renewal_by            uuid,                         -- whoever is renewing the tokens; NULL: nobody
    ADD COLUMN renewal_since         timestamptz,
    ADD COLUMN webhook_registered_at timestamptz,                  -- NULL: nothing is sent to us
    ADD COLUMN webhook_error         jsonb,                        -- code and message
    ADD COLUMN webhook_received_at   timestamptz,
    ADD COLUMN mappings_read_at      jsonb NOT NULL DEFAULT '{}';  -- by kind: when all of them were read over there
