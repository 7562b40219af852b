//! What is sent, and with which credential.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use tracking::Home;

use super::*;

/// The head of the first request that comes to a server, which answers it.
fn server() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        String::from_utf8(head).unwrap()
    });
    (address, serving)
}

#[tokio::test]
async fn a_rule_that_a_reload_adds_has_its_credential_too() {
    let secrets = || relay::policy::Secrets {
        click_id_keys: tracking::click_id::Keys::new(vec![(1, [1; 32])]),
        seal_keys: Vec::new(),
    };
    let [whole, mut before] = [(); 2].map(|()| directory::load(None, secrets()).unwrap());
    before.migration.sends.retain(|send| send.credential.is_none());
    let whole = Arc::new(whole);
    let send = whole.migration.sends.iter().find(|send| send.credential.is_some()).unwrap();
    let (address, serving) = server();
    let endpoint = Endpoint { private_allowed: true, ..Endpoint::plain(address) };
    let origins = vec![Origin { home: Home::Primary, host: None, endpoint }];
    let upstream = Upstream::new(&upstream::Settings { origins, ..upstream::Settings::default() }).unwrap();
    let snapshot = Arc::new(ArcSwap::from_pointee(before));
    let credentials = Credentials(vec![(send.host.to_string(), "the-key".to_owned())]);
    let sender = sender(upstream, Arc::clone(&snapshot), credentials);
    snapshot.store(Arc::clone(&whole));
    let request = Outbound {
        home: Home::Primary,
        method: send.method.clone(),
        secure: true,
        host: send.host.clone(),
        target: send.path.replace("{advertiser}", "1").into_bytes(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    assert_eq!(sender(request, Duration::from_secs(20)).await.unwrap().status, 204);
    let head = serving.join().unwrap().to_ascii_lowercase();
    assert!(head.contains("the-key"), "{head}");
}
