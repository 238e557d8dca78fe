//! Network interfaces by the kernel's own messages (rtnetlink): no tool is needed, and none is waited for.

use rustix::buffer::spare_capacity;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink::SocketAddrNetlink, recv, sendto,
    socket_with,
};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A conversation with the kernel about the interfaces of the network namespace in which it was opened.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
}

/// The number of the loopback interface in every namespace.
pub(crate) const LOOPBACK: i32 = 1;

// From the kernel's `if_link.h` and `veth.h`.
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;

const REQUEST: i32 = libc::NLM_F_REQUEST | libc::NLM_F_ACK;
const CREATE: i32 = REQUEST | libc::NLM_F_CREATE | libc::NLM_F_EXCL;

impl Netlink {
    /// Opens it for the namespace that this process is in now.
    pub(crate) fn open() -> io::Result<Netlink> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        Ok(Netlink { socket })
    }

    /// Switches an interface on.
    pub(crate) fn switch_on(&self, index: i32) -> io::Result<()> {
        self.ask(Message::new(libc::RTM_NEWLINK, REQUEST).link(index, true)).map(drop)
    }

    /// Makes a pair of joined interfaces, which are off: `name` here, `peer` in another namespace.
    pub(crate) fn make_pair(
        &self,
        name: &str,
        peer: &str,
        namespace: BorrowedFd<'_>,
        mtu: u32,
    ) -> io::Result<()> {
        let mut message = Message::new(libc::RTM_NEWLINK, CREATE).link(0, false);
        message.text(libc::IFLA_IFNAME, name);
        message.number(libc::IFLA_MTU, mtu);
        message.nested(libc::IFLA_LINKINFO, |info| {
            info.text(IFLA_INFO_KIND, "veth");
            info.nested(IFLA_INFO_DATA, |data| {
                data.nested(VETH_INFO_PEER, |other| {
                    other.bytes.extend(link_header(0, false));
                    other.text(libc::IFLA_IFNAME, peer);
                    other.number(libc::IFLA_MTU, mtu);
                    other.number(libc::IFLA_NET_NS_FD, namespace.as_raw_fd().unsigned_abs());
                });
            });
        });
        self.ask(message).map(drop)
    }

    /// The number of an interface.
    pub(crate) fn index(&self, name: &str) -> io::Result<i32> {
        let mut message = Message::new(libc::RTM_GETLINK, libc::NLM_F_REQUEST).link(0, false);
        message.text(libc::IFLA_IFNAME, name);
        let answer = self.ask(message)?;
        // The header, then family, padding and type of the interface, then its number.
        let bytes = answer.get(HEADER + 4..HEADER + 8).ok_or(io::ErrorKind::InvalidData)?;
        bytes.try_into().map(i32::from_ne_bytes).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// How many packets an interface has sent.
    pub(crate) fn sent(&self, name: &str) -> io::Result<u64> {
        let mut message = Message::new(libc::RTM_GETLINK, libc::NLM_F_REQUEST).link(0, false);
        message.text(libc::IFLA_IFNAME, name);
        let answer = self.ask(message)?;
        let counts = attribute(&answer, libc::IFLA_STATS64).ok_or(io::ErrorKind::InvalidData)?;
        // Those that came are counted before those that were sent.
        let sent = counts.get(8..16).ok_or(io::ErrorKind::InvalidData)?;
        sent.try_into().map(u64::from_ne_bytes).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// Gives an interface an address.
    pub(crate) fn add_address(&self, index: i32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut message = Message::new(libc::RTM_NEWADDR, CREATE);
        message.bytes.extend([family(), prefix, 0, libc::RT_SCOPE_UNIVERSE]);
        message.bytes.extend(index.to_ne_bytes());
        message.attribute(libc::IFA_LOCAL, &address.octets());
        message.attribute(libc::IFA_ADDRESS, &address.octets());
        self.ask(message).map(drop)
    }

    /// Sends everything that has no other route to a gateway.
    pub(crate) fn add_default_route(&self, gateway: Ipv4Addr) -> io::Result<()> {
        let mut message = Message::new(libc::RTM_NEWROUTE, CREATE);
        let (table, protocol) = (libc::RT_TABLE_MAIN, libc::RTPROT_BOOT);
        message.bytes.extend([
            family(),
            0,
            0,
            0,
            table,
            protocol,
            libc::RT_SCOPE_UNIVERSE,
            libc::RTN_UNICAST,
        ]);
        message.bytes.extend(0u32.to_ne_bytes());
        message.attribute(libc::RTA_GATEWAY, &gateway.octets());
        self.ask(message).map(drop)
    }

    /// Answers everything sent to a range that has no other route with "unreachable". Fails with `AlreadyExists` where
    /// that range has a route of its own.
    pub(crate) fn claim_range(&self, range: Ipv4Addr, prefix: u8) -> io::Result<()> {
        self.ask(range_message(libc::RTM_NEWROUTE, CREATE, range, prefix)).map(drop)
    }

    /// Takes [`Netlink::claim_range`] back.
    pub(crate) fn release_range(&self, range: Ipv4Addr, prefix: u8) -> io::Result<()> {
        self.ask(range_message(libc::RTM_DELROUTE, REQUEST, range, prefix)).map(drop)
    }

    /// Removes an interface, and with it the other one of its pair.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        let mut message = Message::new(libc::RTM_DELLINK, REQUEST).link(0, false);
        message.text(libc::IFLA_IFNAME, name);
        self.ask(message).map(drop)
    }

    /// Sends a request and returns the first message of the answer.
    fn ask(&self, message: Message) -> io::Result<Vec<u8>> {
        let bytes = message.finish();
        sendto(self.socket.as_fd(), &bytes, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        // Not filled with zeros: what of it is touched stays with the first process of a sandbox.
        let mut answer = Vec::with_capacity(16 << 10);
        recv(self.socket.as_fd(), spare_capacity(&mut answer), RecvFlags::empty())?;
        let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
        if kind.map(i32::from) != Some(libc::NLMSG_ERROR) {
            return Ok(answer);
        }
        let code =
            answer.get(HEADER..HEADER + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
        match code {
            Some(0) => Ok(answer),
            Some(code) => Err(io::Error::from_raw_os_error(-code)),
            None => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The length of a message's header.
const HEADER: usize = 16;

/// The length of what a message about an interface says before its attributes.
const LINK_HEADER: usize = 16;

/// An attribute of an interface, by its kind.
fn attribute(message: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = message.get(HEADER + LINK_HEADER..)?;
    loop {
        let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
        if kind == wanted {
            return rest.get(4..length);
        }
        // Shorter than its own header is none; each begins at a multiple of four.
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}

struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn new(kind: u16, flags: i32) -> Message {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(u16::try_from(flags).unwrap_or_default().to_ne_bytes());
        // A sequence number, of which one conversation needs only one, and a port that the kernel fills in.
        bytes.extend([0; 8]);
        Message { bytes }
    }

    fn link(mut self, index: i32, up: bool) -> Message {
        self.bytes.extend(link_header(index, up));
        self
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.nested(kind, |inner| inner.bytes.extend(value));
    }

    fn text(&mut self, kind: u16, value: &str) {
        self.nested(kind, |inner| {
            inner.bytes.extend(value.as_bytes());
            inner.bytes.push(0);
        });
    }

    fn number(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_ne_bytes());
    }

    fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Message)) {
        let start = self.bytes.len();
        self.bytes.extend([0; 4]);
        fill(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.bytes[start + 2..start + 4].copy_from_slice(&kind.to_ne_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes
    }
}

fn range_message(kind: u16, flags: i32, range: Ipv4Addr, prefix: u8) -> Message {
    let mut message = Message::new(kind, flags);
    let (table, protocol) = (libc::RT_TABLE_MAIN, libc::RTPROT_BOOT);
    let scope = libc::RT_SCOPE_UNIVERSE;
    message.bytes.extend([family(), prefix, 0, 0, table, protocol, scope, libc::RTN_UNREACHABLE]);
    message.bytes.extend(0u32.to_ne_bytes());
    message.attribute(libc::RTA_DST, &range.octets());
    message
}

fn link_header(index: i32, up: bool) -> Vec<u8> {
    let flags: i32 = if up { libc::IFF_UP } else { 0 };
    let mut bytes = vec![0; 4];
    bytes.extend(index.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes
}

fn family() -> u8 {
    u8::try_from(libc::AF_INET).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_range_belongs_to_one_until_it_is_released() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: the superuser is needed");
            return;
        }
        let netlink = Netlink::open().unwrap();
        // One that is kept for documentation.
        let range = Ipv4Addr::new(203, 0, 113, 0);
        netlink.claim_range(range, 24).unwrap();
        assert_eq!(netlink.claim_range(range, 24).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        netlink.release_range(range, 24).unwrap();
        netlink.claim_range(range, 24).unwrap();
        netlink.release_range(range, 24).unwrap();
    }
}
