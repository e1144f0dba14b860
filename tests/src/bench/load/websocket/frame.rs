//! Frames of a WebSocket, as far as an echo needs them: RFC 6455 (5.2).

/// The kinds of frames, with the bit that says that a message ends with it.
pub(super) const TEXT: u8 = 0x81;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8a;

/// A client has to mask what it says. Nobody here has to be protected from its words, so it says so to
/// all alike.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const IS_MASKED: u8 = 0x80;
/// From here on the length stands in two bytes more; and from there on in eight.
const TWO: u8 = 126;
const EIGHT: u8 = 127;

/// A server's frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) payload: &'a [u8],
    /// Bytes of all of it.
    pub(super) length: usize,
}

/// What a client sends; of at most 125 bytes, as those of pings are.
pub(super) fn masked(kind: u8, payload: &[u8]) -> Vec<u8> {
    let masked = payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    [kind, IS_MASKED | short(payload)].into_iter().chain(MASK).chain(masked).collect()
}

/// What a server sends; the same.
pub(super) fn plain(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, short(payload)], payload].concat()
}

fn short(payload: &[u8]) -> u8 {
    u8::try_from(payload.len()).ok().filter(|length| *length < TWO).expect("a short payload")
}

/// The first frame that a server sent, once all of it is there.
pub(super) fn first(bytes: &[u8]) -> Option<Frame<'_>> {
    let (kind, length) = (*bytes.first()?, *bytes.get(1)?);
    let (head, length) = match length {
        EIGHT => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        TWO => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        length => (2, u64::from(length)),
    };
    let end = usize::try_from(length).ok()?.checked_add(head)?;
    Some(Frame { kind, payload: bytes.get(head..end)?, length: end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_once_all_of_it_is_there() {
        let bytes = [&plain(PING, b"who"), &[TEXT, TWO, 1, 0][..], &[b'm'; 256], &[TEXT]].concat();
        let ping = first(&bytes).unwrap();
        assert_eq!(ping, Frame { kind: PING, payload: b"who", length: 5 });
        let text = first(&bytes[5..]).unwrap();
        assert_eq!((text.kind, text.payload.len(), text.length), (TEXT, 256, 260));
        for end in 0..260 {
            assert_eq!(first(&bytes[5..5 + end]), None, "{end}");
        }
        assert_eq!(first(&[TEXT, EIGHT, 255, 255, 255, 255, 255, 255, 255, 255, 0]), None);
    }

    #[test]
    fn the_example_of_the_specification_is_masked_so() {
        // RFC 6455 (5.7).
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(masked(TEXT, b"Hello"), hello);
    }
}
