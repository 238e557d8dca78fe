//! The way from sandboxes to the outside: addresses, translation, and what is out of their reach.
//!
//! Everything is set up once for an instance, by rules that name interfaces by prefix, so that making a sandbox calls
//! no tool. What a sandbox can never reach: this machine's own addresses and ports, other sandboxes, link-local
//! addresses (among them those where clouds keep credentials), and what the configuration denies.

use crate::config::NetworkConfig;
use crate::instance::Instance;
use crate::spawner::netlink::Netlink;
use crate::wire::Network;
use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How many addresses an instance takes: a /16, two for each sandbox.
const PREFIX: u8 = 16;

/// How many ranges are tried where the configuration names none: from 10.192.0.0/16 to 10.255.0.0/16, beginning at one
/// that depends on the instance, so that several on one machine seldom meet.
const CANDIDATES: u32 = 64;

/// What no sandbox reaches whatever the configuration says.
const NEVER: [&str; 4] = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];

/// Makes `iptables` wait for others of its kind, for some seconds.
const PATIENT: [&str; 2] = ["-w", "5"];

const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// A way out that works.
#[derive(Clone, Debug)]
pub(crate) struct Outbound {
    subnet: Ipv4Addr,
    interfaces: String,
    mtu: u32,
    /// What does the translation, for people.
    pub tool: &'static str,
    /// What was changed on this machine beside it, for people; empty where nothing was.
    pub changed: String,
}

impl Outbound {
    /// Sets the way out up.
    ///
    /// # Errors
    /// Why this machine cannot give one. What was begun is on record, and a sweep removes it.
    pub(crate) fn open(config: &NetworkConfig, instance: &Instance) -> io::Result<Outbound> {
        if !rustix::process::geteuid().is_root() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "only the superuser can join networks",
            ));
        }
        let subnet = claim_subnet(config, instance)?;
        let interfaces = format!("ow{}", instance.name());
        instance.record_interfaces(&interfaces)?;
        let rules = Rules { instance, subnet, interfaces: &interfaces, deny: &config.deny };
        let tool = rules.set()?;
        let mut changed = String::new();
        if fs::read_to_string(FORWARDING)?.trim() != "1" {
            fs::write(FORWARDING, "1")?;
            "net.ipv4.ip_forward was switched on".clone_into(&mut changed);
        }
        Ok(Outbound { subnet, interfaces, mtu: outside_mtu(), tool, changed })
    }

    /// The network of the sandbox in a slot.
    pub(crate) fn network(&self, slot: u32) -> Network {
        let first = u32::from(self.subnet) + 2 * slot;
        Network::Outbound {
            interface: self.interface(slot),
            host: Ipv4Addr::from(first),
            address: Ipv4Addr::from(first + 1),
            prefix: 31,
            mtu: self.mtu,
        }
    }

    fn interface(&self, slot: u32) -> String {
        format!("{}{slot}", self.interfaces)
    }

    /// Whether the sandbox in a slot has never sent anything to the outside.
    pub(crate) fn is_unused(&self, slot: u32) -> bool {
        let count = Path::new("/sys/class/net").join(self.interface(slot)).join("statistics/rx_packets");
        fs::read_to_string(count).is_ok_and(|count| count.trim() == "0")
    }

    /// How many sandboxes have addresses.
    pub(crate) fn capacity() -> u32 {
        1 << (32 - PREFIX - 1)
    }
}

struct Rules<'a> {
    instance: &'a Instance,
    subnet: Ipv4Addr,
    interfaces: &'a str,
    deny: &'a [String],
}

impl Rules<'_> {
    /// Sets the rules by the first tool that can, and says which.
    fn set(&self) -> io::Result<&'static str> {
        let iptables = find_tool("iptables");
        let by_nft = match find_tool("nft") {
            Some(nft) => self.by_nft(&nft),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "nft is not there")),
        };
        match (by_nft, iptables) {
            (Ok(()), Some(iptables)) => self.pass_a_closed_firewall(&iptables).map(|()| "nft"),
            (Ok(()), None) => Ok("nft"),
            (Err(_), Some(iptables)) => self.by_iptables(&iptables).map(|()| "iptables"),
            (Err(error), None) => {
                Err(io::Error::new(error.kind(), format!("{error}, and iptables is not there")))
            }
        }
    }

    fn by_nft(&self, nft: &Path) -> io::Result<()> {
        let nft_text = nft.to_string_lossy();
        let table = format!("oxiwhisk_{}", self.instance.name());
        self.instance.record_undo(&[&nft_text, "delete", "table", "inet", &table])?;
        let (ours, subnet) = (format!("\"{}*\"", self.interfaces), format!("{}/{PREFIX}", self.subnet));
        let denied: Vec<&str> = NEVER.into_iter().chain(self.deny.iter().map(String::as_str)).collect();
        let mut refused = String::new();
        for range in denied {
            let family = if range.contains(':') { "ip6" } else { "ip" };
            refused.push_str(&format!(
                "iifname {ours} {family} daddr {range} reject with icmpx admin-prohibited\n"
            ));
        }
        // Nothing that comes from a sandbox ends on this machine; nothing begins towards a sandbox.
        let script = format!(
            "add table inet {table}\n\
             delete table inet {table}\n\
             table inet {table} {{\n\
             chain input {{\n\
             type filter hook input priority -10; policy accept;\n\
             iifname {ours} reject with icmpx admin-prohibited\n\
             }}\n\
             chain forward {{\n\
             type filter hook forward priority -10; policy accept;\n\
             iifname {ours} oifname {ours} reject with icmpx admin-prohibited\n\
             {refused}\
             iifname {ours} ip saddr != {subnet} drop\n\
             iifname {ours} meta nfproto ipv6 drop\n\
             oifname {ours} ct state established,related accept\n\
             oifname {ours} drop\n\
             }}\n\
             chain postrouting {{\n\
             type nat hook postrouting priority 100; policy accept;\n\
             ip saddr {subnet} oifname != {ours} masquerade\n\
             }}\n\
             }}\n"
        );
        let mut child = Command::new(nft)
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(script.as_bytes())?;
        }
        succeeded("nft", child.wait_with_output()?)
    }

    /// The second choice, with the same meaning.
    fn by_iptables(&self, iptables: &Path) -> io::Result<()> {
        let (input, forward) =
            (format!("OW-{}-IN", self.instance.name()), format!("OW-{}-FW", self.instance.name()));
        let (ours, subnet) = (format!("{}+", self.interfaces), format!("{}/{PREFIX}", self.subnet));
        let run = |arguments: &[&str]| run_tool(iptables, arguments);
        for (chain, hook) in [(&input, "INPUT"), (&forward, "FORWARD")] {
            // Undone in the reverse order: out of the hook, empty, away.
            self.record_tool(iptables, &["-X", chain])?;
            self.record_tool(iptables, &["-F", chain])?;
            self.record_tool(iptables, &["-D", hook, "-j", chain])?;
            run(&["-N", chain])?;
        }
        run(&["-A", &input, "-i", &ours, "-j", "REJECT"])?;
        run(&["-A", &forward, "-i", &ours, "-o", &ours, "-j", "REJECT"])?;
        let ranges = NEVER.into_iter().chain(self.deny.iter().map(String::as_str));
        for range in ranges.filter(|range| !range.contains(':')) {
            run(&["-A", &forward, "-i", &ours, "-d", range, "-j", "REJECT"])?;
        }
        run(&["-A", &forward, "-i", &ours, "!", "-s", &subnet, "-j", "DROP"])?;
        run(&["-A", &forward, "-i", &ours, "-j", "ACCEPT"])?;
        run(&[
            "-A",
            &forward,
            "-o",
            &ours,
            "-m",
            "conntrack",
            "--ctstate",
            "RELATED,ESTABLISHED",
            "-j",
            "ACCEPT",
        ])?;
        run(&["-A", &forward, "-o", &ours, "-j", "DROP"])?;
        run(&["-I", "INPUT", "1", "-j", &input])?;
        run(&["-I", "FORWARD", "1", "-j", &forward])?;
        let masquerade = ["POSTROUTING", "-s", &subnet, "!", "-o", &ours, "-j", "MASQUERADE"];
        let with = |verb: &'static str| [&["-t", "nat", verb], masquerade.as_slice()].concat();
        self.record_tool(iptables, &with("-D"))?;
        run(&with("-A"))?;
        // The rules above are for version 4 only.
        if let Some(iptables) = find_tool("ip6tables") {
            for hook in ["INPUT", "FORWARD"] {
                self.record_tool(&iptables, &["-D", hook, "-i", &ours, "-j", "DROP"])?;
                run_tool(&iptables, &["-I", hook, "1", "-i", &ours, "-j", "DROP"])?;
            }
        }
        Ok(())
    }

    /// Where something else, such as Docker, lets nothing through this machine, ours is let through. It has passed
    /// our own rules by then.
    fn pass_a_closed_firewall(&self, iptables: &Path) -> io::Result<()> {
        let rules = Command::new(iptables).args(["-S", "FORWARD"]).stderr(Stdio::null()).output()?;
        if !String::from_utf8_lossy(&rules.stdout).lines().any(|line| line == "-P FORWARD DROP") {
            return Ok(());
        }
        let ours = format!("{}+", self.interfaces);
        for direction in ["-i", "-o"] {
            self.record_tool(iptables, &["-D", "FORWARD", direction, &ours, "-j", "ACCEPT"])?;
            run_tool(iptables, &["-I", "FORWARD", "1", direction, &ours, "-j", "ACCEPT"])?;
        }
        Ok(())
    }

    fn record_tool(&self, tool: &Path, arguments: &[&str]) -> io::Result<()> {
        let tool = tool.to_string_lossy();
        let command: Vec<&str> =
            [&*tool].into_iter().chain(PATIENT).chain(arguments.iter().copied()).collect();
        self.instance.record_undo(&command)
    }
}

/// Where a tool is; services often start without the directories of the superuser's tools.
pub(crate) fn find_tool(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"]
        .into_iter()
        .map(|dir| Path::new(dir).join(name))
        .find(|path| path.exists())
}

fn run_tool(tool: &Path, arguments: &[&str]) -> io::Result<()> {
    let output = Command::new(tool).args(PATIENT).args(arguments).stdin(Stdio::null()).output()?;
    succeeded(&format!("{} {}", tool.display(), arguments.join(" ")), output)
}

fn succeeded(what: &str, output: std::process::Output) -> io::Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    Err(io::Error::other(format!("{what}: {line}")))
}

/// Claims a range of addresses that no route of this machine leads to. The claim is a route itself, so that of two
/// instances that want the same range only one gets it.
fn claim_subnet(config: &NetworkConfig, instance: &Instance) -> io::Result<Ipv4Addr> {
    let netlink = Netlink::open()?;
    let claim = |subnet: Ipv4Addr| {
        instance.record_range(subnet, PREFIX)?;
        let claimed = netlink.claim_range(subnet, PREFIX);
        if claimed.is_err() {
            instance.forget_range()?;
        }
        claimed.map(|()| subnet)
    };
    if let Some(text) = &config.subnet {
        let bad =
            || io::Error::new(io::ErrorKind::InvalidInput, format!("{text} is no range like 10.213.0.0/16"));
        return claim(parse_subnet(text).ok_or_else(bad)?);
    }
    let routes = fs::read_to_string("/proc/net/route")?;
    let taken: Vec<(u32, u32)> = routes.lines().skip(1).filter_map(parse_route).collect();
    let mask = u32::MAX << (32 - PREFIX);
    let is_free =
        |candidate: u32| !taken.iter().any(|(target, length)| (candidate ^ target) & mask & length == 0);
    let first = u32::from_str_radix(instance.name(), 16).unwrap_or(0);
    for step in 0..CANDIDATES {
        let candidate =
            u32::from(Ipv4Addr::new(10, 192, 0, 0)) + ((first.wrapping_add(step) % CANDIDATES) << 16);
        if is_free(candidate) {
            match claim(Ipv4Addr::from(candidate)) {
                // Another instance was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                claimed => return claimed,
            }
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        "every range that is usually free has a route; name one as `subnet`",
    ))
}

/// A range as the configuration names it.
pub(crate) fn parse_subnet(text: &str) -> Option<Ipv4Addr> {
    let (address, prefix) = text.split_once('/')?;
    let address: Ipv4Addr = address.parse().ok()?;
    (prefix.parse() == Ok(PREFIX) && u32::from(address) << PREFIX == 0).then_some(address)
}

/// The target and mask of a line of `/proc/net/route`; the default route takes nothing.
fn parse_route(line: &str) -> Option<(u32, u32)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| u32::from_str_radix(words.get(at)?, 16).ok().map(u32::swap_bytes);
    let (target, mask) = (number(1)?, number(7)?);
    (mask != 0).then_some((target, mask))
}

/// The largest packet that every interface to the outside takes.
fn outside_mtu() -> u32 {
    const USUAL: u32 = 1500;
    let Ok(entries) = fs::read_dir("/sys/class/net") else { return USUAL };
    let of = |entry: fs::DirEntry| {
        // Loopback, and everything that has no hardware of its own, has no say in this.
        entry.path().join("device").exists().then_some(())?;
        fs::read_to_string(entry.path().join("mtu")).ok()?.trim().parse().ok()
    };
    entries.flatten().filter_map(of).min().unwrap_or(USUAL).clamp(576, USUAL)
}

/// What a sandbox reads as `/etc/resolv.conf`, and whether anything in it can answer.
///
/// A server on this machine's loopback is out of reach; where a local resolver writes down whom it asks itself, those
/// are taken.
pub(crate) fn resolv_conf(config: &NetworkConfig) -> (String, bool) {
    let mut servers: Vec<IpAddr> = config.dns.iter().filter_map(|text| text.parse().ok()).collect();
    let mut rest = String::new();
    for file in ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"] {
        if !servers.is_empty() {
            break;
        }
        let text = fs::read_to_string(file).unwrap_or_default();
        servers = name_servers(&text);
        rest = text
            .lines()
            .filter(|line| line.starts_with("search ") || line.starts_with("options "))
            .fold(String::new(), |rest, line| rest + line + "\n");
    }
    let lines: String = servers.iter().map(|server| format!("nameserver {server}\n")).collect();
    (lines + &rest, !servers.is_empty())
}

fn name_servers(text: &str) -> Vec<IpAddr> {
    let server = |line: &str| line.strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok();
    text.lines().filter_map(server).filter(|server| server.is_ipv4() && !server.is_loopback()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read_as_the_kernel_writes_them() {
        let line = "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0";
        let (target, mask) = parse_route(line).unwrap();
        assert_eq!(Ipv4Addr::from(target), Ipv4Addr::new(192, 0, 2, 0));
        assert_eq!(Ipv4Addr::from(mask), Ipv4Addr::new(255, 255, 255, 0));
        assert_eq!(parse_route("eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0"), None);
    }

    #[test]
    fn the_second_choice_of_tools_works_and_is_undone() {
        let Some(iptables) = find_tool("iptables").filter(|_| rustix::process::geteuid().is_root()) else {
            eprintln!("SKIPPED: iptables and the superuser are needed");
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let instance = Instance::open(dir.path()).unwrap();
        let rules = Rules {
            instance: &instance,
            subnet: Ipv4Addr::new(10, 191, 0, 0),
            interfaces: &format!("ow{}", instance.name()),
            deny: &["192.0.2.0/24".to_owned()],
        };
        let all = || {
            let of = |tool: &str, table: &str| {
                let output =
                    Command::new(find_tool(tool).unwrap()).args(["-w", "5", "-t", table, "-S"]).output();
                String::from_utf8(output.unwrap().stdout).unwrap()
            };
            of("iptables", "filter") + &of("iptables", "nat") + &of("ip6tables", "filter")
        };
        rules.by_iptables(&iptables).unwrap();
        let set = all();
        let ours =
            set.lines().filter(|line| line.contains(instance.name()) || line.contains("10.191.0.0/16"));
        assert!(ours.count() > 12, "{set}");
        instance.sweep();
        let left = all();
        assert!(!left.contains(instance.name()) && !left.contains("10.191.0.0/16"), "{left}");
    }

    #[test]
    fn only_whole_ranges_are_subnets() {
        assert_eq!(parse_subnet("10.5.0.0/16"), Some(Ipv4Addr::new(10, 5, 0, 0)));
        for bad in ["10.5.0.0", "10.5.1.0/16", "10.5.0.0/24", "x/16"] {
            assert_eq!(parse_subnet(bad), None, "{bad}");
        }
    }

    #[test]
    fn resolvers_on_the_loopback_are_left_out() {
        let text = "nameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver ::1\n";
        assert_eq!(name_servers(text), [IpAddr::from([192, 0, 2, 1])]);
    }
}
