//! Every limit of the system, with its unit and its reason, in one place (I8).
//!
//! A limit that depends on the machine or the merchant is a setting; the value here is then its default.

/// Longest request target accepted on a conversion endpoint, in bytes. Baskets travel in the query, and the
/// longest ones seen come near 20 KB; a sale is never refused for its length short of this.
pub const TARGET_BYTES_MAX: usize = 64 * 1024;

/// Longest request head (request line and headers), in bytes: the target plus 16 KB of headers.
pub const HEAD_BYTES_MAX: usize = TARGET_BYTES_MAX + 16 * 1024;

/// Most header lines of a request. Browsers send about 20, and a chain of proxies adds a handful.
pub const HEADERS_MAX: usize = 64;

/// Longest request body read, in bytes. Beacons are empty; form posts repeat the query.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Most parameters read from one request; the largest real one has about 60.
pub const PARAMETERS_MAX: usize = 256;

/// Longest value shown in a table or a log line for people, in bytes.
pub const SHOWN_BYTES_MAX: usize = 200;

/// Longest platform answer kept for judging, in bytes. A batch answer for 1,000 orders is below 200 KB.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Longest answer passed on to a client in `proxy` mode, in bytes. Script pages and images are far smaller.
pub const PROXIED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Longest answer of a static endpoint kept on an edge's shelf, in bytes. Banners and scripts are below 300 KB.
pub const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// Most bytes on an edge's shelf of static answers: the images that a day's pages share, within the memory that
/// an edge may take.
pub const SHELF_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most answers on an edge's shelf, so that a flood of names for small answers costs no more than a few big ones.
pub const SHELF_ENTRIES_MAX: usize = 4096;

/// Longest URL that an answer is kept for, in bytes. What is longer names no file.
pub const SHELF_KEY_BYTES_MAX: usize = 2048;

/// Most shapes of unrecognised requests that an edge counts apart. A person reads the first dozen.
pub const SHAPES_MAX: usize = 512;

/// Most ids and codes without a mapping that an edge counts apart. A person reads the first dozen.
pub const UNMAPPED_MAX: usize = 512;

/// Longest short link's code that people are shown, in characters. The longest ones seen have 15; what is longer is no code.
pub const SHOWN_CODE_CHARS_MAX: usize = 32;

/// Most parts of a path, and most names of a query, that a shape shows.
pub const SHAPE_PARTS_MAX: usize = 8;

/// Longest word that a shape shows, in characters. What is longer is a code.
pub const SHAPE_WORD_CHARS_MAX: usize = 24;

/// Longest host, reference or shape that the request log keeps of a request, in bytes: what a host name may have.
pub const SEEN_TEXT_BYTES_MAX: usize = 255;

/// Longest excerpt of a platform's answer kept with an attempt, in bytes.
pub const EXCERPT_BYTES_MAX: usize = 512;

/// Most cookies of clicks that one browser keeps for us. Browsers keep at least 50 for a site, and twice as many would
/// fill the room for headers.
pub const COOKIES_MAX: usize = 50;

/// Most cookies that one reply makes a browser forget; the next click forgets more.
pub const COOKIES_EVICTED_MAX: usize = 16;

/// Longest cookie, name and value together, in bytes: what every browser keeps.
pub const COOKIE_BYTES_MAX: usize = 4096;

/// Longest life of a cookie, 400 days: browsers cut what is longer.
pub const COOKIE_LIFE_MAX: core::time::Duration = core::time::Duration::from_secs(400 * 86_400);

/// Longest click id minted, in characters: the old platform's own consumers keep at most 64.
pub const CLICK_ID_CHARS_MAX: usize = 64;

/// Longest window of a programme that a click is kept for, in days. Windows of a year exist; one that has no
/// end would keep every click for ever.
pub const CLICK_WINDOW_DAYS_MAX: u32 = 365;

/// How long a click is kept after its window, in days: a conversion may come late by an outage.
pub const CLICK_MARGIN_DAYS: u32 = 30;

/// Most expired clicks removed with one batch. It is more than a batch can add, so that they never pile up.
pub const CLICKS_SWEPT_MAX: usize = 4 * BATCH_ENTRIES_MAX;

/// Most rules in one version of a programme's terms: every order asks each of them for each of its articles.
pub const TERMS_RULES_MAX: usize = 256;

/// Most orders that one question about models or terms is answered for: some seconds of a reader's time, and some tens
/// of megabytes where all of them come out otherwise.
pub const AWARDS_ASKED_MAX: usize = 200_000;

/// Most orders of one answer that are told one by one.
pub const AWARDS_SHOWN_MAX: usize = 100;

/// Most touches of one order's journey: as many as all of its evidence can name, and later arrivals add.
pub const TOUCHES_MAX: usize = 64;

/// How far apart two orders of one click and one amount may be received and still be suspected of being one: a page sends
/// its pixel and its beacon within seconds, and a shopper who waits for a slow page within minutes.
pub const RESEMBLING_WITHIN: core::time::Duration = core::time::Duration::from_secs(600);

/// Longest order reference the new platform keeps, in characters, before it cuts.
pub const ORDER_REFERENCE_CHARS_MAX: usize = 50;

/// Most entries in one batch from the outbox to the processor: one transaction of the ledger.
pub const BATCH_ENTRIES_MAX: usize = 512;

/// Most bytes in one batch from the outbox to the processor.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long the processor may take to take one conversion that the outbox could not take, while its client waits:
/// a commit of the ledger and one network between two machines, with much room.
pub const HAND_OVER_WITHIN: core::time::Duration = core::time::Duration::from_secs(2);

/// How long an append may take while its client waits: a hundred syncs of a healthy disk. Behind a disk that hangs
/// nobody knows whether it is durable, and the processor is asked to take it.
pub const APPEND_WITHIN: core::time::Duration = core::time::Duration::from_secs(1);

/// Most conversions that an edge has sent by itself and keeps until its outbox or the processor takes them: about 4 MB. Beyond it
/// a later copy of the same order may be sent a second time.
pub const REMEMBERED_MAX: usize = 4096;

/// Most conversions of an edge that wait for their second copy. More go out with one copy, and are counted.
pub const COPIES_WAITING_MAX: usize = 4096;

/// Most connections of one edge process. Beyond it a new connection waits in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 16_384;

/// Most deliveries in flight to one destination (an endpoint of a platform) from one processor, so that a slow one
/// cannot take all sockets and memory.
pub const DELIVERIES_IN_FLIGHT_MAX: usize = 64;

/// The longest wait that a platform may ask for: an interface's quota is a minute's or an hour's, and a longer one
/// is a mistake of the platform's that must not hold money up for a day.
pub const RETRY_AFTER_MAX: core::time::Duration = core::time::Duration::from_secs(3600);

/// The first and the longest wait before a destination that refuses our credentials is tried by one conversion. The
/// trial costs nothing, and a key that was renewed on their side should not wait long.
pub const CREDENTIALS_WAIT: [core::time::Duration; 2] =
    [core::time::Duration::from_secs(30), core::time::Duration::from_secs(15 * 60)];

/// The first and the longest wait before a destination whose answers are not understood is tried by one conversion.
/// Each trial may leave an unknown, and only a new rule or the platform's repentance ends it.
pub const LANGUAGE_WAIT: [core::time::Duration; 2] =
    [core::time::Duration::from_secs(5 * 60), core::time::Duration::from_secs(3600)];

/// Most merchants that a destination remembers as failing or throttled. Each takes some fifty bytes; beyond it a
/// merchant is tried as one of which nothing is known.
pub const MERCHANTS_REMEMBERED_MAX: usize = 10_000;

/// Most merchants that are looked at in one turn when the longest waiting rows are of merchants that may not go.
/// Each look is a seek along an index; the next turn goes on behind the last one.
pub const MERCHANTS_LOOKED_AT_MAX: usize = 64;

/// Longest time that anything is scheduled ahead by its own schedule. What is due later was scheduled by a clock
/// that has been set back since, and is pulled in.
pub const SCHEDULED_AHEAD_MAX: core::time::Duration = core::time::Duration::from_secs(2 * 3600);

/// Rows that are pulled in by one statement after a clock was set back.
pub const PULLED_IN_AT_ONCE: usize = 500;

/// Most idle connections kept to one platform.
pub const IDLE_CONNECTIONS_MAX: usize = 64;

/// Longest address of a postback as its publisher registered it, in characters: what every web server takes.
pub const POSTBACK_CHARS_MAX: usize = 2048;

/// Longest reference of a publisher's own that is kept with a click, in characters: what the old platform kept.
pub const CLICK_REFERENCE_CHARS_MAX: usize = 255;

/// Most postbacks under way, of all publishers: they are worth less than the deliveries beside them.
pub const POSTBACKS_IN_FLIGHT_MAX: usize = 32;

/// Most postbacks under way to one publisher, so that a slow server holds up its owner alone.
pub const POSTBACKS_OF_ONE_MAX: usize = 4;

/// Postbacks that were given up and are made again by one order: each is an entry of the journal in one commit.
pub const POSTBACKS_RECALLED_MAX: usize = 1000;

/// Most waiting postbacks of one publisher that are put off together, when its server does not answer.
pub const POSTBACKS_PUT_OFF_MAX: usize = 10_000;

/// Most dead letters that one look at them walks over: a few tenths of a second of a reader's time. The next look goes on.
pub const DEAD_WALK_MAX: usize = 100_000;

/// Most groups of dead letters that are told. A person reads the first dozen.
pub const DEAD_GROUPS_MAX: usize = 200;

/// Most dead letters of one order: a list that a person can still be shown, and that is written down in one commit.
pub const ORDER_ITEMS_MAX: usize = 10_000;

/// Most dead letters that orders move in one step: one commit of the ledger, beside which fresh batches hardly wait.
pub const ORDER_STEP_MAX: usize = 100;

/// The time between two steps of orders. With the step it makes at most 6,000 dead letters in a minute, so that a platform
/// that has just come back is not met by all of them at once.
pub const ORDER_EVERY: core::time::Duration = core::time::Duration::from_secs(1);

/// Most orders that are not over. What a person orders beyond that is not looked at any more.
pub const ORDERS_OPEN_MAX: u64 = 64;

/// Longest id of an operation, in characters: room for the ids of ticket systems and of machines.
pub const OPERATION_CHARS_MAX: usize = 64;

/// Longest reason, evidence or name that an operator gives, in characters.
pub const OPERATOR_TEXT_CHARS_MAX: usize = 1000;

/// Most dead letters of one dry run. Each is decided about and its request is written, some 30 us each.
pub const DRY_RUN_MAX: usize = 1000;

/// Most long questions of operators that are answered at the same time, each on a reader of its own.
pub const READERS_MAX: usize = 2;

/// Times that an entry may fail the processor before it is set aside with its bytes, for a person.
pub const POISON_TRIES: u32 = 3;

/// Rows that wait to be sent, cannot be read, and are set aside in one turn. Each costs a commit.
pub const UNREADABLE_AT_ONCE: usize = 256;

/// Entries that have failed and whose tries are remembered.
pub const POISON_REMEMBERED_MAX: usize = 1024;

/// Most transactions that are locked in one turn of the processor. A month's worth locks on one day, beside the traffic.
pub const LOCKED_AT_ONCE_MAX: usize = 256;

/// Most transactions of one payment: about a second of the ledger's writer, beside which batches wait.
pub const PAYMENT_TRANSACTIONS_MAX: usize = 20_000;

/// Posting sets that a report reads in one step: a few milliseconds of a reader's time.
pub const REPORT_STEP: i64 = 2000;

/// Most lines of a report: every publisher in a few currencies, about 100 MB while it is made.
pub const REPORT_GROUPS_MAX: usize = 500_000;

/// Most links of the ledger's chain without a signed root: what nobody outside could see cut off.
pub const ROOT_LINKS_MAX: u64 = 10_000;

/// How far back a merchant's arrivals count as its latest, for the alarm about orders that repeat: long enough for some
/// dozens of a middling merchant's, short enough that a second route is told within minutes.
pub const REPEATS_WITHIN: core::time::Duration = core::time::Duration::from_secs(900);

/// Fewest arrivals of a merchant that say anything about how many repeat.
pub const REPEATS_ARRIVALS_MIN: u64 = 20;

/// How many percent points more than usual must repeat until somebody is told. A second route makes it 50 where
/// nothing repeated before.
pub const REPEATS_RISE_PERCENT: u64 = 20;

/// How long before its end, in days, it is said that the public's certificate runs out: time to renew it in office hours,
/// and then ever less of it.
pub const CERTIFICATE_WARNINGS_DAYS: [u32; 5] = [30, 14, 7, 2, 0];

/// How often the files of the public's certificate are looked at.
pub const CERTIFICATE_LOOK_EVERY: core::time::Duration = core::time::Duration::from_secs(60);

/// How often the conservation sums are looked at by the counters.
pub const VITALS_EVERY: core::time::Duration = core::time::Duration::from_secs(10);

/// How often everything is counted again from the rows, and how many times longer than a count took is waited at least:
/// at most a twentieth of one reader's time.
pub const RECOUNT_EVERY: core::time::Duration = core::time::Duration::from_secs(900);
/// See [`RECOUNT_EVERY`].
pub const RECOUNT_REST: u32 = 20;

/// Longest answer of a platform's report interface, in bytes: a month of a large merchant. A longer one is asked for in
/// parts.
pub const REPORT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most rows of one page that a comparison with others' books takes from the ledger, and most lines of a report that
/// one order confirms: some megabytes of JSON, and one transaction of less than a second.
pub const RECONCILED_ROWS_MAX: usize = 5000;

/// Longest wait for a database server to take a connection.
pub const SERVER_CONNECT_MAX: core::time::Duration = core::time::Duration::from_secs(5);

/// Longest silence of a database server on a connection with unacknowledged bytes, before it counts as lost.
pub const SERVER_SILENCE_MAX: core::time::Duration = core::time::Duration::from_secs(20);

/// Longest run of one statement of the ledger's writer: each reads a few rows along an index.
pub const LEDGER_STATEMENT_MAX: core::time::Duration = core::time::Duration::from_secs(30);

/// Longest run of one statement of an audit, or of a change of the tables: they read everything.
pub const LEDGER_AUDIT_MAX: core::time::Duration = core::time::Duration::from_secs(900);

/// Longest pause in a transaction, before the ledger's server takes its writer for gone and undoes it.
pub const LEDGER_TRANSACTION_IDLE_MAX: core::time::Duration = core::time::Duration::from_secs(60);

/// Longest wait for another writer's lock: a session whose process has just died may hold it for a moment.
pub const LEDGER_LOCK_WAIT_MAX: core::time::Duration = core::time::Duration::from_secs(5);

/// How long the ledger's server is asked about a commit in doubt. A restart of the server takes less.
pub const LEDGER_DOUBT_MAX: core::time::Duration = core::time::Duration::from_secs(60);

/// Most statements of a transaction that are sent to a database server before one of them is waited for: some hundred KB
/// of it, and enough that its way to and fro does not count.
pub const SERVER_SENT_MAX: usize = 256;

/// Most statements that a database server keeps compiled for one connection; the ledger has fewer.
pub const SERVER_STATEMENTS_MAX: usize = 256;

// The relations that the code relies on.
const _: () = assert!(TARGET_BYTES_MAX < HEAD_BYTES_MAX);
const _: () = assert!(BODY_BYTES_MAX + HEAD_BYTES_MAX < BATCH_BYTES_MAX, "one entry fits into a batch");
const _: () =
    assert!(RETRY_AFTER_MAX.as_secs() * 2 <= SCHEDULED_AHEAD_MAX.as_secs(), "it is no mistake of a clock");
const _: () = assert!(KEPT_BYTES_MAX <= PROXIED_BYTES_MAX && KEPT_BYTES_MAX * 8 <= SHELF_BYTES_MAX);
const _: () = assert!(EXCERPT_BYTES_MAX < ANSWER_BYTES_MAX);
const _: () =
    assert!(LEDGER_DOUBT_MAX.as_secs() > SERVER_CONNECT_MAX.as_secs() + LEDGER_LOCK_WAIT_MAX.as_secs());
