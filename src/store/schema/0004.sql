-- Version 4: history. All sums are as in version 1; the bytes of a chunk have theirs behind them.

-- What is told apart: the numbers or the states at one path in the payloads of one topic. `at` is the newest time of what
-- is sealed.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    path TEXT NOT NULL,
    kind INTEGER NOT NULL,
    unit TEXT NOT NULL,
    at INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- What was sealed in one piece, at one grain: 0 is raw, 1 minutes, 2 quarters of an hour. `until` is the last row of the log
-- that is in it; of quarters, the last span of minutes. A span is there once its row is.
CREATE TABLE span (
    id INTEGER PRIMARY KEY,
    tier INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    until INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- What one series has in one span: `id` is the number of the span << 24 | the number of the series.
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;
