//! Settings that change while the lab runs.

use axum::extract::{Json, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Controlled, Refusal, refusal};
use crate::settings::Behaviour;
use crate::world::Advertiser;

/// What can be changed: fields of [`Behaviour`] at the top level, and merchants.
#[derive(Debug, Deserialize)]
pub(super) struct Changes {
    /// Sets the flag of every merchant.
    primary_dedup: Option<bool>,
    #[serde(default)]
    advertisers: Vec<Change>,
    #[serde(flatten)]
    behaviour: Map<String, Value>,
}

/// A merchant, by either id, and what changes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    legacy_id: Option<u64>,
    primary_id: Option<u64>,
    dedup: Option<bool>,
    closed: Option<bool>,
    offline: Option<bool>,
    moved: Option<bool>,
    window_days: Option<u32>,
}

impl Change {
    fn apply(&self, to: &mut Advertiser) {
        let set = |field: &mut bool, value: Option<bool>| *field = value.unwrap_or(*field);
        set(&mut to.dedup, self.dedup);
        set(&mut to.closed, self.closed);
        set(&mut to.offline, self.offline);
        set(&mut to.moved, self.moved);
        to.window_days = self.window_days.unwrap_or(to.window_days);
    }
}

pub(super) async fn settings(State(lab): State<Controlled>) -> Json<Value> {
    Json(json!(lab.shared.behaviour()))
}

pub(super) async fn change(
    State(lab): State<Controlled>,
    Json(changes): Json<Changes>,
) -> Result<Json<Value>, Refusal> {
    let behaviour = merged(&lab.shared.behaviour(), changes.behaviour)
        .map_err(|reason| refusal(StatusCode::BAD_REQUEST, &reason))?;
    {
        let mut directory = lab.shared.directory_mut();
        if let Some(dedup) = changes.primary_dedup {
            directory.advertisers_mut().for_each(|one| one.dedup = dedup);
        }
        for change in &changes.advertisers {
            let found = match (change.legacy_id, change.primary_id) {
                (Some(id), _) => directory.legacy_mut(id),
                (None, Some(id)) => directory.primary_mut(id),
                (None, None) => None,
            };
            let one = found.ok_or_else(|| refusal(StatusCode::NOT_FOUND, "no such merchant"))?;
            change.apply(one);
        }
    }
    lab.shared.set_behaviour(behaviour);
    Ok(settings(State(lab)).await)
}

fn merged(now: &Behaviour, changes: Map<String, Value>) -> Result<Behaviour, String> {
    let Value::Object(mut fields) = json!(now) else { return Err("settings are not an object".to_owned()) };
    fields.extend(changes);
    serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
}
