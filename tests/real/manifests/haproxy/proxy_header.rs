//! The PROXY header before the first packet.
//!
//! Mosquitto 2.0 does not know it, so that it arrives is shown at a listener of the test; a real 2.0 behind it counts as
//! dead.

use mqttkube_tests::process::{MosquittoOptions, free_port};
use mqttkube_tests::skip::lacks;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{NEEDS, frontend, start};
use crate::clients::SOON;

#[tokio::test]
async fn connections_and_checks_begin_with_the_proxy_header() {
    if lacks(&NEEDS) {
        return;
    }
    // It looks at the header and answers the CONNECT.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let broker = listener.local_addr().unwrap().port();
    let (sent, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sent = sent.clone();
            tokio::spawn(async move {
                let mut bytes = vec![0; 512];
                let mut length = 0;
                // Header and CONNECT may come apart.
                while !bytes[..length].windows(4).any(|four| four == b"MQTT") {
                    match stream.read(&mut bytes[length..]).await {
                        Ok(count) if count > 0 => length += count,
                        _ => return,
                    }
                }
                let header = bytes[..length]
                    .split(|byte| *byte == b'\r')
                    .next()
                    .unwrap_or_default();
                let by_check = bytes[..length].ends_with(b"hc");
                let _ = sent.send((by_check, String::from_utf8_lossy(header).into_owned()));
                let _ = stream.write_all(&[0x20, 2, 0, 0]).await;
                let _ = stream.read(&mut bytes).await;
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let number = free_port();
    let mut front = frontend("mqtt", number, &[("a", broker)]);
    front.proxy_protocol = true;
    let proxy = start(&folder, vec![front]);
    proxy.answers("200").await;
    let old = MosquittoOptions::default().start().await.unwrap();
    let mut before_2_1 = frontend("mqtt", free_port(), &[("a", old.port())]);
    before_2_1.proxy_protocol = true;
    let other = tempfile::tempdir().unwrap();
    start(&other, vec![before_2_1]).answers("503").await;
    let mut client = TcpStream::connect(("127.0.0.1", number)).await.unwrap();
    let from = client.local_addr().unwrap().port();
    client
        .write_all(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02me")
        .await
        .unwrap();
    let (mut check, mut ours) = (None, None);
    while check.is_none() || ours.is_none() {
        let (by_check, header) = tokio::time::timeout(SOON, seen.recv()).await.unwrap().unwrap();
        *(if by_check { &mut check } else { &mut ours }) = Some(header);
    }
    assert!(
        check
            .as_deref()
            .is_some_and(|header| header.starts_with("PROXY ")),
        "{check:?}"
    );
    let expected = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {number}");
    assert_eq!(ours, Some(expected));
    task.abort();
}
