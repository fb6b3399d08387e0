//! `/api/code`: a text as a QR code, for pages that show a link or a token to a phone. It is sent in a body, so that no log has it.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{Method, Response, StatusCode};
use qrcode::{Color, EcLevel, QrCode};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::accounts_api::{answer, complaint, method_refused};
use super::accounts_desk::Refusal;
use super::peer::Peer;
use super::sent;

/// Where it is.
pub(super) const CODE: &str = "/api/code";
/// The largest body; of a longer text the code could not be scanned from a screen.
const BODY: usize = 4096;
const BYTES: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    text: String,
}

pub(super) async fn code(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    request: Request,
) -> Response<Body> {
    let mut who = match sent::user(&app, &peer, request.headers()).await {
        Ok(who) => who,
        Err(refused) => return *refused,
    };
    if request.method() != Method::POST {
        return method_refused("POST");
    }
    let drawn = sent::json(&app, (&peer, &mut who), request, BODY).await.and_then(|Sent { text }| {
        drawn(&text).ok_or_else(|| {
            let sentence = format!("the text has {} bytes: 1 to {BYTES} fit into a code", text.len());
            Refusal::new(StatusCode::BAD_REQUEST, "body", sentence)
        })
    });
    match drawn {
        Ok((size, path)) => answer(StatusCode::OK, &json!({ "size": size, "path": path })),
        Err(refused) => complaint(refused),
    }
}

/// How many modules wide the code is, and its dark ones as a path of SVG.
fn drawn(text: &str) -> Option<(usize, String)> {
    if text.is_empty() || text.len() > BYTES {
        return None;
    }
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let (size, mut path) = (code.width(), String::new());
    for (row, modules) in code.to_colors().chunks(size).enumerate() {
        let mut column = 0;
        for run in modules.chunk_by(|one, other| one == other) {
            if run.first() == Some(&Color::Dark) {
                // Writing to a text does not fail.
                let _ = write!(path, "M{column} {row}h{0}v1h-{0}z", run.len());
            }
            column += run.len();
        }
    }
    Some((size, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dark modules of a path, as whoever draws it sees them.
    fn modules(size: usize, path: &str) -> Vec<Vec<bool>> {
        let mut drawn = vec![vec![false; size]; size];
        for run in path.split('M').skip(1) {
            let (place, rest) = run.split_once('h').unwrap();
            let (column, row) = place.split_once(' ').unwrap();
            let length: usize = rest.split_once('v').unwrap().0.parse().unwrap();
            let column: usize = column.parse().unwrap();
            drawn[row.parse::<usize>().unwrap()][column..column + length].fill(true);
        }
        drawn
    }

    #[test]
    fn the_path_has_the_very_modules_of_the_code() {
        let text = "ws://porch:cht_0123456789@192.168.1.10:8080/talk/home/porch?side=node";
        let (size, path) = drawn(text).unwrap();
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let expected: Vec<Vec<bool>> = code
            .to_colors()
            .chunks(size)
            .map(|row| row.iter().map(|one| *one == Color::Dark).collect())
            .collect();
        assert_eq!(modules(size, &path), expected);
    }

    #[test]
    fn nothing_and_too_much_are_no_code() {
        assert_eq!((drawn(""), drawn(&"x".repeat(BYTES + 1))), (None, None));
        assert!(drawn(&"ř".repeat(BYTES / 2)).is_some());
    }
}
