-- Mail: the server that takes it, and what waits to be handed over.

create table mail_server (
    -- One row at the most.
    one             boolean primary key default true check (one),
    host            text not null check (host <> ''),
    port            integer not null check (port between 1 and 65535),
    security        text not null check (security in ('tls', 'starttls', 'none')),
    login           text,
    password_sealed bytea,
    from_address    text not null,
    from_name       text,
    reply_to        text,
    -- Believed instead of the system's.
    ca_pem          text,
    -- What we call ourselves to it (EHLO).
    ehlo            text not null check (ehlo <> ''),
    -- How long each step waits.
    timeout_ms      integer not null check (timeout_ms between 1000 and 300000),
    changed_at      timestamptz not null,
    check ((login is null) = (password_sealed is null)),
    -- A password never travels in the clear.
    check (security <> 'none' or login is null)
);

-- Times that decide are the database's own: replicas share the work, and their clocks may differ.
create table mail_outbox (
    id           uuid primary key,
    user_id      uuid references users (id) on delete cascade,
    to_address   text not null,
    -- A language tag, as the directory or the person gives it.
    language     text,
    kind         text not null,
    -- What the mail says, before it is put into words; it may hold a link that opens something. Gone once it is sent.
    body_sealed  bytea,
    status       text not null default 'queued' check (status in ('queued', 'sending', 'sent', 'failed')),
    tries        integer not null default 0,
    -- While it is being sent: when another process may take it, since the one that has it must be gone.
    next_try_at  timestamptz not null,
    last_error   text,
    created_at   timestamptz not null,
    -- When it is given up.
    expires_at   timestamptz not null,
    -- When what is in it is of no use any more, such as a link.
    useful_until timestamptz,
    ended_at     timestamptz,
    -- Two mails of one key are one.
    once         text unique,
    check ((status in ('sent', 'failed')) = (ended_at is not null)),
    check ((status = 'sent') = (body_sealed is null))
);
create index mail_outbox_due on mail_outbox (next_try_at) where status in ('queued', 'sending');
create index mail_outbox_to on mail_outbox (to_address, created_at);
create index mail_outbox_user on mail_outbox (user_id) where user_id is not null;
create index mail_outbox_ended on mail_outbox (ended_at) where ended_at is not null;

alter table sync_items
    -- New users get an invitation by mail; a run that would send more than this many stops and asks. Null: none is sent.
    add column invite_at_most integer check (invite_at_most between 1 and 1000000);
