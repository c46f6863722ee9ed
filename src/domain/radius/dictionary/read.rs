//! A dictionary file, line by line.

use super::{
    Attribute, Code, Dictionary, Faults, Form, MAX_BYTES, MAX_LINE, MAX_NAME, Remark, Values, Vendor, instead,
};

/// Reads a file into a dictionary; what is wrong with it joins the faults.
pub fn file(dictionary: &mut Dictionary, name: &str, text: &str, faults: &mut Faults) {
    if text.len() > MAX_BYTES {
        faults.push(name, 0, format!("the file is larger than {} KiB; is it a dictionary?", MAX_BYTES / 1024));
        return;
    }
    let mut reader = Reader { dictionary, file: name, line: 0, vendor: None, within: vec![], values: vec![] };
    for (at, line) in text.lines().enumerate() {
        reader.line = at + 1;
        if let Err(why) = reader.line(line) {
            faults.push(name, reader.line, why);
        }
    }
    reader.end(faults);
}

/// A whole number, decimal or hexadecimal behind `0x`.
pub fn number(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = digits.map_or((text, 10), |digits| (digits, 16));
    // `from_str_radix` takes a sign.
    digits.starts_with(|first: char| first.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, radix).ok())?
}

struct Reader<'r> {
    dictionary: &'r mut Dictionary,
    file: &'r str,
    line: usize,
    /// Between BEGIN-VENDOR and END-VENDOR.
    vendor: Option<(String, Vendor)>,
    /// Attributes whose parts are being named.
    within: Vec<String>,
    /// Values may stand before their attribute, so they come last: line, attribute, name, number.
    values: Vec<(usize, String, String, String)>,
}

/// What a line may begin with in other releases of FreeRADIUS.
const NEWER: [&str; 8] = ["PROTOCOL", "BEGIN-PROTOCOL", "END-PROTOCOL", "STRUCT", "MEMBER", "ENUM", "DEFINE", "FLAGS"];

impl Reader<'_> {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.len() > MAX_LINE {
            return Err(format!("the line is longer than {MAX_LINE} bytes; is it a dictionary?"));
        }
        let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        let [keyword, words @ ..] = words.as_slice() else { return Ok(()) };
        match (keyword.to_ascii_uppercase().as_str(), words) {
            ("ATTRIBUTE", [name, number, form, options @ ..]) => self.attribute(name, number, form, options),
            ("ATTRIBUTE", _) => Err("an attribute needs a name, a number and a type; write all three".to_owned()),
            ("VALUE", [attribute, name, number]) => {
                short(name)?;
                self.values.push((self.line, (*attribute).to_owned(), (*name).to_owned(), (*number).to_owned()));
                Ok(())
            }
            ("VALUE", _) => {
                Err("a value needs its attribute's name, its own name and a number; write all three".to_owned())
            }
            ("VENDOR", [name, number, format @ ..]) => self.vendor(name, number, format),
            ("VENDOR", _) => Err("a vendor needs a name and a number; write both".to_owned()),
            ("BEGIN-VENDOR", [name, options @ ..]) => self.begin_vendor(name, options),
            ("END-VENDOR", [name]) => match self.vendor.take() {
                Some((open, _)) if open.eq_ignore_ascii_case(name) => Ok(()),
                Some((open, _)) => Err(format!("BEGIN-VENDOR {open} is open; end that one")),
                None => Err("no BEGIN-VENDOR is open; leave the line out".to_owned()),
            },
            ("BEGIN-TLV", [name]) => {
                self.within.push((*name).to_owned());
                Ok(())
            }
            ("END-TLV", [name]) => match self.within.pop() {
                Some(open) if open.eq_ignore_ascii_case(name) => Ok(()),
                Some(open) => Err(format!("BEGIN-TLV {open} is open; end that one")),
                None => Err("no BEGIN-TLV is open; leave the line out".to_owned()),
            },
            ("BEGIN-VENDOR" | "END-VENDOR" | "BEGIN-TLV" | "END-TLV", _) => {
                Err(format!("{keyword} needs a name; write it behind"))
            }
            ("$INCLUDE" | "$INCLUDE-", _) => {
                Err("other files are not read from here; name each dictionary by itself".to_owned())
            }
            (newer, _) if NEWER.contains(&newer) => {
                Err(format!("{newer} is of FreeRADIUS 4; load the dictionary of FreeRADIUS 3"))
            }
            _ => Err(format!(
                "{keyword:?} begins no line of a dictionary; write ATTRIBUTE, VALUE, VENDOR, BEGIN-VENDOR or END-VENDOR"
            )),
        }
    }

    fn attribute(&mut self, name: &str, code: &str, form: &str, options: &[&str]) -> Result<(), String> {
        named(name)?;
        if let Some(outer) = self.within.last() {
            let why = format!("it is a part of {outer}, and attributes within attributes are not sent");
            self.dictionary.refuse(name, why);
            return Ok(());
        }
        let options: Vec<&str> = options.iter().flat_map(|options| options.split(',')).collect();
        let vendor = match &self.vendor {
            Some((_, vendor)) => Some(vendor.clone()),
            // The oldest dictionaries name the vendor behind the type.
            None => options.iter().find_map(|option| self.known_vendor(option).cloned()),
        };
        let code = match place(code, vendor)? {
            Ok(code) => code,
            Err(why) => {
                self.dictionary.refuse(name, why);
                return Ok(());
            }
        };
        let Some(form) = self.form(name, form) else { return Ok(()) };
        let mut attribute = Attribute {
            name: name.to_owned(),
            code,
            form,
            has_tag: false,
            is_hidden: false,
            concat: false,
            values: Values::default(),
        };
        for option in options {
            match option {
                "has_tag" => attribute.has_tag = true,
                "encrypt=2" => attribute.is_hidden = true,
                "concat" => attribute.concat = true,
                // Several values in one attribute: that one holds one value is a case of it.
                "array" | "secret" => {}
                "encrypt=1" | "encrypt=3" => {
                    self.dictionary.refuse(name, "its value is hidden in a way that no answer uses".to_owned());
                    return Ok(());
                }
                option if self.known_vendor(option).is_some() => {}
                option => {
                    let why = format!("its dictionary gives it the option {option:?}, which is not known here");
                    self.note(format!("{name} cannot be sent: {why}"));
                    self.dictionary.refuse(name, why);
                    return Ok(());
                }
            }
        }
        if attribute.has_tag && !matches!(attribute.form, Form::Text | Form::Octets | Form::Integer) {
            return Err("only text, bytes and numbers of 32 bits have a tag (RFC 2868); leave has_tag out".to_owned());
        }
        self.dictionary.define(attribute)
    }

    /// `None` if it cannot be sent, which is noted.
    fn form(&mut self, name: &str, form: &str) -> Option<Form> {
        let folded = form.to_ascii_lowercase();
        Some(match folded.split('[').next().unwrap_or_default() {
            "string" | "text" => Form::Text,
            "octets" => Form::Octets,
            "byte" | "uint8" => Form::Byte,
            "short" | "uint16" => Form::Short,
            "integer" | "uint32" => Form::Integer,
            "integer64" | "uint64" => Form::Integer64,
            "ipaddr" | "ipv4addr" => Form::Ipv4,
            "ipv6addr" => Form::Ipv6,
            "ipv6prefix" => Form::Ipv6Prefix,
            "date" => Form::Date,
            "ifid" => Form::InterfaceId,
            "tlv" | "vsa" | "evs" | "extended" | "long-extended" | "struct" | "group" => {
                self.dictionary.refuse(name, format!("it holds other attributes ({form}), which are not sent"));
                return None;
            }
            _ => {
                self.note(format!(
                    "the type {form:?} of {name} is not known; its values are written as bytes, such as 0x01ff"
                ));
                Form::Octets
            }
        })
    }

    fn vendor(&mut self, name: &str, id: &str, format: &[&str]) -> Result<(), String> {
        named(name)?;
        let id = number(id)
            .and_then(|id| u32::try_from(id).ok())
            .filter(|id| *id > 0)
            .ok_or_else(|| format!("{id} is no number of a vendor; write the one that IANA has given it"))?;
        let format = match format {
            [] => "1,1",
            [format] => {
                format.strip_prefix("format=").ok_or("behind a vendor's number stands format=T,L or nothing")?
            }
            [..] => return Err("behind a vendor's number stands format=T,L or nothing".to_owned()),
        };
        let sizes: Vec<&str> = format.split(',').collect();
        let unsendable = match sizes.as_slice() {
            ["1", "1"] => None,
            ["1" | "2" | "4", "0" | "1" | "2"] | ["1", "1", "c"] => {
                Some(format!("{name} has a header of its own (format={format}), which is not sent"))
            }
            _ => return Err(format!("format={format} is none; write format=1,1 or leave it out")),
        };
        match self.dictionary.vendors.get(&name.to_ascii_lowercase()) {
            Some(known) if known.id != id => {
                return Err(format!("{name} is vendor {} already; give it another name", known.id));
            }
            Some(_) | None => {}
        }
        if self.dictionary.vendors.len() >= super::MAX_ATTRIBUTES {
            return Err("there are too many vendors; load fewer dictionaries".to_owned());
        }
        self.dictionary.vendors.insert(name.to_ascii_lowercase(), Vendor { id, unsendable });
        Ok(())
    }

    fn begin_vendor(&mut self, name: &str, options: &[&str]) -> Result<(), String> {
        let Some(mut vendor) = self.known_vendor(name).cloned() else {
            return Err(format!("no VENDOR is called {name}; write its VENDOR line before"));
        };
        if let Some(option) = options.first() {
            vendor.unsendable = Some(format!("it stands in an extended attribute ({option}), which is not sent"));
        }
        match self.vendor.replace((name.to_owned(), vendor)) {
            Some((open, _)) => Err(format!("BEGIN-VENDOR {open} is still open; write END-VENDOR {open} before")),
            None => Ok(()),
        }
    }

    fn known_vendor(&self, name: &str) -> Option<&Vendor> {
        self.dictionary.vendors.get(&name.to_ascii_lowercase())
    }

    fn end(mut self, faults: &mut Faults) {
        for (line, attribute, name, number) in std::mem::take(&mut self.values) {
            if !self.dictionary.knows(&attribute) {
                // The neighbours of a name are not looked for in vain.
                let near = if faults.is_full() { vec![] } else { self.dictionary.near(&attribute) };
                let instead = instead(&near, "load its dictionary first");
                faults.push(self.file, line, format!("no ATTRIBUTE is called {attribute}; {instead}"));
            } else if let Err(why) = self.dictionary.name_value(&attribute, &name, &number) {
                faults.push(self.file, line, why);
            }
        }
        if let Some((open, _)) = self.vendor {
            faults.push(self.file, self.line, format!("BEGIN-VENDOR {open} is still open; write END-VENDOR {open}"));
        }
        if let Some(open) = self.within.last() {
            faults.push(self.file, self.line, format!("BEGIN-TLV {open} is still open; write END-TLV {open}"));
        }
    }

    fn note(&mut self, why: String) {
        if self.dictionary.notes.len() < super::MAX_ATTRIBUTES {
            self.dictionary.notes.push(Remark { file: self.file.to_owned(), line: self.line, why });
        }
    }
}

/// Where it stands, or why a packet of ours has no place for it.
fn place(code: &str, vendor: Option<Vendor>) -> Result<Result<Code, String>, String> {
    if code.contains('.') {
        return Ok(Err("it is a part of another attribute, and attributes within attributes are not sent".to_owned()));
    }
    let Some(number) = number(code) else {
        return Err(format!("{code} is no number of an attribute; write one from 1 to 255"));
    };
    if let Some(why) = vendor.as_ref().and_then(|vendor| vendor.unsendable.clone()) {
        return Ok(Err(why));
    }
    let kind = match u8::try_from(number) {
        // Some vendors count from 0.
        Ok(0) if vendor.is_none() => {
            return Err("0 is no number of an attribute; write one from 1 to 255".to_owned());
        }
        Ok(kind) => kind,
        Err(_) => {
            return Ok(Err(format!("its number {number} is larger than 255, which a packet has no room for")));
        }
    };
    Ok(Ok(match vendor {
        Some(vendor) => Code::Vendor { vendor: vendor.id, kind },
        None => Code::Standard(kind),
    }))
}

/// What a rule can write: no blanks, no `:` (a tag follows it), no `=` (a value follows it).
fn named(name: &str) -> Result<(), String> {
    short(name)?;
    match name.chars().find(|letter| !letter.is_ascii_graphic() || matches!(letter, ':' | '=' | ',' | '"')) {
        Some(odd) => Err(format!("{odd:?} stands in the name {name:?}; use letters, digits and dashes")),
        None => Ok(()),
    }
}

fn short(name: &str) -> Result<(), String> {
    if name.len() > MAX_NAME { Err(format!("a name is longer than {MAX_NAME} bytes; shorten it")) } else { Ok(()) }
}
