//! Counting in bounded memory: endpoints, their shapes, their parameters, and the patterns of values.
//!
//! The way of a line: its host, path and parameter names are hashed as they stand, and the hash leads to the shape
//! that they made the last time. Only a line whose hash is new is looked at more closely. The table of hashes has
//! a fixed size and forgets; what it forgets costs time and changes no count.

mod merge;

use std::collections::HashMap;

use crate::format::Request;
use crate::name;
use crate::pattern::Pattern;

/// What bounds the memory of a census, whatever the log holds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Endpoints that are told apart. When there are more, the rarer half of those that are not recognised is
    /// forgotten into one bucket.
    pub endpoints: usize,
    /// Shapes (sets of parameter names) that are told apart, over all endpoints. Forgotten in the same way.
    pub shapes: usize,
    /// Parameter names of one endpoint. Further ones share one name.
    pub parameters: usize,
    /// Value patterns of one parameter. Further ones share one pattern.
    pub patterns: usize,
    /// Parameters that are read of one request.
    pub pairs: usize,
}

/// The limits of every census; about 40 MB if all of them are reached.
pub const LIMITS: Limits =
    Limits { endpoints: 4_096, shapes: 8_192, parameters: 512, patterns: 24, pairs: 256 };

/// Slots of the table that leads from a hash to its shape: 1 MiB.
const SLOTS: usize = 1 << 16;

/// The name of parameters beyond the limit.
const FURTHER: &[u8] = b"{further names}";

/// What was counted.
#[derive(Debug)]
pub struct Census {
    /// Requests.
    pub requests: u64,
    /// Lines that say nothing of a request.
    pub bad: u64,
    /// Requests of endpoints that were forgotten.
    pub forgotten_endpoints: u64,
    /// Requests of shapes that were forgotten; their endpoints count them.
    pub forgotten_shapes: u64,
    /// What is not told has at most so many requests in each part of the log that was counted by itself.
    pub rarest: u64,
    /// Why lines were bad, with a masked example of each.
    pub bad_lines: Vec<(&'static str, u64, String)>,
    /// Every endpoint.
    pub endpoints: Vec<Endpoint>,
    /// Every shape.
    pub shapes: Vec<Shape>,
    by_place: HashMap<Place, u32>,
    by_names: HashMap<(u32, Vec<u32>), u32>,
    slots: Vec<(u64, u32)>,
    seed: u64,
    keep_values: bool,
}

/// A host and a path, or the endpoint that whoever asked recognises in them.
#[derive(Debug)]
pub struct Endpoint {
    /// The host in lower case without port; empty if the log names none.
    pub host: Vec<u8>,
    /// The path, with its variable parts as patterns.
    pub path: Vec<u8>,
    /// What the caller recognised.
    pub recognised: Option<u32>,
    /// Its requests.
    pub requests: u64,
    /// Requests by method.
    pub methods: Vec<(Vec<u8>, u64)>,
    /// Its parameters, in the order of their first occurrence.
    pub parameters: Vec<Parameter>,
    by_name: HashMap<Vec<u8>, u32>,
}

/// A parameter of an endpoint, spelled as in the log.
#[derive(Debug)]
pub struct Parameter {
    /// Its name, or a pattern if it cannot be shown.
    pub name: Vec<u8>,
    /// How often it occurs; twice if a request has it twice.
    pub occurrences: u64,
    /// What its values look like, most frequent first once the census is finished.
    pub patterns: Vec<(Pattern, u64)>,
    /// Values of patterns beyond the limit.
    pub further_patterns: u64,
    /// The first value, if values are kept.
    pub example: Option<Vec<u8>>,
}

/// A set of parameter names.
#[derive(Debug)]
pub struct Shape {
    /// Its endpoint's place.
    pub endpoint: u32,
    /// The places of its parameters, each once, in order.
    pub parameters: Vec<u32>,
    /// Its requests.
    pub requests: u64,
}

/// What makes an endpoint: its host, its path with patterns, and what was recognised.
type Place = (Vec<u8>, Vec<u8>, Option<u32>);

/// One pair of a query: its name, and its value if it has one.
type Pair<'l> = (&'l [u8], Option<&'l [u8]>);

impl Census {
    /// A census of nothing. `seed` keeps a log from choosing names whose hashes meet.
    pub fn new(seed: u64, keep_values: bool) -> Self {
        Self {
            requests: 0,
            bad: 0,
            forgotten_endpoints: 0,
            forgotten_shapes: 0,
            rarest: 0,
            bad_lines: Vec::new(),
            endpoints: Vec::new(),
            shapes: Vec::new(),
            by_place: HashMap::new(),
            by_names: HashMap::new(),
            slots: vec![(0, u32::MAX); SLOTS],
            seed,
            keep_values,
        }
    }

    /// Counts a line that is no request.
    pub fn note_bad(&mut self, why: &'static str, line: &[u8]) {
        self.bad += 1;
        match self.bad_lines.iter_mut().find(|(known, ..)| *known == why) {
            Some((_, count, _)) => *count += 1,
            None => {
                let example = if self.keep_values { shown(line) } else { masked(line) };
                self.bad_lines.push((why, 1, example));
            }
        }
    }

    /// Counts a request. `recognise` is asked for the endpoint of a host (lower case, without port) and a path.
    pub fn note<'l>(
        &mut self,
        request: &Request<'l>,
        recognise: &impl Fn(&[u8], &[u8]) -> Option<u32>,
        pairs: &mut Vec<Pair<'l>>,
    ) {
        self.requests += 1;
        let hash = self.read(request, pairs);
        let slot = usize::try_from(hash >> 48).unwrap_or(0) & (SLOTS - 1);
        let (known, shape) = self.slots[slot];
        let shape = if known == hash && shape != u32::MAX {
            shape
        } else {
            let made = self.shape(request, recognise, pairs);
            self.slots[slot] = (hash, made);
            made
        };
        self.count(shape, request, pairs);
    }

    /// Splits the query and hashes what makes the shape.
    fn read<'l>(&self, request: &Request<'l>, pairs: &mut Vec<Pair<'l>>) -> u64 {
        let mut hash = mix(mix(self.seed, request.host), request.path);
        pairs.clear();
        let Some(query) = request.query else { return hash };
        let mut start = 0;
        while start < query.len() && pairs.len() < LIMITS.pairs {
            let end = memchr::memchr(b'&', &query[start..]).map_or(query.len(), |end| start + end);
            if end > start {
                let raw = &query[start..end];
                let pair = match memchr::memchr(b'=', raw) {
                    Some(place) => (&raw[..place], Some(&raw[place + 1..])),
                    None => (raw, None),
                };
                hash = mix(hash, pair.0);
                pairs.push(pair);
            }
            start = end + 1;
        }
        hash
    }

    fn count(&mut self, shape: u32, request: &Request<'_>, pairs: &[Pair<'_>]) {
        let shape = &mut self.shapes[shape as usize];
        shape.requests += 1;
        let endpoint = &mut self.endpoints[shape.endpoint as usize];
        endpoint.requests += 1;
        if let Some((_, count)) = endpoint.methods.iter_mut().find(|(known, _)| known == request.method) {
            *count += 1;
        } else {
            endpoint.note_method(request.method);
        }
        for (name, value) in pairs {
            let place = endpoint.place(name);
            let parameter = &mut endpoint.parameters[place as usize];
            parameter.note(Pattern::of(*value));
            if self.keep_values && parameter.example.is_none() {
                parameter.example = value.map(|value| value[..value.len().min(80)].to_vec());
            }
        }
    }

    /// The shape of a request that was not met of late.
    fn shape(
        &mut self,
        request: &Request<'_>,
        recognise: &impl Fn(&[u8], &[u8]) -> Option<u32>,
        pairs: &[Pair<'_>],
    ) -> u32 {
        self.make_room();
        let host = host(request.host);
        let recognised = recognise(&host, request.path);
        let place = self.endpoint((host, name::path(request.path), recognised));
        let endpoint = &mut self.endpoints[place as usize];
        let mut parameters: Vec<u32> = pairs.iter().map(|(name, _)| endpoint.place(name)).collect();
        parameters.sort_unstable();
        parameters.dedup();
        self.shape_of(place, parameters)
    }

    fn endpoint(&mut self, key: Place) -> u32 {
        if let Some(place) = self.by_place.get(&key) {
            return *place;
        }
        let place = u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX);
        self.endpoints.push(Endpoint::new(key.clone()));
        self.by_place.insert(key, place);
        place
    }

    fn shape_of(&mut self, endpoint: u32, parameters: Vec<u32>) -> u32 {
        let key = (endpoint, parameters);
        if let Some(place) = self.by_names.get(&key) {
            return *place;
        }
        let place = u32::try_from(self.shapes.len()).unwrap_or(u32::MAX);
        self.shapes.push(Shape { endpoint, parameters: key.1.clone(), requests: 0 });
        self.by_names.insert(key, place);
        place
    }
}

impl Endpoint {
    fn new((host, path, recognised): Place) -> Self {
        let (methods, parameters, by_name) = (Vec::new(), Vec::new(), HashMap::new());
        Self { host, path, recognised, requests: 0, methods, parameters, by_name }
    }

    fn note_method(&mut self, method: &[u8]) {
        // Whatever a scanner calls a method, the table stays small.
        let known = method.len() <= 16 && method.iter().all(u8::is_ascii_uppercase) && self.methods.len() < 8;
        let name = if known { method } else { &b"other"[..] };
        match self.methods.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count += 1,
            None => self.methods.push((name.to_vec(), 1)),
        }
    }

    /// The place of the parameter that a request calls so.
    fn place(&mut self, raw: &[u8]) -> u32 {
        // Most endpoints have few parameters, and comparing their names is cheaper than hashing one.
        if self.parameters.len() <= 16 {
            if let Some(place) = self.parameters.iter().position(|known| known.name == raw) {
                return u32::try_from(place).unwrap_or(0);
            }
        } else if let Some(place) = self.by_name.get(raw) {
            return *place;
        }
        self.place_of_name(name::parameter(raw))
    }

    fn place_of_name(&mut self, name: Vec<u8>) -> u32 {
        let full = self.parameters.len() + 1 >= LIMITS.parameters && !self.by_name.contains_key(&name);
        let name = if full { FURTHER.to_vec() } else { name };
        let next = u32::try_from(self.parameters.len()).unwrap_or(0);
        let place = *self.by_name.entry(name.clone()).or_insert(next);
        if place == next {
            self.parameters.push(Parameter::new(name));
        }
        place
    }
}

impl Parameter {
    const fn new(name: Vec<u8>) -> Self {
        Self { name, occurrences: 0, patterns: Vec::new(), further_patterns: 0, example: None }
    }

    fn note(&mut self, pattern: Pattern) {
        self.occurrences += 1;
        match self.patterns.iter().position(|(known, _)| *known == pattern) {
            Some(place) => {
                self.patterns[place].1 += 1;
                // The frequent ones come to stand in front.
                if place > 0 && self.patterns[place].1 > self.patterns[place - 1].1 {
                    self.patterns.swap(place, place - 1);
                }
            }
            None => self.add(pattern, 1),
        }
    }

    fn add(&mut self, pattern: Pattern, count: u64) {
        if let Some((_, known)) = self.patterns.iter_mut().find(|(known, _)| *known == pattern) {
            *known += count;
        } else if self.patterns.len() < LIMITS.patterns {
            self.patterns.push((pattern, count));
        } else {
            self.further_patterns += count;
        }
    }
}

/// A host in lower case, without port and final point.
fn host(raw: &[u8]) -> Vec<u8> {
    let end = raw.iter().position(|byte| *byte == b':').unwrap_or(raw.len());
    let host = raw[..end].strip_suffix(b".").unwrap_or(&raw[..end]);
    let letters = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if host.len() > 253 || !host.iter().all(letters) {
        return b"{no host}".to_vec();
    }
    host.to_ascii_lowercase()
}

/// A line with its letters and digits covered: enough to see what is wrong with it.
fn masked(line: &[u8]) -> String {
    let cover = |byte: &u8| match byte {
        b'0'..=b'9' => '9',
        b'a'..=b'z' | b'A'..=b'Z' | 128.. => 'x',
        b' '..=b'~' => char::from(*byte),
        _ => '?',
    };
    line.iter().take(120).map(cover).collect()
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(120)]).into_owned()
}

/// Mixes bytes into a hash, eight at a time, with a folded multiplication.
fn mix(seed: u64, bytes: &[u8]) -> u64 {
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        hash = fold(hash ^ u64::from_le_bytes(word));
    }
    let rest = chunks.remainder();
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    fold(hash ^ u64::from_le_bytes(word))
}

#[expect(clippy::cast_possible_truncation, reason = "both halves of the product are taken")]
const fn fold(word: u64) -> u64 {
    let product = (word as u128).wrapping_mul(0x2d35_8dcc_aa6c_78a5_8bb8_4b93_962e_acc9);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests;
