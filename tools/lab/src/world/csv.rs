//! The world as the tables a migration engineer would be given.

use super::{CreativeKind, World};

impl World {
    /// `legacy_id,primary_id,name,landing_url,domains,commission_bp,commission_flat_minor,window_days,currency,moved,closed,offline`
    /// with a header line; several domains are separated by spaces.
    #[must_use]
    pub fn advertisers_csv(&self) -> String {
        let header = "legacy_id,primary_id,name,landing_url,domains,commission_bp,commission_flat_minor,window_days,currency,moved,closed,offline";
        table(
            header,
            self.advertisers.iter().map(|one| {
                vec![
                    one.legacy_id.to_string(),
                    one.primary_id.to_string(),
                    one.name.clone(),
                    one.landing_url.clone(),
                    one.domains.join(" "),
                    one.commission_bp.to_string(),
                    one.commission_flat_minor.to_string(),
                    one.window_days.to_string(),
                    one.currency.clone(),
                    one.moved.to_string(),
                    one.closed.to_string(),
                    one.offline.to_string(),
                ]
            }),
        )
    }

    /// `legacy_id,primary_id,name,url` with a header line.
    #[must_use]
    pub fn publishers_csv(&self) -> String {
        table(
            "legacy_id,primary_id,name,url",
            self.publishers.iter().map(|one| {
                vec![one.legacy_id.to_string(), one.primary_id.to_string(), one.name.clone(), one.url.clone()]
            }),
        )
    }

    /// `legacy_id,primary_id,advertiser,kind,name,landing_url,image` with a header line.
    #[must_use]
    pub fn creatives_csv(&self) -> String {
        table(
            "legacy_id,primary_id,advertiser,kind,name,landing_url,image",
            self.creatives.iter().map(|one| {
                let kind = match one.kind {
                    CreativeKind::Banner => "banner",
                    CreativeKind::Deal => "deal",
                    CreativeKind::Product => "product",
                };
                vec![
                    one.legacy_id.to_string(),
                    one.primary_id.to_string(),
                    one.advertiser.to_string(),
                    kind.to_owned(),
                    one.name.clone(),
                    one.landing_url.clone(),
                    one.image.clone(),
                ]
            }),
        )
    }
}

fn table(header: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = format!("{header}\n");
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| quote(cell)).collect();
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}

fn quote(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_a_line_for_everybody() {
        let world = World::generate(1);
        assert_eq!(world.advertisers_csv().lines().count(), world.advertisers.len() + 1);
        assert_eq!(world.publishers_csv().lines().count(), world.publishers.len() + 1);
        assert_eq!(world.creatives_csv().lines().count(), world.creatives.len() + 1);
        assert_eq!(quote("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
