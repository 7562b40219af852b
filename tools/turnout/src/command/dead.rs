//! `turnout dead`: what died and why, and what a person decides about it.

mod decide;
mod look;
mod order;
mod selection;

use clap::{Args, Subcommand};

use super::ask::Where;
use crate::cli::Outcome;

/// What waits for a person, by cause; and everything that a person can do about it.
///
/// Example: turnout dead
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Dead>,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Subcommand)]
enum Dead {
    /// What waits, by cause, with the money at stake and what to do. Example: turnout dead groups
    Groups {
        #[command(flatten)]
        place: Where,
    },
    /// List what waits. Example: turnout dead list --group held/unknown_advertiser
    List(look::List),
    /// Merchants' changes that wait. Example: turnout dead changes
    Changes(look::Changes),
    /// Show one, whole: the original request, the event, every attempt and answer. Example: turnout dead show EVENT_ID
    Show(look::Show),
    /// What a redrive would make of it today; nothing is written. Example: turnout dead try EVENT_ID
    Try(look::Try),
    /// Correct a field, and decide anew. Example: turnout dead edit EVENT_ID --set amount=12.00 --reason "asked the shop"
    Edit(decide::Edit),
    /// Send again, paced; the same operation again does nothing. Example: turnout dead redrive EVENT_ID
    Redrive(order::Redrive),
    /// Drop for good, as a recorded decision. Example: turnout dead discard EVENT_ID --reason "test order"
    Discard(order::Discard),
    /// Close a doubt by evidence. Example: turnout dead settle EVENT_ID --arrived --evidence "report of 30 November"
    Settle(decide::Settle),
    /// The orders and how far they are. Example: turnout dead orders
    Orders(order::Orders),
    /// Approve another person's order. Example: turnout dead approve OPERATION --actor bea
    Approve(order::Approve),
    /// Stop an order; what it has not moved stays. Example: turnout dead stop OPERATION
    Stop(order::Stop),
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        None => look::groups(&arguments.place),
        Some(Dead::Groups { place }) => look::groups(place),
        Some(Dead::List(list)) => list.run(),
        Some(Dead::Changes(changes)) => changes.run(),
        Some(Dead::Show(show)) => show.run(),
        Some(Dead::Try(wanted)) => wanted.run(),
        Some(Dead::Edit(edit)) => edit.run(),
        Some(Dead::Redrive(order)) => order.run(),
        Some(Dead::Discard(order)) => order.run(),
        Some(Dead::Settle(settle)) => settle.run(),
        Some(Dead::Orders(orders)) => orders.run(),
        Some(Dead::Approve(approve)) => approve.run(),
        Some(Dead::Stop(stop)) => stop.run(),
    }
}
