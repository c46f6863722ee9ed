-- What gateways tell of the sessions they have opened (RFC 2866). One row a session; a gateway's own numbers, kept for people.

create table accounting_sessions (
    client_id  uuid not null references clients (id) on delete cascade,
    -- Which of the client's gateways, by NAS-Identifier or address; empty if it does not say.
    nas        text not null check (octet_length(nas) <= 1024),
    -- Acct-Session-Id
    session    text not null check (octet_length(session) between 1 and 1024),
    -- As the gateway wrote it, and whom that means; null if nobody we know.
    name       text not null check (octet_length(name) <= 1024),
    user_id    uuid references users (id) on delete set null,
    -- Calling-Station-Id
    calling    text not null check (octet_length(calling) <= 1024),
    framed     inet,
    -- Null if the start was never heard of.
    started_at timestamptz,
    heard_at   timestamptz not null,
    ended_at   timestamptz,
    -- Acct-Terminate-Cause by its number in RFC 2866 §5.10; 0 if it was not said.
    cause      bigint,
    seconds    bigint not null default 0,
    bytes_in   bigint not null default 0,
    bytes_out  bigint not null default 0,
    primary key (client_id, nas, session)
);
create index accounting_sessions_heard on accounting_sessions (heard_at);
create index accounting_sessions_user on accounting_sessions (user_id);

-- The end of a session ends the graces of its user at that client's group.
alter table graces add column client_group text not null default '';
