//! The certificate that a hub starts with.

use std::sync::Arc;

use super::super::exit::OperatorError;
use crate::tls::{Files, Offer};

/// What is served over TLS. A hub whose files are wrong does not start: without a word it would serve passwords without TLS,
/// or nobody. One whose certificate has expired starts, as it may be the clock that is wrong.
pub(super) fn offer(files: Option<Files>) -> Result<Option<Arc<Offer>>, OperatorError> {
    let Some(files) = files else { return Ok(None) };
    if files.key_is_open() {
        let key = files.key.display();
        tracing::warn!("{key}: everybody on this machine can read the private key; run chmod 600 {key}");
    }
    let offer = Offer::open(files).map_err(OperatorError::new)?;
    Ok(Some(Arc::new(offer)))
}
