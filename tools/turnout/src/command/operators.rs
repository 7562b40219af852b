//! `turnout operators`: who has a token of their own.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::ask::Where;
use crate::cli::Outcome;
use crate::data;
use crate::people::People;

/// People with tokens of their own: what they order stands in the journal under their name, whatever the client says.
///
/// Example: turnout operators add ada
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Operators,
}

#[derive(Debug, Subcommand)]
enum Operators {
    /// Give somebody a token, or another one. It is printed once and kept nowhere. Example: turnout operators add ada
    Add {
        #[command(flatten)]
        place: Where,
        /// Letters, digits, `-`, `_`, `.` or `@`.
        name: String,
    },
    /// List who has one. Example: turnout operators list
    List {
        #[command(flatten)]
        place: Where,
    },
    /// Take somebody's token away. Exit code 1: there is no such person. Example: turnout operators remove ada
    Remove {
        #[command(flatten)]
        place: Where,
        /// The name.
        name: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Operators::Add { place, name } => add(place, name),
        Operators::List { place } => list(place),
        Operators::Remove { place, name } => remove(place, name),
    }
}

fn add(place: &Where, name: &str) -> Outcome {
    let mut people = People::read(&place.data)?;
    let token = data::random_hex()?;
    people.put(name, &token)?;
    people.write(&place.data)?;
    let told = data::hang_up(&place.data);
    if place.json {
        println!("{}", json!({ "name": name, "token": token, "told": told }));
    } else {
        println!("{token}");
        eprintln!(
            "this is the token of {name}, shown once: keep it in a file that only {name} can read, and name that file \
                   with --token-file or in TURNOUT_TOKEN_FILE"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn list(place: &Where) -> Outcome {
    let people = People::read(&place.data)?;
    let names: Vec<&str> = people.names().collect();
    if place.json {
        println!("{}", json!({ "operators": names }));
    } else if names.is_empty() {
        println!("nobody has a token of their own: the journal keeps the name that the client says");
    } else {
        println!("{}", names.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(place: &Where, name: &str) -> Outcome {
    let mut people = People::read(&place.data)?;
    if !people.take(name) {
        eprintln!("there is no operator `{name}`: turnout operators list");
        return Ok(ExitCode::FAILURE);
    }
    people.write(&place.data)?;
    let told = data::hang_up(&place.data);
    if place.json {
        println!("{}", json!({ "removed": name, "told": told }));
    } else {
        println!("the token of {name} is good for nothing any more");
    }
    Ok(ExitCode::SUCCESS)
}
