-- What a client's Access-Accepts carry: attributes by name, for whom.

create table reply_rules (
    client_id     uuid not null references radius_clients (client_id) on delete cascade,
    -- From 1, without gaps; the rules apply in this order.
    position      integer not null check (position > 0),
    -- As a dictionary has it, perhaps with a tag behind a colon.
    attribute     text not null check (attribute <> ''),
    value         text not null check (value <> ''),
    -- Names or DNs of groups: of one of these, unless there are none; of none of those.
    when_groups   text[] not null,
    unless_groups text[] not null,
    replaces      boolean not null,
    primary key (client_id, position) deferrable initially deferred
);
