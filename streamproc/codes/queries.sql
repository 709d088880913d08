-- File format:
    -- query_name --
    -- what it does, and its arguments in their order
    -- the statement

-- pools --
-- Make sure that these campaigns ($1) have pools, and name them
WITH made AS (
    INSERT INTO streamproc.pools (campaign_id)
    SELECT wanted.campaign_id FROM unnest($1::text[]) AS wanted (campaign_id)
    WHERE NOT EXISTS (SELECT FROM streamproc.pools WHERE pools.campaign_id = wanted.campaign_id)
    ON CONFLICT DO NOTHING
    RETURNING campaign_id, id
)
SELECT campaign_id, id FROM made
UNION ALL
SELECT campaign_id, id FROM streamproc.pools WHERE campaign_id = ANY ($1::text[]);

-- find --
-- Publications ($1) that have their codes already, and without a code those that were given up at these places ($2) or
-- behind them. `request` is -1 where an earlier release has noted none
SELECT publication, code, coalesce(request, -1) AS request
FROM streamproc.codes WHERE publication = ANY ($1::uuid[])
UNION ALL
SELECT given_up.publication, NULL, NULL
FROM unnest($1::uuid[], $2::bigint[]) AS wanted (publication, number)
JOIN streamproc.given_up ON given_up.publication = wanted.publication AND given_up.number >= wanted.number
WHERE EXISTS (SELECT FROM streamproc.given_up);

-- find_first --
-- For each pool ($1) and customer ($2) the earliest publication
SELECT wanted.place, earliest.publication, earliest.code, coalesce(earliest.request, -1) AS request
FROM unnest($1::integer[], $2::uuid[]) WITH ORDINALITY AS wanted (pool, customer, place)
CROSS JOIN LATERAL (
    SELECT codes.publication, codes.code, codes.request
    FROM streamproc.codes
    WHERE codes.pool = wanted.pool AND codes.customer = wanted.customer AND codes.publication IS NOT NULL
    ORDER BY codes.given_at, codes.number
    LIMIT 1
) AS earliest;

-- allocating --
-- For the length of a transaction: nothing is given up between looking for what was and the commit. And look rows up
-- one by one: they are few, and the planner cannot know
SELECT pg_advisory_xact_lock_shared(7300712016);
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;

-- take --
-- Give free codes, in the order of their numbers, to publications ($4) of customers ($5) and requests ($6). These stand
-- in the order of pools ($1): so many ($2) behind the first so many ($3) are of each. Codes that somebody else is about
-- to give are passed over. Those for which none is left are not in the answer
WITH free AS (
    SELECT locked.id, needed.behind + row_number() OVER (PARTITION BY needed.pool ORDER BY locked.number) AS place
    FROM unnest($1::integer[], $2::integer[], $3::integer[]) AS needed (pool, codes, behind)
    CROSS JOIN LATERAL (
        SELECT codes.ctid AS id, codes.number
        FROM streamproc.codes
        WHERE codes.pool = needed.pool AND codes.publication IS NULL
        ORDER BY codes.number
        LIMIT needed.codes
        FOR UPDATE SKIP LOCKED
    ) AS locked
)
UPDATE streamproc.codes
SET publication = ($4::uuid[])[free.place], customer = ($5::uuid[])[free.place], given_at = now(),
    request = ($6::bigint[])[free.place]
FROM free
WHERE codes.ctid = free.id
RETURNING codes.publication, codes.code, codes.request;

-- making --
-- For the length of a transaction: nothing is imported into these pools ($1), which are in their order
SELECT pg_advisory_xact_lock_shared(73007120, pool) FROM unnest($1::integer[]) AS pool;

-- make --
-- New codes ($2) for publications ($3) of customers ($4) and requests ($5) in pools ($1). Those whose code exists are
-- not in the answer
INSERT INTO streamproc.codes (pool, code, publication, customer, given_at, request, made)
SELECT pool, code, publication, customer, now(), request, true
FROM unnest($1::integer[], $2::text[], $3::uuid[], $4::uuid[], $5::bigint[])
    AS made (pool, code, publication, customer, request)
ORDER BY pool, code  -- of two who have made the same ones, only one waits
ON CONFLICT (pool, code) DO NOTHING
RETURNING publication, code, request;

-- giving_up --
-- Wait until nobody allocates, for the length of a transaction
SELECT pg_advisory_xact_lock(7300712016);

-- give_back --
-- Put the codes of publications ($1) back into their pools, those that were given to just these requests ($2)
UPDATE streamproc.codes SET publication = NULL, customer = NULL, given_at = NULL, request = NULL
FROM unnest($1::uuid[], $2::bigint[]) AS returned (publication, request)
WHERE codes.publication = ANY ($1::uuid[]) AND codes.publication = returned.publication
    AND coalesce(codes.request, returned.request) = returned.request;

-- note_given_up --
-- Note that publications ($1) were given up, and at which places ($2)
INSERT INTO streamproc.given_up (publication, number)
SELECT publication, number FROM unnest($1::uuid[], $2::bigint[]) AS several (publication, number)
ON CONFLICT (publication) DO UPDATE
SET number = greatest(given_up.number, excluded.number), given_up_at = excluded.given_up_at;

-- forget_given_up --
-- Forget what was given up so long ago that no worker of then can still wake
DELETE FROM streamproc.given_up WHERE given_up_at < now() - interval '30 days';

-- importing --
-- For the length of a transaction: nobody else imports into a pool ($1), or makes codes in it
SELECT pg_advisory_xact_lock(73007120, $1);

-- take_in --
-- Move the codes of the table "arriving" into a pool ($1), in their order; the answer has the places of those that are
-- not new
WITH first AS (
    SELECT code, min(place) AS place FROM arriving GROUP BY code
),
taken AS (
    INSERT INTO streamproc.codes (pool, code)
    SELECT $1::integer, code FROM first ORDER BY place
    ON CONFLICT (pool, code) DO NOTHING
    RETURNING code
)
SELECT arriving.place
FROM arriving JOIN first USING (code) LEFT JOIN taken USING (code)
WHERE taken.code IS NULL OR arriving.place <> first.place
ORDER BY arriving.place;

-- note_imported --
-- Note that so many codes ($2) came into a pool ($1)
UPDATE streamproc.pools SET imported = imported + $2::integer WHERE id = $1;

-- arriving --
-- Where codes to be imported stand for the length of a transaction
CREATE TEMPORARY TABLE arriving (place integer, code text COLLATE "C") ON COMMIT DROP;

-- count --
-- Free and given codes of all pools
SELECT pools.campaign_id,
       count(*) FILTER (WHERE codes.code IS NOT NULL AND codes.publication IS NULL) AS free,
       count(codes.publication) AS given
FROM streamproc.pools LEFT JOIN streamproc.codes ON codes.pool = pools.id
GROUP BY pools.campaign_id
ORDER BY pools.campaign_id;

-- books --
-- Of all pools what came, what was made, what is free and what was given
SELECT pools.campaign_id, pools.imported,
       count(*) FILTER (WHERE codes.made) AS made,
       count(*) FILTER (WHERE codes.code IS NOT NULL AND codes.publication IS NULL) AS free,
       count(codes.publication) AS given
FROM streamproc.pools LEFT JOIN streamproc.codes ON codes.pool = pools.id
GROUP BY pools.id
ORDER BY pools.campaign_id;

-- given_since --
-- The publications since a time ($1)
SELECT publication FROM streamproc.codes WHERE publication IS NOT NULL AND given_at >= $1;

-- given --
-- What was given under publications ($1), and to whom
SELECT codes.publication, pools.campaign_id, codes.code, codes.customer
FROM streamproc.codes JOIN streamproc.pools ON pools.id = codes.pool
WHERE codes.publication = ANY ($1::uuid[]);

-- holders --
-- Who has been given these codes ($2) of campaigns ($1); nobody where they are free. They are looked up one by one: a
-- planner that last saw the table before an import was committed takes it for empty, and would compare all with all.
-- Without the limit it would make a join of this too
SELECT wanted.campaign_id, held.code, held.publication
FROM unnest($1::text[], $2::text[]) AS wanted (campaign_id, code)
CROSS JOIN LATERAL (
    SELECT codes.code, codes.publication
    FROM streamproc.codes
    WHERE codes.pool = (SELECT pools.id FROM streamproc.pools WHERE pools.campaign_id = wanted.campaign_id)
        AND codes.code = wanted.code
    LIMIT 1
) AS held;

-- count_free --
-- Free codes of campaigns ($1), each counted up to a limit ($2)
SELECT pools.campaign_id, counted.free
FROM streamproc.pools
CROSS JOIN LATERAL (
    SELECT count(*) AS free FROM (
        SELECT FROM streamproc.codes WHERE codes.pool = pools.id AND codes.publication IS NULL LIMIT $2
    ) AS bounded
) AS counted
WHERE pools.campaign_id = ANY ($1::text[]);

-- schema --
-- Make the place of all tables, and the list of the migrations that were done
CREATE SCHEMA IF NOT EXISTS streamproc;
CREATE TABLE IF NOT EXISTS streamproc.migrations (
    number integer PRIMARY KEY,
    works_with integer NOT NULL,
    done_at timestamptz NOT NULL DEFAULT now()
);

-- migrations --
-- The migrations that were done, and the oldest release whose number each works with
SELECT number, works_with FROM streamproc.migrations ORDER BY number;

-- has_schema --
-- Whether there is a list of migrations
SELECT to_regclass('streamproc.migrations') IS NOT NULL;

-- note_migration --
-- Note that a migration ($1) was done; $2 is the oldest release that works with it
INSERT INTO streamproc.migrations (number, works_with) VALUES ($1, $2);

-- alone --
-- Wait until nobody else migrates, for the length of the transaction
SELECT pg_advisory_xact_lock(7300712015);

-- known --
-- Which of these codes ($2) a pool ($1) has or had
SELECT code FROM streamproc.codes WHERE pool = $1 AND code = ANY ($2::text[]);
