-- Version 2: commands that hold for a time only.

-- The command on `topic` holds until `until`; then `safe` is sent. It was asked for by `user` for `time`. All times are in
-- milliseconds, moments since 1970. `written` is when the row was written: a clock that is before it has been set back.
CREATE TABLE lease (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    safe TEXT NOT NULL,
    time INTEGER NOT NULL,
    written INTEGER NOT NULL,
    until INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
