-- Phone numbers that a file brought. What the directory says of a person's phones is in users.profile.
create table user_phones (
    user_id    uuid not null references users (id) on delete cascade,
    purpose    text not null check (purpose in ('phone', 'backup')),
    -- + and digits (E.164).
    number     text not null check (number ~ '^\+[1-9][0-9]{6,14}$'),
    extension  text check (extension ~ '^[0-9]{1,11}$'),
    -- Nobody has shown yet that it is theirs; nothing is sent to it before.
    verified   boolean not null default false,
    changed_at timestamptz not null,
    primary key (user_id, purpose)
);
