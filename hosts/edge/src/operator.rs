//! The operators' own listener: is it alive, how does it stand, what does it count?
//!
//! `GET /healthz` needs no token and says nothing but that the process answers. `GET /metrics` (Prometheus
//! text), `GET /status`, `GET /unrecognised` and `GET /unmapped` (JSON) need the bearer token.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use admission::Refusal;
use relay::Reply;
use relay::reply::Mode;
use serde_json::json;
use subtle::ConstantTimeEq;
use tracking::{Home, Inbound, Method};

use crate::copies::Tally;
use crate::http::{self, Ground, Service};
use crate::remembered;
use crate::service::Public;
use crate::settings::Token;
use crate::stats::Reading;

/// The operators' service.
#[derive(Debug)]
pub(crate) struct Operator {
    pub(crate) public: Arc<Public>,
    pub(crate) ground: Arc<Ground>,
    pub(crate) token: Token,
    pub(crate) started: Reading,
}

impl Service for Operator {
    async fn reply(&self, inbound: Inbound) -> Reply {
        if !matches!(inbound.method, Method::Get | Method::Head) {
            return http::text(405, "operators only ask: use GET");
        }
        match inbound.path() {
            b"/healthz" => http::text(200, "ok"),
            b"/metrics" | b"/status" | b"/unrecognised" | b"/unmapped" if !self.is_allowed(&inbound) => {
                http::text(401, "show the operator's token: `authorization: Bearer ...`")
            }
            b"/metrics" => {
                self.gauge();
                body("text/plain; version=0.0.4", self.public.hands.telemetry.encode())
            }
            b"/status" => body("application/json", self.status().to_string()),
            b"/unrecognised" => body("application/json", self.unrecognised().to_string()),
            b"/unmapped" => body("application/json", self.unmapped().to_string()),
            _ => http::text(404, "there are /healthz, /metrics, /status, /unrecognised and /unmapped"),
        }
    }

    fn refused(&self, _refusal: Refusal) {}

    fn replied(&self, _took: Duration) {}
}

impl Operator {
    fn is_allowed(&self, inbound: &Inbound) -> bool {
        let shown = inbound.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        shown.is_some_and(|shown| shown.trim().as_bytes().ct_eq(self.token.0.as_bytes()).into())
    }

    /// Brings the gauges up to date.
    fn gauge(&self) {
        let outbox = self.public.hands.journal.status();
        let telemetry = &self.public.hands.telemetry;
        telemetry.gauge(telemetry::Gauge::Connections, self.ground.roster.connections() as u64);
        telemetry.gauge(telemetry::Gauge::OutboxEntries, outbox.backlog_entries);
        telemetry.gauge(telemetry::Gauge::OutboxBytes, outbox.backlog_bytes);
        telemetry.gauge(telemetry::Gauge::OutboxWaiting, outbox.waiting as u64);
        telemetry.gauge(telemetry::Gauge::OutboxRefuses, u64::from(outbox.full || outbox.poisoned.is_some()));
        if let Some(certificate) = &self.public.certificate {
            let expires = certificate.expires().map_or(0, |at| u64::try_from(at.as_seconds()).unwrap_or(0));
            telemetry.gauge(telemetry::Gauge::CertificateExpires, expires);
            telemetry.gauge(telemetry::Gauge::CertificateProblem, u64::from(certificate.problem().is_some()));
        }
    }

    /// What came in and was not recognised, by shape.
    fn unrecognised(&self) -> serde_json::Value {
        let shapes = self.public.hands.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        let rows: Vec<serde_json::Value> = shapes
            .rows()
            .into_iter()
            .map(|(shape, row)| {
                let (first, last) = (row.first.to_string(), row.last.to_string());
                json!({ "shape": shape, "times": row.times, "first": first, "last": last })
            })
            .collect();
        json!({ "total": shapes.total(), "beyond": shapes.beyond(), "shapes": rows })
    }

    /// Which ids and codes came in that no map has. What the snapshot of now maps is forgotten.
    fn unmapped(&self) -> serde_json::Value {
        let snapshot = self.public.snapshot.load();
        let mut misses = self.public.hands.misses.lock().unwrap_or_else(PoisonError::into_inner);
        misses.retain(|(table, key)| !snapshot.directory.maps(*table, key));
        let rows: Vec<serde_json::Value> = misses
            .rows()
            .into_iter()
            .map(|((table, key), row)| {
                let (first, last) = (row.first.to_string(), row.last.to_string());
                json!({ "table": table.label(), "key": key, "times": row.times, "first": first, "last": last })
            })
            .collect();
        json!({ "beyond": misses.beyond(), "seen": rows })
    }

    fn status(&self) -> serde_json::Value {
        let public = &self.public;
        let (reading, outbox) = (public.stats.read(), public.hands.journal.status());
        let shelf = public.hands.shelf.holdings();
        let micros = |percent| {
            let took = reading.percentile(&self.started, percent)?;
            u64::try_from(took.as_micros()).ok()
        };
        let breaker = |home| if public.hands.platforms.is_open(home) { "open" } else { "closed" };
        json!({
            "role": "edge",
            "snapshot": public.snapshot.load().version,
            "uptime_s": self.started.at.elapsed().as_secs(),
            "stopping": self.ground.roster.is_stopping(),
            "connections": self.ground.roster.connections(),
            "requests": reading.requests,
            "refused": reading.refused,
            "captured": reading.captured,
            "not_captured": reading.not_captured,
            "recorded": reading.recorded,
            "not_recorded": reading.not_recorded,
            "handed_over": reading.handed_over,
            "p50_us": micros(50),
            "p99_us": micros(99),
            "breakers": { "legacy": breaker(Home::Legacy), "primary": breaker(Home::Primary) },
            "unrecognised": public.hands.shapes.lock().unwrap_or_else(PoisonError::into_inner).total(),
            "shelf": {
                "entries": shelf.entries,
                "bytes": shelf.bytes,
                "fresh": shelf.fresh,
                "stale": shelf.stale,
                "missed": shelf.missed,
                "evicted": shelf.evicted,
            },
            "remembered": remembered(public.hands.journal.remembered()),
            "copies": public.hands.journal.copies().map(copies),
            "kept_copies": public.hands.kept.as_ref().map(|kept| kept.status().backlog_entries),
            "certificate": public.certificate.as_ref().map(|certificate| certificate.status()),
            "request_log": public.hands.log.as_ref().map(|log| log_status(&log.status())),
            "outbox": {
                "durable": outbox.durable.get(),
                "acknowledged": outbox.acknowledged.get(),
                "queued": outbox.backlog_entries,
                "bytes": outbox.backlog_bytes,
                "waiting": outbox.waiting,
                "sync_us_last": outbox.sync_micros_last,
                "sync_us_max": outbox.sync_micros_max,
                "full": outbox.full,
                "poisoned": outbox.poisoned.as_deref(),
                "damaged": public.hands.found.damage(),
            },
        })
    }
}

fn remembered(tally: &remembered::Tally) -> serde_json::Value {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    json!({ "waiting": count(&tally.waiting), "forgotten": count(&tally.forgotten) })
}

fn copies(tally: &Tally) -> serde_json::Value {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    json!({
        "copied": count(&tally.copied),
        "uncopied": count(&tally.uncopied),
        "saved": count(&tally.saved),
    })
}

fn log_status(status: &requestlog::Status) -> serde_json::Value {
    json!({
        "written": status.written,
        "dropped": status.dropped,
        "bytes": status.bytes,
        "volumes": status.volumes,
        "removed": status.removed,
        "paused": status.paused,
        "failing": status.failing,
    })
}

fn body(content_type: &str, body: String) -> Reply {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![header("content-type", content_type), header("cache-control", "no-store")];
    Reply { mode: Mode::Local, status: 200, headers, body: body.into_bytes() }
}
