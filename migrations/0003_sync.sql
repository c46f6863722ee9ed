-- Directories are followed: which parts, when, what each run found, and who runs.

-- One holder each, over all replicas. Times are the database's own: replicas' clocks may differ.
create table leases (
    name       text primary key,
    holder     uuid not null,
    -- Grows with each holder; whoever writes under a lease checks it in the same transaction.
    generation bigint not null,
    until      timestamptz not null
);

create table sync_items (
    id           uuid primary key,
    directory_id uuid not null references directories (id) on delete cascade,
    -- From 1; the first item that shows an account has it.
    position     integer not null check (position > 0),
    name         text not null check (name <> ''),
    base         text,
    reach        text check (reach in ('one-level', 'subtree')),
    filter       text,
    group_dn     text,
    enabled      boolean not null,
    -- Of people of whom the directory says none (RFC 5646).
    language     text,
    -- The label of the phones that come first.
    phone        text,
    leavers      text not null check (leavers in ('keep', 'disable', 'delete')),
    -- Days from leaving to removal.
    delete_after smallint check (delete_after between 0 and 3650),
    created_at   timestamptz not null,
    unique (directory_id, name),
    unique (directory_id, position) deferrable initially deferred,
    check ((group_dn is null) = (reach is not null)),
    check (group_dn is null or (base is null and filter is null)),
    check ((leavers = 'delete') = (delete_after is not null))
);

create table sync_settings (
    directory_id  uuid primary key references directories (id) on delete cascade,
    every_ms      bigint check (every_ms between 60000 and 86400000),
    next_at       timestamptz,
    brake_count   integer not null check (brake_count >= 0),
    brake_percent smallint not null check (brake_percent between 0 and 100)
);

create table sync_runs (
    id           uuid primary key,
    directory_id uuid not null references directories (id) on delete cascade,
    status       text not null check (status in ('running', 'finished', 'awaiting-approval', 'failed', 'cancelled')),
    dry_run      boolean not null,
    started_by   text not null,
    started_at   timestamptz not null,
    ended_at     timestamptz,
    -- Why it stopped, failed or was cancelled; a remark on one that finished.
    why          text,
    found        bigint not null default 0,
    added        bigint not null default 0,
    updated      bigint not null default 0,
    unchanged    bigint not null default 0,
    kept         bigint not null default 0,
    disabled     bigint not null default 0,
    removed      bigint not null default 0,
    conflicts    bigint not null default 0,
    skipped      bigint not null default 0,
    check ((status = 'running') = (ended_at is null)),
    check ((status in ('awaiting-approval', 'failed', 'cancelled')) <= (why is not null))
);
create index sync_runs_directory on sync_runs (directory_id, started_at);
create unique index sync_runs_one on sync_runs (directory_id) where status = 'running';

-- What a run found and has not applied: while it runs, while it awaits approval, and what a dry run or a conflict showed.
create table sync_changes (
    run_id       uuid not null references sync_runs (id) on delete cascade,
    unique_id    text not null,
    kind         text not null check (kind in ('add', 'update', 'keep', 'disable', 'remove')),
    sync_item    uuid,
    name         text not null,
    dn           text not null,
    mail         text,
    profile      jsonb not null default '{}',
    names        text[] not null,
    fingerprint  bytea,
    -- Applied before the other accounts, together: they take names from each other.
    first        boolean not null default false,
    -- Leavers are applied before all: they give their names up.
    turn         smallint generated always as
                     (case when kind not in ('add', 'update') then 0 when first then 1 else 2 end) stored,
    -- A name it shares with another, whose DN is beside it; neither is applied.
    contested    text,
    rival        text,
    primary key (run_id, unique_id)
);
create index sync_changes_turn on sync_changes (run_id, turn, unique_id) where contested is null;

alter table users
    -- What the directory says of the person: names, phones, language.
    add column profile     jsonb not null default '{}',
    add column sync_item   uuid references sync_items (id) on delete set null,
    -- Of what the last run took over; null if it has to be written again.
    add column fingerprint bytea,
    -- When the directory ceased to show the account.
    add column left_at     timestamptz,
    -- Who last set enabled: what a person disabled, a run does not enable.
    add column enabled_by  text not null default 'person' check (enabled_by in ('person', 'sync'));
create index users_left on users (directory_id) where left_at is not null;
create index users_sync_item on users (sync_item) where sync_item is not null;

-- Its user says it already; checking it again costs a tenth of a first run.
alter table user_names drop constraint user_names_directory_id_fkey;
