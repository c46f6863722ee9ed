-- Runs that ask for changes only: from where to go on, and which kind a run was.

-- The mark a run leaves for the next. It counts once the run has finished: the last finished run's mark is the valid one.
create table sync_cursors (
    run_id          uuid primary key references sync_runs (id) on delete cascade,
    method          text not null check (method in
                        ('dirsync', 'dirsync-own-rights', 'usn-changed', 'syncrepl', 'modify-timestamp')),
    server          text not null,
    cookie          bytea not null check (octet_length(cookie) <= 65536),
    shows_deletions boolean not null,
    -- Of the directory's settings and its items; void once they differ.
    settings        bytea not null check (octet_length(settings) = 16),
    -- When everything was last read.
    full_at         timestamptz not null,
    -- Accounts to look at again whether they change or not: they were contested.
    pending         text[] not null default '{}'
);

alter table sync_runs
    add column read_kind text check (read_kind in ('full', 'incremental')),
    -- Why everything was read; or how changes were known.
    add column read_how  text check ((read_how is null) = (read_kind is null));

-- Everything is read at least this often.
alter table sync_settings
    add column full_every_ms bigint not null default 86400000 check (full_every_ms between 3600000 and 2678400000);
