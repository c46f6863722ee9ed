//! Sockets as every door opens them, and whom a load balancer speaks for.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

/// Connections the kernel keeps ready for us.
const BACKLOG: i32 = 4_096;
/// A PROXY header is at most this long: 16 bytes and the TLVs a balancer may add.
const PROXY_HEADER: usize = 16 + 4_096;

/// A TCP listener. `[::]` takes IPv4 as well.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip().is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Reads exactly a PROXY protocol version 2 header; `None` for LOCAL, the balancer's own health check.
pub async fn proxy_header(stream: &mut TcpStream) -> io::Result<Option<IpAddr>> {
    let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut header = vec![0_u8; 16];
    stream.read_exact(&mut header).await?;
    if !header.starts_with(ppp::v2::PROTOCOL_PREFIX) {
        return Err(broken("not a PROXY protocol version 2 header"));
    }
    let length = match header.get(14..16) {
        Some([high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
        Some(_) | None => return Err(broken("the header is cut")),
    };
    if header.len() + length > PROXY_HEADER {
        return Err(broken("the header is too long"));
    }
    header.resize(16 + length, 0);
    stream.read_exact(header.get_mut(16..).unwrap_or_default()).await?;
    let parsed = ppp::v2::Header::try_from(header.as_slice()).map_err(|error| broken(&error.to_string()))?;
    match (parsed.command, parsed.addresses) {
        (ppp::v2::Command::Local, _) => Ok(None),
        (ppp::v2::Command::Proxy, ppp::v2::Addresses::IPv4(addresses)) => Ok(Some(addresses.source_address.into())),
        (ppp::v2::Command::Proxy, ppp::v2::Addresses::IPv6(addresses)) => Ok(Some(addresses.source_address.into())),
        (ppp::v2::Command::Proxy, ppp::v2::Addresses::Unspecified | ppp::v2::Addresses::Unix(_)) => {
            Err(broken("the header names no IP address"))
        }
    }
}
