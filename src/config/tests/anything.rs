//! Whatever is put in, what comes out is a configuration or a list of faults.

use proptest::prelude::*;

use super::super::*;
use super::read;

fn anything() -> impl Strategy<Value = toml::Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(toml::Value::from),
        any::<f64>().prop_map(toml::Value::from),
        any::<bool>().prop_map(toml::Value::from),
        any::<String>().prop_map(toml::Value::from),
        "[0-9]{1,20}(ms|s|m|h|d|B|KiB|MiB)?".prop_map(toml::Value::from),
        Just("1979-05-27T07:32:00Z".parse::<toml::value::Datetime>().unwrap().into()),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(toml::Value::from),
            proptest::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|table| toml::Value::from(table.into_iter().collect::<toml::Table>())),
        ]
    })
}

fn known_key() -> impl Strategy<Value = (String, String)> {
    proptest::sample::select(variables())
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(text: String) {
        let _ = read(&text, &[]);
    }

    #[test]
    fn no_value_of_a_setting_makes_it_panic((key, _) in known_key(), value in anything()) {
        let nested = key.rsplit('.').fold(value, |inner, name| toml::Table::from_iter([(name.to_owned(), inner)]).into());
        if let Err(faults) = read(&toml::to_string(&nested).unwrap(), &[]) {
            prop_assert!(faults.all().iter().all(|fault| fault.to_string().starts_with(&key)), "{faults}");
        }
    }

    #[test]
    fn no_environment_makes_it_panic((_, variable) in known_key(), value: String, name in "VESTIBULE_[A-Z_]{0,12}") {
        let _ = read("", &[(&variable, &value), (&name, &value)]);
    }

    #[test]
    fn no_fault_shows_a_value(
        (key, variable) in known_key(),
        toml in proptest::sample::select(vec!["\"9137420685\"", "9137420685", "[\"9137420685\"]", "{ a = 9137420685 }"]),
    ) {
        for outcome in [read(&format!("{key} = {toml}"), &[]), read("", &[(&variable, "9137420685")])] {
            if let Err(faults) = outcome {
                prop_assert!(!faults.to_string().contains("9137420685"), "{faults}");
            }
        }
    }
}
