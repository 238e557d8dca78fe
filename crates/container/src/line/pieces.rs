//! A response in pieces: the lines that come before the answer of a call.
//!
//! | mark | text |
//! |---|---|
//! | `h` | the result without its body: the response begins |
//! | `c` | a piece of the body, in base64 |

use crate::ResponseStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// Hands a line on if it is a piece; false: it is something else. A piece that cannot be read is passed over.
pub(super) fn take(stream: &dyn ResponseStream, mark: u8, text: Bytes) -> bool {
    match mark {
        b'h' => stream.begin(text),
        b'c' => {
            if let Ok(bytes) = STANDARD.decode(&text) {
                stream.chunk(bytes.into());
            }
        }
        _ => return false,
    }
    true
}
