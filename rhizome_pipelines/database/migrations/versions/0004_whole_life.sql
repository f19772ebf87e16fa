-- What the reconciler must know of a wish: what the status was before, and since when it is what
-- it is. A pause of what is finished makes no sense and is put back to that; and whoever has been
-- asked to stop is given time, counted from then.
alter table background_jobs
    add column if not exists status_before text,
    add column if not exists status_changed_at timestamptz;

create or replace function rhizome_note_status() returns trigger
    language plpgsql set search_path = '' as
$$
begin
    new.status_before := old.status;
    new.status_changed_at := now();
    return new;
end
$$;

create or replace trigger rhizome_note_status
    before update on background_jobs
    for each row when (old.status is distinct from new.status)
    execute function rhizome_note_status();

-- Pauses that make no sense, so that a look finds them without reading all that is paused.
create index if not exists background_jobs_paused_wrongly on background_jobs (status, paused_at)
    where status = 'paused' and status_before in ('completed', 'failed', 'cancelled');
drop index if exists background_jobs_paused_late;

-- Cancelled jobs whose checkpoints have not been cleaned up yet.
create index if not exists background_jobs_cancelled_kept on background_jobs (id)
    where status = 'cancelled' and last_checkpoint_path is not null
        and last_checkpoint_stage is not null and checkpoint_hash is not null;
