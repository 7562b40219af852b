//! What we say to the client.

/// How a reply came about (design, section 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Mode {
    /// Durable first, then the legacy pixel or text.
    Accept,
    /// A redirect to the new platform's own click URL.
    Redirect,
    /// A redirect to the merchant's page with our click id.
    Direct,
    /// A platform's answer, passed on.
    Proxy,
    /// A platform's answer that was kept, the same for everybody.
    Kept,
    /// The processor's answer to a call.
    Serve,
    /// A local reply, because nothing else could be had.
    Local,
    /// The request was refused at the gate.
    Refuse,
}

impl Mode {
    /// The mode's name in output, logs and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Redirect => "redirect",
            Self::Direct => "direct",
            Self::Proxy => "proxy",
            Self::Kept => "kept",
            Self::Serve => "serve",
            Self::Local => "local",
            Self::Refuse => "refuse",
        }
    }
}

/// A reply, complete but for the headers that a host must add itself (`date`, `content-length`,
/// `connection`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// How it came about.
    pub mode: Mode,
    /// The status.
    pub status: u16,
    /// Header lines in order; names in lower case; no value holds a control character.
    pub headers: Vec<(String, String)>,
    /// The body; a host leaves it out when it replies to HEAD.
    pub body: Vec<u8>,
}

/// The smallest transparent GIF: one pixel, 43 bytes.
pub const PIXEL: &[u8; 43] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";
