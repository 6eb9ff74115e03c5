"""The vendor's operations: those that are simulated, and those of its document that are not."""

from __future__ import annotations

from workflow_ninjaone.simulator import api, commands, reports
from workflow_ninjaone.simulator.vendor import Route

ROUTES = (
    Route("GET", "/organizations", "monitoring", api.list_organizations),
    Route("GET", "/organizations-detailed", "monitoring", api.list_organizations_detailed),
    Route("GET", "/organization/{id}", "monitoring", api.get_organization),
    Route("GET", "/organization/{id}/devices", "monitoring", api.list_organization_devices),
    Route("GET", "/organization/{id}/locations", "monitoring", api.list_organization_locations),
    Route("GET", "/locations", "monitoring", api.list_locations),
    Route("GET", "/devices", "monitoring", api.list_devices),
    Route("GET", "/devices-detailed", "monitoring", api.list_devices_detailed),
    Route("GET", "/devices/search", "monitoring", api.search_devices),
    Route("GET", "/device/{id}", "monitoring", api.get_device),
    Route("GET", "/device/{id}/alerts", "monitoring", api.list_device_alerts),
    Route("GET", "/device/{id}/activities", "monitoring", api.list_device_activities),
    Route("GET", "/device/{id}/jobs", "monitoring", api.list_device_jobs),
    Route("GET", "/device/{id}/custom-fields", "monitoring", api.get_custom_fields),
    Route("PATCH", "/device/{id}/custom-fields", "management", commands.set_custom_fields, "custom_fields"),
    Route("PUT", "/device/{id}/maintenance", "management", commands.set_maintenance, "maintenance"),
    Route("DELETE", "/device/{id}/maintenance", "management", commands.cancel_maintenance, "maintenance"),
    Route("POST", "/device/{id}/reboot/{mode}", "control", commands.reboot_device, "reboot"),
    Route("GET", "/device/{id}/scripting/options", "monitoring", api.get_scripting_options),
    Route("POST", "/device/{id}/script/run", "control", commands.run_script, "script"),
    Route("GET", "/automation/scripts", "monitoring", api.list_scripts),
    Route("GET", "/jobs", "monitoring", api.list_jobs),
    Route("GET", "/alerts", "monitoring", api.list_alerts),
    Route("DELETE", "/alert/{uid}", "management", commands.delete_alert, "alert_reset"),
    Route("POST", "/alert/{uid}/reset", "management", commands.reset_alert, "alert_reset"),
    Route("GET", "/activities", "monitoring", api.list_activities),
    Route("GET", "/queries/operating-systems", "monitoring", reports.operating_systems),
    Route("GET", "/queries/device-health", "monitoring", reports.device_health),
    Route("PUT", "/webhook", "management", commands.configure_webhook, "webhook"),
    Route("DELETE", "/webhook", "management", commands.disable_webhook, "webhook"),
)

NOT_SIMULATED = (
    ("POST", "/organizations"),
    ("PATCH", "/organization/{id}"),
    ("POST", "/organization/{id}/locations"),
    ("PATCH", "/device/{id}"),
    ("GET", "/device/{id}/dashboard-url"),
    ("GET", "/device/{id}/last-logged-on-user"),
    ("GET", "/device/{id}/network-interfaces"),
    ("GET", "/device/{id}/os-patches"),
    ("POST", "/device/{id}/patch/os/apply"),
    ("POST", "/device/{id}/patch/os/scan"),
    ("GET", "/device/{id}/software"),
    ("GET", "/device/{id}/software-patches"),
    ("POST", "/device/{id}/windows-service/{serviceId}/control"),
    ("GET", "/group/{id}/device-ids"),
    ("GET", "/groups"),
    ("GET", "/policies"),
    ("POST", "/policies"),
    ("GET", "/roles"),
    ("GET", "/users"),
)
"""Answered with 501, which the vendor never gives: nobody takes it for an answer of the vendor's."""
