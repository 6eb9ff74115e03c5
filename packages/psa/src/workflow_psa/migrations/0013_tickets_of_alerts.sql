-- requires: workflow-modules-core 0036
-- Tickets that alerts of remote monitoring have led to: entity_type 'rmm_alert' in ticket_entity_links.

-- Whoever closes, reopens, moves or deletes a ticket, an alert always names an open ticket of its own, or none.
CREATE FUNCTION workflow_follow_ticket_of_alert() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    ticket tickets := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    UPDATE rmm_alerts a
    SET open_ticket_id = (
        SELECT t.ticket_id
        FROM ticket_entity_links l
        JOIN tickets t ON t.tenant = l.tenant AND t.ticket_id = l.ticket_id
        WHERE l.tenant = a.tenant AND l.entity_type = 'rmm_alert' AND l.entity_id = a.alert_id AND NOT t.is_closed
          AND (TG_OP <> 'DELETE' OR t.ticket_id <> ticket.ticket_id)
        ORDER BY t.entered_at DESC, t.ticket_id
        LIMIT 1
    )
    FROM ticket_entity_links mine
    WHERE mine.tenant = ticket.tenant AND mine.ticket_id = ticket.ticket_id AND mine.entity_type = 'rmm_alert'
      AND a.tenant = mine.tenant AND a.alert_id = mine.entity_id;
    RETURN ticket;
END $$;
CREATE TRIGGER follow_ticket_of_alert AFTER UPDATE OF is_closed ON tickets
    FOR EACH ROW WHEN (OLD.is_closed IS DISTINCT FROM NEW.is_closed)
    EXECUTE FUNCTION workflow_follow_ticket_of_alert();
CREATE TRIGGER follow_ticket_of_alert_to_its_end BEFORE DELETE ON tickets
    FOR EACH ROW EXECUTE FUNCTION workflow_follow_ticket_of_alert();
