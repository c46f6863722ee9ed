-- Whoever has enrolled has, though everything they had is gone since: the password alone gets nobody a new factor, and nobody
-- past a second one. An administrator's reset begins anew.
alter table users add column enrolled_at timestamptz;
update users u set enrolled_at = now()
where u.last_factor is not null
   or exists (select from authenticators a where a.user_id = u.id and a.proven_at is not null)
   or exists (select from recovery_codes r where r.user_id = u.id);

-- What proved a session and whether that serves for changes are two things: a bypass that is used where there is something to
-- prove proves nothing.
alter table sessions drop constraint sessions_check;
alter table sessions add constraint sessions_proven check (proven_at is null or factor is not null);
update sessions set proven_at = null where factor = 'bypass';
