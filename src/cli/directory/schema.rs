//! Options that say how a directory names things, for `directory add` and `directory set` alike.

use clap::{Args, ValueEnum};

use crate::cli::failure::Failure;
use crate::domain::directory::attributes::{AttributeMap, AttributeName, Field, MapFault, UniqueIdKind};
use crate::domain::directory::{Directory, PageSize};
use crate::domain::phone::CountryCode;
use crate::wire::filter::Filter;

#[derive(Args)]
pub struct Schema {
    /// Which attributes a field is read from, the preferred one first; none = not read. May be repeated. Fields:
    /// unique-id, user-name, principal, mail, first, last, language, groups, phone.mobile, phone.business, phone.home,
    /// phone.pager, phone.ip and phone.LABEL for phones of your own
    #[arg(long = "attribute", value_name = "FIELD=NAME,NAME", value_parser = mapped)]
    attributes: Vec<Mapped>,
    /// How the unique id is written
    #[arg(long, value_enum)]
    unique_id_kind: Option<Kind>,
    /// Who is a person, for imports
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    people_filter: Option<String>,
    /// What is a group
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    group_filter: Option<String>,
    /// The country calling code of phone numbers without one, such as 49
    #[arg(long, value_name = "CODE", value_parser = country)]
    country_code: Option<CountryCode>,
    /// Entries asked for at a time, 1 to 1000
    #[arg(long, value_name = "N", value_parser = page_size)]
    page_size: Option<PageSize>,
}

/// How a unique id is written.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// 16 bytes, as in objectGUID
    Guid,
    /// The text of a UUID, as in entryUUID
    Uuid,
    /// Any text
    Text,
}

/// A field and its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mapped {
    field: Field,
    names: Vec<AttributeName>,
}

impl Schema {
    /// Puts what was given into the directory's settings; the rest stays.
    pub fn apply(self, directory: &mut Directory) -> Result<(), Failure> {
        let map: &mut AttributeMap = &mut directory.attributes;
        for Mapped { field, names } in self.attributes {
            map.set(field, names);
        }
        let kind = self.unique_id_kind.map(|kind| match kind {
            Kind::Guid => UniqueIdKind::Guid,
            Kind::Uuid => UniqueIdKind::Uuid,
            Kind::Text => UniqueIdKind::Text,
        });
        map.unique_id_kind = kind.or(map.unique_id_kind);
        map.people_filter = self.people_filter.or(map.people_filter.take());
        map.group_filter = self.group_filter.or(map.group_filter.take());
        map.country = self.country_code.or(map.country);
        directory.page_size = self.page_size.unwrap_or(directory.page_size);
        directory.attributes.check().map_err(|fault| Failure::Input(fault.to_string()))
    }
}

fn mapped(text: &str) -> Result<Mapped, String> {
    let (field, names) = text.split_once('=').ok_or("write FIELD=NAME, such as first=givenName,displayName")?;
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(AttributeName::parse);
    let names: Result<Vec<_>, _> = names.collect();
    Ok(Mapped {
        field: field.trim().parse().map_err(|fault: MapFault| fault.to_string())?,
        names: names.map_err(|fault| fault.to_string())?,
    })
}

fn filter(text: &str) -> Result<String, String> {
    Filter::parse(text).map_err(|fault| fault.to_string())?;
    let text = text.trim();
    Ok(if text.starts_with('(') { text.to_owned() } else { format!("({text})") })
}

fn country(text: &str) -> Result<CountryCode, String> {
    CountryCode::parse(text).map_err(|fault| fault.to_string())
}

fn page_size(text: &str) -> Result<PageSize, String> {
    let size = text.parse().ok().and_then(PageSize::new);
    size.ok_or_else(|| format!("write a number from {} to {}", PageSize::LEAST, PageSize::MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_given_its_attributes_in_order_or_none() {
        let first = mapped("first=givenName, displayName").unwrap();
        assert_eq!(first.names.iter().map(AttributeName::as_str).collect::<Vec<_>>(), ["givenName", "displayName"]);
        assert!(mapped("phone.pager=").unwrap().names.is_empty());
        for refused in ["first", "middle=cn", "first=given name", "=cn", "first=cn)(x=*"] {
            assert!(mapped(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_page_has_one_to_a_thousand_entries() {
        assert_eq!(page_size("1000"), Ok(PageSize::new(1000).unwrap()));
        for refused in ["0", "1001", "-1", "many"] {
            assert!(page_size(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_filter_is_kept_in_parentheses() {
        assert_eq!(filter("objectClass=person").as_deref(), Ok("(objectClass=person)"));
        assert!(filter("(uid=*").is_err());
    }
}
