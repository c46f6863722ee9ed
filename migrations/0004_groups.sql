-- The groups of a directory, who stands in them, and what that comes to once groups within groups are followed.

create table groups (
    id           uuid primary key,
    directory_id uuid not null references directories (id) on delete cascade,
    -- objectGUID or entryUUID as lower-case text; the key. Names are attributes.
    unique_id    text not null,
    name         text not null,
    -- Name and DN in comparison form.
    folded       text not null,
    dn           text not null,
    folded_dn    text not null,
    -- Its SID or its gidNumber: what accounts name as their primary group.
    primary_id   text,
    -- Of all that was read of it, members included.
    fingerprint  bytea not null,
    unique (directory_id, unique_id)
);
create index groups_dn on groups (directory_id, folded_dn);
create index groups_primary on groups (directory_id, primary_id);
create index groups_folded on groups (folded);

-- As the directory has it: accounts, groups, and entries that are neither of ours.
create table group_members (
    group_id uuid not null references groups (id) on delete cascade,
    -- A DN or an account name in comparison form.
    member   text not null,
    primary key (group_id, member)
);

-- Groups that are members of groups, as the closure was worked out with them.
create table group_parents (
    child  uuid not null references groups (id) on delete cascade,
    parent uuid not null references groups (id) on delete cascade,
    primary key (child, parent)
);
create index group_parents_parent on group_parents (parent);

-- The closure: what policies and attributes go by.
create table user_groups (
    user_id  uuid not null references users (id) on delete cascade,
    group_id uuid not null references groups (id) on delete cascade,
    direct   boolean not null,
    primary key (user_id, group_id)
);
create index user_groups_group on user_groups (group_id);

-- Directories whose closure is older than their groups or accounts.
create table groups_stale (
    directory_id uuid primary key references directories (id) on delete cascade
);

alter table users
    -- Groups the account itself names, as DNs in comparison form, and its primary group by SID or gidNumber.
    add column member_of     text[] not null default '{}',
    add column primary_group text;
alter table sync_changes
    add column member_of     text[] not null default '{}',
    add column primary_group text;
alter table sync_runs
    -- Groups added, changed or removed.
    add column groups bigint not null default 0;

-- Sync items may put their people into a group of ours, which is no entry of the directory: its unique_id begins with a
-- character that none of a directory's has.
alter table sync_items
    add column user_group        text check (user_group <> ''),
    add column user_group_folded text check ((user_group_folded is null) = (user_group is null));
