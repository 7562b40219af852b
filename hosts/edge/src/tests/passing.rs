//! What is passed on: untouched where nothing is known of it, once for all where it is a file.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A platform that gives these bytes to whoever connects, and remembers the bytes that it was sent.
async fn platform(answer: &'static [u8]) -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let ears = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut buffer = [0_u8; 65_536];
            while !is_whole(&request) {
                let bytes = stream.read(&mut buffer).await.unwrap();
                request.extend_from_slice(&buffer[..bytes]);
            }
            ears.lock().unwrap().push(request);
            stream.write_all(answer).await.unwrap();
        }
    });
    (address, heard)
}

fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    request.len() >= end + 4 + length.unwrap_or(0)
}

/// Sends these bytes and reads until the connection closes.
async fn raw(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut said = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.unwrap().unwrap();
    said
}

fn split(message: &[u8]) -> (Vec<String>, Vec<u8>) {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&message[..end]);
    (head.split("\r\n").map(str::to_owned).collect(), message[end + 4..].to_vec())
}

const ANSWER: &[u8] = b"HTTP/1.1 207 Odd\r\nX-Odd: \xe9 a  b\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n\
    Cache-Control: max-age=3\r\nContent-Type: application/octet-stream\r\nContent-Length: 5\r\n\r\n\x00\xff\r\n\x01";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_recognised_passes_untouched_both_ways() {
    let target = b"/Some//Path/%zz%2F%2f;x=1/../.?a=1&a=&b&=c&&d=%E9+\"<>{}|^`\xe9;e#no";
    // Nothing behind a number sign reaches a server; the gate refuses it.
    let target = &target[..target.len() - 3];
    let odd = &b"\x00\xff a=%zz&&\r\n\r\n"[..];
    for (method, body) in [
        ("GET", &b""[..]),
        ("HEAD", b""),
        ("OPTIONS", b""),
        ("POST", odd),
        ("PUT", odd),
        ("PATCH", odd),
        ("DELETE", b""),
        ("PROPFIND", odd),
    ] {
        let (address, heard) = platform(ANSWER).await;
        let (edge, _directory) =
            edge(|edge| edge.upstream.origins = vec![origin(Home::Legacy, address)]).await;
        let mut request = format!("{method} ").into_bytes();
        request.extend_from_slice(target);
        request.extend_from_slice(
            b" HTTP/1.1\r\nHost: old.test\r\nCookie: who=me; odd=\"{}\"\r\nReferer: https://a.test/?x\r\n\
              X-Own-Date: Thu, 14 Apr 2011 22:44:22 GMT\r\nAuthorization: Basic x\r\nX-Forwarded-For: 9.9.9.9\r\n\
              Connection: close\r\n",
        );
        if !body.is_empty() {
            request.extend_from_slice(
                format!("Content-Type: text/odd\r\nContent-Length: {}\r\n", body.len()).as_bytes(),
            );
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        let said = raw(edge.addresses().plain.unwrap(), &request).await;

        let asked = heard.lock().unwrap()[0].clone();
        let mut line = format!("{method} ").into_bytes();
        line.extend_from_slice(target);
        line.extend_from_slice(b" HTTP/1.1\r\nhost: old.test\r\n");
        assert!(asked.starts_with(&line), "{}", String::from_utf8_lossy(&asked));
        let (lines, passed) = split(&asked);
        assert_eq!(passed, body, "{method}");
        for wanted in [
            "cookie: who=me; odd=\"{}\"",
            "referer: https://a.test/?x",
            "x-own-date: Thu, 14 Apr 2011 22:44:22 GMT",
            "authorization: Basic x",
            "x-forwarded-for: 127.0.0.1",
        ] {
            assert!(lines.iter().any(|line| line == wanted), "{method}: {wanted} in {lines:#?}");
        }

        let (lines, passed) = split(&said);
        assert_eq!(lines[0].split(' ').nth(1), Some("207"));
        for wanted in ["set-cookie: a=1; Path=/", "set-cookie: b=2", "cache-control: max-age=3"] {
            assert!(lines.iter().any(|line| line == wanted), "{method}: {wanted} in {lines:#?}");
        }
        assert_eq!(passed, if method == "HEAD" { &b""[..] } else { b"\x00\xff\r\n\x01" }, "{method}");
        assert!(edge.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_many_want_at_once_is_fetched_once() {
    let (address, stand, _alive) = stand(vec![(200, "one()"), (500, "never")]).await;
    let (edge, _directory) = edge(|edge| edge.upstream.origins = vec![origin(Home::Legacy, address)]).await;
    let plain = edge.addresses().plain.unwrap();
    let clients: Vec<_> =
        (0..40).map(|_| tokio::spawn(async move { browse(plain, "old.test", "/file/a.js").await })).collect();
    for client in clients {
        let said = client.await.unwrap();
        assert!(said.starts_with("HTTP/1.1 200 OK") && said.ends_with("one()"), "{said}");
    }
    assert_eq!(stand.asked.lock().unwrap().len(), 1);
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_file_that_never_comes_is_not_left_waiting() {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (edge, _directory) = edge(|edge| {
        edge.upstream.origins = vec![origin(Home::Legacy, address)];
    })
    .await;
    let plain = edge.addresses().plain.unwrap();
    let clients: Vec<_> =
        (0..5).map(|_| tokio::spawn(async move { browse(plain, "old.test", "/file/b.js").await })).collect();
    for client in clients {
        let said = client.await.unwrap();
        assert!(said.starts_with("HTTP/1.1 200 OK") && said.contains("content-length: 0"), "{said}");
    }
    assert!(edge.stop().await);
}
