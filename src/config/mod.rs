//! What the process needs to know before it can start: listeners, database, certificate, master key, logs, limits.
//! What an administrator manages (directories, clients, policies) lives in the database instead.
//!
//! Three sources, the later wins: the TOML file, `VESTIBULE_SECTION__KEY`, and the content of the file that
//! `VESTIBULE_SECTION__KEY_FILE` names. Every fault is reported at once. This is the one place that reads the
//! process environment. docs/configuration.md is the administrator's page.

mod check;
mod database;
pub mod dictionaries;
mod faults;
mod forms;
mod ldap;
mod log;
mod management;
mod master_key;
mod radius;
mod secret_text;
mod sign_in;
mod sources;
mod tls;
mod web;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::error::Kind;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::database::{DatabaseConfig, EmbeddedConfig};
pub use self::faults::{ConfigFault, ConfigFaults, Origin};
pub use self::ldap::LdapConfig;
pub use self::log::{LogConfig, LogFormat};
pub use self::management::ManagementConfig;
pub use self::master_key::MasterKeyConfig;
pub use self::radius::RadiusConfig;
pub use self::secret_text::SecretText;
pub use self::sign_in::SignInConfig;
pub use self::tls::TlsConfig;
pub use self::web::{PublicUrl, WebConfig};

use self::check::Check;
use self::sources::{Keys, Settings};

/// The whole configuration, checked.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// Directory for what the process keeps: the master key and the embedded database.
    pub state_dir: PathBuf,
    /// The name clients reach this appliance by; it stands in the certificate the appliance makes for itself.
    pub hostname: String,
    pub ldap: LdapConfig,
    pub radius: RadiusConfig,
    pub web: WebConfig,
    pub management: ManagementConfig,
    pub database: DatabaseConfig,
    pub master_key: MasterKeyConfig,
    pub tls: TlsConfig,
    pub log: LogConfig,
    pub sign_in: SignInConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: PathBuf::from("/var/lib/vestibule"),
            hostname: "localhost".to_owned(),
            ldap: LdapConfig::default(),
            radius: RadiusConfig::default(),
            web: WebConfig::default(),
            management: ManagementConfig::default(),
            database: DatabaseConfig::default(),
            master_key: MasterKeyConfig::default(),
            tls: TlsConfig::default(),
            log: LogConfig::default(),
            sign_in: SignInConfig::default(),
        }
    }
}

impl Config {
    /// Reads `file`, or else the one `VESTIBULE_CONFIG` names, or else none; then the process environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigFaults> {
        let named = std::env::vars_os().find(|(name, _)| name == sources::CONFIG_VARIABLE);
        let path = file.map(Path::to_owned).or_else(|| named.map(|(_, path)| PathBuf::from(path)));
        let text = match &path {
            Some(path) => Some(
                sources::read(path)
                    .map_err(|reason| ConfigFaults(vec![ConfigFault::FileUnreadable { path: path.clone(), reason }]))?,
            ),
            None => None,
        };
        Self::from_parts(path.as_deref().zip(text.as_deref()), std::env::vars_os())
    }

    /// The same from parts: the file as (its name in faults, its text), and an environment. Files that `_FILE`
    /// variables name are read from disk.
    pub fn from_parts<Name, Text>(
        file: Option<(&Path, &str)>,
        environment: impl IntoIterator<Item = (Name, Text)>,
    ) -> Result<Self, ConfigFaults>
    where
        Name: Into<OsString>,
        Text: Into<OsString>,
    {
        let keys = Keys::of(&schema());
        let mut faults = Vec::new();
        let mut settings = Settings::default();
        if let Some((path, text)) = file {
            settings.add_file(path, text, &keys, &mut faults);
        }
        let environment = environment.into_iter().map(|(name, text)| (name.into(), text.into()));
        settings.add_environment(environment, &keys, &mut faults);

        let config: Self = extract(&mut settings, &mut faults);
        config.check(&mut Check::new(&settings, &mut faults));
        if faults.is_empty() { Ok(config) } else { Err(ConfigFaults(faults)) }
    }

    fn check(&self, check: &mut Check<'_>) {
        check.filled_path("state_dir", Some(&self.state_dir));
        if self.hostname.is_empty() || self.hostname.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/')
        {
            check.unfit("hostname", "must be a host name such as mfa.example.org, without scheme or path");
        }
        if self.web.public_url.is_none() && self.public_url().is_none() {
            check.unfit("hostname", "is no name for web addresses; set web.public_url as well");
        }
        self.ldap.check(check);
        self.radius.check(check);
        self.web.check(check);
        self.management.check(check);
        self.database.check(check);
        self.master_key.check(check);
        self.tls.check(check);
        self.log.check(check);
        self.sign_in.check(check);
    }

    /// The file that holds the master key while `master_key.key` is absent.
    pub fn master_key_file(&self) -> PathBuf {
        self.state_dir.join("master.key")
    }

    /// The address that people know the portal by.
    pub fn public_url(&self) -> Option<PublicUrl> {
        let from_hostname = || format!("https://{}", self.hostname.to_ascii_lowercase());
        PublicUrl::parse(&self.web.public_url.clone().unwrap_or_else(from_hostname))
    }

    /// The effective configuration as TOML, with each secret as `"(set)"`.
    pub fn dump(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

/// The JSON schema of the configuration file, for editors and for `config schema`.
pub fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>().to_value();
    close(&mut schema);
    schema
}

/// Every setting with its environment variable, in alphabetical order.
pub fn variables() -> Vec<(String, String)> {
    Keys::of(&schema()).iter().map(|(key, variable)| (key.to_owned(), variable.to_owned())).collect()
}

/// Unknown keys are refused when a file is read, so the schema refuses them as well.
fn close(schema: &mut serde_json::Value) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(properties) = object.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        properties.values_mut().for_each(close);
        object.insert("additionalProperties".to_owned(), false.into());
    }
}

/// Deserialising stops at the first value that does not fit. That one is noted and left out, and the rest is
/// tried again, until the rest fits.
fn extract<Typed: DeserializeOwned + Default>(settings: &mut Settings, faults: &mut Vec<ConfigFault>) -> Typed {
    let mut left_out = Vec::new();
    let typed = loop {
        let gathered = settings.iter().fold(Figment::new(), Figment::merge);
        let error = match gathered.extract() {
            Ok(typed) => break typed,
            Err(error) => error,
        };
        let Some((key, setting)) = settings.remove_at(&error.path) else {
            // Nothing was given, or all of it is noted as faulty by now.
            break Typed::default();
        };
        let (origin, reason) = (setting.origin.clone(), reason(&error.kind));
        faults.push(ConfigFault::Unfit { key: key.clone(), origin, reason });
        left_out.push((key, setting));
    };
    for setting in left_out {
        settings.put_back(setting);
    }
    typed
}

/// Says what was wanted; what was found stays unsaid, since it may be a secret in the wrong place.
fn reason(kind: &Kind) -> String {
    match kind {
        Kind::Message(wanted) => wanted.clone(),
        // Numbers, durations and lists speak for themselves (forms.rs); what is left is plain text.
        Kind::InvalidType(..) | Kind::InvalidValue(..) => "must be text in quotes".to_owned(),
        Kind::UnknownVariant(_, known) => format!("must be one of {}", known.join(", ")),
        Kind::InvalidLength(..)
        | Kind::UnknownField(..)
        | Kind::MissingField(_)
        | Kind::DuplicateField(_)
        | Kind::ISizeOutOfRange(_)
        | Kind::USizeOutOfRange(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(..) => "has a form that this setting does not take".to_owned(),
    }
}

#[cfg(test)]
mod tests;
