-- Version 9: messages that wait for a broker.

-- `id` is the order in which they came. `link` is the name of the link, `at` since when it waits, in milliseconds since 1970. `data`
-- is all else of the message (`src/store/queues.rs`).
CREATE TABLE queued (
    id INTEGER PRIMARY KEY,
    link TEXT NOT NULL,
    topic TEXT NOT NULL,
    at INTEGER NOT NULL,
    data BLOB NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- Counted as the tables of version 5.
INSERT INTO tally VALUES (6, 0, 0);
CREATE TRIGGER queued_added AFTER INSERT ON queued BEGIN
    UPDATE tally SET entries = entries + 1, total = total + NEW.sum WHERE id = 6;
END;
CREATE TRIGGER queued_changed AFTER UPDATE ON queued BEGIN
    UPDATE tally SET total = total + NEW.sum - OLD.sum WHERE id = 6;
END;
CREATE TRIGGER queued_removed AFTER DELETE ON queued BEGIN
    UPDATE tally SET entries = entries - 1, total = total - OLD.sum WHERE id = 6;
END;
