//! The request for a platform that gets the client's own bytes.
//!
//! The method, the host, the target and the body go on exactly as they came; a rule that "cleans" them is a
//! rule that loses something. Of the headers go those by which a platform recognises the client. What belongs
//! to one connection only does not.

use tracking::{Home, Outbound};

use crate::envelope::Sealed;

/// What tells the platform who the client is and how to read the body.
const FORWARDED: [&str; 7] =
    ["user-agent", "referer", "cookie", "accept", "accept-language", "content-type", "origin"];

/// Says whose request this is, as the platform sees our address on the connection.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The original request, addressed to the platform that it was meant for.
pub fn original(sealed: &Sealed) -> Outbound {
    let request = &sealed.original;
    let forwarded = request.headers.iter().filter(|(name, _)| FORWARDED.contains(&name.as_str()));
    let mut headers: Vec<(String, Vec<u8>)> = forwarded.cloned().collect();
    if let Some(client) = sealed.client.or(request.peer) {
        headers.push((FORWARDED_FOR.to_owned(), client.to_string().into_bytes()));
    }
    Outbound {
        home: Home::Legacy,
        method: request.method.name().into(),
        secure: request.secure,
        host: request.host.as_str().into(),
        target: request.target.clone(),
        headers,
        body: request.body.clone(),
    }
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use tracking::{Inbound, Method};

    use super::*;

    #[test]
    fn the_bytes_stay_and_the_client_is_named() {
        let header = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
        let request = Inbound {
            method: Method::Post,
            secure: true,
            host: "old.example".to_owned(),
            target: b"/sale?a=%zz&a=&;b+\xff".to_vec(),
            headers: vec![
                header("cookie", b"id=\xfc"),
                header("connection", b"keep-alive"),
                header("x-forwarded-for", b"forged"),
                header("content-type", b"text/plain"),
            ],
            body: b"x=1".to_vec(),
            peer: Some(IpAddr::from([10, 0, 0, 1])),
        };
        let client = Some(IpAddr::from([203, 0, 113, 9]));
        let sent = original(&Sealed { original: request.clone(), client });
        assert_eq!((sent.target, sent.body, sent.host), (request.target, request.body, request.host.into()));
        let expected = [
            header("cookie", b"id=\xfc"),
            header("content-type", b"text/plain"),
            header("x-forwarded-for", b"203.0.113.9"),
        ];
        assert_eq!((sent.method.as_str(), sent.secure, sent.headers), ("POST", true, expected.to_vec()));
    }
}
