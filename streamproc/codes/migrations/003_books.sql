-- works with releases from: 1
-- How many codes were imported, and which ones streamproc has made itself: so an audit sees when some are missing. What
-- there is already counts as imported.

ALTER TABLE streamproc.pools ADD COLUMN imported bigint NOT NULL DEFAULT 0;

UPDATE streamproc.pools SET imported = (SELECT count(*) FROM streamproc.codes WHERE codes.pool = pools.id);

ALTER TABLE streamproc.codes ADD COLUMN made boolean NOT NULL DEFAULT false;
