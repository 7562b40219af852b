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
        .map(|trace| format!("{}:{:?}", String::from_utf8_lossy(trace.name), trace.outcome))
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
