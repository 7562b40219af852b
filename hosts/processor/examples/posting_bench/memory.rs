//! Does the memory grow with what was booked?

use std::path::Path;

use ledger::Ledger;

use crate::BATCH;
use crate::intake::Intake;
use crate::shop::{Failed, MERCHANTS, peak_kib};

/// Books this many sales; the most memory that was ever resident, after a tenth of them and after all, as JSON.
pub(crate) fn measure(file: &Path, sales: u64) -> Result<String, Failed> {
    let mut intake = Intake::new(Ledger::open(file)?, MERCHANTS)?;
    let few = sales / 10;
    book(&mut intake, few)?;
    let first = peak_kib()?;
    book(&mut intake, sales - few)?;
    let last = peak_kib()?;
    Ok(format!("{{\"sales\":[{few},{sales}],\"peak_kib\":[{first},{last}]}}"))
}

fn book(intake: &mut Intake, sales: u64) -> Result<(), Failed> {
    for _ in 0..sales.div_ceil(BATCH) {
        intake.batch()?;
    }
    Ok(())
}
