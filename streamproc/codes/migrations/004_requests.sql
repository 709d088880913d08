-- works with releases from: 1
-- To which of several requests for one publication a code was given, by the place of its record. A request that is made
-- once more (an event that comes again long after, a dead letter that is replayed) has another place; given up, it must
-- not put back what the first one has sent. Codes that were given by an earlier release have none.

ALTER TABLE streamproc.codes ADD COLUMN request bigint;
