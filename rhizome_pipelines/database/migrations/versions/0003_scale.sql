-- What one look of the reconciler reads stays as short as it is, however much is finished.

-- Failed jobs whose retry may fall due; those that have used up their retries are not among them.
create index if not exists background_jobs_due on background_jobs (next_retry_at)
    where status = 'failed' and next_retry_at is not null
        and coalesce(retry_count, 0) < coalesce(max_retries, 3);

-- Jobs that were paused after their completion, which makes no sense and is put back. Its columns
-- are those of `background_jobs_paused`, so that it is the cheaper one whatever is believed of them.
create index if not exists background_jobs_paused_late on background_jobs (status, paused_at)
    where status = 'paused' and completed_at is not null;

-- Attempts whose job is gone are marked by whoever removes it: to look for rows that have no
-- partner would mean to read all of them.
alter table job_attempts add column if not exists job_deleted_at timestamptz;
create index if not exists job_attempts_orphaned on job_attempts (job_id, number desc)
    where job_deleted_at is not null;

-- A client that may delete its own jobs need not be allowed to write attempts: the function runs
-- as its owner.
create or replace function rhizome_mark_orphans() returns trigger
    language plpgsql security definer set search_path = '' as
$$
begin
    if tg_op = 'TRUNCATE' then
        execute format(
            'update %I.job_attempts set job_deleted_at = now() where job_deleted_at is null',
            tg_table_schema);
    else
        execute format(
            'update %I.job_attempts a set job_deleted_at = now() from gone where a.job_id = gone.id',
            tg_table_schema);
    end if;
    return null;
end
$$;

create or replace trigger rhizome_orphans_delete
    after delete on background_jobs referencing old table as gone
    for each statement execute function rhizome_mark_orphans();
create or replace trigger rhizome_orphans_truncate
    after truncate on background_jobs
    for each statement execute function rhizome_mark_orphans();

update job_attempts a set job_deleted_at = now()
where job_deleted_at is null
  and not exists (select from background_jobs j where j.id = a.job_id);
