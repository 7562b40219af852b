//! Is a contender up, and does it answer as it should? One plain request, before any load.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::failure::Failure;

const READY_WITHIN: Duration = Duration::from_secs(30);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// The head of an answer, as far as the report names it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
}

/// Asks until there is an answer, for a while.
pub(crate) fn until_ready(address: &str, target: &str) -> Result<Answer, Failure> {
    let started = Instant::now();
    loop {
        match ask(address, target) {
            Ok(answer) => return Ok(answer),
            Err(failure) if started.elapsed() > READY_WITHIN => return Err(failure),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Sends one GET, with the headers that the load sends too.
pub(crate) fn ask(address: &str, target: &str) -> Result<Answer, Failure> {
    let failed = |error: std::io::Error| Failure::while_doing(format!("http://{address}{target}"), error);
    let mut stream = TcpStream::connect(address).map_err(failed)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).map_err(failed)?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host());
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(failed)?;
    read_head(&String::from_utf8_lossy(&answer))
        .ok_or_else(|| Failure::new(format!("http://{address}{target}: the answer is not HTTP")))
}

/// The host that the load names: it stands in one place, with the other headers.
fn host() -> &'static str {
    const LOAD: &str = include_str!("../../../../benches/load.lua");
    LOAD.split_once("[\"Host\"] = \"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or("localhost")
}

fn read_head(answer: &str) -> Option<Answer> {
    let mut lines = answer.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
    let location = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
    Some(Answer { status, location: location.map(|(_, value)| value.trim().to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_an_answer_is_read() {
        let answer =
            read_head("HTTP/1.1 302 Found\r\nX: y\r\nLOCATION: https://a.example/b:c\r\n\r\nLocation: no");
        let expected = Answer { status: 302, location: Some("https://a.example/b:c".to_owned()) };
        assert_eq!(answer, Some(expected));
        assert_eq!(read_head("HTTP/1.1 200 OK\r\n\r\n"), Some(Answer { status: 200, location: None }));
        assert_eq!(read_head("SSH-2.0"), None);
    }

    #[test]
    fn the_host_is_the_one_of_the_load() {
        assert!(host().contains('.'), "{}", host());
    }
}
