-- Outside services that have failed in a row, for whomever. No row: nothing is known against it.
create table if not exists provider_circuits (
    provider text primary key,
    -- Transient failures of attempts since it last answered, or was last left alone for long.
    failures int not null default 0,
    -- How often it has been given up for a while in a row; each time is longer than the last.
    openings int not null default 0,
    -- Until when nobody need ask; null while the failures are too few for that.
    opened_until timestamptz,
    -- The job that asks in everybody's name, since the time was over.
    probing_job uuid,
    last_error text,
    updated_at timestamptz not null default now()
);

-- The provider at which the job failed last and which it waits for, until an attempt takes it.
alter table background_jobs add column if not exists waits_for text;
create index if not exists background_jobs_waiting on background_jobs (waits_for)
    where waits_for is not null;

-- Who takes up a job again by its status alone does not want to wait for the time at which it would
-- have been tried by itself. Who sets a time with the status means it.
create or replace function rhizome_note_status() returns trigger
    language plpgsql set search_path = '' as
$$
begin
    new.status_before := old.status;
    new.status_changed_at := now();
    if new.status = 'pending' and old.status in ('failed', 'cancelled', 'completed', 'paused')
        and (new.next_retry_at is null or new.next_retry_at is not distinct from old.next_retry_at)
    then
        new.next_retry_at := null;
        new.waits_for := null;
    end if;
    return new;
end
$$;

-- What `error_message` says of a job that waits.
create or replace function rhizome_told_to_wait(provider text, until timestamptz, fault text)
    returns text language sql stable set search_path = '' as
$$
    select provider || ' fails at present; this job and others wait for it until '
        || to_char(until at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
        || ' UTC, and no retry is used. One of them tries then, and all go on when it answers. '
        || coalesce(fault, '')
$$;
