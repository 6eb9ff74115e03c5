-- requires: workflow-modules-core 0002
-- A client's telephone numbers are those of its locations.

ALTER TABLE client_locations ADD COLUMN phone text;
