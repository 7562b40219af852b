//! Reports that are not whole, and those that are.

use super::*;

#[test]
fn a_report_that_was_cut_off_is_doubted() {
    let count = |report: &[i64], own: &[i64]| {
        let mut coverage = Coverage::default();
        report.iter().for_each(|day| coverage.named(*day));
        own.iter().for_each(|day| coverage.delivered(*day, *day));
        coverage
    };
    assert_eq!(count(&[20, 29], &[20, 25, 29, 29]).doubts(), []);
    assert_eq!(count(&[], &[20]).doubts(), [Doubt::Empty { delivered: 1 }]);
    assert_eq!(count(&[], &[]).doubts(), []);
    assert_eq!(count(&[22], &[25; 5]).doubts(), [Doubt::EndsEarly { last: 22, silent: 5 }]);
    assert_eq!(count(&[22], &[25; 4]).doubts(), []);
    assert_eq!(count(&[25], &[20; 6]).doubts(), [Doubt::BeginsLate { first: 25, silent: 6 }]);
    let hole = Doubt::Silent { after: 20, before: 25, silent: 5 };
    assert_eq!(count(&[20, 25], &[21, 22, 22, 23, 24]).doubts(), [hole]);
    assert_eq!(count(&[20, 25], &[20, 21, 22, 23, 24, 25]).doubts(), []);
    // The platform was away: what was received meanwhile was sent afterwards, and is there on that day.
    let mut away = count(&[20, 25], &[]);
    (21..=24).for_each(|day| (0..9).for_each(|_| away.delivered(day, 25)));
    assert_eq!(away.doubts(), []);
}

#[test]
fn each_merchant_is_looked_for_in_the_reports_and_holes_in_their_whole() {
    let given = |rows: &[(u64, i64)], own: &[(u64, i64)]| {
        let mut coverages = Coverages::default();
        rows.iter().for_each(|(id, day)| {
            coverages.row(&Theirs { advertiser_id: Some(*id), day: *day, ..theirs("A-1", 1000) });
        });
        own.iter().for_each(|(id, day)| coverages.of(Home::Primary, Some(*id)).delivered(*day, *day));
        coverages
    };
    let of_two = given(&[(1, 20), (1, 29)], &[(2, 22), (2, 23), (2, 24), (2, 25), (2, 26)]);
    // Of the whole it is a hole, too, which is told first.
    let hole = Doubt::Silent { after: 20, before: 29, silent: 5 };
    assert_eq!(of_two.doubts(Home::Primary), [(None, hole)]);
    let every_day: Vec<(u64, i64)> = (20..30).map(|day| (1, day)).collect();
    let absent = given(&every_day, &[(2, 22); 5]);
    assert_eq!(absent.doubts(Home::Primary), [(Some(2), Doubt::Empty { delivered: 5 })]);
    assert_eq!(absent.doubts(Home::Legacy), []);
    assert_eq!(absent.told(Home::Primary, DAYS).into_keys().collect::<Vec<_>>(), [1]);
    assert_eq!(given(&every_day, &[(2, 22); 4]).doubts(Home::Primary), []);
    let seldom: Vec<(u64, i64)> = every_day.iter().copied().chain([(2, 20), (2, 29)]).collect();
    assert_eq!(given(&seldom, &[(2, 22), (2, 23), (2, 24), (2, 25), (2, 26)]).doubts(Home::Primary), []);
    let ends = given(&[every_day.as_slice(), &[(2, 21)]].concat(), &[(2, 25); 5]);
    assert_eq!(ends.doubts(Home::Primary), [(Some(2), Doubt::EndsEarly { last: 21, silent: 5 })]);
}

#[test]
fn who_was_asked_for_by_name_is_believed_about_few_orders() {
    let asked = |delivered: usize| {
        let mut coverages = Coverages::default();
        let coverage = coverages.of(Home::Primary, Some(1));
        coverage.asked(DAYS);
        (0..delivered).for_each(|_| coverage.delivered(22, 22));
        coverages
    };
    assert_eq!(asked(4).doubts(Home::Primary), []);
    assert_eq!(asked(5).doubts(Home::Primary), [(None, Doubt::Empty { delivered: 5 })]);
    let mut lost = asked(9);
    for day in [20, 25] {
        lost.row(&Theirs { day, ..theirs("A-1", 1000) });
    }
    assert_eq!(lost.doubts(Home::Primary), [], "what it lost on one day is claimed");
    assert_eq!(asked(1).told(Home::Primary, DAYS), [(1, told(None))].into());
}

#[test]
fn a_report_of_one_publishers_sales_is_known_as_that() {
    let only = |publishers: &[Option<u64>]| {
        let mut coverages = Coverages::default();
        publishers.iter().for_each(|id| coverages.row(&Theirs { publisher: *id, ..theirs("A-1", 1000) }));
        coverages.told(Home::Primary, DAYS).get(&1).and_then(|told| told.publisher)
    };
    assert_eq!(only(&[Some(400), Some(400)]), Some(400));
    assert_eq!(only(&[Some(400), Some(500)]), None);
    assert_eq!(only(&[Some(400), None]), None);
}

#[test]
fn a_file_tells_of_its_days_and_of_what_its_rows_enclose() {
    let span = |rows: &[Timestamp]| {
        let mut coverages = Coverages::default();
        rows.iter().for_each(|at| coverages.row(&Theirs { at: *at, ..theirs("A-1", 1000) }));
        coverages.told(Home::Primary, DAYS).get(&1).map(|told| told.span)
    };
    assert_eq!(span(&[]), None);
    assert_eq!(span(&[at(25, 0)]), Some(DAYS));
    let longer = Period { from: at(19, 0), until: at(30, 7).plus(core::time::Duration::from_millis(1)) };
    assert_eq!(span(&[at(19, 0), at(30, 7)]), Some(longer));
}
