-- What other systems send us. A route is found before its tenant is known, by the SHA-256 of 256 random bits.

CREATE TABLE workflow_webhook_routes (
    token_sha256   bytea PRIMARY KEY,
    header_sha256  bytea NOT NULL, -- of the header's value, which is as random
    tenant         uuid NOT NULL,
    integration_id uuid NOT NULL,
    provider       text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    confirmed_at   timestamptz, -- NULL: nobody knows whether the other system has taken it
    FOREIGN KEY (tenant, integration_id) REFERENCES rmm_integrations ON DELETE CASCADE
);
CREATE INDEX workflow_webhook_routes_by_integration ON workflow_webhook_routes (tenant, integration_id);

-- Each delivery, as it came, until it has been worked on.
CREATE TABLE workflow_webhook_deliveries (
    tenant         uuid NOT NULL,
    delivery_id    uuid NOT NULL,
    integration_id uuid NOT NULL,
    provider       text NOT NULL,
    body           bytea NOT NULL,
    received_at    timestamptz NOT NULL DEFAULT now(),
    attempts       integer NOT NULL DEFAULT 0,
    due_at         timestamptz DEFAULT now(), -- NULL: parked, it is not tried any more
    error          jsonb,                     -- code and message of the last failure
    PRIMARY KEY (tenant, delivery_id),
    FOREIGN KEY (tenant, integration_id) REFERENCES rmm_integrations ON DELETE CASCADE
);
CREATE INDEX workflow_webhook_deliveries_due ON workflow_webhook_deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX workflow_webhook_deliveries_by_integration ON workflow_webhook_deliveries (tenant, integration_id);
SELECT workflow_protect('workflow_webhook_deliveries');
SELECT workflow_allow_dispatch(
    'workflow_webhook_deliveries', 'tenant', 'delivery_id', 'provider', 'due_at', 'received_at'
);

-- Workers are told on the channel workflow_webhooks that something waits for them.
CREATE FUNCTION workflow_notify_webhook() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('workflow_webhooks', '');
    RETURN NULL;
END $$;
CREATE TRIGGER notify_webhook AFTER INSERT ON workflow_webhook_deliveries
    FOR EACH STATEMENT EXECUTE FUNCTION workflow_notify_webhook();
