//! QR codes as pictures of a page: SVG without styles of its own, so that the strict policy for content lets it be. The page
//! has the same as text beside it.

use std::fmt::Write as _;

use fast_qr::QRBuilder;

/// Empty modules around it (ISO/IEC 18004 §9.1).
const MARGIN: usize = 4;

/// The picture; `None` for more text than a QR code holds. `label` says to whoever does not see it what it is.
pub fn svg(text: &str, label: &str) -> Option<String> {
    let code = QRBuilder::new(text).build().ok()?;
    let side = code.size + 2 * MARGIN;
    let mut path = String::new();
    for row in 0..code.size {
        let dark = |column: usize| {
            column < code.size && code.data.get(row * code.size + column).is_some_and(|module| module.value())
        };
        let mut column = 0;
        while column < code.size {
            if !dark(column) {
                column += 1;
                continue;
            }
            let start = column;
            while dark(column) {
                column += 1;
            }
            let (x, y, width) = (start + MARGIN, row + MARGIN, column - start);
            // Writing to a String does not fail.
            let _ = write!(path, "M{x} {y}h{width}v1h-{width}z");
        }
    }
    let label = label.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    Some(format!(
        "<svg viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"{label}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#ffffff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000000\" d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_quiet_margin_a_label_and_no_style() {
        let picture = svg("otpauth://totp/a:b?secret=ABC", "a \"code\" <b>").unwrap();
        // Version 3: 29 modules a side.
        assert!(picture.starts_with("<svg viewBox=\"0 0 37 37\""), "{picture}");
        assert!(
            picture.contains("aria-label=\"a &quot;code&quot; &lt;b>\"") && !picture.contains("style"),
            "{picture}"
        );
        // The finder pattern in the corner: seven dark modules in a row.
        assert!(picture.contains("M4 4h7v1h-7z") && picture.contains("M26 4h7v1h-7z"), "{picture}");
        assert!(svg(&"x".repeat(5000), "").is_none());
    }
}
