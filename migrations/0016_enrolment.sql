-- The life of authenticators as people manage them: begun, proven, used, removed; hardware tokens in stock; activation codes
-- for phones; links that invite somebody to enrol.

alter table authenticators
    -- Null while it is pending: it has shown no right code yet, and counts nowhere.
    add column proven_at     timestamptz,
    add column pending_until timestamptz,
    -- The session of a first enrolment that began it, and alone may see and prove it: whoever else knows the password must
    -- not come by the seed. Null for those begun in a session with a second factor.
    add column first_session uuid,
    add column last_used_at  timestamptz;
update authenticators set proven_at = created_at;
alter table authenticators
    add constraint authenticators_pending check ((proven_at is null) = (pending_until is not null)),
    add constraint authenticators_first check (proven_at is null or first_session is null);
create index authenticators_pending_until on authenticators (pending_until) where pending_until is not null;

-- Hardware tokens that belong to nobody yet. A person claims one by its serial number and two codes.
create table token_stock (
    id          uuid primary key,
    serial      text not null unique check (serial <> ''),
    factor      text not null check (factor in ('totp', 'hotp')),
    seed_sealed bytea not null,
    hash        text not null check (hash in ('SHA1', 'SHA256', 'SHA512')),
    digits      smallint not null check (digits between 6 and 8),
    period      smallint not null check (period between 15 and 120),
    -- HOTP: the counter it uses next.
    counter     bigint not null default 0 check (counter >= 0),
    added_at    timestamptz not null
);

-- Codes that turn a phone into an authenticator. Neither form of a code can be found out from here.
create table activations (
    id            uuid primary key,
    user_id       uuid not null references users (id) on delete cascade,
    purpose       text not null check (purpose in ('app')),
    -- SHA-256 of the 256 bits in the QR code.
    code_hash     bytea not null unique check (octet_length(code_hash) = 32),
    -- HMAC of the code for typing: 40 bits would be found by trial.
    short_mac     bytea not null unique check (octet_length(short_mac) = 32),
    device_limit  smallint not null check (device_limit between 1 and 10),
    first_session uuid,
    created_at    timestamptz not null,
    expires_at    timestamptz not null,
    used_at       timestamptz,
    cancelled_at  timestamptz,
    check (used_at is null or cancelled_at is null)
);
create index activations_user on activations (user_id, created_at);

-- One link at a time for a person: a new one takes the place of the old.
create table enrolment_links (
    user_id    uuid primary key references users (id) on delete cascade,
    token_hash bytea not null unique check (octet_length(token_hash) = 32),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);

-- Wrong codes where none may be guessed: by what is tried and whose or from where.
create table attempts (
    purpose text not null,
    subject text not null,
    wrong   integer not null,
    last_at timestamptz not null,
    -- No more is looked at before.
    until   timestamptz,
    primary key (purpose, subject)
);
create index attempts_last on attempts (last_at);
