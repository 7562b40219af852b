//! A request on its way out, written byte for byte.

/// The header that marks a request as ours. One that comes back to us has gone in a circle.
pub const HOP_HEADER: &str = "x-turnout-hop";

/// A request to a server.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method's name.
    pub method: &'a str,
    /// The `Host` to send.
    pub host: &'a str,
    /// Path and query, exactly as they go out.
    pub target: &'a [u8],
    /// Header lines. Those about the connection and the framing are left out, because we write them.
    pub headers: &'a [(String, Vec<u8>)],
    /// The body.
    pub body: &'a [u8],
}

impl Request<'_> {
    /// The request's bytes, or what makes it impossible to send.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, String> {
        self.check()?;
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let mut bytes = Vec::with_capacity(self.target.len() + headers + self.body.len() + 160);
        for part in [self.method.as_bytes(), b" ", self.target, b" HTTP/1.1\r\nhost: ", self.host.as_bytes()]
        {
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(b"\r\n");
        for (name, value) in self.headers.iter().filter(|(name, _)| !is_ours(name)) {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                bytes.extend_from_slice(part);
            }
        }
        bytes.extend_from_slice(HOP_HEADER.as_bytes());
        bytes.extend_from_slice(b": 1\r\n");
        if !self.body.is_empty() || !matches!(self.method, "GET" | "HEAD" | "OPTIONS") {
            bytes.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body);
        Ok(bytes)
    }

    /// Whatever could end a line early would be somebody else's header or somebody else's request.
    fn check(&self) -> Result<(), String> {
        let token = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b':');
        let clean = |bytes: &[u8]| !bytes.iter().any(|&b| (b < 0x20 && b != b'\t') || b == 0x7f);
        if !token(self.method) || self.host.is_empty() || !self.host.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("the method or the host cannot be sent".to_owned());
        }
        if self.target.first() != Some(&b'/') || !clean(self.target) || self.target.contains(&b'\t') {
            return Err("the target does not start with `/` or holds a control character".to_owned());
        }
        match self.headers.iter().find(|(name, value)| !token(name) || !clean(value)) {
            Some((name, _)) => Err(format!("the header `{}` cannot be sent", name.escape_debug())),
            None => Ok(()),
        }
    }
}

/// True for headers that this adapter writes itself, or that must not travel.
fn is_ours(name: &str) -> bool {
    const OURS: [&str; 11] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        HOP_HEADER,
    ];
    OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &str) -> (String, Vec<u8>) {
        (name.to_owned(), value.as_bytes().to_vec())
    }

    #[test]
    fn a_request_goes_out_byte_for_byte() {
        let headers = [header("cookie", "a=1"), header("Connection", "close"), header("x", "")];
        let request =
            Request { method: "GET", host: "h", target: b"/p?a=\"<\xe9> b", headers: &headers, body: b"" };
        let expected =
            b"GET /p?a=\"<\xe9> b HTTP/1.1\r\nhost: h\r\ncookie: a=1\r\nx: \r\nx-turnout-hop: 1\r\n\r\n";
        assert_eq!(request.encode().unwrap(), expected);
        let post = Request { method: "POST", headers: &[], body: b"abc", ..request };
        assert!(post.encode().unwrap().ends_with(b"content-length: 3\r\n\r\nabc"));
        let empty = Request { method: "POST", headers: &[], ..request };
        assert!(empty.encode().unwrap().ends_with(b"content-length: 0\r\n\r\n"));
    }

    #[test]
    fn nothing_can_be_injected() {
        let sound = Request { method: "GET", host: "h", target: b"/", headers: &[], body: b"" };
        let bad_value = [header("a", "b\r\nc: d")];
        let bad_name = [header("a b", "c")];
        for request in [
            Request { method: "GET /x", ..sound },
            Request { host: "h\r\nx: y", ..sound },
            Request { host: "", ..sound },
            Request { target: b"/a\r\nx: y", ..sound },
            Request { target: b"a", ..sound },
            Request { headers: &bad_value, ..sound },
            Request { headers: &bad_name, ..sound },
        ] {
            assert!(request.encode().is_err(), "{request:?}");
        }
    }
}
