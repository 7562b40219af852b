//! Why a request may not come in: a status for the client, a code for counters, a sentence for people.

/// Why a request was refused. Every refusal ends the connection, because after an ambiguous message nobody
/// can say where the next one starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The request line cannot be split into method, target and version.
    #[error("the request line is not `METHOD target HTTP/1.1`")]
    RequestLine,
    /// Some other version of HTTP.
    #[error("only HTTP/1.1 and HTTP/1.0 are spoken here")]
    Version,
    /// A method that nobody in the middle may pass on: CONNECT or TRACE.
    #[error("the method is not allowed: use GET, HEAD, POST or OPTIONS")]
    Method,
    /// A method that nobody has registered.
    #[error("the method is not known; letter case counts")]
    MethodUnknown,
    /// The target is neither a path nor an absolute URL.
    #[error("the request target must be a path that starts with `/`, or an absolute http URL")]
    Target,
    /// A byte in the target that no reader agrees on.
    #[error("the request target holds a control character, or a space or 8-bit byte in its path")]
    TargetBytes,
    /// The target is too long.
    #[error("the request target is too long")]
    TargetTooLong,
    /// The head is too long.
    #[error("the request's headers are too long")]
    HeadTooLong,
    /// More header lines than allowed.
    #[error("the request has too many header lines")]
    TooManyHeaders,
    /// A line that ends without CR.
    #[error("a line of the request ends with a bare LF; CR LF is required")]
    BareLineFeed,
    /// A CR that ends no line.
    #[error("the request holds a CR that is not followed by LF")]
    BareCarriageReturn,
    /// A continued header line.
    #[error("a header line is continued on the next line; this form is obsolete and refused")]
    FoldedHeader,
    /// A header line without a proper name.
    #[error("a header line has no valid name before its colon")]
    HeaderName,
    /// A control character in a header value.
    #[error("a header value holds a control character")]
    HeaderValue,
    /// No `Host`.
    #[error("the request has no Host header")]
    HostMissing,
    /// More than one `Host`.
    #[error("the request has more than one Host header")]
    HostRepeated,
    /// A `Host` that is no host.
    #[error("the Host header is not a host name with an optional port")]
    HostInvalid,
    /// The target names one host and the header another.
    #[error("the request target names another host than the Host header")]
    HostMismatch,
    /// A length that is no number.
    #[error("the Content-Length is not a number")]
    LengthInvalid,
    /// Two lengths, even equal ones.
    #[error("the request has more than one Content-Length")]
    LengthRepeated,
    /// A length and a coding.
    #[error("the request has both Content-Length and Transfer-Encoding")]
    LengthAndCoding,
    /// A coding other than exactly one `chunked`, or any in HTTP/1.0.
    #[error("the only Transfer-Encoding understood is a single `chunked`, in HTTP/1.1")]
    Coding,
    /// A compressed body.
    #[error("the body is encoded; send it without Content-Encoding")]
    ContentEncoding,
    /// An expectation other than `100-continue`.
    #[error("the only expectation understood is `100-continue`")]
    Expectation,
    /// A body where none is expected.
    #[error("a body is not allowed with this method")]
    BodyNotAllowed,
    /// A body longer than allowed.
    #[error("the body is too long")]
    BodyTooLong,
    /// A chunk that is framed wrongly.
    #[error("the chunked body is framed wrongly")]
    Chunk,
}

impl Refusal {
    /// The status of the reply.
    pub const fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::BodyTooLong => 413,
            Self::TargetTooLong => 414,
            Self::ContentEncoding => 415,
            Self::Expectation => 417,
            Self::HeadTooLong | Self::TooManyHeaders => 431,
            Self::Coding | Self::MethodUnknown => 501,
            Self::Version => 505,
            Self::RequestLine
            | Self::Target
            | Self::TargetBytes
            | Self::BareLineFeed
            | Self::BareCarriageReturn
            | Self::FoldedHeader
            | Self::HeaderName
            | Self::HeaderValue
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostInvalid
            | Self::HostMismatch
            | Self::LengthInvalid
            | Self::LengthRepeated
            | Self::LengthAndCoding
            | Self::BodyNotAllowed
            | Self::Chunk => 400,
        }
    }

    /// The refusal's name in counters, logs and tables.
    pub const fn code(self) -> &'static str {
        match self {
            Self::RequestLine => "request_line",
            Self::Version => "version",
            Self::Method => "method",
            Self::MethodUnknown => "method_unknown",
            Self::Target => "target",
            Self::TargetBytes => "target_bytes",
            Self::TargetTooLong => "target_too_long",
            Self::HeadTooLong => "head_too_long",
            Self::TooManyHeaders => "too_many_headers",
            Self::BareLineFeed => "bare_line_feed",
            Self::BareCarriageReturn => "bare_carriage_return",
            Self::FoldedHeader => "folded_header",
            Self::HeaderName => "header_name",
            Self::HeaderValue => "header_value",
            Self::HostMissing => "host_missing",
            Self::HostRepeated => "host_repeated",
            Self::HostInvalid => "host_invalid",
            Self::HostMismatch => "host_mismatch",
            Self::LengthInvalid => "length_invalid",
            Self::LengthRepeated => "length_repeated",
            Self::LengthAndCoding => "length_and_coding",
            Self::Coding => "transfer_coding",
            Self::ContentEncoding => "content_encoding",
            Self::Expectation => "expectation",
            Self::BodyNotAllowed => "body_not_allowed",
            Self::BodyTooLong => "body_too_long",
            Self::Chunk => "chunk",
        }
    }
}
