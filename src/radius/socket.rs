//! A UDP socket that knows which of its addresses a packet was sent to, and answers from that one: a gateway takes an
//! answer from nowhere else (RFC 2865 §3), and a wildcard socket has many.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd as _;

use nix::cmsg_space;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket as Raw, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Bytes the kernel may keep for us while we are busy; it gives as much of it as it allows.
const RECEIVE_BUFFER: usize = 4 << 20;

/// One of our own addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    pub address: IpAddr,
    /// The interface's number; it matters for link-local addresses alone.
    interface: u32,
}

pub struct Socket {
    inner: UdpSocket,
    is_ipv6: bool,
    port: u16,
}

/// A packet's way: from whom, to which of our addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    pub peer: SocketAddr,
    pub local: Local,
}

impl Socket {
    /// `is_shared`: other sockets take a part of what comes to this address.
    pub fn bind(address: SocketAddr, is_shared: bool) -> io::Result<Self> {
        let socket = Raw::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            if address.ip().is_unspecified() {
                // [::] takes IPv4 as well; such packets say where they went in IPv6's form.
                socket.set_only_v6(false)?;
            }
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        }
        socket.set_reuse_port(is_shared)?;
        // As much as there is to be had; less is no fault.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let inner = UdpSocket::from_std(socket.into())?;
        let port = inner.local_addr()?.port();
        Ok(Self { inner, is_ipv6: address.is_ipv6(), port })
    }

    #[cfg(test)]
    fn address(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next packet, cut at the buffer's length.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Path)> {
        self.inner.async_io(Interest::READABLE, || self.receive_now(buffer)).await
    }

    fn receive_now(&self, buffer: &mut [u8]) -> io::Result<(usize, Path)> {
        let mut slices = [IoSliceMut::new(buffer)];
        let mut control = cmsg_space!(in6_pktinfo);
        let descriptor = self.inner.as_raw_fd();
        let received = recvmsg::<SockaddrStorage>(descriptor, &mut slices, Some(&mut control), MsgFlags::empty())?;
        let peer = received.address.as_ref().and_then(peer).ok_or(io::ErrorKind::InvalidData)?;
        let local = received
            .cmsgs()?
            .find_map(|message| local(&message))
            .unwrap_or(Local { address: unknown(peer), interface: 0 });
        Ok((received.bytes, Path { peer, local }))
    }

    /// Sends, and waits for room if the kernel has none.
    pub async fn send(&self, bytes: &[u8], path: &Path) -> io::Result<()> {
        self.inner.async_io(Interest::WRITABLE, || self.send_now(bytes, path)).await
    }

    /// Sends if there is room at once; what is not sent is asked for again.
    pub fn try_send(&self, bytes: &[u8], path: &Path) -> io::Result<()> {
        self.inner.try_io(Interest::WRITABLE, || self.send_now(bytes, path))
    }

    fn send_now(&self, bytes: &[u8], path: &Path) -> io::Result<()> {
        let slices = [IoSlice::new(bytes)];
        let to = SockaddrStorage::from(path.peer);
        let descriptor = self.inner.as_raw_fd();
        let Local { address, interface } = path.local;
        if address.is_unspecified() {
            sendmsg(descriptor, &slices, &[], MsgFlags::empty(), Some(&to))?;
        } else if self.is_ipv6 {
            let address = match address {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            let from = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: address.octets() }, ipi6_ifindex: interface };
            sendmsg(descriptor, &slices, &[ControlMessage::Ipv6PacketInfo(&from)], MsgFlags::empty(), Some(&to))?;
        } else if let IpAddr::V4(address) = address {
            let none = in_addr { s_addr: 0 };
            let from = in_addr { s_addr: u32::from_ne_bytes(address.octets()) };
            let from = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: from, ipi_addr: none };
            sendmsg(descriptor, &slices, &[ControlMessage::Ipv4PacketInfo(&from)], MsgFlags::empty(), Some(&to))?;
        }
        Ok(())
    }
}

fn unknown(peer: SocketAddr) -> IpAddr {
    if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

fn peer(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|address| SocketAddr::V4(SocketAddrV4::from(*address)));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::V6(SocketAddrV6::from(*address))))
}

fn local(message: &ControlMessageOwned) -> Option<Local> {
    if let ControlMessageOwned::Ipv4PacketInfo(info) = message {
        // The address that routing would answer from; it differs from the packet's own for a broadcast.
        let address = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
        return Some(Local { address: address.into(), interface: 0 });
    }
    if let ControlMessageOwned::Ipv6PacketInfo(info) = message {
        let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
        let interface = if address.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
        return Some(Local { address: address.into(), interface });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered_from(bound: &str, asked: &str) {
        let socket = Socket::bind(bound.parse().unwrap(), false).unwrap();
        let to = SocketAddr::new(asked.parse().unwrap(), socket.address().unwrap().port());
        let gateway = UdpSocket::bind((if to.is_ipv4() { "127.0.0.1" } else { "::1" }, 0)).await.unwrap();
        gateway.send_to(b"request", to).await.unwrap();
        let mut buffer = [0; 64];
        let (length, path) = socket.receive(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"request");
        assert_eq!(path.local.address.to_canonical(), to.ip(), "{bound}");
        assert_eq!(path.peer.ip().to_canonical(), gateway.local_addr().unwrap().ip());
        for awaited in [true, false] {
            if awaited { socket.send(b"answer", &path).await } else { socket.try_send(b"answer", &path) }.unwrap();
            let (length, from) = gateway.recv_from(&mut buffer).await.unwrap();
            assert_eq!((&buffer[..length], from), (&b"answer"[..], to), "{bound}");
        }
    }

    #[tokio::test]
    async fn r34_an_answer_leaves_from_the_address_that_was_asked() {
        answered_from("127.0.0.1:0", "127.0.0.1").await;
        answered_from("0.0.0.0:0", "127.0.7.77").await;
        answered_from("[::]:0", "127.0.7.78").await;
        answered_from("[::]:0", "::1").await;
        answered_from("[::1]:0", "::1").await;
    }

    #[tokio::test]
    async fn an_address_is_taken_once_unless_it_is_shared() {
        let first = Socket::bind("127.0.0.1:0".parse().unwrap(), false).unwrap();
        let address = first.address().unwrap();
        assert_eq!(Socket::bind(address, false).err().unwrap().kind(), io::ErrorKind::AddrInUse);
        assert!(Socket::bind(address, true).is_err());
        let shared = Socket::bind("127.0.0.1:0".parse().unwrap(), true).unwrap();
        assert!(Socket::bind(shared.address().unwrap(), true).is_ok());
    }
}
