-- Version 4: history. All sums are as in version 1; the bytes of a chunk have theirs behind them.

-- What is told apart: the numbers or the states at one path in the payloads of one topic. `newest` is the newest piece in
-- which it has readings.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    path TEXT NOT NULL,
    kind INTEGER NOT NULL,
    unit TEXT NOT NULL,
    newest INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- What was sealed in one piece, at one grain: 0 is raw, 1 minutes, 2 quarters of an hour. A piece is called by the number of
-- its raw span; quarters are of the pieces `oldest` to `newest`. `until` is the last row of the log that is in it, `sealed` when
-- that was, by the clock that age is counted by. A span is there once its row is.
CREATE TABLE span (
    id INTEGER PRIMARY KEY,
    tier INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    sealed INTEGER NOT NULL,
    oldest INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    until INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- What one series has in one span: `id` is the number of the span << 24 | the number of the series.
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;

-- Times of which readings may be missing, why, and how many messages, where that is known.
CREATE TABLE gap (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    why INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- The clock that age is counted by: what it showed last, and for how long the one on the wall has shown something else.
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    believed INTEGER NOT NULL,
    doubted INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
