//! A request to a platform as bytes: an attempt that may have been processed is repeated in the same bytes,
//! whatever the mapping says by then.

use prost::Message as _;
use tracking::migration::Dispatch;
use tracking::{Home, Outbound};

/// Why stored bytes are no request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the stored request cannot be read: {0}")]
pub struct StoredError(String);

#[derive(Clone, PartialEq, prost::Message)]
struct DispatchV1 {
    #[prost(string, tag = "1")]
    endpoint: String,
    #[prost(string, tag = "2")]
    home: String,
    #[prost(string, tag = "3")]
    method: String,
    #[prost(bool, tag = "4")]
    secure: bool,
    #[prost(string, tag = "5")]
    host: String,
    #[prost(bytes = "vec", tag = "6")]
    target: Vec<u8>,
    #[prost(message, repeated, tag = "7")]
    headers: Vec<HeaderV1>,
    #[prost(bytes = "vec", tag = "8")]
    body: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HeaderV1 {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// The request's bytes. They hold what is personal: seal them before they are stored.
pub fn dispatch_to_bytes(dispatch: &Dispatch) -> Vec<u8> {
    let request = &dispatch.request;
    let header = |(name, value): &(String, Vec<u8>)| HeaderV1 { name: name.clone(), value: value.clone() };
    let message = DispatchV1 {
        endpoint: dispatch.endpoint.to_string(),
        home: request.home.name().to_owned(),
        method: request.method.to_string(),
        secure: request.secure,
        host: request.host.to_string(),
        target: request.target.clone(),
        headers: request.headers.iter().map(header).collect(),
        body: request.body.clone(),
    };
    message.encode_to_vec()
}

/// Reads a request.
///
/// # Errors
/// If the bytes are none.
pub fn dispatch_from_bytes(bytes: &[u8]) -> Result<Dispatch, StoredError> {
    let message = DispatchV1::decode(bytes).map_err(|error| StoredError(error.to_string()))?;
    let home = Home::parse(&message.home);
    let request = Outbound {
        home: home.ok_or_else(|| StoredError(format!("`{}` is no platform", message.home)))?,
        method: message.method.into(),
        secure: message.secure,
        host: message.host.into(),
        target: message.target,
        headers: message.headers.into_iter().map(|header| (header.name, header.value)).collect(),
        body: message.body,
    };
    Ok(Dispatch { request, endpoint: message.endpoint.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_come_back() {
        let request = Outbound {
            home: Home::Primary,
            method: "POST".into(),
            secure: true,
            host: "new.example".into(),
            target: b"/a?b=\xff".to_vec(),
            headers: vec![("x".to_owned(), b"\xfe".to_vec()), ("x".to_owned(), Vec::new())],
            body: b"{}".to_vec(),
        };
        let dispatch = Dispatch { request, endpoint: "orders".into() };
        assert_eq!(dispatch_from_bytes(&dispatch_to_bytes(&dispatch)), Ok(dispatch));
        assert!(dispatch_from_bytes(b"").is_err());
        assert!(dispatch_from_bytes(b"\xff").is_err());
    }
}
