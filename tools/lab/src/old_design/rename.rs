//! The crude translation: a table of names, and the id maps.

use crate::text::{Query, encode};
use crate::wire::Outgoing;
use crate::world::Directory;

const PRIMARY_HOST: &str = "www.awin1.com";

/// What a request is, as far as the old system looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Click,
    Conversion,
    Other,
}

/// A request in the primary's words, when its merchant has moved.
#[derive(Debug)]
pub(super) struct Renamed {
    pub(super) asked: Asked,
    pub(super) request: Option<Outgoing>,
}

pub(super) fn rename(original: &Outgoing, directory: &Directory) -> Renamed {
    let (path, query) = original.target.split_once('?').unwrap_or((original.target.as_str(), ""));
    let query = Query::parse(query);
    let (asked, target) = match path.to_ascii_lowercase().as_str() {
        "/r.cfm" | "/u.cfm" | "/m-pr.cfm" => (Asked::Click, click(&query, directory)),
        "/sale.cfm" | "/q.cfm" => (Asked::Conversion, conversion(&query, directory)),
        _ => (Asked::Other, None),
    };
    let request = target.map(|target| Outgoing { host: PRIMARY_HOST.to_owned(), target, ..original.clone() });
    Renamed { asked, request }
}

fn click(query: &Query, directory: &Directory) -> Option<String> {
    let advertiser = moved(first(query, &["m", "merchantID"])?, directory)?;
    let publisher = first(query, &["u", "userID"])?.trim().parse().ok();
    let publisher = publisher.and_then(|id| directory.publisher_legacy(id))?.primary_id;
    let mut target = format!("/cread.php?awinmid={advertiser}&awinaffid={publisher}");
    for (theirs, ours) in [("afftrack", "clickref2"), ("urllink", "ued")] {
        if let Some(value) = query.any_case(theirs).filter(|value| !value.is_empty()) {
            let scheme = if theirs == "urllink" && !value.contains("://") { "https://" } else { "" };
            target.push_str(&format!("&{ours}={}", encode(&format!("{scheme}{value}"))));
        }
    }
    Some(target)
}

fn conversion(query: &Query, directory: &Directory) -> Option<String> {
    let advertiser = moved(query.any_case("merchantID")?, directory)?;
    let amount = query.any_case("amount").unwrap_or_default();
    let mut target = format!(
        "/sread.img?tt=ns&tv=2&merchant={advertiser}&amount={}&ch=aw&parts=DEFAULT:{}",
        encode(&amount),
        encode(&amount)
    );
    let names =
        [("tracking", "ref"), ("currency", "cr"), ("couponcode", "vc"), ("sscid", "cks"), ("xtype", "p6")];
    for (theirs, ours) in names {
        target.push_str(&format!("&{ours}={}", encode(&query.any_case(theirs).unwrap_or_default())));
    }
    Some(target)
}

fn moved(id: String, directory: &Directory) -> Option<u64> {
    directory.legacy(id.trim().parse().ok()?).filter(|one| one.moved).map(|one| one.primary_id)
}

fn first(query: &Query, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| query.any_case(name))
}
