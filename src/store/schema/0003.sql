-- Version 3: sign-ins of pages.

-- Sign-ins of pages. `digest` is that of the token, which itself is nowhere; `account` is a digest of the account's name and
-- password hash. Times are in milliseconds since 1970; `stays` is 1 if the user asked to stay signed in.
CREATE TABLE web_session (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    user TEXT NOT NULL,
    account BLOB NOT NULL,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL,
    until INTEGER NOT NULL,
    stays INTEGER NOT NULL,
    address TEXT NOT NULL,
    browser TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- What others than the hub ask for: that a sign-in ends, or all of a user. The hub looks here every second, and at its start
-- before it lets anybody in; it deletes what it has done.
CREATE TABLE revocation (
    id INTEGER PRIMARY KEY,
    digest BLOB,
    user TEXT,
    sum INTEGER NOT NULL
) STRICT;
