-- The tables are counted. A row says by its sum that it is what was written, but not that it is the newest one, and nothing says
-- that all rows are there. The counts do: a page that is missing, is there twice, or is older than the others is known.

-- How many rows a table has, and the total of their sums. 1: topic, 2: user, 3: last, 4: lease.
CREATE TABLE tally (
    id INTEGER PRIMARY KEY,
    entries INTEGER NOT NULL,
    total INTEGER NOT NULL
) STRICT;
INSERT INTO tally SELECT 1, count(*), ifnull(sum(sum), 0) FROM topic;
INSERT INTO tally SELECT 2, count(*), ifnull(sum(sum), 0) FROM user;
INSERT INTO tally SELECT 3, count(*), ifnull(sum(sum), 0) FROM last;
INSERT INTO tally SELECT 4, count(*), ifnull(sum(sum), 0) FROM lease;

-- The log has all rows from `first` on, and at least up to `newest`. It is not counted, as each write would cost a page more.
CREATE TABLE log_bounds (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    first INTEGER NOT NULL,
    newest INTEGER NOT NULL
) STRICT;
INSERT INTO log_bounds SELECT 1, ifnull(min(seq), 1), ifnull(max(seq), 0) FROM log;

CREATE TRIGGER topic_added AFTER INSERT ON topic BEGIN
    UPDATE tally SET entries = entries + 1, total = total + NEW.sum WHERE id = 1;
END;
CREATE TRIGGER topic_changed AFTER UPDATE ON topic BEGIN
    UPDATE tally SET total = total + NEW.sum - OLD.sum WHERE id = 1;
END;
CREATE TRIGGER topic_removed AFTER DELETE ON topic BEGIN
    UPDATE tally SET entries = entries - 1, total = total - OLD.sum WHERE id = 1;
END;
CREATE TRIGGER user_added AFTER INSERT ON user BEGIN
    UPDATE tally SET entries = entries + 1, total = total + NEW.sum WHERE id = 2;
END;
CREATE TRIGGER user_changed AFTER UPDATE ON user BEGIN
    UPDATE tally SET total = total + NEW.sum - OLD.sum WHERE id = 2;
END;
CREATE TRIGGER user_removed AFTER DELETE ON user BEGIN
    UPDATE tally SET entries = entries - 1, total = total - OLD.sum WHERE id = 2;
END;
CREATE TRIGGER last_added AFTER INSERT ON last BEGIN
    UPDATE tally SET entries = entries + 1, total = total + NEW.sum WHERE id = 3;
END;
CREATE TRIGGER last_changed AFTER UPDATE ON last BEGIN
    UPDATE tally SET total = total + NEW.sum - OLD.sum WHERE id = 3;
END;
CREATE TRIGGER last_removed AFTER DELETE ON last BEGIN
    UPDATE tally SET entries = entries - 1, total = total - OLD.sum WHERE id = 3;
END;
CREATE TRIGGER lease_added AFTER INSERT ON lease BEGIN
    UPDATE tally SET entries = entries + 1, total = total + NEW.sum WHERE id = 4;
END;
CREATE TRIGGER lease_changed AFTER UPDATE ON lease BEGIN
    UPDATE tally SET total = total + NEW.sum - OLD.sum WHERE id = 4;
END;
CREATE TRIGGER lease_removed AFTER DELETE ON lease BEGIN
    UPDATE tally SET entries = entries - 1, total = total - OLD.sum WHERE id = 4;
END;
CREATE TRIGGER log_shortened AFTER DELETE ON log BEGIN
    UPDATE log_bounds SET first = max(first, OLD.seq + 1);
END;
