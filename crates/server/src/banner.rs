//! What a person sees after the start: where the platform is, what it offers, and how to use it (STD-06).

use node::{Announcement, KeyOrigin, StockIdentity};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The text.
pub(crate) fn banner(announcement: &Announcement) -> String {
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = write(&mut text, announcement);
    text
}

fn write(text: &mut String, announcement: &Announcement) -> std::fmt::Result {
    let Announcement { address, data_dir, runtimes, identities, degraded } = announcement;
    let url = format!("http://{}", reachable(*address));
    writeln!(text, "OxiWhisk {} is ready at {url}", env!("CARGO_PKG_VERSION"))?;
    match data_dir {
        Some(dir) => writeln!(text, "  data       {}", dir.display())?,
        None => writeln!(text, "  data       in memory; it is lost when the server stops")?,
    }
    let kinds: Vec<String> = runtimes
        .all()
        .filter(|runtime| !runtime.deprecated)
        .map(|runtime| format!("{}{}", runtime.kind, if runtime.default { " (default)" } else { "" }))
        .collect();
    writeln!(text, "  runtimes   {}", kinds.join(", "))?;
    match degraded.as_slice() {
        [] => writeln!(text, "  machine    everything works that `oxiwhisk doctor` looks at")?,
        lines => {
            for line in lines {
                writeln!(text, "  missing    {line}")?;
            }
        }
    }
    let guest = identities.iter().find(|identity| identity.namespace == "guest");
    for identity in identities.iter().filter(|identity| identity.origin == KeyOrigin::New) {
        let Some(authkey) = &identity.authkey else { continue };
        writeln!(text, "\nThe key of {}, made now and shown this once:", identity.namespace)?;
        writeln!(text, "  {authkey}")?;
    }
    usage(text, &url, guest)
}

/// How to use it, ready to be pasted.
fn usage(text: &mut String, url: &str, guest: Option<&StockIdentity>) -> std::fmt::Result {
    let key = match guest {
        Some(StockIdentity {
            authkey: Some(authkey), origin: KeyOrigin::WellKnown | KeyOrigin::New, ..
        }) => authkey.to_string(),
        // A key that was not made for this screen stays off it.
        Some(_) | None => "YOUR_KEY".to_owned(),
    };
    writeln!(text, "\nwsk:\n  wsk property set --apihost '{url}' --auth '{key}'")?;
    writeln!(text, "  wsk action list")?;
    writeln!(text, "\nnode (npm install openwhisk):")?;
    writeln!(text, "  const ow = require('openwhisk')({{ apihost: '{url}', api_key: '{key}' }})")?;
    writeln!(
        text,
        "  await ow.actions.update({{ name: 'hello', action: 'function main(args) {{ return args }}' }})"
    )?;
    writeln!(
        text,
        "  await ow.actions.invoke({{ name: 'hello', params: {{ a: 1 }}, blocking: true, result: true }})"
    )?;
    writeln!(text, "\ncurl:")?;
    writeln!(text, "  curl -u '{key}' '{url}/api/v1/namespaces/_/actions'")
}

/// Where a client on this machine finds it.
fn reachable(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    if ip.is_loopback() && ip.is_ipv4() {
        // What upstream's standalone prints.
        return format!("localhost:{}", address.port());
    }
    SocketAddr::new(ip, address.port()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use types::{AuthKey, RuntimeManifest};

    fn announcement(origin: KeyOrigin) -> Announcement {
        Announcement {
            address: SocketAddr::from(([0, 0, 0, 0], 3233)),
            data_dir: Some(PathBuf::from("/data")),
            runtimes: RuntimeManifest::for_tests(),
            identities: vec![StockIdentity {
                namespace: "guest".to_owned(),
                authkey: AuthKey::parse(node::GUEST_KEY),
                origin,
            }],
            degraded: vec!["python: not found; apt-get install python3".to_owned()],
        }
    }

    #[test]
    fn std_06_the_commands_can_be_pasted() {
        let text = banner(&announcement(KeyOrigin::WellKnown));
        let guest = node::GUEST_KEY;
        for line in [
            "OxiWhisk 0.1.0 is ready at http://localhost:3233".to_owned(),
            format!("  wsk property set --apihost 'http://localhost:3233' --auth '{guest}'"),
            format!("  curl -u '{guest}' 'http://localhost:3233/api/v1/namespaces/_/actions'"),
            "  missing    python: not found; apt-get install python3".to_owned(),
        ] {
            assert!(text.lines().any(|there| there == line), "no line '{line}' in:\n{text}");
        }
    }

    #[test]
    fn a_key_is_shown_when_it_is_new_and_never_again() {
        let secret = node::GUEST_KEY;
        let shown = |origin| banner(&announcement(origin)).matches(secret).count();
        assert!(shown(KeyOrigin::New) > 0);
        assert_eq!(shown(KeyOrigin::Kept), 0);
        assert_eq!(shown(KeyOrigin::Configured), 0);
    }
}
