//! The runtime of the commands that are clients of a hub.

/// Runs a client to its end, on this thread.
pub(super) fn block_on<T>(client: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(client);
    // A read of standard input may still wait for a key.
    runtime.shutdown_background();
    ended
}
