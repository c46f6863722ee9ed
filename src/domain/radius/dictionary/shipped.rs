//! The dictionaries that come with the program.

use std::sync::LazyLock;

use super::Dictionary;

macro_rules! files {
    ($($name:literal),*) => {
        /// Name and text of each, in the order in which they are read.
        pub const SHIPPED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../../dictionaries/", $name)))),*];
    };
}

files! {
    "standard.dictionary",
    "microsoft.dictionary",
    "cisco.dictionary",
    "cisco-asa.dictionary",
    "citrix.dictionary",
    "fortinet.dictionary",
    "palo-alto.dictionary",
    "sonicwall.dictionary",
    "juniper.dictionary",
    "aruba.dictionary",
    "mikrotik.dictionary"
}

static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(|| {
    let mut dictionary = Dictionary::default();
    // That they have no faults is held by a test.
    let _ = dictionary.add(SHIPPED);
    dictionary
});

pub fn shipped() -> &'static Dictionary {
    &DICTIONARY
}
