-- Worker processes: what each can run, and when it was last heard of.

CREATE TABLE workflow_workers (
    worker_id    uuid PRIMARY KEY,
    identity     text NOT NULL,
    build_id     text,
    fingerprint  text NOT NULL,
    manifest     jsonb NOT NULL, -- id@version → contract hash, and the distributions' versions
    report       jsonb NOT NULL, -- what discovery loaded, and what not
    task_queues  text[] NOT NULL DEFAULT '{}',
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX workflow_workers_by_heartbeat ON workflow_workers (heartbeat_at);
