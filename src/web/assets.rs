//! Style sheets and scripts: in the binary, under names that hold the hash of their content, so that browsers may keep them
//! for ever.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::problem::Problem;

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    /// With the hash in it.
    file: String,
}

macro_rules! assets {
    ($($name:literal: $kind:literal),* $(,)?) => {
        static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| vec![
            $(asset($name, $kind, include_bytes!(concat!("../../assets/", $name)))),*
        ]);
    };
}

assets! {
    "style.css": "text/css; charset=utf-8",
    "portal.js": "text/javascript; charset=utf-8",
    "passkey.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

fn asset(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Asset {
    let hash = Sha256::digest(bytes);
    let hash = hash.iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    Asset { name, kind, bytes, file: format!("{hash}-{name}") }
}

/// The address of an asset; empty for one that does not exist, which a test rules out.
pub fn address(name: &str) -> String {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    found.map(|asset| format!("/assets/{}", asset.file)).unwrap_or_default()
}

pub(super) async fn serve(Path(file): Path<String>) -> Result<Response, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.file == file).ok_or(Problem::NotFound)?;
    let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.bytes).into_response())
}
