//! Pictures and scripts: cacheable, the same for everybody.

use http::StatusCode;
use http::header::CACHE_CONTROL;

use crate::platform::Answer;

const CACHED: &str = "public, max-age=86400";

/// The file under `path` (in lower case), or the platform's 404.
pub(super) fn answer(path: &str) -> Answer {
    match path {
        "/j.js" => Answer::script("/* second chance: loads the pixel again from the twin domain */")
            .with(CACHE_CONTROL, CACHED),
        "/a.js" => Answer::script("/* advanced analytics */").with(CACHE_CONTROL, CACHED),
        "/robots.txt" => Answer::text("User-agent: *\nDisallow: /\n"),
        "/shareasale.cfm" | "/newsignup.cfm" | "/legal/optout.cfm" => {
            Answer::html(StatusCode::OK, "<!DOCTYPE html><title>ShareASale</title>")
        }
        path if path.starts_with("/json/shopify/") && is_one_of(path, &["js"]) => {
            Answer::script("/* shop tag */").with(CACHE_CONTROL, CACHED)
        }
        path if path.starts_with("/image/") => image(path),
        _ => Answer::not_found(),
    }
}

fn image(path: &str) -> Answer {
    let kind = if is_one_of(path, &["jpg", "jpeg"]) {
        "image/jpeg"
    } else if is_one_of(path, &["png"]) {
        "image/png"
    } else if is_one_of(path, &["gif"]) {
        "image/gif"
    } else {
        return Answer::not_found();
    };
    // The bytes are not a picture; nobody in the lab looks.
    Answer::new(StatusCode::OK, kind, path.as_bytes().to_vec()).with(CACHE_CONTROL, CACHED)
}

fn is_one_of(path: &str, endings: &[&str]) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
}
