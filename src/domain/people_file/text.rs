//! From bytes to text: UTF-8 and UTF-16, as spreadsheets and Windows write them.

use zeroize::Zeroizing;

use super::FileFault;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Encoding {
    #[serde(rename = "UTF-8")]
    Utf8,
    #[serde(rename = "UTF-16LE")]
    Utf16Le,
    #[serde(rename = "UTF-16BE")]
    Utf16Be,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
        }
    }
}

/// By the byte order mark; without one, UTF-16 gives itself away because a header begins with ASCII.
pub fn decode(bytes: &[u8]) -> Result<(Zeroizing<String>, Encoding), FileFault> {
    let (rest, encoding) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (rest, Encoding::Utf8),
        [0xff, 0xfe, rest @ ..] => (rest, Encoding::Utf16Le),
        [0xfe, 0xff, rest @ ..] => (rest, Encoding::Utf16Be),
        [first, 0, ..] if *first != 0 => (bytes, Encoding::Utf16Le),
        [0, first, ..] if *first != 0 => (bytes, Encoding::Utf16Be),
        _ => (bytes, Encoding::Utf8),
    };
    let text = match encoding {
        Encoding::Utf8 => {
            let text = std::str::from_utf8(rest).map_err(|fault| {
                let before = rest.get(..fault.valid_up_to()).unwrap_or_default();
                FileFault::NotText { line: before.split(|byte| *byte == b'\n').count() }
            });
            Zeroizing::new(text?.to_owned())
        }
        Encoding::Utf16Le => utf16(rest, u16::from_le_bytes)?,
        Encoding::Utf16Be => utf16(rest, u16::from_be_bytes)?,
    };
    if text.trim().is_empty() {
        return Err(FileFault::Empty);
    }
    Ok((text, encoding))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Zeroizing<String>, FileFault> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    // Long enough from the start: a text that grows leaves its beginnings behind in memory.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 3 / 2));
    for letter in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        let lines = || FileFault::BadUtf16 { line: 1 + text.matches('\n').count() };
        let letter = letter.map_err(|_| lines())?;
        text.push(letter);
    }
    if odd.is_empty() { Ok(text) } else { Err(FileFault::BadUtf16 { line: 1 + text.matches('\n').count() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(String, Encoding), FileFault> {
        decode(bytes).map(|(text, encoding)| (text.to_string(), encoding))
    }

    fn units(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn every_way_a_spreadsheet_saves_gives_the_same_text() {
        let text = "username;Größe\r\nalice;1,85 m 👍\r\n";
        let bom = format!("\u{feff}{text}");
        for (bytes, encoding) in [
            (text.as_bytes().to_vec(), Encoding::Utf8),
            (bom.as_bytes().to_vec(), Encoding::Utf8),
            (units(text, u16::to_le_bytes), Encoding::Utf16Le),
            (units(&bom, u16::to_le_bytes), Encoding::Utf16Le),
            (units(text, u16::to_be_bytes), Encoding::Utf16Be),
            (units(&bom, u16::to_be_bytes), Encoding::Utf16Be),
        ] {
            assert_eq!(read(&bytes), Ok((text.to_owned(), encoding)));
        }
    }

    #[test]
    fn what_is_no_text_says_where() {
        assert_eq!(read(b"username\nJ\xf6rg\n"), Err(FileFault::NotText { line: 2 }));
        let mut half = units("\u{feff}a\nb", u16::to_le_bytes);
        half.extend([0x00, 0xd8, 0x41, 0x00]);
        assert_eq!(read(&half), Err(FileFault::BadUtf16 { line: 2 }), "half a surrogate pair");
        assert_eq!(read(b"\xff\xfea\0b"), Err(FileFault::BadUtf16 { line: 1 }), "half a unit");
        for empty in [&b""[..], b"\xef\xbb\xbf", b" \n\n"] {
            assert_eq!(read(empty), Err(FileFault::Empty));
        }
    }
}
