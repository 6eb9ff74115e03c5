-- What every migration stands on. Runs before the migrations, each time, and changes nothing that is already there.

CREATE TABLE IF NOT EXISTS workflow_migrations (
    distribution text NOT NULL,                -- normalised name, such as workflow-ninjaone
    number       integer NOT NULL,
    name         text NOT NULL,                -- the file's name
    checksum     text NOT NULL,                -- SHA-256 of the file, in hexadecimal
    relations    text[] NOT NULL DEFAULT '{}', -- tables and views that it created: those are ours
    applied_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (distribution, number)
);

-- Shows and takes only rows of the tenant that the transaction has set; without a tenant, none. After the end of a
-- transaction the setting is an empty string, not NULL: hence NULLIF.
CREATE OR REPLACE FUNCTION workflow_protect(target regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    own_rows CONSTANT text := 'tenant = NULLIF(current_setting(''app.tenant'', true), '''')::uuid';
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY tenant_isolation ON %s USING (%s) WITH CHECK (%s)', target, own_rows, own_rows);
END $$;

-- Lets the role workflow_dispatch read the named columns of all tenants: ids, states and due times, never payloads.
-- A later call for the same table adds columns.
CREATE OR REPLACE FUNCTION workflow_allow_dispatch(target regclass, VARIADIC columns text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'GRANT SELECT (%s) ON %s TO workflow_dispatch',
        (SELECT string_agg(quote_ident(name), ', ') FROM unnest(columns) AS name),
        target
    );
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = target AND polname = 'dispatch') THEN
        EXECUTE format('CREATE POLICY dispatch ON %s FOR SELECT TO workflow_dispatch USING (true)', target);
    END IF;
END $$;

-- For BEFORE UPDATE triggers.
CREATE OR REPLACE FUNCTION workflow_set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
