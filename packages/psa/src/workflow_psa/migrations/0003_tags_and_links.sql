-- requires: workflow-modules-core 0003
-- Words and other records that hang on tickets and assets.

CREATE TABLE tag_definitions (
    tenant           uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    tag_id           uuid NOT NULL DEFAULT gen_random_uuid(),
    tag_text         text NOT NULL,
    tagged_type      text NOT NULL, -- ticket, …
    background_color text,
    text_color       text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, tag_id),
    UNIQUE (tenant, tag_text, tagged_type)
);
SELECT workflow_protect('tag_definitions');

CREATE TABLE tag_mappings (
    tenant      uuid NOT NULL,
    mapping_id  uuid NOT NULL DEFAULT gen_random_uuid(),
    tag_id      uuid NOT NULL,
    tagged_id   uuid NOT NULL,
    tagged_type text NOT NULL,
    created_by  uuid,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, mapping_id),
    UNIQUE (tenant, tag_id, tagged_id),
    FOREIGN KEY (tenant, tag_id) REFERENCES tag_definitions ON DELETE CASCADE
);
CREATE INDEX tag_mappings_by_tagged ON tag_mappings (tenant, tagged_type, tagged_id);
SELECT workflow_protect('tag_mappings');

CREATE TABLE asset_associations (
    tenant            uuid NOT NULL,
    asset_id          uuid NOT NULL,
    entity_id         uuid NOT NULL,
    entity_type       text NOT NULL, -- ticket, …
    relationship_type text NOT NULL DEFAULT 'affected',
    created_by        uuid,
    created_at        timestamptz NOT NULL DEFAULT now(),
    notes             text,
    PRIMARY KEY (tenant, asset_id, entity_id, entity_type),
    FOREIGN KEY (tenant, asset_id) REFERENCES assets ON DELETE CASCADE,
    FOREIGN KEY (tenant, created_by) REFERENCES users
);
CREATE INDEX asset_associations_by_entity ON asset_associations (tenant, entity_type, entity_id);
SELECT workflow_protect('asset_associations');
