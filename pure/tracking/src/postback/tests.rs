use proptest::prelude::*;
use units::{Currency, EventId, Money, Timestamp};

use super::*;

fn postbacks() -> Postbacks {
    let names = ["shop", "ref", "order", "value", "earned", "when", "id", "kind", "code", "me"];
    let facts = [
        Fact::AdvertiserId,
        Fact::TrackingReference,
        Fact::OrderReference,
        Fact::Amount,
        Fact::Commission,
        Fact::TransactionTime,
        Fact::TransactionId,
        Fact::ConversionType,
        Fact::Currency,
        Fact::PublisherId,
    ];
    let macros = names.iter().zip(facts).map(|(name, fact)| ((*name).to_owned(), fact)).collect();
    Postbacks { opening: "[[".to_owned(), closing: "]]".to_owned(), clock: Clock::UsCentral, macros }
}

fn facts() -> Facts {
    let dollars = Currency::parse("USD").unwrap();
    Facts {
        transaction_id: EventId::from_u128(7),
        advertiser_id: 789,
        publisher_id: 456,
        tracking_reference: Some("news & co/é".to_owned()),
        order_reference: Some("A-1+b".to_owned()),
        amount: Some(Money::from_minor(4990, dollars)),
        commission: Some(Money::from_minor(499, dollars)),
        conversion_type: Some("sale".to_owned()),
        at: Timestamp::from_seconds(1_795_462_260),
        clock: Clock::UsCentral,
    }
}

fn filled(text: &str) -> String {
    let template =
        Template::parse(text, &postbacks(), false).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
    let call = template.fill(Manner::Get, &facts());
    let scheme = if call.secure { "https" } else { "http" };
    format!("{scheme}://{}{}", call.host, call.target)
}

#[test]
fn macros_become_facts_that_are_encoded() {
    for (text, expected) in [
        (
            "https://t.example/p?o=[[order]]&s=[[ref]]",
            "https://t.example/p?o=A-1%2Bb&s=news%20%26%20co%2F%C3%A9",
        ),
        ("http://T.Example:8080?v=[[VALUE]]&c=[[code]]", "http://t.example:8080/?v=49.90&c=USD"),
        ("https://t.example/[[shop]]/[[me]]/x", "https://t.example/789/456/x"),
        (
            "https://t.example/?e=[[earned]]&w=[[when]]",
            "https://t.example/?e=4.99&w=2026-11-23%2013%3A31%3A00",
        ),
        ("https://t.example/?[[id]][[kind]]", "https://t.example/?00000000000000000000000007sale"),
        ("https://t.example/?a=<x>&u=é&p=%7C|[[me]]", "https://t.example/?a=%3Cx%3E&u=%C3%A9&p=%7C|456"),
    ] {
        assert_eq!(filled(text), expected);
    }
}

#[test]
fn a_posted_one_has_its_query_as_a_form() {
    let template = Template::parse("https://t.example/p?o=[[order]]&x", &postbacks(), false).unwrap();
    let call = template.fill(Manner::Post, &facts());
    assert_eq!((call.target.as_str(), call.form.as_deref()), ("/p", Some("o=A-1%2Bb&x")));
}

#[test]
fn every_mistake_is_named() {
    let check = |text: &str, expected: &[&str]| {
        let wrong = Template::parse(text, &postbacks(), false).unwrap_err().join("\n");
        for part in expected {
            assert!(wrong.contains(part), "{text}: `{part}` is not in\n{wrong}");
        }
    };
    check("ftp://t.example/[[me]]", &["http or https"]);
    check("t.example/[[me]]", &["http or https"]);
    check("https://t.example/", &["holds no macro"]);
    check(
        "https://t.example/?a=[[ordr]]&b=[[xyzzy]]",
        &["did you mean `order`?", "`xyzzy` is not a known macro"],
    );
    check("https://t.example/?a=[[order", &["nothing closes"]);
    check("https://[[me]].example/", &["host's place"]);
    check("https://u:p@t.example/?[[me]]", &["a user or a password"]);
    check("https://t.example/?[[me]] #x", &["a blank", "`#`"]);
    check(&format!("https://t.example/?[[me]]{}", "x".repeat(2048)), &["longer than 2048"]);
    for host in
        ["127.0.0.1", "10.1.2.3:81", "[::1]", "0x7f.1", "localhost", "printer", "db.internal", "a.local."]
    {
        check(&format!("http://{host}/?[[me]]"), &["is not on the public internet"]);
    }
    assert!(Template::parse("http://127.0.0.1:9/?[[me]]", &postbacks(), true).is_ok(), "where it is allowed");
}

#[test]
fn i9_what_looks_like_an_e_mail_address_is_not_told() {
    let text = Some("Jo.Doe@example.com".to_owned());
    let facts = Facts { order_reference: text.clone(), tracking_reference: text, ..facts() };
    let template = Template::parse("https://t.example/?o=[[order]]&r=[[ref]]", &postbacks(), false).unwrap();
    assert_eq!(template.fill(Manner::Get, &facts).target, "/?o=&r=");
}

proptest! {
    #[test]
    fn no_fact_changes_the_address(order in any::<String>()) {
        let facts = Facts { order_reference: Some(order.clone()), ..facts() };
        let template = Template::parse("https://t.example/p?o=[[order]]&z=1", &postbacks(), false).unwrap();
        let call = template.fill(Manner::Get, &facts);
        let value = call.target.strip_prefix("/p?o=").and_then(|rest| rest.strip_suffix("&z=1")).unwrap();
        prop_assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)), "{value}");
        let url = Url::parse(&format!("https://{}{}", call.host, call.target)).unwrap();
        let told = url.query_pairs().next().map(|(_, value)| value.into_owned());
        prop_assert_eq!(told.unwrap(), if is_personal(&order) { String::new() } else { order });
    }

    #[test]
    fn no_text_breaks_the_reader(text in any::<String>(), url in "https?://[a-z.\\[\\]!:/?&=%-]{0,40}") {
        for text in [text, url] {
            if let Ok(template) = Template::parse(&text, &postbacks(), false) {
                let call = template.fill(Manner::Get, &facts());
                prop_assert!(call.target.starts_with('/') && call.target.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
