-- Passkeys: WebAuthn credentials, each beside the authenticator that it is.

alter table authenticators drop constraint authenticators_factor_check;
alter table authenticators add constraint authenticators_factor_check check (factor in ('app', 'totp', 'hotp', 'passkey'));
alter table authenticators drop constraint authenticators_check;
alter table authenticators add constraint authenticators_check check ((factor in ('app', 'passkey')) = (seed_sealed is null));

create table passkeys (
    authenticator_id uuid primary key references authenticators (id) on delete cascade,
    -- WebAuthn L3 §5.1. No two users share one.
    credential_id    bytea not null unique check (octet_length(credential_id) between 1 and 1023),
    -- The public key and what else a ceremony needs, as JSON. Nothing in it is secret.
    credential       text not null,
    -- As the last assertion said (§6.1): 0 for ever from those that do not count.
    sign_count       bigint not null check (sign_count between 0 and 4294967295),
    backup_eligible  boolean not null,
    backed_up        boolean not null,
    -- AAGUID (§6.5.1.1): what made it, by its own word. Null if it does not say.
    model            uuid
);
