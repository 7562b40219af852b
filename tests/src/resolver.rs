//! A stand-in for the system's resolver, at the address that a test's own `resolv.conf` names.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

/// What every name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// There is no such name.
    NoSuchName,
    /// The name has no address.
    Nothing,
    /// Nothing at all, ever.
    Silence,
    /// This address.
    Address(Ipv4Addr),
}

/// A resolver for as long as the process lives.
#[derive(Debug)]
pub struct Resolver {
    says: Arc<Mutex<Says>>,
    asked: Arc<Mutex<usize>>,
}

/// The types of questions and answers, and their class.
const A: [u8; 4] = [0, 1, 0, 1];

impl Resolver {
    /// Listens where no other can be named: port 53 of loopback.
    pub fn start(says: Says) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
        let resolver = Self { says: Arc::new(Mutex::new(says)), asked: Arc::default() };
        let (says, asked) = (Arc::clone(&resolver.says), Arc::clone(&resolver.asked));
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let question = buffer.get(..length).unwrap_or_default();
                *asked.lock().unwrap() += usize::from(asks_for_a(question));
                let now = *says.lock().unwrap();
                if now != Says::Silence {
                    drop(socket.send_to(&answer(question, now), from));
                }
            }
        });
        resolver
    }

    /// From now on it says this.
    pub fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    /// How many questions for an address it has had.
    pub fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

/// The end of the one question of a message: its header has twelve bytes, and the name ends with an empty part.
fn end_of_question(message: &[u8]) -> usize {
    let mut at = 12;
    while let Some(&length) = message.get(at).filter(|length| **length != 0) {
        at += 1 + usize::from(length);
    }
    at + 5
}

fn asks_for_a(message: &[u8]) -> bool {
    let end = end_of_question(message);
    message.get(end.saturating_sub(4)..end) == Some(&A[..])
}

fn answer(question: &[u8], says: Says) -> Vec<u8> {
    let address = match says {
        Says::Address(address) if asks_for_a(question) => Some(address),
        _ => None,
    };
    let code = if says == Says::NoSuchName { 3 } else { 0 };
    let mut answer = question.get(..2).unwrap_or_default().to_vec();
    // An answer with recursion; one question, and as many answers as there are addresses.
    answer.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    answer.extend(question.get(12..end_of_question(question)).unwrap_or_default());
    if let Some(address) = address {
        // The name of the question, good for one second.
        answer.extend([0xc0, 12]);
        answer.extend(A);
        answer.extend([0, 0, 0, 1, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}
