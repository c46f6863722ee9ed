-- The foundation: everything a sign-in through a door needs to be decided, waited for and recorded.
-- Times are UTC; identifiers are UUIDv7 made by the application; columns named *_sealed hold ciphertext bound to their row.

-- One row each: a value that opens only with the right master key, and the keys that must survive its rotation.
create table data_keys (
    purpose      text primary key,
    key_sealed   bytea not null,
    created_at   timestamptz not null
);

create table directories (
    id                   uuid primary key,
    name                 text not null unique check (name <> ''),
    kind                 text not null check (kind in ('active-directory', 'open-ldap')),
    servers              jsonb not null,
    base_dn              text not null,
    bind_dn              text not null,
    bind_password_sealed bytea not null,
    ca_pem               text,
    domain               text,
    connect_timeout_ms   integer not null check (connect_timeout_ms between 100 and 60000),
    operation_timeout_ms integer not null check (operation_timeout_ms between 100 and 600000),
    created_at           timestamptz not null
);

create table clients (
    id                     uuid primary key,
    name                   text not null unique check (name <> ''),
    client_group           text not null,
    directory_id           uuid not null references directories (id),
    addresses              cidr[] not null check (cardinality(addresses) > 0),
    user_match             text not null check (user_match in ('refuse', 'password-only', 'must-enrol')),
    factors                text[] not null,
    bare_approval          boolean not null,
    answer_by_ms           integer not null check (answer_by_ms between 1000 and 600000),
    grace_ms               integer not null check (grace_ms between 0 and 60000),
    trusted_networks       cidr[] not null,
    -- [{"exact"|"subtree"|"group": DN, "from": [cidr]}]
    service_accounts       jsonb not null,
    code_delimiter         text check (char_length(code_delimiter) = 1),
    code_length            smallint check (code_length between 6 and 8),
    allow_plaintext        boolean not null,
    allow_anonymous        boolean not null,
    allow_root_dse         boolean not null,
    allow_password_compare boolean not null,
    created_at             timestamptz not null
);

create table users (
    id           uuid primary key,
    directory_id uuid not null references directories (id),
    -- objectGUID or entryUUID as lower-case text; the key. Names are attributes.
    unique_id    text not null,
    name         text not null,
    dn           text not null,
    mail         text,
    enabled      boolean not null default true,
    blocked      boolean not null default false,
    failures     integer not null default 0,
    lockouts     integer not null default 0,
    locked_until timestamptz,
    bypass_until timestamptz,
    -- The last success with a second factor; prompts before it no longer count against the user.
    succeeded_at timestamptz,
    created_at   timestamptz not null,
    unique (directory_id, unique_id)
);

-- Every name a user can be called by, in comparison form (RFC 4518). No two users of a directory share one.
create table user_names (
    directory_id uuid not null references directories (id),
    folded       text not null,
    user_id      uuid not null references users (id) on delete cascade,
    primary key (directory_id, folded)
);
create index user_names_user on user_names (user_id);

create table authenticators (
    id            uuid primary key,
    user_id       uuid not null references users (id) on delete cascade,
    factor        text not null check (factor in ('app', 'totp', 'hotp')),
    label         text not null,
    serial        text unique,
    seed_sealed   bytea,
    hash          text check (hash in ('SHA1', 'SHA256', 'SHA512')),
    digits        smallint check (digits between 6 and 8),
    period        smallint check (period between 15 and 120),
    anchor        integer not null default 0,
    drift         integer not null default 0,
    -- TOTP: the last step accepted. HOTP: the next counter expected.
    position      bigint,
    created_at    timestamptz not null,
    check ((factor = 'app') = (seed_sealed is null))
);
create index authenticators_user on authenticators (user_id);

create table recovery_codes (
    user_id  uuid not null references users (id) on delete cascade,
    -- The first two characters, which find the row.
    handle   text not null,
    -- argon2id of the rest.
    hash     text not null,
    used_at  timestamptz,
    primary key (user_id, handle)
);

create table challenges (
    id          uuid primary key,
    sign_in_id  uuid not null,
    user_id     uuid not null references users (id) on delete cascade,
    client_id   uuid not null references clients (id) on delete cascade,
    factor      text not null,
    -- HMAC over user, client group, password and source: the same login, whichever connection or replica it comes by.
    join_key    bytea not null,
    source      inet not null,
    status      text not null default 'waiting' check (status in ('waiting', 'approved', 'refused', 'expired', 'cancelled')),
    -- 0 to 99, shown at the door and typed on the phone; null where the door has no screen.
    number      smallint check (number between 0 and 99),
    -- Sign-ins that wait, over all replicas, and have not been let in; an approval opens for no more than these.
    waiters     integer not null default 1,
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    answered_at timestamptz
);
create unique index challenges_one_prompt on challenges (join_key) where status = 'waiting';
create index challenges_by_user on challenges (user_id, created_at);
create index challenges_waiting on challenges (expires_at) where status = 'waiting';

-- A success that serves the same bind again for some seconds.
create table graces (
    join_key bytea primary key,
    user_id  uuid not null references users (id) on delete cascade,
    until    timestamptz not null
);
create index graces_user on graces (user_id);
create index graces_until on graces (until);

create table audit_events (
    writer  uuid not null,
    seq     bigint not null,
    at      timestamptz not null,
    user_id uuid,
    body    text not null,
    mac     bytea not null,
    primary key (writer, seq, at)
) partition by range (at);
create table audit_events_rest partition of audit_events default;
create index audit_events_at on audit_events (at);
create index audit_events_user on audit_events (user_id, at) where user_id is not null;

-- The newest record of each chain. head_mac shows if the newest records were cut off.
create table audit_heads (
    writer   uuid primary key,
    seq      bigint not null,
    mac      bytea not null,
    head_mac bytea not null,
    at       timestamptz not null
);
