-- What the release that ended with migration 3 did with the tables, word for word: it runs on while a later one is rolled
-- out. The form is that of `streamproc/codes/queries.sql`.

-- find --
-- Publications ($1) that have their codes already, and without a code those that were given up at these places ($2) or
-- behind them
SELECT publication, code FROM streamproc.codes WHERE publication = ANY ($1::uuid[])
UNION ALL
SELECT given_up.publication, NULL
FROM unnest($1::uuid[], $2::bigint[]) AS wanted (publication, number)
JOIN streamproc.given_up ON given_up.publication = wanted.publication AND given_up.number >= wanted.number
WHERE EXISTS (SELECT FROM streamproc.given_up);

-- take --
-- Give free codes, in the order of their numbers, to publications ($4) of customers ($5). These stand in the order of
-- pools ($1): so many ($2) behind the first so many ($3) are of each. Codes that somebody else is about to give are
-- passed over. Those for which none is left are not in the answer
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
SET publication = ($4::uuid[])[free.place], customer = ($5::uuid[])[free.place], given_at = now()
FROM free
WHERE codes.ctid = free.id
RETURNING codes.publication, codes.code;

-- make --
-- New codes ($2) for publications ($3) of customers ($4) in pools ($1). Those whose code exists are not in the answer
INSERT INTO streamproc.codes (pool, code, publication, customer, given_at, made)
SELECT pool, code, publication, customer, now(), true
FROM unnest($1::integer[], $2::text[], $3::uuid[], $4::uuid[]) AS made (pool, code, publication, customer)
ON CONFLICT (pool, code) DO NOTHING
RETURNING publication, code;

-- give_back --
-- Put the codes of publications ($1) back into their pools
UPDATE streamproc.codes SET publication = NULL, customer = NULL, given_at = NULL
WHERE publication = ANY ($1::uuid[]);

-- note_given_up --
-- Note that publications ($1) were given up, and at which places ($2)
INSERT INTO streamproc.given_up (publication, number)
SELECT publication, number FROM unnest($1::uuid[], $2::bigint[]) AS several (publication, number)
ON CONFLICT (publication) DO UPDATE
SET number = greatest(given_up.number, excluded.number), given_up_at = excluded.given_up_at;
