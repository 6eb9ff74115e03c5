-- Servers cache which integrations a tenant can use. They are told on the channel workflow_availability, with the
-- tenant as payload, when a column that decides it changes, and only then: a sync writes these rows all the time.

CREATE FUNCTION workflow_notify_availability() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('workflow_availability', (CASE WHEN TG_OP = 'DELETE' THEN OLD.tenant ELSE NEW.tenant END)::text);
    RETURN NULL;
END $$;

CREATE TRIGGER notify_availability AFTER INSERT OR DELETE ON rmm_integrations
    FOR EACH ROW EXECUTE FUNCTION workflow_notify_availability();
CREATE TRIGGER notify_availability_change AFTER UPDATE ON rmm_integrations
    FOR EACH ROW
    WHEN ((OLD.provider, OLD.is_active, OLD.connected_at IS NULL)
          IS DISTINCT FROM (NEW.provider, NEW.is_active, NEW.connected_at IS NULL))
    EXECUTE FUNCTION workflow_notify_availability();

CREATE TRIGGER notify_availability AFTER INSERT OR DELETE ON tenant_extension_install
    FOR EACH ROW EXECUTE FUNCTION workflow_notify_availability();
CREATE TRIGGER notify_availability_change AFTER UPDATE ON tenant_extension_install
    FOR EACH ROW
    WHEN ((OLD.is_enabled, OLD.status) IS DISTINCT FROM (NEW.is_enabled, NEW.status))
    EXECUTE FUNCTION workflow_notify_availability();
