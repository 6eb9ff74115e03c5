-- Keys with which scripts authenticate. A key is 256 random bits: its plain SHA-256 cannot be turned back, and finds it.

CREATE TABLE api_keys (
    tenant       uuid NOT NULL,
    api_key_id   uuid NOT NULL DEFAULT gen_random_uuid(),
    key_sha256   bytea NOT NULL,
    label        text NOT NULL,
    user_id      uuid NOT NULL,   -- in whose name it acts
    permissions  text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,     -- to the minute
    expires_at   timestamptz,     -- NULL: never
    revoked_at   timestamptz,
    PRIMARY KEY (tenant, api_key_id),
    UNIQUE (tenant, key_sha256),
    FOREIGN KEY (tenant, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX api_keys_by_user ON api_keys (tenant, user_id);
SELECT workflow_protect('api_keys');
