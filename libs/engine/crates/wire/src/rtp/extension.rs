//! Reading header extension blocks (RFC 8285 §4.2, §4.3).

/// "Defined by profile" bits of the one-byte form.
pub(super) const ONE_BYTE: u16 = 0xbede;
/// The same of the two-byte form; its low four bits are for applications.
pub(super) const TWO_BYTE: u16 = 0x1000;
/// A one-byte element with this id ends the block.
const STOP_ID: u8 = 15;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Unknown,
    OneByte,
    TwoByte,
}

/// Iterator over (id, value) of one packet's header extensions. Values borrow the packet.
#[derive(Debug, Clone, Default)]
pub struct Extensions<'a> {
    form: Form,
    rest: &'a [u8],
}

impl<'a> Extensions<'a> {
    #[inline]
    pub(super) fn new(profile: u16, block: &'a [u8]) -> Self {
        let form = match profile {
            ONE_BYTE => Form::OneByte,
            _ if profile & 0xfff0 == TWO_BYTE => Form::TwoByte,
            _ => Form::Unknown,
        };
        Self { form, rest: block }
    }

    #[inline]
    fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let (id, len, after) = match (self.form, self.rest) {
            (Form::OneByte | Form::TwoByte, [0, rest @ ..]) => (0, 0, rest),
            // Id 0 with a length is no padding and no element either: the block ends there, as at id 15.
            (Form::OneByte, [first, rest @ ..]) if !matches!(first >> 4, 0 | STOP_ID) => {
                (first >> 4, usize::from(first & 0x0f) + 1, rest)
            }
            (Form::TwoByte, [id, len, rest @ ..]) => (*id, usize::from(*len), rest),
            _ => return None,
        };
        let (value, rest) = after.split_at_checked(len)?;
        self.rest = rest;
        Some((id, value))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.element() {
                // A zero byte is padding, also in the two-byte form (§4.1.1).
                Some((0, _)) => {}
                Some(element) => return Some(element),
                None => {
                    self.rest = &[];
                    return None;
                }
            }
        }
    }
}
