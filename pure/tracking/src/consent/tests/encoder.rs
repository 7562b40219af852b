//! Writes the strings that the readers read, from the published formats and with nothing of the readers: bits
//! are the characters `0` and `1` here.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A number in so many bits.
pub(super) fn bits(number: u64, width: usize) -> String {
    format!("{number:0width$b}")
}

/// Bits as base64url.
pub(super) fn base64(mut bits: String) -> String {
    while !bits.len().is_multiple_of(6) {
        bits.push('0');
    }
    let letters = bits.as_bytes().chunks(6).map(|six| {
        let number = six.iter().fold(0_usize, |sum, bit| sum * 2 + usize::from(*bit == b'1'));
        char::from(ALPHABET[number])
    });
    letters.collect()
}

fn flags(set: &[u16], count: u16) -> String {
    (1..=count).map(|id| if set.contains(&id) { '1' } else { '0' }).collect()
}

/// Ranges of vendors, each by its first and last.
pub(super) type Ranges = Vec<(u16, u16)>;

/// A list of vendors in one of its two forms.
#[derive(Clone, Debug)]
pub(super) enum Vendors {
    Field(Vec<u16>, u16),
    Ranges(Ranges),
}

impl Vendors {
    pub(super) fn holds(&self, vendor: u16) -> bool {
        match self {
            Self::Field(set, highest) => vendor <= *highest && set.contains(&vendor),
            Self::Ranges(ranges) => ranges.iter().any(|(first, last)| (*first..=*last).contains(&vendor)),
        }
    }

    fn bits(&self) -> String {
        match self {
            Self::Field(set, highest) => {
                format!("{}0{}", bits(u64::from(*highest), 16), flags(set, *highest))
            }
            Self::Ranges(list) => {
                let highest = list.iter().map(|(_, last)| *last).max().unwrap_or(0);
                format!("{}1{}", bits(u64::from(highest), 16), ranges(list))
            }
        }
    }
}

fn ranges(list: &[(u16, u16)]) -> String {
    let entry = |(first, last): &(u16, u16)| match first == last {
        true => format!("0{}", bits(u64::from(*first), 16)),
        false => format!("1{}{}", bits(u64::from(*first), 16), bits(u64::from(*last), 16)),
    };
    bits(list.len() as u64, 12) + &list.iter().map(entry).collect::<String>()
}

/// The core of a European consent string.
#[derive(Clone, Debug)]
pub(super) struct Core {
    pub(super) purpose_consents: Vec<u16>,
    pub(super) purpose_interests: Vec<u16>,
    pub(super) consents: Vendors,
    pub(super) interests: Vendors,
    /// Purpose, kind and vendors.
    pub(super) restrictions: Vec<(u16, u16, Ranges)>,
    pub(super) disclosed: Option<Vendors>,
}

impl Default for Core {
    fn default() -> Self {
        Self {
            purpose_consents: Vec::new(),
            purpose_interests: Vec::new(),
            consents: Vendors::Field(Vec::new(), 0),
            interests: Vendors::Field(Vec::new(), 0),
            restrictions: Vec::new(),
            disclosed: None,
        }
    }
}

impl Core {
    /// Purposes 1 and 7 and the vendor by consent.
    pub(super) fn granting(vendor: u16) -> Self {
        Self {
            purpose_consents: vec![1, 7],
            consents: Vendors::Ranges(vec![(2, 10), (vendor, vendor)]),
            ..Self::default()
        }
    }

    pub(super) fn text(&self) -> String {
        let mut core = bits(2, 6) + &bits(15_525_696_000, 36) + &bits(15_525_696_000, 36);
        core += &(bits(31, 12) + &bits(640, 12) + &bits(1, 6) + &bits(4, 6) + &bits(13, 6));
        core += &(bits(126, 12) + &bits(2, 6) + "1" + "0" + &bits(0, 12));
        core += &(flags(&self.purpose_consents, 24) + &flags(&self.purpose_interests, 24));
        core += &("0".to_owned() + &bits(3, 6) + &bits(4, 6));
        core += &(self.consents.bits() + &self.interests.bits());
        core += &bits(self.restrictions.len() as u64, 12);
        for (purpose, kind, vendors) in &self.restrictions {
            core += &(bits(u64::from(*purpose), 6) + &bits(u64::from(*kind), 2) + &ranges(vendors));
        }
        let mut text = base64(core);
        if let Some(disclosed) = &self.disclosed {
            text += &format!(".{}", base64("001".to_owned() + &disclosed.bits()));
        }
        text
    }
}

/// A section of the United States of so many bits behind its version, with these values at these places.
pub(super) fn us_section(version: u64, values: &[(usize, u64)], length: usize) -> String {
    let mut section: Vec<char> = (bits(version, 6) + &"0".repeat(length)).chars().collect();
    for (place, value) in values {
        for (step, bit) in bits(*value, 2).chars().enumerate() {
            section[place + step] = bit;
        }
    }
    base64(section.into_iter().collect())
}

/// A number in Fibonacci coding, by its definition: take away the largest Fibonacci number until none is left.
pub(super) fn fibonacci(number: u16) -> String {
    let mut row = vec![1_u32, 2];
    while row[row.len() - 1] <= u32::from(number) {
        row.push(row[row.len() - 1] + row[row.len() - 2]);
    }
    let mut left = u32::from(number);
    let mut places = Vec::new();
    for (place, value) in row.iter().enumerate().rev() {
        if *value <= left {
            left -= value;
            places.push(place);
        }
    }
    let highest = places[0];
    (0..=highest).map(|place| if places.contains(&place) { '1' } else { '0' }).chain(['1']).collect()
}

/// A privacy platform string of these sections, in the order of their numbers.
pub(super) fn gpp(sections: &[(u16, &str)]) -> String {
    let mut header = bits(3, 6) + &bits(1, 6) + &bits(sections.len() as u64, 12);
    let mut last = 0;
    for (id, _) in sections {
        header += &format!("0{}", fibonacci(id - last));
        last = *id;
    }
    sections.iter().fold(base64(header), |text, (_, section)| format!("{text}~{section}"))
}
