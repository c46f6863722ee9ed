//! `vestibule healthcheck`: one HTTP request to the management listener, for containers and load balancers. It needs no
//! database and no runtime.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::show;
use crate::config::Config;

/// Less than the time-out of a usual container health check.
const PATIENCE: Duration = Duration::from_secs(4);
const LONGEST_ANSWER: u64 = 64 * 1024;

#[derive(Args)]
pub struct Healthcheck {
    /// Where to ask instead of management.listen, such as http://10.0.0.5:8389/readyz
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    url: Option<Target>,
}

impl Healthcheck {
    pub fn run(self, config: impl FnOnce() -> Result<Config, Failure>) -> Result<(), Failure> {
        let target = match self.url {
            Some(target) => target,
            None => Target::management(config()?.management.listen),
        };
        let answer =
            target.ask().map_err(|fault| Failure::No(format!("{} does not answer: {fault}", target.shown())))?;
        if answer.status == 200 {
            return show::line("ready");
        }
        Err(Failure::No(format!("{} says {} {}", target.shown(), answer.status, answer.body.trim().escape_debug())))
    }
}

/// Does the appliance whose management listener this is run?
pub fn answers(listen: SocketAddr) -> bool {
    Target::management(listen).ask().is_ok()
}

/// A place that speaks HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    /// `host:port`, as the Host header carries it.
    authority: String,
    path: String,
}

struct Answer {
    status: u16,
    body: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, String> {
        const WANTED: &str = "write http://HOST:PORT or http://HOST:PORT/readyz";
        let rest = url.strip_prefix("http://").ok_or(WANTED)?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let odd = |letter: char| letter.is_whitespace() || letter.is_control();
        if host.is_empty() || host.contains(|letter| odd(letter) || letter == '@') || path.contains(odd) {
            return Err(WANTED.to_owned());
        }
        let ported = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if ported { host.to_owned() } else { format!("{host}:80") };
        let path = if path.is_empty() || path == "/" { "/readyz" } else { path };
        Ok(Self { authority, path: path.to_owned() })
    }

    /// The listener's own address; one that listens everywhere is asked on loopback.
    fn management(listen: SocketAddr) -> Self {
        let address = match listen.ip() {
            IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            address @ (IpAddr::V4(_) | IpAddr::V6(_)) => address,
        };
        Self { authority: SocketAddr::new(address, listen.port()).to_string(), path: "/readyz".to_owned() }
    }

    fn shown(&self) -> String {
        format!("http://{}{}", self.authority, self.path)
    }

    fn ask(&self) -> std::io::Result<Answer> {
        let mut last = std::io::Error::other("its name has no address");
        for address in self.authority.to_socket_addrs()? {
            match self.ask_at(address) {
                Ok(answer) => return Ok(answer),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    fn ask_at(&self, address: SocketAddr) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let Self { authority, path } = self;
        // HTTP/1.0: the answer ends with the connection, so no chunks have to be read (RFC 9112 §6.3).
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {authority}\r\nConnection: close\r\n\r\n")?;
        let mut answer = BufReader::new(stream.take(LONGEST_ANSWER));
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let status =
            line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other("it does not speak HTTP"))?;
        while answer.read_line(&mut line)? > 2 {
            line.clear();
        }
        let mut body = vec![];
        answer.read_to_end(&mut body)?;
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_url_may_leave_out_port_and_path() {
        let read = |url| Target::parse(url).map(|target| target.shown());
        assert_eq!(read("http://10.0.0.5:8389"), Ok("http://10.0.0.5:8389/readyz".to_owned()));
        assert_eq!(read("http://mfa/livez"), Ok("http://mfa:80/livez".to_owned()));
        assert_eq!(read("http://[::1]:8389/"), Ok("http://[::1]:8389/readyz".to_owned()));
        for refused in ["https://mfa", "mfa", "http://", "http://a b", "http://user@mfa", "http://mfa/a\r\nX: y"] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_listener_on_every_address_is_asked_on_loopback() {
        let asked = |listen: &str| Target::management(listen.parse().unwrap()).authority;
        assert_eq!(asked("0.0.0.0:8389"), "127.0.0.1:8389");
        assert_eq!(asked("[::]:8389"), "[::1]:8389");
        assert_eq!(asked("10.0.0.5:8389"), "10.0.0.5:8389");
    }

    #[test]
    fn ready_is_200_and_everything_else_is_not() {
        let ask = |reply: &'static str| {
            let listener = TcpListener::bind("127.0.6.1:0").unwrap();
            let target = Target::management(listener.local_addr().unwrap());
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    let (mut stream, _) = listener.accept().unwrap();
                    let mut request = BufReader::new(stream.try_clone().unwrap());
                    let mut line = String::new();
                    while request.read_line(&mut line).unwrap() > 2 {
                        line.clear();
                    }
                    stream.write_all(reply.as_bytes()).unwrap();
                });
                target.ask()
            })
        };
        let ready = ask("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nready").unwrap();
        assert_eq!((ready.status, ready.body.as_str()), (200, "ready"));
        let down = ask("HTTP/1.1 503 Service Unavailable\r\n\r\ndatabase").unwrap();
        assert_eq!((down.status, down.body.as_str()), (503, "database"));
        assert!(ask("SSH-2.0-OpenSSH\r\n").is_err());
    }
}
