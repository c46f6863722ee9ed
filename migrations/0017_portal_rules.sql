-- What people may do in the portal, and what they have set there themselves.

create table portal_rules (
    -- 0 is the rule for everybody; group rules are looked at from 1 on, without gaps.
    position     integer primary key deferrable initially deferred check (position >= 0),
    -- The name or DN of a group, as it was given and in comparison form.
    for_group    text check (for_group <> ''),
    folded_group text unique,
    -- {"switch": "value"}; the program knows which there are.
    switches     jsonb not null check (jsonb_typeof(switches) = 'object'),
    check ((position = 0) = (for_group is null) and (for_group is null) = (folded_group is null))
);

alter table users
    -- A language tag (BCP 47) that the person chose; the directory's is in profile.
    add column language_chosen text check (language_chosen ~ '^[a-z]{2,8}$');

alter table sessions
    -- How long it lasts without use.
    add column idle_seconds integer not null default 1800 check (idle_seconds > 0);

create table security_answers (
    user_id  uuid not null references users (id) on delete cascade,
    -- Which of the built-in questions.
    question text not null check (question <> ''),
    -- argon2id of the answer in comparison form.
    hash     text not null,
    set_at   timestamptz not null,
    primary key (user_id, question)
);

-- The questions somebody is being asked: the same ones until they are answered.
create table question_rounds (
    user_id   uuid primary key references users (id) on delete cascade,
    questions text[] not null check (cardinality(questions) > 0),
    begun_at  timestamptz not null
);
