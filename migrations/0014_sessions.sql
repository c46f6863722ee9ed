-- Who is signed in at the portal. A browser holds the token; its hash alone stands here (SECURITY R48).
create table sessions (
    id          uuid primary key,
    token_hash  bytea not null unique check (octet_length(token_hash) = 32),
    user_id     uuid not null references users (id) on delete cascade,
    -- What it opens: the enrolment wizard, the recovery page, or everything of one's own.
    level       text not null check (level in ('enrolling', 'recovery', 'full')),
    -- How the second factor was proven, and when last.
    factor      text,
    proven_at   timestamptz,
    source      inet not null,
    agent       text not null check (octet_length(agent) <= 512),
    created_at  timestamptz not null,
    seen_at     timestamptz not null,
    -- Ends then, whatever happens; and before that when it is not used.
    expires_at  timestamptz not null,
    check ((factor is null) = (proven_at is null))
);
create index sessions_user on sessions (user_id);
create index sessions_expires on sessions (expires_at);
