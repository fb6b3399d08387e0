-- Version 1. The hub checks what it reads by `sum`: a CRC-32C over the mark of the file and all that the row says, its key
-- included.

-- The mark: a number drawn at random, so that a page of another file is known. It stands in `life`, too.
CREATE TABLE mark (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    mark INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- The names of topics, by a number that is never given to another one as long as anything speaks of it.
CREATE TABLE topic (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- The names of those who said something.
CREATE TABLE user (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- What was said and is not settled yet, one row a write (`src/store/log.rs`). The newest row is never deleted.
CREATE TABLE log (
    seq INTEGER PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;

-- Last values that are settled. `seq` is the row of the log that said it, `at` is in milliseconds since 1970, `rest` holds
-- what few have.
CREATE TABLE last (
    topic INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    user INTEGER NOT NULL,
    payload TEXT NOT NULL,
    rest BLOB,
    sum INTEGER NOT NULL
) STRICT;

-- When the hub wrote last, and whether it was stopped as it should be.
CREATE TABLE life (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL,
    clean INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
