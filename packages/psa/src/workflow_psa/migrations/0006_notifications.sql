-- requires: workflow-modules-core 0001
-- What users are shown in the application.

CREATE TABLE internal_notifications (
    tenant                   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    internal_notification_id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id                  uuid NOT NULL,
    template_name            text NOT NULL,
    language_code            varchar(2) NOT NULL,
    title                    text NOT NULL,
    message                  text NOT NULL,
    type                     text NOT NULL DEFAULT 'info' CHECK (type IN ('info', 'success', 'warning', 'error')),
    category                 text,
    link                     text,
    metadata                 jsonb,
    is_read                  boolean NOT NULL DEFAULT false,
    read_at                  timestamptz,
    deleted_at               timestamptz,
    delivery_status          text NOT NULL DEFAULT 'pending', -- pending, delivered, failed
    delivery_attempts        integer NOT NULL DEFAULT 0,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, internal_notification_id),
    FOREIGN KEY (tenant, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX internal_notifications_by_user ON internal_notifications (tenant, user_id, created_at DESC);
SELECT workflow_protect('internal_notifications');
