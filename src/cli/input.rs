//! What people type, read strictly: spans of time, networks, server addresses, distinguished names, secrets from files.
//! A secret is never an argument: arguments stand in the process list and in shell histories.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::domain::directory::{Server, Transport};
use crate::domain::dn::Dn;

/// No secret is longer; a bound keeps a mistaken path (a device) from being slurped.
const LONGEST: u64 = 64 * 1024;

/// A whole number of seconds, or one with a unit: `90`, `90s`, `5m`, `1500ms`, `2h`, `1d`.
pub fn span(text: &str) -> Result<Duration, String> {
    const WANTED: &str = "write a whole number of seconds, or one with ms, s, m, h or d, such as 55s";
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(WANTED.to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| WANTED.to_owned())?;
    number.checked_mul(scale).map(Duration::from_millis).ok_or_else(|| WANTED.to_owned())
}

/// A network without host bits, or one address, which is the network of itself.
pub fn network(text: &str) -> Result<IpNet, String> {
    let net = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().map_err(|_| "write an address or a network such as 10.0.0.0/24".to_owned())?,
    };
    if net.addr() != net.network() {
        return Err(format!("{text} names a host within a network; write {} or {}", net.trunc(), net.addr()));
    }
    if let IpAddr::V6(address) = net.addr()
        && address.to_ipv4_mapped().is_some()
    {
        return Err("write an IPv4 network in IPv4 form".to_owned());
    }
    Ok(net)
}

/// A distinguished name that is not the root.
pub fn dn(text: &str) -> Result<Dn, String> {
    let dn = Dn::parse(text).map_err(|fault| fault.to_string())?;
    if dn.is_root() { Err("the DN is empty; write one such as dc=example,dc=org".to_owned()) } else { Ok(dn) }
}

/// `ldaps://HOST[:PORT]` or `ldap://HOST[:PORT]`; the latter stands for StartTLS until told otherwise.
pub fn server(text: &str) -> Result<Server, String> {
    const WANTED: &str = "write ldaps://HOST[:PORT] or ldap://HOST[:PORT], an IPv6 address in brackets";
    let wanted = || WANTED.to_owned();
    let (scheme, rest) = text.split_once("://").ok_or_else(wanted)?;
    let (transport, usual) = match scheme.to_ascii_lowercase().as_str() {
        "ldaps" => (Transport::Ldaps, 636),
        "ldap" => (Transport::StartTls, 389),
        _ => return Err(wanted()),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[') {
        Some(inner) => {
            let (host, after) = inner.split_once(']').ok_or_else(wanted)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| wanted())?;
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(wanted)?) };
            (host, port)
        }
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let odd = |letter: char| !letter.is_alphanumeric() && !matches!(letter, '-' | '.' | '_' | ':');
    if host.is_empty() || host.contains(odd) {
        return Err(wanted());
    }
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(wanted)?,
        None => usual,
    };
    Ok(Server { host: host.to_owned(), port, transport })
}

/// A name for something of ours: what a shell, a log field and a URL all carry unquoted.
pub fn label(text: &str) -> Result<String, String> {
    let fine = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if text.is_empty() || text.len() > 64 || !text.chars().all(fine) {
        return Err("write 1 to 64 letters, digits, dots, dashes or underscores".to_owned());
    }
    Ok(text.to_owned())
}

/// A few words for people.
pub fn words(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().count() > 64 || text.chars().any(char::is_control) {
        return Err("write 1 to 64 characters on one line".to_owned());
    }
    Ok(text.to_owned())
}

/// The secret in a file, or on standard input for `-`, without one line break at its end.
pub fn secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes =
        if path == Path::new("-") { bounded(std::io::stdin().lock()) } else { File::open(path).and_then(bounded) }
            .map_err(|fault| Failure::Input(format!("cannot read {}: {fault}; check the path", path.display())))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Failure::Input(format!("{} is longer than 64 KiB and so no secret", path.display())));
    }
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(Failure::Input(format!("{} is empty; put the secret in it", path.display())));
    }
    Ok(bytes)
}

/// The same, as text.
pub fn secret_text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = secret(path)?;
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|_| Failure::Input(format!("{} does not hold text", path.display())))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn bounded(from: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    from.take(LONGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_without_a_unit_counts_seconds() {
        for (text, millis) in [("0", 0), ("30", 30_000), ("55s", 55_000), ("1500ms", 1_500), ("2m", 120_000)] {
            assert_eq!(span(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for refused in ["", "s", "-1", "1.5s", "5 s", "5w", "99999999999999999999"] {
            assert!(span(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_network_with_host_bits_is_refused_with_the_right_one_named() {
        assert_eq!(network("10.0.0.0/24"), Ok("10.0.0.0/24".parse().unwrap()));
        assert_eq!(network("10.0.0.7"), Ok("10.0.0.7/32".parse().unwrap()));
        assert_eq!(network("2001:db8::/32"), Ok("2001:db8::/32".parse().unwrap()));
        let refused = network("10.0.0.7/24").unwrap_err();
        assert!(refused.contains("10.0.0.0/24") && refused.contains("write"), "{refused}");
        for refused in ["", "10.0.0", "10.0.0.0/33", "example.org", "::ffff:10.0.0.1"] {
            assert!(network(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_server_is_a_scheme_a_host_and_perhaps_a_port() {
        let read = |text: &str| server(text).map(|server| (server.host, server.port, server.transport));
        let host = |host: &str, port, transport| Ok((host.to_owned(), port, transport));
        assert_eq!(read("ldaps://dc1.example.org"), host("dc1.example.org", 636, Transport::Ldaps));
        assert_eq!(read("ldap://dc1:3890"), host("dc1", 3890, Transport::StartTls));
        assert_eq!(read("LDAPS://[2001:db8::1]:1636/"), host("2001:db8::1", 1636, Transport::Ldaps));
        for refused in
            ["dc1", "http://dc1", "ldap://", "ldap://dc1:0", "ldap://dc1:x", "ldap://user@dc1", "ldap://dc1/dc=x"]
        {
            assert!(read(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn one_line_break_at_the_end_of_a_secret_is_the_editors() {
        let path = std::env::temp_dir().join(format!("vestibule-input-{}", crate::ambient::Ambient::system().id()));
        for (written, read) in
            [("geheim", "geheim"), ("geheim\n", "geheim"), ("geheim \r\n", "geheim "), ("a\n\n", "a\n")]
        {
            std::fs::write(&path, written).unwrap();
            assert_eq!(secret_text(&path).unwrap().as_str(), read);
        }
        std::fs::write(&path, "\n").unwrap();
        assert!(secret(&path).unwrap_err().to_string().contains("empty"));
        std::fs::remove_file(&path).unwrap();
    }
}
