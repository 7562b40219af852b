//! What the operators' commands share: finding the running process, asking it, and showing tables.

use std::cell::OnceCell;
use std::error::Error;
use std::io::ErrorKind;
use std::path::PathBuf;

use clap::Args;
use comfy_table::{Table, presets};
use serde_json::Value;

use crate::client::{self, AskError, Question};
use crate::data::{self, RunFile};
use crate::resting::{self, Books};

/// Where the process keeps its data, and how the answer is printed.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// The data directory of the process that is asked.
    #[arg(long, value_name = "DIR", default_value = data::DEFAULT)]
    pub(crate) data: PathBuf,
    /// Print JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
    /// A file with your own operator's token; the data directory's own token if it is not given.
    #[arg(long, env = "TURNOUT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The books, where no process serves them and they were asked for.
    #[arg(skip)]
    resting: OnceCell<Books>,
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
    /// A token's file that cannot be used.
    #[error("{0} holds no operator's token: {1}. `turnout operators add NAME` prints one")]
    Token(PathBuf, String),
    /// What changes something needs a process.
    #[error(
        "no processor is running on {0}, and only one that runs can do this: start it (`turnout up --data {0}`, or `turnout \
         serve --role processor` with its settings), then ask again. What only reads works at rest"
    )]
    Act(PathBuf),
    /// The books cannot be read without a process either.
    #[error("no processor is running on {0}, and its books cannot be read at rest: {1}")]
    Books(PathBuf, String),
}

impl Where {
    /// This data directory, for a program.
    pub(crate) const fn at(data: PathBuf) -> Self {
        Self { data, json: true, token_file: None, resting: OnceCell::new() }
    }

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
        self.ask_processor(Question::new(method, path, &body)).map(client::parsed)
    }

    /// Asks the processor how it is itself, which its books do not tell.
    pub(crate) fn serving_processor(&self, path: &str) -> Result<Value, NoAnswer> {
        self.running_processor()?;
        match self.processor("GET", path, None)? {
            books if books["at_rest"] == Value::Bool(true) => {
                Err(NoAnswer::Role("processor", self.data.clone()))
            }
            answer => Ok(answer),
        }
    }

    /// Asks the processor something that it must read long for.
    pub(crate) fn processor_patiently(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, NoAnswer> {
        let body = text_of(body);
        self.ask_processor(Question::new(method, path, &body).patiently()).map(client::parsed)
    }

    /// Asks the processor for a text that it must read long for.
    pub(crate) fn processor_for_text(&self, path: &str) -> Result<String, NoAnswer> {
        self.ask_processor(Question::new("GET", path, "").patiently())
    }

    /// Tells the processor something that is JSON already.
    pub(crate) fn tell_processor(&self, path: &str, body: &str) -> Result<Value, NoAnswer> {
        self.ask_processor(Question::new("POST", path, body)).map(client::parsed)
    }

    /// True if no processor runs on the data directory, and its books can be read all the same.
    pub(crate) fn rests(&self) -> bool {
        let serves = self.running().is_ok_and(|run| run.processor.is_some());
        !serves && resting::are_there(&self.data)
    }

    /// The address of the processor that runs, and the token.
    fn running_processor(&self) -> Result<(String, String), NoAnswer> {
        let run = self.running()?;
        let address = run.processor.ok_or_else(|| NoAnswer::Role("processor", self.data.clone()))?;
        Ok((address, self.own_token()?.unwrap_or(run.token)))
    }

    /// The operator's own token, if one is named.
    pub(crate) fn own_token(&self) -> Result<Option<String>, NoAnswer> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let read = std::fs::read_to_string(path);
        let token = read.map_err(|source| NoAnswer::Token(path.clone(), source.to_string()))?;
        match token.trim() {
            "" => Err(NoAnswer::Token(path.clone(), "it is empty".to_owned())),
            token => Ok(Some(token.to_owned())),
        }
    }

    fn ask_processor(&self, question: Question<'_>) -> Result<String, NoAnswer> {
        let path = format!("/v1/operator{}", question.path);
        let question = Question { path: &path, ..question };
        match self.running_processor() {
            // Its process id may be another's by now: where nobody listens, nobody serves.
            Ok((address, token)) => match client::ask_text(&address, &token, question) {
                Err(AskError::Silence { source, .. })
                    if source.kind() == ErrorKind::ConnectionRefused && resting::are_there(&self.data) =>
                {
                    self.ask_at_rest(question)
                }
                Err(AskError::Refused { status: 401, .. }) if self.token_file.is_some() => {
                    let path = self.token_file.clone().unwrap_or_default();
                    Err(NoAnswer::Token(path, "nobody has the token in it, or not any more".to_owned()))
                }
                answer => Ok(answer?),
            },
            Err(NoAnswer::Data(_) | NoAnswer::Role(..)) if resting::are_there(&self.data) => {
                self.ask_at_rest(question)
            }
            Err(error) => Err(error),
        }
    }

    fn ask_at_rest(&self, question: Question<'_>) -> Result<String, NoAnswer> {
        if question.method != "GET" {
            return Err(NoAnswer::Act(self.data.clone()));
        }
        let books = match self.resting.get() {
            Some(books) => books,
            None => {
                let opened = Books::open(&self.data);
                let why = |error: Box<dyn Error + Send + Sync>| super::with_causes(error.as_ref());
                let opened = opened.map_err(|error| NoAnswer::Books(self.data.clone(), why(error)))?;
                self.resting.get_or_init(|| opened)
            }
        };
        Ok(books.ask(question)?)
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

/// A value as a person reads it on a terminal.
pub(crate) fn shown(value: &Value) -> String {
    super::printable(&written(value)).into_owned()
}

/// A value as a text, byte for byte as it came.
pub(crate) fn written(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(map) if map.contains_key("amount") => {
            format!(
                "{} {}",
                written(value.get("amount").unwrap_or(&Value::Null)),
                written(value.get("currency").unwrap_or(&Value::Null))
            )
        }
        Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(" "),
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

/// A text as it stands in a query.
pub(crate) fn encoded(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(letter).collect()
}
