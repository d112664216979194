//! One connection of a cloud.

use std::time::Duration;

use mqtt5::{MqttError, Packet};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::Shared;
use super::hub::Write;
use crate::wire::Reader;

/// How long the other side may take to close.
const LINGER: Duration = Duration::from_millis(500);

/// Serves a connection until one side ends it.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite, shared: &Shared) {
    let (from, to) = tokio::io::split(stream);
    let (from, to) = (std::pin::pin!(from), std::pin::pin!(to));
    let (out, queue) = mpsc::unbounded_channel();
    let link = shared.with(|hub| hub.open(out));
    let reading = async {
        let mut reader = Reader::new(from);
        loop {
            match reader.receive_sized().await {
                Ok((packet, size)) => {
                    if let Packet::Connect(connect) = &packet {
                        reader.version = connect.protocol_version;
                    }
                    shared.with(|hub| hub.packet(link, packet, size));
                }
                Err(error) => {
                    // Other errors are the end of the connection.
                    if error.is::<MqttError>() {
                        shared.with(|hub| hub.counts.violations.push(format!("{error:#}")));
                    }
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = write(to, queue) => {}
        () = reading => {}
        () = watch(link, shared) => {}
    }
    shared.with(|hub| hub.gone(link));
}

/// Writes what it is told. After the last packet it leaves the reader time to see the other side close: closing with
/// unread bytes would reset the connection and destroy what was sent.
async fn write(mut to: impl AsyncWrite + Unpin, mut queue: mpsc::UnboundedReceiver<Write>) {
    while let Some(write) = queue.recv().await {
        let done = match write {
            Write::Packet(bytes) => to.write_all(&bytes).await,
            Write::Close => {
                let _ = to.shutdown().await;
                return tokio::time::sleep(LINGER).await;
            }
            Write::Drop => return,
        };
        if done.is_err() {
            return;
        }
    }
}

/// Looks at the token's life now and then, because clocks can be set.
async fn watch(link: u64, shared: &Shared) {
    const OFTEN: Duration = Duration::from_millis(250);
    loop {
        let left = shared.with_quietly(|hub| hub.look_at_token(link));
        tokio::time::sleep(left.map_or(OFTEN, |left| left.min(OFTEN))).await;
    }
}
