//! Replies that we make ourselves: an image stays an image, a script a script, and a person gets a page.

use tracking::Method;
use tracking::dialect::{Endpoint, ReplyKind};

use super::redirect;
use super::statics::SHORTLY;
use crate::reply::{Mode, PIXEL, Reply};

/// Replies are never stored: a stored pixel books nothing, and a stored redirect credits the wrong click.
pub(super) fn no_store() -> (String, String) {
    ("cache-control".to_owned(), "no-store, no-cache, must-revalidate, private, max-age=0".to_owned())
}

fn typed(mode: Mode, status: u16, kind: &str, body: &[u8]) -> Reply {
    let headers = vec![
        ("content-type".to_owned(), kind.to_owned()),
        no_store(),
        ("access-control-allow-origin".to_owned(), "*".to_owned()),
        ("x-content-type-options".to_owned(), "nosniff".to_owned()),
    ];
    Reply { mode, status, headers, body: body.to_vec() }
}

/// The legacy pixel.
pub(super) fn pixel(mode: Mode, status: u16) -> Reply {
    typed(mode, status, "image/gif", PIXEL)
}

/// Plain text for people and programs.
pub(super) fn text(status: u16, text: &str) -> Reply {
    typed(Mode::Refuse, status, "text/plain; charset=utf-8", text.as_bytes())
}

/// A page for a shopper who cannot be sent on.
pub(super) fn page(status: u16) -> Reply {
    let body = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
                content=\"width=device-width\"><title>This link leads nowhere</title><h1>This link leads \
                nowhere right now</h1><p>The shop that it belongs to is not known here, or cannot be reached. \
                Please go back, or try again later.</p></html>\n";
    typed(Mode::Local, status, "text/html; charset=utf-8", body.as_bytes())
}

/// The reply of an endpoint where no platform could be asked: the file that stands in, else one of its kind.
pub(super) fn of_endpoint(endpoint: &Endpoint) -> Reply {
    if let Some(address) = &endpoint.instead {
        return redirect(Mode::Local, address.clone(), Vec::new());
    }
    let Some(replacement) = endpoint.replacement.as_ref().filter(|replacement| !replacement.text.is_empty())
    else {
        return of_kind(endpoint.reply);
    };
    let mut reply = typed(Mode::Local, 200, replacement.content_type, replacement.text.as_bytes());
    let cached = format!("public, max-age={}", SHORTLY.as_secs());
    for (_, value) in reply.headers.iter_mut().filter(|(name, _)| name == "cache-control") {
        value.clone_from(&cached);
    }
    reply
}

/// The reply of this kind where no platform could be asked.
pub(super) fn of_kind(kind: ReplyKind) -> Reply {
    match kind {
        ReplyKind::Pixel => pixel(Mode::Local, 200),
        ReplyKind::Script => typed(Mode::Local, 200, "application/javascript; charset=utf-8", b""),
        ReplyKind::Page => {
            let text = "503: the platform behind this address does not answer right now. Please try again in \
                        a minute.\n";
            let mut reply = Reply { mode: Mode::Local, ..self::text(503, text) };
            reply.headers.push(("retry-after".to_owned(), "60".to_owned()));
            reply
        }
    }
}

/// The reply to a method that an endpoint does not take; without one, to a method that none of them takes.
pub(super) fn method(endpoint: Option<&Endpoint>) -> Reply {
    let all = [Method::Get, Method::Head, Method::Post, Method::Options];
    let methods = endpoint.map_or(all.as_slice(), |endpoint| endpoint.methods.as_slice());
    let names: Vec<&str> = methods.iter().map(|method| method.name()).collect();
    let allowed = names.join(", ");
    let mut reply = text(405, &format!("405: this address takes {allowed}.\n"));
    reply.headers.push(("allow".to_owned(), allowed));
    reply
}

/// The reply to a browser that asks whether a page of another site may call us.
pub(super) fn preflight() -> Reply {
    let headers = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", "content-type"),
        ("access-control-max-age", "86400"),
    ];
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Reply { mode: Mode::Local, status: 204, headers, body: Vec::new() }
}

/// The refusal of a server's call that could not be made durable: it must be sent again, and nothing is
/// said that could be taken for a yes. A browser's pixel still gets an image.
pub(super) fn not_durable(kind: ReplyKind) -> Reply {
    let mut reply = match kind {
        ReplyKind::Pixel => pixel(Mode::Refuse, 503),
        ReplyKind::Script | ReplyKind::Page => {
            text(503, "503: this could not be recorded. Please send it again in a few seconds.\n")
        }
    };
    reply.headers.push(("retry-after".to_owned(), "5".to_owned()));
    reply
}
