-- Whoever stores deliveries tells the workers so, now and then: a notification in each of their transactions would make
-- them commit one after the other.

DROP TRIGGER notify_webhook ON workflow_webhook_deliveries;
DROP FUNCTION workflow_notify_webhook();
