-- works with releases from: 1
-- Pools, and the codes in them. A code that was given has its publication in the same row, so a code cannot have two
-- owners, a publication cannot have two codes, and what is free and what was given always add up.

CREATE TABLE streamproc.pools (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE streamproc.codes (
    pool integer NOT NULL REFERENCES streamproc.pools,
    code text COLLATE "C" NOT NULL,
    -- The order in which codes came, and go.
    number bigint GENERATED ALWAYS AS IDENTITY,
    -- The publication's id without its prefix: 32 hexadecimal digits.
    publication uuid,
    -- A digest of the customer's id: ids may be of any length, and are not for this database to know.
    customer uuid,
    given_at timestamptz,
    PRIMARY KEY (pool, code),
    CHECK ((publication IS NULL) = (customer IS NULL) AND (publication IS NULL) = (given_at IS NULL))
);

CREATE INDEX codes_free ON streamproc.codes (pool, number) WHERE publication IS NULL;
CREATE UNIQUE INDEX codes_publication ON streamproc.codes (publication) WHERE publication IS NOT NULL;
CREATE INDEX codes_customer ON streamproc.codes (pool, customer) WHERE publication IS NOT NULL;
