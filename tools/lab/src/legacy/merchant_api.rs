//! The signed merchant interface: every answer is a 200 with text, errors too.
//!
//! The success texts are not public; the ones here are the lab's own and short. Dates of `edit` and `void` are
//! accepted as given: the platform matches them with days of tolerance and the lab's orders are minutes old.

use http::StatusCode;

use super::sale::transaction;
use super::{Legacy, id, signature};
use crate::books::{Earned, Evidence, Fold, Transaction};
use crate::platform::{Answer, Received};
use crate::text::{Query, minor};
use crate::world::Advertiser;

const NOT_FOUND: &str = "Transaction Not Found";
const AMBIGUOUS: &str = "Multiple Transactions Found (ambiguous order number)";

impl Legacy {
    pub(super) fn merchant_api(&self, request: &Received, query: &Query) -> Answer {
        let directory = self.shared.directory();
        let advertiser = id(query.any_case("merchantId")).and_then(|id| directory.legacy(id));
        let token = query.any_case("token").unwrap_or_default();
        let action = query.any_case("action").unwrap_or_default();
        let known = advertiser.filter(|one| {
            one.legacy_token == token && signature::is_valid(request, &token, &action, &one.legacy_secret)
        });
        let Some(advertiser) = known else {
            self.gate.books().refuse("api: signature");
            return invalid_request(request);
        };
        if request.is_head() {
            return plain("");
        }
        match action.to_ascii_lowercase().as_str() {
            "new" => self.new_transaction(request, query, advertiser),
            "reference" => self.reference(request, query, advertiser),
            "edit" => self.change(query, advertiser, edit),
            "void" => self.change(query, advertiser, void),
            "transactiondetail" => plain(&self.transaction_detail(advertiser, query)),
            "apitokencount" => plain("TokensRemaining\r\n200\r\n"),
            "bannerlist" => plain(&banners(&directory, advertiser)),
            "dealupload" | "dealedit" => plain("1"),
            _ => invalid_request(request),
        }
    }

    /// The merchant's id on the other platform, asked for by plug-ins.
    pub(super) fn awin_id(&self, query: &Query) -> Answer {
        let directory = self.shared.directory();
        let advertiser = id(query.any_case("merchantId")).and_then(|id| directory.legacy(id));
        advertiser.map_or_else(Answer::not_found, |one| plain(&one.primary_id.to_string()))
    }

    fn new_transaction(&self, request: &Received, query: &Query, advertiser: &Advertiser) -> Answer {
        let earned = self.attribute(request, query, advertiser);
        if earned.publisher.is_none() {
            self.gate.books().refuse("api: new without a known click or affiliate");
            return invalid_request(request);
        }
        self.gate.books().book(transaction(request, query, advertiser, &earned), Fold::Never);
        plain("Success")
    }

    fn reference(&self, request: &Received, query: &Query, advertiser: &Advertiser) -> Answer {
        let order = query.any_case("ordernumber").unwrap_or_default();
        let mut books = self.gate.books();
        let earlier = books.of_order(advertiser.legacy_id, &order);
        let Some(first) = earlier.first().and_then(|&id| books.by_id(id)) else { return plain(NOT_FOUND) };
        let earned = Earned {
            publisher: first.publisher,
            evidence: Evidence::Reference,
            click_ms: first.click_ms,
            creative: first.creative,
            reference: first.click_reference.clone(),
        };
        let mut new = transaction(request, query, advertiser, &earned);
        new.details.insert("reference".to_owned(), order);
        books.book(new, Fold::Never);
        plain("Success")
    }

    fn change(&self, query: &Query, advertiser: &Advertiser, how: fn(&mut Transaction, &Query)) -> Answer {
        let order = query.any_case("ordernumber").unwrap_or_default();
        let mut books = self.gate.books();
        let found = books.of_order(advertiser.legacy_id, &order);
        match found.as_slice() {
            [] => plain(NOT_FOUND),
            [only] => {
                if let Some(transaction) = books.by_id(*only) {
                    how(transaction, query);
                }
                plain("Success")
            }
            _ => plain(AMBIGUOUS),
        }
    }
}

/// The text for a wrong token or signature, with the caller's address as the platform sees it.
pub(super) fn invalid_request(request: &Received) -> Answer {
    plain(&format!("Invalid Request - Error Code 4075 - {}", request.peer))
}

pub(super) fn plain(text: &str) -> Answer {
    Answer::html(StatusCode::OK, text.to_owned())
}

fn edit(transaction: &mut Transaction, query: &Query) {
    if let Some(amount) = query.any_case("newamount") {
        transaction.amount_minor = minor(&amount);
        transaction.amount = amount;
    }
    if let Some(comment) = query.any_case("newcomment") {
        transaction.details.insert("comment".to_owned(), comment);
    }
}

fn void(transaction: &mut Transaction, query: &Query) {
    "voided".clone_into(&mut transaction.status);
    transaction.details.insert("reason".to_owned(), query.any_case("reason").unwrap_or_default());
}

fn banners(directory: &crate::world::Directory, advertiser: &Advertiser) -> String {
    let mut out = "bannerid|name|landing\r\n".to_owned();
    for one in directory.world().creatives.iter().filter(|one| one.advertiser == advertiser.legacy_id) {
        out.push_str(&format!("{}|{}|{}\r\n", one.legacy_id, one.name, one.landing_url));
    }
    out
}
