-- A PIN: something the person knows beside the second factor. Only its argon2id hash is kept.
alter table users
    add column pin_hash text,
    add column pin_must_change boolean not null default false,
    add constraint users_pin_to_change check (pin_hash is not null or not pin_must_change);

-- Which RADIUS clients ask for it.
alter table radius_clients
    add column pin boolean not null default false,
    add constraint radius_clients_pin_check check (dialogs or not pin);
