-- The RADIUS side of clients. A client without a row here does not speak RADIUS.

create table radius_clients (
    client_id                     uuid primary key references clients (id) on delete cascade,
    secret_sealed                 bytea not null,
    -- Tells clients of one address apart, once the secret is known to be right.
    nas_identifier                text check (octet_length(nas_identifier) between 1 and 253),
    -- The name in the client's certificate, lower-case; null: no RadSec.
    radsec_name                   text unique check (radsec_name <> ''),
    require_message_authenticator boolean not null,
    first_factor                  text not null check (first_factor in ('directory', 'upstream', 'none')),
    -- Names of upstream servers, in order.
    upstreams                     text[] not null,
    eap                           boolean not null,
    dialogs                       boolean not null,
    enrol                         boolean not null,
    password_change               boolean not null,
    pass_through                  text[] not null,
    -- Names of probes, rejected at once.
    monitors                      text[] not null,
    check (first_factor <> 'upstream' or cardinality(upstreams) > 0),
    check (not eap or cardinality(upstreams) > 0),
    check (dialogs or not (enrol or password_change))
);

-- A dialog that waits for the person's next answer. A State is used once.
create table dialogs (
    -- HMAC of the State that the gateway holds; the State itself opens what is sealed, and is kept nowhere.
    id         bytea primary key check (octet_length(id) = 32),
    client_id  uuid not null references clients (id) on delete cascade,
    sealed     bytea not null check (octet_length(sealed) <= 65536),
    -- Answered. Kept until it expires: the wait for a number may be taken up by another replica.
    used       boolean not null default false,
    expires_at timestamptz not null
);
create index dialogs_expires on dialogs (expires_at);
