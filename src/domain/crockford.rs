//! Crockford's base32, for codes that people read off one thing and type into another: nothing in it is easily misread, and
//! what is misread all the same is understood.

use zeroize::Zeroizing;

use super::secret::Code;

pub const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// One character for each byte, by its lowest five bits.
pub fn letters(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len()));
    let letter = |byte: &u8| char::from(ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or_default());
    text.extend(bytes.iter().map(letter));
    text
}

/// In groups of four with dashes between.
pub fn grouped(letters: &str) -> Zeroizing<String> {
    let mut shown = Zeroizing::new(String::with_capacity(letters.len() * 5 / 4 + 1));
    for (at, letter) in letters.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            shown.push('-');
        }
        shown.push(letter);
    }
    shown
}

/// A code of this many characters as somebody typed it: in any case, with spaces and dashes anywhere, O for 0, I and L for 1.
/// `None` for what is no such code. No more than twice its length and eight is looked at.
pub fn read(text: &str, length: usize) -> Option<Code> {
    if text.len() > length * 2 + 8 {
        return None;
    }
    let mut code = Zeroizing::new(Vec::with_capacity(text.len()));
    for byte in text.trim().bytes().filter(|byte| !matches!(byte, b' ' | b'-')) {
        let letter = match byte.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            letter => letter,
        };
        code.push(letter);
    }
    let fits = code.len() == length && code.iter().all(|letter| ALPHABET.contains(letter));
    fits.then(|| Code::new(code.as_slice()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_typed_carelessly_is_understood() {
        for typed in ["0189-ABCD", "oi89abcd", " OL89 abcd ", "0 1 8 9 A B C D", "0189--ABCD"] {
            assert!(read(typed, 8).is_some_and(|code| code.same_as(b"0189ABCD")), "{typed}");
        }
        for wrong in
            ["", "0189ABC", "0189ABCDE", "0189ABCU", "0189ABC\u{664}", "0189ABC\0", "0                       189ABCD"]
        {
            assert!(read(wrong, 8).is_none(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(bytes in proptest::collection::vec(any::<u8>(), 8)) {
            let letters = letters(&bytes);
            prop_assert!(read(&grouped(&letters).to_lowercase(), 8).unwrap().same_as(letters.as_bytes()));
        }

        #[test]
        fn any_text_is_a_code_or_none(text in "\\PC{0,40}", length in 1_usize..20) {
            if let Some(code) = read(&text, length) {
                prop_assert_eq!(code.expose().len(), length);
            }
        }
    }
}
