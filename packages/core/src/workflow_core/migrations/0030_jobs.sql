-- Background work of integrations: which jobs a tenant has while its connection is active, and their runs.

-- What a worker could run, so that a job which is gone from all of them is stopped.
ALTER TABLE workflow_workers ADD COLUMN jobs text[] NOT NULL DEFAULT '{}';

CREATE TABLE workflow_jobs (
    tenant          uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    job_id          text NOT NULL,
    provider        varchar(50) NOT NULL,
    distribution    text NOT NULL,       -- whose workers run it
    every           interval,            -- NULL: only when it is asked for
    jitter          double precision NOT NULL,
    time_limit      interval NOT NULL,   -- of one attempt
    is_active       boolean NOT NULL,
    is_scheduled    boolean NOT NULL GENERATED ALWAYS AS (is_active AND every IS NOT NULL) STORED,
    connected_at    timestamptz,         -- of the connection that it works with, or worked with when it left all workers
    runs_again      boolean NOT NULL DEFAULT false,     -- for a new connection, after the run that is under way
    revision        integer NOT NULL DEFAULT 1,         -- counts up with every change of is_scheduled, every and jitter
    synced_revision integer,             -- the last one that Temporal is in step with
    synced_at       timestamptz,
    due_at          timestamptz NOT NULL DEFAULT now(), -- nobody syncs it earlier: somebody is at it, or it waits
    next_at         timestamptz,         -- the next run by the clock, as Temporal told last
    sync_error      jsonb,               -- why Temporal does not have it
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, job_id)
);
CREATE INDEX workflow_jobs_out_of_step ON workflow_jobs (due_at) WHERE synced_revision IS DISTINCT FROM revision;
CREATE TRIGGER set_updated_at BEFORE UPDATE ON workflow_jobs
    FOR EACH ROW EXECUTE FUNCTION workflow_set_updated_at();
SELECT workflow_protect('workflow_jobs');
SELECT workflow_allow_dispatch(
    'workflow_jobs', 'tenant', 'job_id', 'provider', 'distribution', 'every', 'jitter', 'time_limit', 'is_active',
    'is_scheduled', 'connected_at', 'revision', 'synced_revision', 'synced_at', 'due_at'
);

CREATE TABLE workflow_job_runs (
    tenant         uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    run_id         uuid NOT NULL,
    job_id         text NOT NULL,
    provider       varchar(50) NOT NULL,
    cause          text NOT NULL CHECK (cause IN ('schedule', 'connect', 'request')),
    actor          uuid,                 -- who asked for it; NULL: nobody, or another job
    parameters     jsonb NOT NULL DEFAULT '{}',
    status         text NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    done           bigint,
    total          bigint,
    message        text,
    checkpoint     jsonb NOT NULL DEFAULT '{}',
    result         jsonb,
    error          jsonb,                -- code and message: of the end, or of the last attempt
    attempts       integer NOT NULL DEFAULT 0, -- fences off the attempts before
    stop_requested jsonb,                -- why it is to end: code and message
    execution      text,                 -- the Temporal workflow id; NULL: Temporal was not asked yet
    due_at         timestamptz DEFAULT now(), -- when a worker looks after it; NULL: it has ended
    created_at     timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,
    finished_at    timestamptz,
    PRIMARY KEY (tenant, run_id),
    CHECK ((status IN ('queued', 'running')) = (finished_at IS NULL) AND (due_at IS NULL) = (finished_at IS NOT NULL))
);
-- One at a time.
CREATE UNIQUE INDEX workflow_job_runs_open ON workflow_job_runs (tenant, job_id) WHERE status IN ('queued', 'running');
CREATE INDEX workflow_job_runs_by_time ON workflow_job_runs (tenant, job_id, created_at DESC, run_id);
CREATE INDEX workflow_job_runs_due ON workflow_job_runs (due_at) WHERE due_at IS NOT NULL;
SELECT workflow_protect('workflow_job_runs');
SELECT workflow_allow_dispatch('workflow_job_runs', 'tenant', 'run_id', 'due_at');

-- Workers are told on the channel workflow_jobs: of a tenant whose connections changed, with its id; of a run that is to
-- be begun or ended, with nothing.
SELECT workflow_allow_dispatch('rmm_integrations', 'connected_at');

CREATE FUNCTION workflow_notify_jobs() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('workflow_jobs', (CASE WHEN TG_OP = 'DELETE' THEN OLD.tenant ELSE NEW.tenant END)::text);
    RETURN NULL;
END $$;
CREATE TRIGGER notify_jobs AFTER INSERT OR DELETE ON rmm_integrations
    FOR EACH ROW EXECUTE FUNCTION workflow_notify_jobs();
CREATE TRIGGER notify_jobs_change AFTER UPDATE ON rmm_integrations
    FOR EACH ROW
    WHEN ((OLD.provider, OLD.is_active, OLD.connected_at) IS DISTINCT FROM (NEW.provider, NEW.is_active, NEW.connected_at))
    EXECUTE FUNCTION workflow_notify_jobs();

CREATE FUNCTION workflow_notify_job_run() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('workflow_jobs', '');
    RETURN NULL;
END $$;
CREATE TRIGGER notify_jobs AFTER INSERT ON workflow_job_runs
    FOR EACH ROW WHEN (NEW.execution IS NULL)
    EXECUTE FUNCTION workflow_notify_job_run();
CREATE TRIGGER notify_jobs_change AFTER UPDATE ON workflow_job_runs
    FOR EACH ROW WHEN (OLD.stop_requested IS NULL AND NEW.stop_requested IS NOT NULL AND NEW.finished_at IS NULL)
    EXECUTE FUNCTION workflow_notify_job_run();
