-- One row a reconciler; a client that finds it fresh need not start a deployment of its own.
create table if not exists reconciler_presence (
    name text primary key,
    seen_at timestamptz not null default now()
);
