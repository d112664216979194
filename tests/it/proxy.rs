//! The proxy does what it is told, and nothing else.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mqttkube_tests::proxy::{Fault, Side, TcpProxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SOON: Duration = Duration::from_secs(5);
/// Long enough that something which is to arrive would have arrived.
const SILENCE: Duration = Duration::from_millis(100);

/// A server that sends back what it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    address
}

async fn through() -> (TcpProxy, TcpStream) {
    let proxy = TcpProxy::start(echo().await).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    check(&mut stream, "hello").await;
    (proxy, stream)
}

/// Sends a text and expects it back.
async fn check(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    assert_eq!(read(stream, text.len()).await, text);
}

async fn read(stream: &mut TcpStream, length: usize) -> String {
    let mut buffer = vec![0; length];
    tokio::time::timeout(SOON, stream.read_exact(&mut buffer))
        .await
        .expect("bytes arrive")
        .expect("no error");
    String::from_utf8(buffer).unwrap()
}

#[tokio::test]
async fn a_blackhole_holds_bytes_back_and_healing_lets_them_go() {
    let (proxy, mut stream) = through().await;
    proxy.set(Fault::Blackhole);
    stream.write_all(b"lost").await.unwrap();
    let mut buffer = [0; 4];
    assert!(
        tokio::time::timeout(SILENCE, stream.read(&mut buffer))
            .await
            .is_err(),
        "something arrived"
    );
    proxy.heal();
    assert_eq!(read(&mut stream, 4).await, "lost");
}

#[tokio::test]
async fn a_cut_resets_open_connections_and_spares_later_ones() {
    let (proxy, mut stream) = through().await;
    proxy.cut();
    let error = stream.read_u8().await.expect_err("the connection is gone");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let mut later = TcpStream::connect(proxy.address()).await.unwrap();
    check(&mut later, "again").await;
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn a_connection_ends_after_the_given_number_of_bytes() {
    let (proxy, mut stream) = through().await;
    proxy.set(Fault::CloseAfter(Side::ToClient, 3));
    stream.write_all(b"12345").await.unwrap();
    let mut rest = String::new();
    tokio::time::timeout(SOON, stream.read_to_string(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(rest, "123");
}

#[tokio::test]
async fn a_reset_in_the_middle_is_seen_as_one() {
    let (proxy, mut stream) = through().await;
    proxy.set(Fault::ResetAfter(Side::ToServer, 2));
    stream.write_all(b"12345").await.unwrap();
    let mut rest = Vec::new();
    let error = tokio::time::timeout(SOON, stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn slices_arrive_whole() {
    let (proxy, mut stream) = through().await;
    proxy.set(Fault::Slice(1));
    check(&mut stream, "one byte after the other").await;
}

#[tokio::test]
async fn the_last_piece_is_repeated_once() {
    let (proxy, mut stream) = through().await;
    proxy.set(Fault::DuplicateLast(Side::ToServer));
    assert_eq!(read(&mut stream, 5).await, "hello");
    check(&mut stream, "next").await;
}

#[tokio::test]
async fn a_delay_holds_every_piece_back() {
    let (proxy, mut stream) = through().await;
    proxy.set(Fault::Delay(SILENCE));
    let began = Instant::now();
    check(&mut stream, "late").await;
    assert!(
        began.elapsed() >= 2 * SILENCE,
        "there and back take {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_throttle_bounds_the_rate() {
    let (proxy, mut stream) = through().await;
    proxy.set(Fault::Throttle(10_000));
    let began = Instant::now();
    check(&mut stream, &"x".repeat(2_000)).await;
    assert!(
        began.elapsed() >= Duration::from_millis(190),
        "2,000 bytes took {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn refused_connections_close_at_once() {
    let (proxy, mut open) = through().await;
    proxy.set(Fault::Refuse);
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    let mut rest = Vec::new();
    let end = tokio::time::timeout(SOON, refused.read_to_end(&mut rest))
        .await
        .expect("it ends");
    assert!(end.is_err() || rest.is_empty());
    check(&mut open, "still here").await;
}
