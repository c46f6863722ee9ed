-- Whether the directory lets an account be used, as the last import or sync saw it. Shown to people; a sign-in asks the
-- directory itself.

alter table users
    -- Null where the directory does not say.
    add column directory_disabled boolean,
    -- From then on it is expired; null if never, or not said.
    add column directory_until    timestamptz;

alter table sync_changes
    add column directory_disabled boolean,
    add column directory_until    timestamptz;
