//! The texts that people read, in their language: Fluent files under `locales/`, one folder per language and one file per
//! area. Pages and mail take them from here; log lines and the command line are English.

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::fmt::Display;

use fluent_templates::Loader as _;
use fluent_templates::fluent_bundle::FluentValue;
use unic_langid::{LanguageIdentifier, langid};

fluent_templates::static_loader! {
    // Values are set apart by Unicode isolates (UAX #9), so that a name written from right to left leaves the sentence around
    // it as it is.
    static TEXTS = { locales: "./locales", fallback_language: "en" };
}

/// A language that all texts exist in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Locale {
    #[default]
    En,
    De,
    Nl,
    Fr,
    Es,
}

impl Locale {
    pub const ALL: [Self; 5] = [Self::En, Self::De, Self::Nl, Self::Fr, Self::Es];

    /// The language tag (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Nl => "nl",
            Self::Fr => "fr",
            Self::Es => "es",
        }
    }

    /// Its own name, for a list to choose from.
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "Deutsch",
            Self::Nl => "Nederlands",
            Self::Fr => "Français",
            Self::Es => "Español",
        }
    }

    /// By the primary subtag: `de`, `de-AT` and `de_AT.UTF-8` are all German. `None` for a language without texts.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_', '.', ';']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|locale| locale.tag().eq_ignore_ascii_case(primary))
    }

    /// The best of an `Accept-Language` header (RFC 9110 §12.5.4). No more than the first twenty entries are looked at.
    pub fn from_accept_language(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for entry in header.split(',').take(20) {
            let mut parts = entry.split(';');
            let Some(locale) = parts.next().and_then(Self::from_tag) else { continue };
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            if weight > 0.0 && best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, locale));
            }
        }
        best.map(|(_, locale)| locale)
    }

    const fn id(self) -> LanguageIdentifier {
        match self {
            Self::En => langid!("en"),
            Self::De => langid!("de"),
            Self::Nl => langid!("nl"),
            Self::Fr => langid!("fr"),
            Self::Es => langid!("es"),
        }
    }
}

/// The texts of one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Words {
    pub locale: Locale,
}

impl Words {
    pub const fn of(locale: Locale) -> Self {
        Self { locale }
    }

    pub fn get(&self, key: &str) -> String {
        TEXTS.lookup(&self.locale.id(), key)
    }

    /// The text with one value in it.
    pub fn say(&self, key: &str, name: &'static str, value: impl Display) -> String {
        self.with(key, &[(name, value.to_string())])
    }

    /// The text for a number of things; the text calls it `$count`.
    pub fn count(&self, key: &str, count: impl Borrow<usize>) -> String {
        let count = FluentValue::from(*count.borrow());
        let arguments = HashMap::from([(Cow::Borrowed("count"), count)]);
        TEXTS.lookup_with_args(&self.locale.id(), key, &arguments)
    }

    pub fn with(&self, key: &str, values: &[(&'static str, String)]) -> String {
        let arguments = values.iter().map(|(name, value)| (Cow::Borrowed(*name), FluentValue::from(value.as_str())));
        TEXTS.lookup_with_args(&self.locale.id(), key, &arguments.collect())
    }

    /// Is there such a text?
    pub fn has(&self, key: &str) -> bool {
        TEXTS.lookup_single_language::<&str>(&self.locale.id(), key, None).is_ok()
    }
}

/// A text without the isolates around its values: for a mail's subject, and where texts are compared.
pub fn without_isolates(text: &str) -> String {
    text.chars().filter(|letter| !matches!(letter, '\u{2068}' | '\u{2069}')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_first_language_that_we_have_is_taken() {
        assert_eq!(Locale::from_accept_language("da, de-AT;q=0.8, en;q=0.9"), Some(Locale::En));
        assert_eq!(Locale::from_accept_language("fr-CH, en;q=0.9"), Some(Locale::Fr));
        assert_eq!(Locale::from_accept_language("nl;q=0, es;q=0.1"), Some(Locale::Es));
        assert_eq!(Locale::from_accept_language("ja,*;q=0.5"), None);
        assert_eq!(Locale::from_accept_language("en;q=NaN;;,,,"), None);
        assert_eq!(Locale::from_tag("de_AT.UTF-8"), Some(Locale::De));
    }

    #[test]
    fn a_value_is_set_apart_from_the_sentence_around_it() {
        let text = Words::of(Locale::En).say("common-signed-in-as", "name", "ליאת");
        assert!(text.contains("\u{2068}ליאת\u{2069}"), "{text}");
        assert!(!without_isolates(&text).contains('\u{2068}'));
    }
}
