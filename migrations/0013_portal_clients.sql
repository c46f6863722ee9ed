-- The user portal signs people in as a client of each directory. It speaks from no address, so nothing but the portal is it.
alter table clients
    add column portal boolean not null default false,
    -- May somebody who has never enrolled come in on the password alone, to enrol and for nothing else?
    add column first_enrolment boolean not null default false;
alter table clients drop constraint clients_addresses_check;
alter table clients
    add constraint clients_addresses_check check (portal = (cardinality(addresses) = 0)),
    add constraint clients_first_enrolment_check check (portal or not first_enrolment);
create unique index clients_portal on clients (directory_id) where portal;

-- What a person is asked for first: what they chose, else what they used last.
alter table users
    add column preferred_factor text,
    -- Never a bypass or a recovery code.
    add column last_factor text;
-- Only approvals leave a time of their own.
update users set last_factor = 'app' where succeeded_at is not null;
