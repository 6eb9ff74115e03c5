-- Phones and tablets that an integration manages.

CREATE TABLE mobile_device_assets (
    tenant        uuid NOT NULL,
    asset_id      uuid NOT NULL,
    os_type       varchar(255),
    os_version    varchar(255),
    model         varchar(255),
    imei          varchar(255),
    phone_number  varchar(255),
    carrier       varchar(255),
    last_check_in timestamptz,
    PRIMARY KEY (tenant, asset_id),
    FOREIGN KEY (tenant, asset_id) REFERENCES assets ON DELETE CASCADE
);
SELECT workflow_protect('mobile_device_assets');

-- What a sync of the whole fleet has not seen is looked for among a connection's devices, by their organization too.
CREATE INDEX assets_by_rmm_organization ON assets (tenant, rmm_provider, rmm_organization_id);
