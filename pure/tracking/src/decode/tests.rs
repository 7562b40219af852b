use proptest::prelude::*;

use super::*;

const SHOP: &str = r#"
[dialect]
name = "shop"
title = "Shop"
parameter_names = "any case"
strip_name_prefixes = ["amp;"]
home_url = "https://shop.test/"

[[hosts]]
group = "main"
names = ["shop.test"]

[[endpoint]]
name = "click"
class = "click"
hosts = ["main"]
paths = ["/c"]
methods = ["GET"]
unknown = "pass"
parameters = [
    { name = "to", field = "destination_url", type = "url", absorbs = true },
    { name = "site", field = "publisher_id", type = "id", required = true },
    { name = "note", field = "tracking_reference", type = "text", limit = 5 },
]

[[endpoint]]
name = "sale"
class = "conversion"
hosts = ["main"]
paths = ["/s"]
methods = ["GET", "POST"]
unknown = "keep"
unknown_why = "for a test"
body = "form"
parameters = [
    { name = "sum", field = "amount", type = "money", required = true },
    { name = "cur", field = "currency", type = "currency" },
    { name = "kind", field = "conversion_type", type = "choice", choices = ["sale", "lead"], default = "sale" },
    { name = "new", field = "new_customer", type = "flag" },
    { name = "skus", field = "basket_skus", type = "list" },
    { name = "imei", drop = "personal" },
]
"#;

fn get(target: &str) -> Inbound {
    Inbound {
        method: Method::Get,
        secure: true,
        host: "shop.test".to_owned(),
        target: target.as_bytes().to_vec(),
        headers: Vec::new(),
        body: Vec::new(),
        peer: None,
    }
}

/// One line for each field and each parameter, so that a case is read at a glance.
fn describe(inbound: &Inbound) -> String {
    let dialect = Dialect::load("shop.toml", SHOP).unwrap();
    let endpoint = dialect.recognise(&inbound.host, inbound.path()).unwrap();
    let decoded = decode(&dialect, endpoint, inbound, &|_| None);
    let fields: Vec<String> =
        decoded.event.fields().map(|(field, value)| format!("{}={}", field.name(), value.text())).collect();
    let fates: Vec<String> = decoded
        .traces
        .iter()
        .map(|trace| format!("{}:{:?}", String::from_utf8_lossy(trace.name()), trace.outcome))
        .collect();
    let problems: Vec<&str> = decoded.problems.iter().map(|problem| problem.code.as_str()).collect();
    format!("{} | {} | {}", fields.join(" "), fates.join(" "), problems.join(" "))
}

#[track_caller]
fn check(target: &str, expected: &str) {
    assert_eq!(describe(&get(target)), expected, "{target}");
}

#[test]
fn clicks() {
    check(
        "/c?SITE=456&amp;to=a.test%2Fp",
        "destination_url=a.test/p publisher_id=456 | SITE:Mapped(PublisherId) amp;to:Mapped(DestinationUrl) | ",
    );
    check(
        "/c?to=a.test/p?x=1&y=2&site=4&z=3",
        "destination_url=a.test/p?x=1&y=2&z=3 publisher_id=4 | to:Mapped(DestinationUrl) y:Absorbed \
         site:Mapped(PublisherId) z:Absorbed | ",
    );
    check(
        "/c?to=a.test&y=2&site=4",
        "destination_url=a.test publisher_id=4 | to:Mapped(DestinationUrl) y:Passed site:Mapped(PublisherId) | ",
    );
    check(
        "/c?to=&site=4&to=b.test",
        "destination_url=b.test publisher_id=4 | to:Empty(DestinationUrl) site:Mapped(PublisherId) to:Mapped(DestinationUrl) | ",
    );
    check("/c?site=4&site=5", "publisher_id=4 | site:Mapped(PublisherId) site:Repeated | ");
    check("/c?site=41388%20", "publisher_id=41388 | site:Mapped(PublisherId) | ");
    check("/c?site=41%E2%80%9D]", "publisher_id=41 | site:Mapped(PublisherId) | dirt_behind_id");
    check("/c?site=XXXX", " | site:Rejected | invalid_publisher_id");
    check("/c?site=4x", " | site:Rejected | invalid_publisher_id");
    check("/c?site=12345678901", " | site:Rejected | invalid_publisher_id");
    check("/c", " |  | missing_publisher_id");
    check(
        "/c?site=4&note=abcdefg",
        "publisher_id=4 tracking_reference=abcde | site:Mapped(PublisherId) note:Mapped(TrackingReference) | too_long_tracking_reference",
    );
    check("/c?site=4&note", "publisher_id=4 | site:Mapped(PublisherId) note:Empty(TrackingReference) | ");
}

#[test]
fn conversions() {
    check(
        "/s?sum=10.00&cur=eur&kind=LEAD&new=1&skus=a,b&imei=1&other=2",
        "currency=EUR amount=10.00 conversion_type=lead new_customer=true basket_skus=a,b | \
         sum:Mapped(Amount) cur:Mapped(Currency) kind:Mapped(ConversionType) new:Mapped(NewCustomer) \
         skus:Mapped(BasketSkus) imei:Dropped other:Kept | ",
    );
    check(
        "/s?sum=1500&cur=JPY",
        "currency=JPY amount=1500 conversion_type=sale | sum:Mapped(Amount) cur:Mapped(Currency) :Defaulted(ConversionType) | ",
    );
    check(
        "/s?sum=1&kind=",
        "amount=1.00 currency=USD conversion_type=sale | sum:Mapped(Amount) kind:Empty(ConversionType) :Defaulted(Currency) :Defaulted(ConversionType) | ",
    );
    check(
        "/s?sum=1&kind=gift",
        "amount=1.00 currency=USD conversion_type=sale | sum:Mapped(Amount) kind:Rejected :Defaulted(Currency) :Defaulted(ConversionType) | invalid_conversion_type",
    );
    check(
        "/s?sum=AMOUNT&cur='USD'",
        "currency=USD conversion_type=sale | sum:Rejected cur:Mapped(Currency) :Defaulted(ConversionType) | invalid_amount",
    );
    check(
        "/s?sum=1&sum=2",
        "amount=1.00 currency=USD conversion_type=sale | sum:Mapped(Amount) sum:Repeated :Defaulted(Currency) :Defaulted(ConversionType) | conflicting_amount",
    );
    check(
        "/s?sum=1&sum=1&skus=''",
        "amount=1.00 currency=USD conversion_type=sale | sum:Mapped(Amount) sum:Repeated skus:Empty(BasketSkus) :Defaulted(Currency) :Defaulted(ConversionType) | ",
    );
}

#[test]
fn a_form_in_the_body_counts() {
    let inbound = Inbound { method: Method::Post, body: b"sum=5&new=0".to_vec(), ..get("/s?kind=sale") };
    assert!(
        describe(&inbound).starts_with("amount=5.00 currency=USD conversion_type=sale new_customer=false |")
    );
    let ignored = Inbound { method: Method::Get, ..inbound };
    assert!(describe(&ignored).contains("missing_amount"));
}

proptest! {
    /// I11: as many fates as parameters, whatever is sent.
    #[test]
    fn i11_every_parameter_has_a_fate(query in "[a-z&=%?;+ \"<0-9]{0,200}") {
        let dialect = Dialect::load("shop.toml", SHOP).unwrap();
        for path in ["/c", "/s"] {
            let inbound = get(&format!("{path}?{query}"));
            let endpoint = dialect.recognise("shop.test", inbound.path()).unwrap();
            let decoded = decode(&dialect, endpoint, &inbound, &|_| None);
            let sent = query::pairs(query.as_bytes()).count();
            let told = decoded.traces.iter().filter(|trace| !trace.raw.is_empty()).count();
            prop_assert_eq!(sent, told);
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let dialect = Dialect::load("shop.toml", SHOP).unwrap();
        let mut inbound = get("/s?");
        inbound.target.extend(bytes);
        let endpoint = dialect.recognise("shop.test", b"/s").unwrap();
        decode(&dialect, endpoint, &inbound, &|_| None);
    }
}

/// A dialect whose conditions, types and repairs each stand in one line.
const RULES: &str = r#"
[dialect]
name = "rules"
title = "Rules"
glued_links = "split"
home_url = "https://rules.test/"

[[hosts]]
group = "main"
names = ["rules.test"]

[[endpoint]]
name = "sale"
class = "conversion"
hosts = ["main"]
paths = ["/s"]
methods = ["GET"]
unknown = "pass"
parameters = [
    { name = "id", field = "advertiser_id", type = "id", text_behind = "ignore" },
    { name = "store", field = "store_id", type = "id" },
    { name = "sum", field = "amount", type = "money" },
    { name = "parts", field = "commission_parts", type = "text" },
    { name = "cur", field = "currency", type = "currency", glued = ["¤cy"] },
    { name = "ref", field = "order_reference", type = "text", email = "hash", limit = 40, past_limit = "hold" },
    { name = "kind", field = "conversion_type", type = "choice", choices = ["sale", "lead"] },
    { name = "mode", field = "click_id_mode", type = "text" },
    { name = "click", field = "click_id", type = "click id", limit = 8, past_limit = "reject" },
    { name = "new", field = "new_customer", type = "tri-state", yes = ["new"], no = ["back"] },
    { name = "rate", field = "commission_percent", type = "percentage", invalid = "hold" },
    { name = "lead", field = "lead_commission", type = "money" },
    { name = "day", field = "transaction_date", type = "date" },
    { name = "sig", field = "sender_signature", type = "hex", digits = 4 },
    { name = "codes", field = "voucher_codes", type = "list", separator = ";" },
    { name = "void", field = "auto_void", type = "flag" },
    { name = "why", field = "reason", type = "text" },
    { name = "skus", field = "basket_skus", type = "list" },
    { name = "prices", field = "basket_prices", type = "list" },
    { name = "mail", field = "identity_hash", type = "email" },
    { name = "c{1..20}", field = "custom_values", type = "text", limit = 3 },
]
conditions = [
    { parameter = "mode", only_with = "click", outcome = "reject" },
    { parameter = "lead", only_when = "kind", is = ["lead"], outcome = "hold" },
    { parameter = "store", required_when = "kind", is = ["lead"], outcome = "flag" },
    { parameter = "rate", excludes = "lead", outcome = "flag" },
    { parameter = "void", forced_by = "why", becomes = "true", outcome = "flag" },
    { parameter = "day", required_with = "why", outcome = "flag" },
    { parameter = "skus", rows_with = ["prices"], outcome = "flag", problem = "uneven_basket" },
    { parameter = "parts", sums_to = "sum", outcome = "flag" },
]
"#;

/// The event's fields and the problems' codes, for a request by the rules above.
#[track_caller]
fn by_rules(query: &[u8], expected: &str) {
    let dialect = Dialect::load("rules.toml", RULES).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let mut inbound = get("/s?");
    inbound.target.extend(query);
    let endpoint = dialect.recognise("rules.test", b"/s").unwrap();
    let decoded = decode(&dialect, endpoint, &inbound, &|_| None);
    let fields: Vec<String> =
        decoded.event.fields().map(|(field, value)| format!("{}={}", field.name(), value.text())).collect();
    let problems: Vec<&str> = decoded.problems.iter().map(|problem| problem.code.as_str()).collect();
    let query = String::from_utf8_lossy(query);
    assert_eq!(format!("{} | {}", fields.join(" "), problems.join(" ")), expected, "{query}");
}

#[test]
fn types() {
    for (query, expected) in [
        ("id=789text", "advertiser_id=789 | text_behind_id"),
        ("id=789%22]", "advertiser_id=789 | dirt_behind_id"),
        ("id=text", " | invalid_advertiser_id"),
        ("store=7text", " | invalid_store_id"),
        ("new=NEW", "new_customer=true | "),
        ("new=back", "new_customer=false | "),
        ("new=unknown", " | "),
        ("new=2", " | invalid_new_customer"),
        ("rate=7.250%25", "commission_percent=7.25 | "),
        ("rate=100", "commission_percent=100 | "),
        ("rate=100.1", " | held_invalid_commission_percent"),
        ("rate=ten", " | held_invalid_commission_percent"),
        ("day=1/3/2021", "transaction_date=2021-01-03 | "),
        ("day=yesterday", " | invalid_transaction_date"),
        ("sig=00fA", "sender_signature=00fa | "),
        ("sig=00f", " | invalid_sender_signature"),
        ("codes=A;B,C;", "voucher_codes=A,B,C | "),
        ("ref=x%40y", "order_reference=x@y | "),
        ("click=123456789", " | too_long_click_id"),
        (
            "ref=12345678901234567890123456789012345678901",
            "order_reference=1234567890123456789012345678901234567890 | held_too_long_order_reference",
        ),
        ("c2=b&c20=long&c21=no&c02=no&c2=again", "custom_values=2=b,20=lon | "),
        ("mail=a%40b.test", "identity_hash=d98fb7ed563d6a2727d2de61d3ec97db | "),
    ] {
        by_rules(query.as_bytes(), expected);
    }
}

#[test]
fn an_address_is_never_kept_and_is_one_text_everywhere() {
    let hash = "identity_hash=d98fb7ed563d6a2727d2de61d3ec97db | ";
    by_rules(b"mail=%20A@B.test", hash);
    by_rules(b"ref=A@b.test", "order_reference=d98fb7ed563d6a2727d2de61d3ec97db | email_in_order_reference");
}

#[test]
fn conditions() {
    for (query, expected) in [
        ("mode=6", " | unexpected_click_id_mode"),
        ("mode=6&click=x", "click_id_mode=6 click_id=x | "),
        ("lead=1&kind=lead&store=1", "store_id=1 conversion_type=lead lead_commission=1.00 | "),
        ("lead=1&kind=sale", "conversion_type=sale lead_commission=1.00 | held_unexpected_lead_commission"),
        ("kind=lead", "conversion_type=lead | missing_store_id"),
        (
            "rate=1&lead=1&kind=LEAD&store=2",
            "store_id=2 conversion_type=lead commission_percent=1 lead_commission=1.00 | excluded_commission_percent",
        ),
        (
            "why=late&day=2021-01-03",
            "transaction_date=2021-01-03 reason=late auto_void=true | forced_auto_void",
        ),
        ("why=late&day=2021-01-03&void=1", "transaction_date=2021-01-03 auto_void=true reason=late | "),
        ("why=late&void=0", "auto_void=true reason=late | forced_auto_void missing_transaction_date"),
        ("skus=a,b&prices=1,2.50", "basket_skus=a,b basket_prices=1,2.50 | "),
        ("skus=a,b&prices=1", "basket_skus=a,b basket_prices=1 | uneven_basket"),
        ("skus=,a&prices=1,2", "basket_skus=,a basket_prices=1,2 | uneven_basket"),
        ("skus=a,&prices=1,2", "basket_skus=a basket_prices=1,2 | uneven_basket"),
        ("skus=a,b,&prices=1,2,", "basket_skus=a,b basket_prices=1,2 | "),
        ("skus=a,b&prices=1,x", "basket_skus=a,b basket_prices=1,x | uneven_basket"),
        ("prices=1", "basket_prices=1 | uneven_basket"),
        ("sum=3&parts=A:1|B:2.00", "amount=3.00 currency=USD commission_parts=A:1|B:2.00 | "),
        (
            "sum=3&parts=A:1|B:2.01",
            "amount=3.00 currency=USD commission_parts=A:1|B:2.01 | wrong_sum_commission_parts",
        ),
    ] {
        by_rules(query.as_bytes(), expected);
    }
}

#[test]
fn what_is_glued_is_taken_apart() {
    let glued = "currency=EUR amount=10.00 | ";
    for query in [
        &b"sum=10.00\xc2\xa4cy=EUR"[..],
        b"sum=10.00\xa4cy=EUR",
        b"sum=10.00%C2%A4cy=EUR",
        b"sum=10.00%c2%a4CY=EUR",
        b"sum=10.00%A4cy=EUR",
        b"sum=10.00&%C2%A4cy=EUR",
        b"sum=10.00&\xa4cy=EUR",
    ] {
        by_rules(query, glued);
    }
    by_rules(b"ref=a%C2%A4cyb", "order_reference=a\u{a4}cyb | ");
    by_rules(
        b"ref=0https://rules.test/s?id=7&store=8&ref=9",
        "advertiser_id=7 store_id=8 order_reference=0 | glued_link conflicting_order_reference",
    );
    by_rules(b"id=7http://RULES.test:80/s", "advertiser_id=7 | glued_link");
    by_rules(b"ref=0https://other.test/s?id=7", "order_reference=0https://other.test/s?id=7 | ");
}

#[test]
fn every_mistake_of_conditions_and_types_is_told_with_its_line() {
    let from = "{ parameter = \"mode\", only_with = \"click\", outcome = \"reject\" },";
    for (to, told) in [
        ("{ parameter = \"mode\", only_with = \"clik\", outcome = \"flag\" },", "did you mean `click`"),
        ("{ parameter = \"mode\", outcome = \"flag\" },", "exactly one of"),
        ("{ parameter = \"mode\", excludes = \"mode\", outcome = \"flag\" },", "names of one field"),
        ("{ parameter = \"mode\", only_with = \"click\" },", "`outcome` is missing"),
        ("{ parameter = \"mode\", only_when = \"kind\", outcome = \"flag\" },", "`is` is missing"),
        (
            "{ parameter = \"mode\", only_with = \"kind\", is = [\"a\"], outcome = \"flag\" },",
            "ask for words",
        ),
        ("{ parameter = \"mode\", forced_by = \"kind\", outcome = \"flag\" },", "stand together"),
        ("{ parameter = \"mode\", only_with = \"click\", outcome = \"shout\" },", "not a known outcome"),
    ] {
        let line = RULES.lines().position(|line| line.contains(from)).unwrap() + 1;
        let mistakes = Dialect::load("rules.toml", &RULES.replace(from, to)).unwrap_err();
        let found = mistakes.iter().any(|mistake| mistake.line == line && mistake.message.contains(told));
        assert!(found, "{told}: {mistakes:#?}");
    }
    for (from, to, told) in [
        ("c{1..20}", "c{1-20}", "a family of parameters is written"),
        ("field = \"custom_values\"", "field = \"channel\"", "a family needs one of"),
        ("glued = [\"¤cy\"]", "glued = [\"cy\"]", "no ASCII letter"),
        ("separator = \";\"", "separator = \";;\"", "a single letter"),
        ("{ name = \"why\", ", "{ name = \"void\", ", "stands twice"),
    ] {
        let mistakes = Dialect::load("rules.toml", &RULES.replacen(from, to, 1)).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.message.contains(told)), "{told}: {mistakes:#?}");
    }
}
