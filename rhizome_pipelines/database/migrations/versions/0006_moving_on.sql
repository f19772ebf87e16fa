-- A client that leaves the status out means the column's default, and so does one that writes null.
-- The trigger's name comes before rhizome_note_status: triggers fire in the order of their names,
-- and that one must see what is stored.
create or replace function rhizome_default_status() returns trigger
    language plpgsql set search_path = '' as
$$
begin
    new.status := 'pending';
    return new;
end
$$;

create or replace trigger rhizome_default_status
    before insert or update on background_jobs
    for each row when (new.status is null)
    execute function rhizome_default_status();

-- As before; and the end and the error of its last try are not those of a job that is taken up
-- again. `last_error` keeps the error. Who sets one of them together with the status means it.
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
    if new.status = 'pending' and old.status in ('failed', 'cancelled', 'completed', 'paused') then
        if new.completed_at is not distinct from old.completed_at then
            new.completed_at := null;
        end if;
        if new.error_message is not distinct from old.error_message then
            new.error_message := null;
            new.error_type := null;
        end if;
    end if;
    return new;
end
$$;

update background_jobs set status = 'pending' where status is null;
