-- How a directory's attributes are read, and in which portions.

alter table directories
    -- What differs from the preset of the directory's kind; {} = nothing.
    add column attributes jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
    -- Active Directory gives at most 1000 entries at a time.
    add column page_size smallint not null default 500 check (page_size between 1 and 1000);
