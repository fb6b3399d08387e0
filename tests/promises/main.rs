//! What the hub promises on its sockets and its command line, asked of the binary itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test that fails says so by a panic"
)]
#![allow(clippy::disallowed_methods, reason = "tasks of a test end with the test")]
#![expect(unreachable_pub, reason = "support is written as a crate of its own would be")]

#[allow(dead_code, reason = "what only the tests of the bridge need")]
#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod accounts_api;
mod audit;
mod bad_input;
mod cli_accounts;
mod cli_address;
mod cli_context;
mod cli_docs;
mod cli_doctor;
mod cli_help;
mod cli_import;
mod cli_mistakes;
mod cli_nodes;
mod cli_pub;
mod cli_reply;
mod cli_sim;
mod cli_sub;
mod cli_terminal;
mod commands;
mod diagnostics;
mod doors;
mod events;
mod examples;
mod files;
mod handshakes;
mod history;
mod hostile;
mod http;
mod http_more;
mod layout;
mod lines;
mod log;
mod meanwhile;
mod memory;
mod old_boards;
mod opening;
mod operator;
mod order;
mod presence;
mod proxies;
mod proxies_by_hand;
mod retained;
mod samples;
mod sign_ins;
mod slow_readers;
mod starting;
mod stopping;
mod store;
mod subscriptions;
mod systemd;
mod tls;
mod tls_client_certificates;
mod tls_clients;
mod tls_many;
mod tokens;
