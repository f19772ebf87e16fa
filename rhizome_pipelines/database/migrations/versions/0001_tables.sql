-- The shared tables. Every statement creates only what is missing, so that one file serves an
-- empty database and one that a web application has made: columns that any table must have from
-- its first day stand in CREATE TABLE, all others are added one by one.
--
-- The file is also run in the session's temporary schema, to learn what the columns and CHECKs
-- ought to be and to compare the existing ones with that. So it names no schema.

-- background_jobs ------------------------------------------------------------------------------
create table if not exists background_jobs (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    job_type text not null
);
alter table background_jobs
    add column if not exists entity_type text,
    add column if not exists entity_id uuid,
    add column if not exists status text default 'pending'
        constraint background_jobs_status_check check (status in
            ('pending', 'processing', 'paused', 'completed', 'failed', 'cancelled')),
    add column if not exists progress jsonb default '{}',
    add column if not exists input_data jsonb default '{}',
    add column if not exists metadata jsonb default '{}',
    add column if not exists output_data jsonb default '{}',
    add column if not exists retry_count integer default 0,
    add column if not exists max_retries integer default 3,
    add column if not exists last_error text,
    add column if not exists next_retry_at timestamptz,
    add column if not exists error_type text
        constraint background_jobs_error_type_check check (error_type in
            ('transient', 'permanent', 'paywall', 'invalid')),
    add column if not exists error_message text,
    add column if not exists started_at timestamptz,
    add column if not exists completed_at timestamptz,
    add column if not exists created_at timestamptz default now(),
    add column if not exists updated_at timestamptz default now(),
    add column if not exists paused_at timestamptz,
    add column if not exists resumed_at timestamptz,
    add column if not exists pause_reason text,
    add column if not exists resume_count integer default 0,
    add column if not exists last_checkpoint_path text,
    add column if not exists last_checkpoint_stage text,
    add column if not exists checkpoint_hash text,
    -- The fence: the number of the attempt that owns the row. Kept in the row itself, so that a
    -- guarded write is one UPDATE of one row and cannot race.
    add column if not exists current_attempt integer not null default 0,
    add column if not exists priority integer not null default 0;

-- job_attempts: no foreign key, since it outlives the row (clean-up after a DELETE needs it) -----
create table if not exists job_attempts (
    job_id uuid not null,
    number integer not null check (number > 0),
    primary key (job_id, number)
);
alter table job_attempts
    add column if not exists run_id text unique,
    add column if not exists user_id uuid not null,
    add column if not exists job_type text not null,
    add column if not exists entity_id uuid,
    add column if not exists trigger text not null
        constraint job_attempts_trigger_check check (trigger in
            ('start', 'resume', 'retry', 'restart', 'rescue', 'ui')),
    add column if not exists created_at timestamptz not null default now(),
    add column if not exists started_at timestamptz,
    add column if not exists heartbeat_at timestamptz,
    add column if not exists ended_at timestamptz,
    add column if not exists outcome text
        constraint job_attempts_outcome_check check (outcome in
            ('completed', 'failed', 'paused', 'cancelled', 'shutdown', 'lost', 'superseded')),
    add column if not exists error_type text
        constraint job_attempts_error_type_check check (error_type in
            ('transient', 'permanent', 'paywall', 'invalid')),
    add column if not exists error text,
    add column if not exists error_traceback text,
    add column if not exists resumed_from text,
    add column if not exists last_checkpoint_path text,
    add column if not exists last_checkpoint_stage text,
    add column if not exists checkpoint_hash text;

-- documents --------------------------------------------------------------------------------------
create table if not exists documents (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null
);
alter table documents
    add column if not exists title text,
    add column if not exists author text,
    add column if not exists source_type text
        constraint documents_source_type_check check (source_type in
            ('pdf', 'epub', 'youtube', 'web_url', 'markdown_asis', 'markdown_clean', 'txt', 'paste')),
    add column if not exists storage_path text,
    add column if not exists source_url text,
    add column if not exists processing_status text default 'pending',
    add column if not exists processing_stage text,
    add column if not exists processing_started_at timestamptz,
    add column if not exists processing_completed_at timestamptz,
    add column if not exists processing_error text,
    add column if not exists processing_requested boolean default false,
    add column if not exists word_count integer,
    add column if not exists page_count integer,
    add column if not exists outline jsonb,
    add column if not exists metadata jsonb default '{}',
    add column if not exists source_metadata jsonb default '{}',
    add column if not exists markdown_available boolean default false,
    add column if not exists embeddings_available boolean default false,
    add column if not exists markdown_path text,
    add column if not exists obsidian_path text,
    add column if not exists review_stage text,
    add column if not exists chunker_type text,
    add column if not exists language text,
    add column if not exists document_type text,
    add column if not exists detected_metadata jsonb,
    add column if not exists created_at timestamptz default now(),
    add column if not exists updated_at timestamptz default now();

-- Which set of vectors a document has: written in the same transaction as the vectors.
create table if not exists document_embeddings (
    document_id uuid primary key references documents (id) on delete cascade
);
alter table document_embeddings
    add column if not exists model text not null,
    add column if not exists dimensions integer not null,
    add column if not exists digest text not null,
    add column if not exists chunk_count integer not null,
    add column if not exists embedded_at timestamptz not null default now();

-- chunks -----------------------------------------------------------------------------------------
create table if not exists chunks (
    id uuid primary key default gen_random_uuid(),
    document_id uuid not null references documents (id) on delete cascade,
    content text not null,
    chunk_index integer not null
);
alter table chunks
    add column if not exists start_offset integer,
    add column if not exists end_offset integer,
    add column if not exists embedding vector(768),
    add column if not exists embedding_model text,
    add column if not exists themes jsonb,
    add column if not exists importance_score double precision
        constraint chunks_importance_score_check check (importance_score between 0 and 1),
    add column if not exists summary text,
    add column if not exists word_count integer,
    add column if not exists token_count integer,
    add column if not exists emotional_metadata jsonb,
    add column if not exists conceptual_metadata jsonb,
    add column if not exists domain_metadata jsonb,
    add column if not exists metadata_extracted_at timestamptz,
    add column if not exists page_start integer,
    add column if not exists page_end integer,
    add column if not exists heading_level integer,
    add column if not exists heading_path text[],
    add column if not exists section_marker text,
    add column if not exists bboxes jsonb,
    add column if not exists position_confidence text
        constraint chunks_position_confidence_check check (position_confidence in
            ('exact', 'high', 'medium', 'synthetic')),
    add column if not exists position_method text,
    add column if not exists position_validated boolean default false,
    add column if not exists chunker_type text
        constraint chunks_chunker_type_check check (chunker_type in
            ('hybrid', 'token', 'sentence', 'recursive', 'semantic', 'late', 'code', 'neural',
             'slumber', 'table')),
    add column if not exists is_current boolean default true,
    add column if not exists reprocessing_batch text,
    add column if not exists connections_detected boolean default false,
    add column if not exists connections_detected_at timestamptz,
    add column if not exists created_at timestamptz default now();

-- connections ------------------------------------------------------------------------------------
create table if not exists connections (
    id uuid primary key default gen_random_uuid(),
    source_chunk_id uuid not null references chunks (id) on delete cascade,
    target_chunk_id uuid not null references chunks (id) on delete cascade,
    connection_type text not null
        constraint connections_connection_type_check check (connection_type in
            ('semantic_similarity', 'contradiction_detection', 'thematic_bridge')),
    constraint connections_not_to_itself check (source_chunk_id <> target_chunk_id)
);
alter table connections
    add column if not exists strength double precision
        constraint connections_strength_check check (strength between 0 and 1),
    add column if not exists auto_detected boolean default true,
    add column if not exists user_validated boolean,
    add column if not exists user_starred boolean default false,
    add column if not exists validated_at timestamptz,
    add column if not exists discovered_at timestamptz default now(),
    add column if not exists metadata jsonb default '{}';

-- entities, components ---------------------------------------------------------------------------
create table if not exists entities (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null
);
alter table entities
    add column if not exists entity_type text;

create table if not exists components (
    id uuid primary key default gen_random_uuid(),
    entity_id uuid not null references entities (id) on delete cascade,
    component_type text not null
);
alter table components
    add column if not exists data jsonb default '{}',
    add column if not exists chunk_id uuid references chunks (id) on delete set null,
    add column if not exists document_id uuid references documents (id) on delete cascade,
    add column if not exists chunk_ids uuid[],
    add column if not exists original_chunk_index integer,
    add column if not exists recovery_confidence double precision
        constraint components_recovery_confidence_check check (recovery_confidence between 0 and 1),
    add column if not exists recovery_method text
        constraint components_recovery_method_check check (recovery_method in
            ('exact', 'context', 'chunk_bounded', 'trigram', 'lost')),
    add column if not exists needs_review boolean default false;

-- import and synchronisation ---------------------------------------------------------------------
create table if not exists import_pending (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    document_id uuid not null references documents (id) on delete cascade
);
alter table import_pending
    add column if not exists source text,
    add column if not exists highlight_data jsonb,
    add column if not exists suggested_match jsonb,
    add column if not exists confidence double precision,
    add column if not exists status text default 'pending'
        constraint import_pending_status_check check (status in
            ('pending', 'accepted', 'rejected')),
    add column if not exists created_entity_id uuid;

create table if not exists obsidian_sync_state (
    document_id uuid primary key references documents (id) on delete cascade,
    user_id uuid not null
);
alter table obsidian_sync_state
    add column if not exists vault_path text,
    add column if not exists vault_hash text,
    add column if not exists storage_hash text,
    add column if not exists vault_modified_at timestamptz,
    add column if not exists storage_modified_at timestamptz,
    add column if not exists last_sync_at timestamptz,
    add column if not exists last_sync_direction text
        constraint obsidian_sync_state_last_sync_direction_check check (last_sync_direction in
            ('vault_to_storage', 'storage_to_vault')),
    add column if not exists conflict_state text default 'none'
        constraint obsidian_sync_state_conflict_state_check check (conflict_state in
            ('none', 'detected', 'resolved'));

create table if not exists cached_chunks (
    document_id uuid primary key references documents (id) on delete cascade
);
alter table cached_chunks
    add column if not exists extraction_mode text
        constraint cached_chunks_extraction_mode_check check (extraction_mode in ('pdf', 'epub')),
    add column if not exists markdown_hash text,
    add column if not exists chunks jsonb,
    add column if not exists structure jsonb;

create table if not exists user_settings (
    user_id uuid primary key
);
alter table user_settings
    add column if not exists obsidian_settings jsonb default '{}',
    add column if not exists preferences jsonb default '{}';
