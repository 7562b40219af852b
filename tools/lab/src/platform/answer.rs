//! An answer before it becomes bytes, and the few shapes all endpoints share.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use http::{Response, StatusCode};
use http_body_util::Full;

use crate::text::safe_url;

/// A transparent picture of one pixel.
const PIXEL_GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// Status, headers and body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self { status, headers, body: body.into() }
    }

    /// The picture that says nothing.
    pub(crate) fn pixel() -> Self {
        Self::new(StatusCode::OK, "image/gif", PIXEL_GIF)
            .with(CACHE_CONTROL, "no-cache, no-store, must-revalidate")
    }

    pub(crate) fn html(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, "text/html;charset=UTF-8", body)
    }

    pub(crate) fn script(body: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, "application/javascript", body)
    }

    pub(crate) fn text(body: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, "text/plain", body)
    }

    pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    pub(crate) fn redirect(location: &str) -> Self {
        Self::html(StatusCode::FOUND, "").with(LOCATION, &safe_url(location))
    }

    pub(crate) fn not_found() -> Self {
        Self::html(
            StatusCode::NOT_FOUND,
            "<!DOCTYPE html><title>404</title><h1>File or directory not found.</h1>",
        )
    }

    /// Adds a header; one that cannot be written is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    pub(crate) fn cookie(self, value: &str) -> Self {
        self.with(SET_COOKIE, value)
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}
