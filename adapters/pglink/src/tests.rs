//! Speaking TLS with a real server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::CertifiedKey;

use crate::{Link, LinkError, Server};

const MINUTE: Duration = Duration::from_secs(60);

/// A certificate for these names, its key, and the file from which it is trusted.
fn certificate(folder: &Path, file: &str, names: &[&str]) -> (String, String, PathBuf) {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    let path = folder.join(file);
    std::fs::write(&path, cert.pem()).unwrap();
    (cert.pem(), signing_key.serialize_pem(), path)
}

fn connect(address: &str, trusted: &Path) -> Result<Link, LinkError> {
    Link::open(&Server::parse(address, None, Some(trusted)).unwrap(), MINUTE)
}

/// Whether the session of a link is encrypted, as its server sees it.
fn is_encrypted(link: &Link) -> bool {
    let asked = link.ask("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").unwrap();
    asked.as_deref() == Some("t")
}

#[test]
fn a_server_is_spoken_to_in_tls_and_only_with_a_certificate_that_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (own, key, trusted) = certificate(folder.path(), "own.pem", &["127.0.0.1"]);
    let (_, _, stranger) = certificate(folder.path(), "stranger.pem", &["127.0.0.1"]);
    let server = pgserver::Own::start_with_tls(&own, &key).unwrap();
    for mode in ["require", "verify-ca", "verify-full"] {
        let address = format!("{}?sslmode={mode}", server.address());
        assert!(is_encrypted(&connect(&address, &trusted).unwrap()), "{mode}");
        let refused = connect(&address, &stranger).unwrap_err().to_string();
        assert!(refused.contains("certificate") && refused.contains("not trusted"), "{mode}: {refused}");
    }
    let waived = connect(&format!("{}?sslmode=disable", server.address()), &stranger).unwrap();
    assert!(!is_encrypted(&waived), "whoever waives it gets what he asked for");
    assert!(!is_encrypted(&connect(&server.address(), &trusted).unwrap()), "this machine needs none");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (own, key, trusted) = certificate(folder.path(), "own.pem", &["db.example"]);
    let server = pgserver::Own::start_with_tls(&own, &key).unwrap();
    let refused = connect(&format!("{}?sslmode=require", server.address()), &trusted).unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("db.example") && refused.contains("not trusted"), "{refused}");
}

#[test]
fn a_server_that_speaks_no_tls_is_not_spoken_to_in_the_clear_instead() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, trusted) = certificate(folder.path(), "own.pem", &["127.0.0.1"]);
    let schema = pgserver::schema().unwrap();
    let refused = connect(&format!("{}&sslmode=require", schema.address()), &trusted).unwrap_err();
    assert!(refused.to_string().contains("TLS"), "{refused}");
}
