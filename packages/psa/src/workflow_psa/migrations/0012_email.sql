-- requires: workflow-modules-core 0005
-- How a tenant sends e-mail. The password of its server is among the tenant's secrets, never here.

CREATE TABLE tenant_email_settings (
    tenant               uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    default_from_domain  text,
    custom_domains       json NOT NULL DEFAULT '[]', -- further domains that it may send from
    ticketing_from_email text,
    email_provider       text NOT NULL DEFAULT 'smtp',
    provider_configs     json NOT NULL DEFAULT '[]', -- [{providerId, providerType, isEnabled, config}]
    tracking_enabled     boolean NOT NULL DEFAULT false,
    max_daily_emails     integer,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now()
);
SELECT workflow_protect('tenant_email_settings');
