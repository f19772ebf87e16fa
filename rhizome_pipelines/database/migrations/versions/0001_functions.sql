-- Functions and the triggers that tell of changes.

create or replace function rhizome_touch_updated_at() returns trigger
    language plpgsql set search_path = '' as
$$
begin
    new.updated_at := now();
    return new;
end
$$;

-- Channel rhizome_wish: what the reconciler must look at, as {"op", "id", "status"}; op is
-- insert, update or delete. Delivered at commit; equal messages of one transaction are one.
create or replace function rhizome_notify_wish() returns trigger
    language plpgsql set search_path = '' as
$$
declare
    job record := case when tg_op = 'DELETE' then old else new end;
begin
    perform pg_notify('rhizome_wish', json_build_object(
        'op', lower(tg_op), 'id', job.id, 'status', job.status)::text);
    return null;
end
$$;

-- Channel rhizome_progress: a row moved on without a wish; the payload is its id.
create or replace function rhizome_notify_progress() returns trigger
    language plpgsql set search_path = '' as
$$
begin
    perform pg_notify('rhizome_progress', new.id::text);
    return null;
end
$$;

create or replace trigger rhizome_wish_insert_delete
    after insert or delete on background_jobs
    for each row execute function rhizome_notify_wish();
-- A retry that a client brings forward is a wish as well.
create or replace trigger rhizome_wish_update
    after update on background_jobs
    for each row when (old.status is distinct from new.status
        or old.next_retry_at is distinct from new.next_retry_at)
    execute function rhizome_notify_wish();
create or replace trigger rhizome_progress_update
    after update on background_jobs
    for each row when (old.status is not distinct from new.status
        and old.next_retry_at is not distinct from new.next_retry_at)
    execute function rhizome_notify_progress();

-- Merge a progress patch into what is stored. `percent` never falls; `stage_data`,
-- `stage_timestamps` and `checkpoint` are merged, `completed_stages` are united in order, all else
-- is replaced. Stored values of a wrong type (a client may write anything) count as absent.
create or replace function rhizome_merge_progress(stored jsonb, patch jsonb) returns jsonb
    language sql immutable set search_path = '' as
$$
    select base.progress || patch
        || case when patch ? 'percent' then jsonb_build_object('percent', greatest(
               case when jsonb_typeof(base.progress -> 'percent') = 'number'
                    then (base.progress ->> 'percent')::numeric end,
               (patch ->> 'percent')::numeric)) else '{}' end
        || coalesce((
               select jsonb_object_agg(part, case
                   when jsonb_typeof(base.progress -> part) = 'object'
                   then (base.progress -> part) || (patch -> part) else patch -> part end)
               from unnest(array['stage_data', 'stage_timestamps', 'checkpoint']) as part
               where patch ? part), '{}')
        || case when patch ? 'completed_stages' then jsonb_build_object('completed_stages', (
               select coalesce(jsonb_agg(stage order by place), '[]')
               from (select stage, min(place) as place
                     from jsonb_array_elements(
                         case when jsonb_typeof(base.progress -> 'completed_stages') = 'array'
                              then base.progress -> 'completed_stages' else '[]' end
                         || (patch -> 'completed_stages')) with ordinality as all_(stage, place)
                     group by stage) as once)) else '{}' end
    from (select case when jsonb_typeof(stored) = 'object' then stored else '{}' end) as base(progress)
$$;
