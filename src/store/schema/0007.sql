-- Version 7: history of some topics is kept for a shorter time than that of others.

-- Of a series nothing is left in the spans of each grain up to these; in later ones there may be chunks of it. A series without a
-- row may have some everywhere.
CREATE TABLE thinned (
    series INTEGER PRIMARY KEY,
    raw INTEGER NOT NULL,
    minutes INTEGER NOT NULL,
    quarters INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
