-- works with releases from: 1
-- Requests that were given up. A worker that was stopped before it asked for their codes, and asks when it wakes, gets
-- none: its successor has put the codes back, and nobody would do so again.

CREATE TABLE streamproc.given_up (
    publication uuid PRIMARY KEY,
    -- The place of the request's record. A request that is made anew under the same id stands behind it.
    number bigint NOT NULL,
    given_up_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX given_up_at ON streamproc.given_up (given_up_at);
