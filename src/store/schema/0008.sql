-- Version 8: events are counted, as the tables of version 5 are. A file in which some are missing, or older than others, says so.

INSERT INTO tally SELECT 5, count(*), ifnull(sum(sum), 0) FROM event;
CREATE TRIGGER event_added AFTER INSERT ON event BEGIN
    UPDATE tally SET entries = entries + 1, total = total + NEW.sum WHERE id = 5;
END;
CREATE TRIGGER event_changed AFTER UPDATE ON event BEGIN
    UPDATE tally SET total = total + NEW.sum - OLD.sum WHERE id = 5;
END;
CREATE TRIGGER event_removed AFTER DELETE ON event BEGIN
    UPDATE tally SET entries = entries - 1, total = total - OLD.sum WHERE id = 5;
END;
