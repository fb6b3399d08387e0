-- Version 10: sessions that outlive a restart, and what waits for them.

-- `name` is what the client is called, `left` since when it is away, in milliseconds since 1970 and one more, or 0. `data` is all else
-- of the session (`src/store/lasting.rs`).
CREATE TABLE lasting (
    id INTEGER PRIMARY KEY,
    user TEXT NOT NULL,
    name TEXT NOT NULL,
    left INTEGER NOT NULL,
    data BLOB NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- `id` is the order in which they came, over all sessions.
CREATE TABLE lasting_message (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    topic TEXT NOT NULL,
    data BLOB NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
CREATE INDEX lasting_message_of_session ON lasting_message (session);

-- Counted as the tables of version 5.
INSERT INTO tally VALUES (7, 0, 0);
CREATE TRIGGER lasting_added AFTER INSERT ON lasting BEGIN
    UPDATE tally SET entries = entries + 1, total = total + NEW.sum WHERE id = 7;
END;
CREATE TRIGGER lasting_changed AFTER UPDATE ON lasting BEGIN
    UPDATE tally SET total = total + NEW.sum - OLD.sum WHERE id = 7;
END;
CREATE TRIGGER lasting_removed AFTER DELETE ON lasting BEGIN
    UPDATE tally SET entries = entries - 1, total = total - OLD.sum WHERE id = 7;
END;
INSERT INTO tally VALUES (8, 0, 0);
CREATE TRIGGER lasting_message_added AFTER INSERT ON lasting_message BEGIN
    UPDATE tally SET entries = entries + 1, total = total + NEW.sum WHERE id = 8;
END;
CREATE TRIGGER lasting_message_changed AFTER UPDATE ON lasting_message BEGIN
    UPDATE tally SET total = total + NEW.sum - OLD.sum WHERE id = 8;
END;
CREATE TRIGGER lasting_message_removed AFTER DELETE ON lasting_message BEGIN
    UPDATE tally SET entries = entries - 1, total = total - OLD.sum WHERE id = 8;
END;
