-- Version 6: events, such as who switched what.

-- `at` is in milliseconds since 1970, but the order of events is that of `id`: somebody may set the clock. `topic` is what filters
-- name an event by. `data` is JSON, with all that stands in no other column.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    user TEXT NOT NULL,
    topic TEXT NOT NULL,
    data TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
