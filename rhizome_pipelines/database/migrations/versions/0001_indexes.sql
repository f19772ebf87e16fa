-- The indexes. Run in the temporary schema only; what has no equal there yet (whatever its name)
-- is then created beside the existing tables.

-- background_jobs: as the contract has them
create index background_jobs_retry on background_jobs (status, next_retry_at)
    where status = 'failed' and next_retry_at is not null;
create index background_jobs_paused on background_jobs (status, paused_at)
    where status = 'paused';
create index background_jobs_checkpoint on background_jobs (last_checkpoint_path)
    where last_checkpoint_path is not null;
create index background_jobs_active on background_jobs (updated_at desc)
    where status in ('pending', 'processing');
-- the queue, read user by user
create index background_jobs_queue on background_jobs (user_id, priority desc, created_at, id)
    where status = 'pending';
create index background_jobs_processing on background_jobs (user_id)
    where status = 'processing';
create index background_jobs_entity on background_jobs (entity_id, created_at desc)
    where entity_id is not null;
create index background_jobs_user on background_jobs (user_id, created_at desc);

-- job_attempts: at most one attempt of a job is alive
create unique index job_attempts_alive on job_attempts (job_id) where ended_at is null;
create index job_attempts_created on job_attempts (created_at);

create index documents_user on documents (user_id, created_at desc);
create index documents_sha256 on documents (user_id, (source_metadata ->> 'sha256'))
    where (source_metadata ->> 'sha256') is not null;
create index documents_source_url on documents (user_id, source_url)
    where source_url is not null;

create unique index chunks_current on chunks (document_id, chunk_index) where is_current;
create index chunks_document on chunks (document_id);

create unique index connections_once
    on connections (source_chunk_id, target_chunk_id, connection_type);
create index connections_target on connections (target_chunk_id);

create index entities_user on entities (user_id);
create index components_entity on components (entity_id);
create index components_document on components (document_id) where document_id is not null;
create index components_chunk on components (chunk_id) where chunk_id is not null;
create index import_pending_document on import_pending (document_id);
create unique index obsidian_sync_state_document on obsidian_sync_state (document_id);
create unique index cached_chunks_document on cached_chunks (document_id);
create unique index user_settings_user on user_settings (user_id);
