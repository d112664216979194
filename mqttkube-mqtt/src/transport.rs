//! Bytes to the broker: name resolution, TCP, TLS, WebSocket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::options::{OptionsBuilder, Transport};
use crate::tls::Loaded;

/// A two-way stream of bytes.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens a stream to the broker. The name is resolved anew every time: a broker in a cluster changes its address.
pub(crate) async fn open(options: &OptionsBuilder, tls: Option<Loaded>) -> Result<Box<dyn Stream>, String> {
    let (host, port) = (options.host.as_str(), options.effective_port());
    let tcp = tcp(options)
        .await
        .map_err(|error| format!("cannot connect to {host} port {port}: {error}"))?;
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(tcp),
        Some(Loaded { config, server_name }) => {
            let handshake = TlsConnector::from(config).connect(server_name, tcp).await;
            Box::new(
                handshake
                    .map_err(|error| format!("TLS handshake with {host} port {port} failed: {error}"))?,
            )
        }
    };
    match &options.transport {
        Transport::Tcp => Ok(stream),
        Transport::WebSocket { path } => websocket(stream, host, port, path).await,
    }
}

async fn tcp(options: &OptionsBuilder) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = lookup_host((options.host.as_str(), options.effective_port()))
        .await?
        .collect();
    let share = options.connect_timeout / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(share.max(Duration::from_millis(500)), dial(options, address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("no answer from {address}")),
        }
    }
    Err(last)
}

async fn dial(options: &OptionsBuilder, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(local) = options
        .bind_address
        .filter(|local| IpAddr::is_ipv4(local) == address.is_ipv4())
    {
        socket.set_reuseaddr(true)?;
        socket.bind((local, options.bind_port).into())?;
    }
    // Small packets must leave at once: with Nagle's algorithm every answer waits for the other side's delayed ACK.
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

#[cfg(not(feature = "websocket"))]
async fn websocket(_: Box<dyn Stream>, _: &str, _: u16, _: &str) -> Result<Box<dyn Stream>, String> {
    Err("the WebSocket transport is not part of this build".to_owned())
}

#[cfg(feature = "websocket")]
async fn websocket(
    stream: Box<dyn Stream>,
    host: &str,
    port: u16,
    path: &str,
) -> Result<Box<dyn Stream>, String> {
    use async_tungstenite::tokio::client_async;
    use async_tungstenite::tungstenite::client::IntoClientRequest;
    use async_tungstenite::tungstenite::http::HeaderValue;

    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut request = format!("ws://{host}:{port}{slash}{path}")
        .into_client_request()
        .map_err(|error| format!("cannot ask for the WebSocket path {path:?}: {error}"))?;
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
    let (socket, _) = client_async(request, stream)
        .await
        .map_err(|error| format!("WebSocket handshake: {error}"))?;
    Ok(Box::new(ws_stream_tungstenite::WsStream::new(socket)))
}
