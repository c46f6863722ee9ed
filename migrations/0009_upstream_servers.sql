-- RADIUS servers behind us, which check first factors. Clients name them (radius_clients.upstreams).

create table upstream_servers (
    id                            uuid primary key,
    name                          text not null unique check (name <> ''),
    host                          text not null check (host <> ''),
    port                          integer not null check (port between 1 and 65535),
    secret_sealed                 bytea not null,
    -- How long one try waits.
    timeout_ms                    integer not null check (timeout_ms > 0),
    tries                         integer not null check (tries between 1 and 10),
    require_message_authenticator boolean not null,
    created_at                    timestamptz not null
);
