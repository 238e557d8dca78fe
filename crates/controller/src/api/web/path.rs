//! What the path of a web action says.

use crate::api::Target;
use percent_encoding::percent_decode_str;
use types::EntityName;

/// The package that stands for none (WEB-01).
const DEFAULT_PACKAGE: &str = "default";

/// What a vanity host's root stands for (WEB-42).
const INDEX: &str = "public/index.html";

/// A web action, and how it is to answer.
#[derive(Clone, Debug)]
pub(in crate::api) struct WebPath<'a> {
    /// The action.
    pub(super) target: Target,
    /// How its result becomes a response.
    pub(super) extension: Extension,
    /// What follows the action: empty, or beginning with a slash; as the client wrote it (WEB-03).
    pub(super) rest: &'a str,
}

/// How a result becomes a response (WEB-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// The result says status, headers and body.
    Http,
    /// The result is the body.
    Json,
    /// A text of the result is a page.
    Html,
    /// A text of the result is a picture.
    Svg,
    /// A value of the result is the body.
    Text,
}

impl Extension {
    const ALL: [(&'static str, Extension); 5] = [
        (".http", Extension::Http),
        (".json", Extension::Json),
        (".html", Extension::Html),
        (".svg", Extension::Svg),
        (".text", Extension::Text),
    ];

    /// Cuts the extension off; what ends in none is `.http`.
    fn cut(name: &str) -> (&str, Extension) {
        let cut = |(ending, extension)| name.strip_suffix(ending).map(|name| (name, extension));
        Extension::ALL.into_iter().find_map(cut).unwrap_or((name, Extension::Http))
    }
}

/// Reads what follows `/api/v1/web/`; `None`: it names no web action (WEB-01).
pub(in crate::api) fn parse(path: &str) -> Option<WebPath<'_>> {
    let (namespace, path) = path.split_once('/')?;
    let (package, path) = path.split_once('/')?;
    let (name, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    let namespace = entity(namespace)?;
    let package = entity(package)?;
    let name = entity(name)?;
    let (name, extension) = Extension::cut(name.as_str());
    let name = EntityName::new(name).ok()?;
    let package = Some(package).filter(|package| package.as_str() != DEFAULT_PACKAGE);
    Some(WebPath { target: Target { namespace, package, name }, extension, rest })
}

fn entity(segment: &str) -> Option<EntityName> {
    EntityName::new(&percent_decode_str(segment).decode_utf8().ok()?).ok()
}

/// What would follow `/api/v1/web/` for a request to `host`; `None`: that is no vanity host (WEB-42). A namespace is
/// reached so if its name is a label of a host name in lower case, because host names have no case.
pub(in crate::api) fn of_vanity_host(hosts: &[String], host: &str, path: &str) -> Option<String> {
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let (namespace, base) = host.split_once('.')?;
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if namespace.is_empty() || !namespace.bytes().all(is_label) || !hosts.iter().any(|known| known == base) {
        return None;
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    Some(format!("{namespace}/{}", if path.is_empty() { INDEX } else { path }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(path: &str) -> Option<(String, Extension, &str)> {
        parse(path).map(|found| (found.target.path(), found.extension, found.rest))
    }

    #[test]
    fn web_01_default_is_no_package() {
        assert_eq!(parsed("ns/default/a"), Some(("ns/a".to_owned(), Extension::Http, "")));
        assert_eq!(parsed("ns/p/a"), Some(("ns/p/a".to_owned(), Extension::Http, "")));
        assert_eq!(parsed("n%20s/p@q/a%40b"), Some(("n s/p@q/a@b".to_owned(), Extension::Http, "")));
        for bad in ["", "ns", "ns/p", "ns/p/", "ns//a", "/p/a", "ns/p//a", "ns/p/.json", "ns/p/%ff", "-/p/a"]
        {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn web_02_extensions_are_those_five() {
        for (ending, extension) in Extension::ALL {
            for name in ["t", "tt", "t.wxyz", "t.json"] {
                let path = format!("ns/p/{name}{ending}");
                assert_eq!(parsed(&path), Some((format!("ns/p/{name}"), extension, "")));
            }
        }
        for name in ["t.xml", "t.HTTP", "t.jsonx", "thttp"] {
            let path = format!("ns/p/{name}");
            assert_eq!(parsed(&path), Some((path.clone(), Extension::Http, "")));
        }
    }

    #[test]
    fn web_03_the_rest_is_as_the_client_wrote_it() {
        let rest = |path| parsed(path).map(|(_, _, rest)| rest);
        assert_eq!(rest("ns/p/a.json/"), Some("/"));
        assert_eq!(rest("ns/p/a/b//c%2F%20d"), Some("/b//c%2F%20d"));
    }

    #[test]
    fn web_42_hosts_of_namespaces() {
        let hosts = ["oxi.example".to_owned(), "localhost".to_owned()];
        let rest = |host, path| of_vanity_host(&hosts, host, path);
        assert_eq!(rest("guest.oxi.example", "/x/y.json/z"), Some("guest/x/y.json/z".to_owned()));
        assert_eq!(rest("Guest.OXI.example.:8080", "/"), Some("guest/public/index.html".to_owned()));
        assert_eq!(rest("my-ns-1.localhost:3233", ""), Some("my-ns-1/public/index.html".to_owned()));
        for other in
            ["oxi.example", "a.b.oxi.example", "a_b.localhost", ".localhost", "127.0.0.1", "[::1]:80", ""]
        {
            assert_eq!(rest(other, "/"), None, "{other}");
        }
        assert_eq!(of_vanity_host(&[], "guest.localhost", "/"), None);
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic(path in "([a-z.%/ ]|.){0,24}", host in "([a-z.:\\[\\]]|.){0,16}") {
            parse(&path);
            of_vanity_host(&["localhost".to_owned()], &host, &path);
        }

        #[test]
        fn web_01_names_come_out_as_they_were_written(name in "[A-Za-z0-9_][A-Za-z0-9_@& -]{0,20}[a-z]") {
            let encoded = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
            let path = format!("ns/p/{encoded}.svg/r");
            prop_assert_eq!(parsed(&path), Some((format!("ns/p/{name}"), Extension::Svg, "/r")));
        }
    }
}
