//! What the operators' commands share: finding the running process, asking it, and showing tables.

use std::path::PathBuf;

use clap::Args;
use comfy_table::{Table, presets};
use serde_json::Value;

use crate::client::{self, AskError, Question};
use crate::data::{self, RunFile};

/// Where the process keeps its data, and how the answer is printed.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// The data directory of the process that is asked.
    #[arg(long, value_name = "DIR", default_value = data::DEFAULT)]
    pub(crate) data: PathBuf,
    /// Print JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Why an operator's question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// No process, or no note of it.
    #[error(transparent)]
    Data(#[from] data::DataError),
    /// A process that does not answer.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The process has no such role.
    #[error("no {0} is running on {1}: start it, with `turnout serve --role {0}` and its settings")]
    Role(&'static str, PathBuf),
}

impl Where {
    /// The running process.
    pub(crate) fn running(&self) -> Result<RunFile, NoAnswer> {
        Ok(data::running(&self.data)?)
    }

    /// Asks the processor.
    pub(crate) fn processor(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, NoAnswer> {
        let body = text_of(body);
        self.ask_processor(Question::new(method, path, &body), client::ask)
    }

    /// Asks the processor something that it must read long for.
    pub(crate) fn processor_patiently(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, NoAnswer> {
        let body = text_of(body);
        self.ask_processor(Question::new(method, path, &body).patiently(), client::ask)
    }

    /// Asks the processor for a text that it must read long for.
    pub(crate) fn processor_for_text(&self, path: &str) -> Result<String, NoAnswer> {
        self.ask_processor(Question::new("GET", path, "").patiently(), client::ask_text)
    }

    /// Tells the processor something that is JSON already.
    pub(crate) fn tell_processor(&self, path: &str, body: &str) -> Result<Value, NoAnswer> {
        self.ask_processor(Question::new("POST", path, body), client::ask)
    }

    fn ask_processor<T>(
        &self,
        question: Question<'_>,
        ask: impl FnOnce(&str, &str, Question<'_>) -> Result<T, AskError>,
    ) -> Result<T, NoAnswer> {
        let run = self.running()?;
        let address = run.processor.ok_or_else(|| NoAnswer::Role("processor", self.data.clone()))?;
        let path = format!("/v1/operator{}", question.path);
        Ok(ask(&address, &run.token, Question { path: &path, ..question })?)
    }

    /// Asks the edge how it stands.
    pub(crate) fn edge(&self) -> Result<Value, NoAnswer> {
        self.edge_at("/status")
    }

    /// Asks the edge for what stands at `path` of its operators' interface.
    pub(crate) fn edge_at(&self, path: &str) -> Result<Value, NoAnswer> {
        let run = self.running()?;
        let address = run.edge_operator.ok_or_else(|| NoAnswer::Role("edge", self.data.clone()))?;
        Ok(client::ask(&address, &run.token, Question::new("GET", path, ""))?)
    }
}

fn text_of(body: Option<&Value>) -> String {
    body.map(Value::to_string).unwrap_or_default()
}

/// A value as a person reads it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(map) if map.contains_key("amount") => {
            format!(
                "{} {}",
                shown(value.get("amount").unwrap_or(&Value::Null)),
                shown(value.get("currency").unwrap_or(&Value::Null))
            )
        }
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// A table of `rows` with these columns.
pub(crate) fn table(rows: &[Value], columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(|name| name.replace('_', " ")));
    for row in rows {
        table.add_row(columns.iter().map(|name| row.get(*name).map_or_else(|| "-".to_owned(), shown)));
    }
    table
}

/// The list called `name` of an answer.
pub(crate) fn list<'v>(answer: &'v Value, name: &str) -> &'v [Value] {
    answer.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The number called `name` of an answer; 0 if there is none.
pub(crate) fn number(answer: &Value, name: &str) -> u64 {
    answer.get(name).and_then(Value::as_u64).unwrap_or(0)
}
