//! MQTT inside of WebSocket frames: a front before the embedded broker. (Mosquitto 2.0.11 of Debian cannot open a
//! WebSocket listener on a machine without IPv6.)

use std::time::Duration;

use async_tungstenite::tokio::accept_hdr_async;
use async_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use mqttkube_mqtt::{Delivery, Publish, Subscription, Transport};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use ws_stream_tungstenite::WsStream;

use crate::support::embedded::Embedded;
use crate::support::{PATIENCE, Watched, quick};

/// Takes the only protocol that MQTT has here (MQTT 5.0, section 6).
#[expect(clippy::result_large_err, reason = "the signature is the library's")]
fn agree(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    assert_eq!(request.uri().path(), "/mqtt");
    let protocol = request.headers()["sec-websocket-protocol"].clone();
    assert_eq!(protocol, "mqtt");
    response.headers_mut().insert("sec-websocket-protocol", protocol);
    Ok(response)
}

#[tokio::test]
async fn messages_small_and_large_pass_a_websocket() {
    let broker = Embedded::start().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let target = broker.port;
    let front = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("the session connects");
        let socket = accept_hdr_async(stream, agree).await.expect("a handshake");
        let mut near = WsStream::new(socket);
        let mut far = TcpStream::connect(("127.0.0.1", target))
            .await
            .expect("the broker listens");
        // Either side may end it.
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    });
    let transport = Transport::WebSocket {
        path: "/mqtt".to_owned(),
    };
    let mut session = Watched::start(quick(port, "ws").transport(transport));
    session
        .client
        .subscribe(vec![Subscription::new("t").with_local()])
        .expect("open");
    session.subscribed().await.1.expect("granted");
    for size in [1, 100, 100_000] {
        let receipt = session.publish(Publish::new("t", vec![b'x'; size])).await;
        assert_eq!(
            timeout(PATIENCE, receipt).await.expect("an answer"),
            Ok(Delivery::Acknowledged)
        );
        let message = session.message().await;
        assert_eq!(message.payload.len(), size);
        session.client.ack(message.token).expect("open");
    }
    assert_eq!(session.client.close(Duration::from_secs(1)).await, 0);
    front.abort();
    broker.stop().await;
}
