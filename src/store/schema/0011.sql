-- Version 11: whether a node of this hub has got the command of a lease. Of those of before nobody knows, so it may have.

ALTER TABLE lease ADD COLUMN near INTEGER NOT NULL DEFAULT 1;
