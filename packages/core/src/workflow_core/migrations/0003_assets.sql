-- Devices and other things that the MSP looks after; a device has one row in assets and one in the table of its type.

CREATE TABLE assets (
    tenant              uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    asset_id            uuid NOT NULL DEFAULT gen_random_uuid(),
    asset_type          text NOT NULL DEFAULT 'unknown', -- workstation, server, network_device, …
    client_id           uuid,
    asset_tag           text NOT NULL,
    serial_number       text,
    name                text NOT NULL,
    status              text NOT NULL,
    location            text,
    attributes          jsonb,
    rmm_provider        varchar(50),
    rmm_device_id       varchar(255),
    rmm_organization_id varchar(255),
    agent_status        varchar(20), -- online, offline, unknown
    last_seen_at        timestamptz,
    last_rmm_sync_at    timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, asset_id),
    FOREIGN KEY (tenant, client_id) REFERENCES clients
);
CREATE INDEX assets_by_rmm_device ON assets (tenant, rmm_provider, rmm_device_id);
CREATE INDEX assets_by_client ON assets (tenant, client_id);
CREATE INDEX assets_by_serial_number ON assets (tenant, lower(serial_number));
CREATE INDEX assets_by_name ON assets (tenant, lower(name));
CREATE INDEX assets_by_agent_status ON assets (tenant, agent_status);
SELECT workflow_protect('assets');

CREATE TABLE workstation_assets (
    tenant                   uuid NOT NULL,
    asset_id                 uuid NOT NULL,
    os_type                  varchar(255),
    os_version               varchar(255),
    cpu_model                varchar(255),
    cpu_cores                integer,
    ram_gb                   integer,
    storage_type             varchar(255),
    storage_capacity_gb      integer,
    gpu_model                varchar(255),
    last_login               timestamptz,
    installed_software       jsonb NOT NULL DEFAULT '[]',
    agent_version            varchar(255),
    antivirus_status         varchar(50), -- protected, at_risk, unknown
    antivirus_product        varchar(255),
    last_reboot_at           timestamptz,
    pending_patches          integer,
    failed_patches           integer,
    last_patch_scan_at       timestamptz,
    system_info              jsonb,
    "current_user"           varchar(255), -- a reserved word: always in quotes
    uptime_seconds           bigint,
    lan_ip                   varchar(45),
    wan_ip                   varchar(45),
    cpu_utilization_percent  numeric(5, 2),
    memory_usage_percent     numeric(5, 2),
    memory_used_gb           numeric(10, 2),
    disk_usage               jsonb NOT NULL DEFAULT '[]', -- of {name, total_gb, free_gb, utilization_percent}
    pending_os_patches       integer,
    pending_software_patches integer,
    PRIMARY KEY (tenant, asset_id),
    FOREIGN KEY (tenant, asset_id) REFERENCES assets ON DELETE CASCADE
);
SELECT workflow_protect('workstation_assets');

CREATE TABLE server_assets (
    tenant                   uuid NOT NULL,
    asset_id                 uuid NOT NULL,
    os_type                  varchar(255),
    os_version               varchar(255),
    cpu_model                varchar(255),
    cpu_cores                integer,
    ram_gb                   integer,
    storage_config           jsonb,
    is_virtual               boolean,
    hypervisor               varchar(255),
    network_interfaces       jsonb,
    primary_ip               varchar(45),
    installed_services       jsonb,
    installed_software       jsonb NOT NULL DEFAULT '[]',
    agent_version            varchar(255),
    antivirus_status         varchar(50), -- protected, at_risk, unknown
    antivirus_product        varchar(255),
    last_reboot_at           timestamptz,
    pending_patches          integer,
    failed_patches           integer,
    last_patch_scan_at       timestamptz,
    system_info              jsonb,
    "current_user"           varchar(255), -- a reserved word: always in quotes
    uptime_seconds           bigint,
    lan_ip                   varchar(45),
    wan_ip                   varchar(45),
    cpu_usage_percent        numeric(5, 2), -- a workstation calls it cpu_utilization_percent
    memory_usage_percent     numeric(5, 2),
    memory_used_gb           numeric(10, 2),
    disk_usage               jsonb NOT NULL DEFAULT '[]', -- of {name, total_gb, free_gb, utilization_percent}
    pending_os_patches       integer,
    pending_software_patches integer,
    PRIMARY KEY (tenant, asset_id),
    FOREIGN KEY (tenant, asset_id) REFERENCES assets ON DELETE CASCADE
);
SELECT workflow_protect('server_assets');

CREATE TABLE network_device_assets (
    tenant           uuid NOT NULL,
    asset_id         uuid NOT NULL,
    device_type      text NOT NULL
        CHECK (device_type IN ('switch', 'router', 'firewall', 'access_point', 'load_balancer')),
    management_ip    varchar(45),
    port_count       integer,
    firmware_version varchar(255),
    supports_poe     boolean,
    power_draw_watts numeric(10, 2),
    vlan_config      jsonb,
    port_config      jsonb,
    PRIMARY KEY (tenant, asset_id),
    FOREIGN KEY (tenant, asset_id) REFERENCES assets ON DELETE CASCADE
);
SELECT workflow_protect('network_device_assets');
