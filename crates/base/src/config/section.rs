use super::{Reader, Value};

/// Something that can be read from a configuration: one value, or a section of them.
pub trait Setting: Sized {
    /// Reads it from under `key`; what is not said there, or is wrong, stays as in `default`.
    fn read(reader: &mut Reader, key: &str, default: Self) -> Self;

    /// Lists its keys with these values as defaults.
    fn describe(&self, key: &str, doc: &str, out: &mut Vec<Entry>);
}

/// One line of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A section begins.
    Section {
        /// Its path; empty for the whole file.
        key: String,
        /// What it is about.
        doc: String,
    },
    /// A key.
    Key {
        /// Its path, such as `server.port`.
        key: String,
        /// What may be written.
        kind: String,
        /// What holds when nothing is, in TOML; `None` where that is nothing.
        default: Option<String>,
        /// What it means.
        doc: String,
    },
}

/// Every section and key of a configuration, in the order of declaration.
#[must_use]
pub fn entries<T: Setting + Default>() -> Vec<Entry> {
    let mut entries = Vec::new();
    T::default().describe("", "", &mut entries);
    entries
}

/// The path of `field` in the section at `key`.
#[doc(hidden)]
#[must_use]
pub fn join(key: &str, field: &str) -> String {
    if key.is_empty() { field.to_owned() } else { format!("{key}.{field}") }
}

impl<T: Value> Setting for T {
    fn read(reader: &mut Reader, key: &str, default: T) -> T {
        reader.value(key, &T::kind(), default, T::parse)
    }

    fn describe(&self, key: &str, doc: &str, out: &mut Vec<Entry>) {
        out.push(Entry::Key {
            key: key.to_owned(),
            kind: T::kind(),
            default: self.show(),
            doc: doc.trim().to_owned(),
        });
    }
}

/// Declares a section: a struct with `Default` and [`Setting`](crate::config::Setting).
///
/// A field is `pub name: Type = default`. Its type is a [`Value`](crate::config::Value), another section, or, written
/// `pub name: Type as "what it is" = default`, anything that is parsed from a text by `FromStr` and written by
/// `Display`. After the struct, `check: function` names a `fn(&Self, &mut Checks)` that looks at the values together.
///
/// ```
/// # use oxiwhisk_base as base;
/// use std::time::Duration;
///
/// base::config_section! {
///     /// How the door is kept.
///     pub struct Config {
///         /// How many may come in.
///         pub guests: u32 = 10,
///         /// How long it stays open.
///         pub open: Duration = Duration::from_secs(5),
///         /// Where it stands.
///         pub at: std::net::IpAddr as "IP address" = std::net::Ipv4Addr::LOCALHOST.into(),
///     }
///     check: Config::check
/// }
///
/// impl Config {
///     fn check(&self, checks: &mut base::config::Checks<'_>) {
///         checks.require(self.guests > 0, "guests", "at least 1");
///     }
/// }
///
/// let (config, _) = base::config::Sources::default().load::<Config>().unwrap();
/// assert_eq!(config.guests, 10);
/// ```
#[macro_export]
macro_rules! config_section {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                pub $field:ident : $type:ty $(as $kind:literal)? = $default:expr
            ),* $(,)?
        }
        $(check: $check:path)?
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[doc = $doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> $name {
                $name { $($field: $default,)* }
            }
        }

        impl $crate::config::Setting for $name {
            fn read(reader: &mut $crate::config::Reader, key: &str, default: $name) -> $name {
                reader.section(key);
                let section = $name {
                    $($field: {
                        let key = $crate::config::join(key, stringify!($field));
                        $crate::config_section!(@read reader, &key, default.$field $(, $kind)?)
                    },)*
                };
                $($check(&section, &mut reader.checks(key));)?
                section
            }

            fn describe(&self, key: &str, doc: &str, out: &mut Vec<$crate::config::Entry>) {
                let about = concat!($($about, "\n",)* "");
                out.push($crate::config::Entry::Section {
                    key: key.to_owned(),
                    doc: if doc.is_empty() { about } else { doc }.trim().to_owned(),
                });
                $({
                    let key = $crate::config::join(key, stringify!($field));
                    let doc = concat!($($doc, "\n",)* "");
                    $crate::config_section!(@describe &self.$field, &key, doc, out $(, $kind)?);
                })*
            }
        }
    };
    (@read $reader:ident, $key:expr, $default:expr) => {
        $crate::config::Setting::read($reader, $key, $default)
    };
    (@read $reader:ident, $key:expr, $default:expr, $kind:literal) => {
        $reader.text($key, $kind, $default)
    };
    (@describe $value:expr, $key:expr, $doc:expr, $out:ident) => {
        $crate::config::Setting::describe($value, $key, $doc, $out)
    };
    (@describe $value:expr, $key:expr, $doc:expr, $out:ident, $kind:literal) => {
        $out.push($crate::config::Entry::Key {
            key: $key.to_owned(),
            kind: $kind.to_owned(),
            default: Some(format!("\"{}\"", $value)),
            doc: $doc.trim().to_owned(),
        })
    };
}

/// Declares an enum whose values are written as words, and makes it a [`Value`](crate::config::Value).
///
/// ```
/// # use oxiwhisk_base as base;
/// base::config_choice! {
///     /// Which way to go.
///     pub enum Way {
///         /// To the left.
///         Left = "left",
///         /// To the right.
///         Right = "right",
///     }
/// }
/// ```
#[macro_export]
macro_rules! config_choice {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $word:literal),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)*
        }

        impl $crate::config::Value for $name {
            fn kind() -> String {
                let words: [&str; _] = [$(concat!("\"", $word, "\"")),*];
                words.join(" or ")
            }

            fn parse(raw: $crate::config::Raw<'_>) -> Result<$name, String> {
                match raw.text() {
                    $(Some($word) => Ok($name::$variant),)*
                    _ => Err(String::new()),
                }
            }

            fn show(&self) -> Option<String> {
                let word = match self {
                    $($name::$variant => $word,)*
                };
                Some(format!("\"{word}\""))
            }
        }
    };
}
