//! Who acts, and why: the same two arguments wherever a command changes something or looks at what is personal.

use clap::Args;

/// Who acts.
#[derive(Debug, Args)]
pub(crate) struct Actor {
    /// Who decides; it is kept for good.
    #[arg(long, env = "USER", default_value = "operator")]
    pub(crate) actor: String,
}

/// Why, where it must be said.
#[derive(Debug, Args)]
pub(crate) struct Reason {
    /// Why; it is kept for good.
    #[arg(long)]
    pub(crate) reason: String,
}

/// Why, where it need not be said, or not always.
#[derive(Debug, Args)]
pub(crate) struct PerhapsReason {
    /// Why; it is kept for good.
    #[arg(long)]
    reason: Option<String>,
}

impl PerhapsReason {
    /// What was said; nothing if nothing was.
    pub(crate) fn text(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }
}
