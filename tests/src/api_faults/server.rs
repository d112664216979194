//! A gate served over HTTP.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Gate;

/// An HTTP server on 127.0.0.1; dropping it closes the port and all connections.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl ApiServer {
    pub(super) async fn start(gate: Gate, port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, gate));
        Ok(Self {
            address,
            _tasks: tasks,
        })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for `kubectl --server`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig with this server as its current context.
    pub fn kubeconfig(&self) -> String {
        let url = self.url();
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n\
             clusters: [{{name: test, cluster: {{server: \"{url}\"}}}}]\n\
             users: [{{name: test, user: {{}}}}]\n"
        )
    }
}

async fn accept(listener: TcpListener, gate: Gate) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                // Watch events are small and must not wait for each other.
                let _ = stream.set_nodelay(true);
                let gate = gate.clone();
                let service = service_fn(move |request| gate.clone().http(request));
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    // Clients hang up in the middle of watches; that is their right.
                    let _ = connection.await;
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}
