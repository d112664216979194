//! A TCP proxy that misbehaves on command.
//!
//! It stands between a client and a broker or an API server. Each direction reads a piece, asks the
//! present [`Fault`] what to do with it, and passes it on. A fault counts for connections that are
//! open as well as for later ones, until [`TcpProxy::heal`].

mod pump;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The direction of bytes through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What the proxy does to the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Passes everything on.
    #[default]
    None,
    /// Stops reading and writing but keeps connections open, as a dead network link does.
    Blackhole,
    /// As [`Fault::Blackhole`], in one direction.
    BlackholeOne(Side),
    /// Refuses new connections by closing them at once; open ones go on.
    Refuse,
    /// Ends every connection with a reset after this many further bytes in this direction.
    ResetAfter(Side, usize),
    /// Ends every connection in an orderly way after this many further bytes in this direction.
    CloseAfter(Side, usize),
    /// Writes pieces of at most this many bytes, each a packet of its own.
    Slice(usize),
    /// Holds every piece back for this long.
    Delay(Duration),
    /// Passes at most this many bytes per second in each direction.
    Throttle(usize),
    /// Sends the last piece that passed in this direction once more, then heals itself.
    DuplicateLast(Side),
}

#[derive(Debug)]
struct Shared {
    target: watch::Sender<SocketAddr>,
    fault: watch::Sender<Fault>,
    /// Raised to cut every connection that is open.
    cut: watch::Sender<u64>,
    accepted: AtomicUsize,
}

/// A listener on 127.0.0.1 that forwards to a target; dropping it closes the port and all connections.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use mqttkube_tests::proxy::{Fault, TcpProxy};
///
/// let broker = mqttkube_tests::broker::EmbeddedBroker::start().await?;
/// let proxy = TcpProxy::start(broker.address()).await?;
/// proxy.set(Fault::Blackhole);   // clients of proxy.address() hear nothing any more
/// proxy.heal();
/// proxy.cut();                   // and now every connection is reset
/// # anyhow::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl TcpProxy {
    /// Starts a proxy to `target` on a free port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target: watch::Sender::new(target),
            fault: watch::Sender::new(Fault::None),
            cut: watch::Sender::new(0),
            accepted: AtomicUsize::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, shared.clone()));
        Ok(Self {
            address,
            shared,
            _tasks: tasks,
        })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sends later connections somewhere else.
    pub fn retarget(&self, target: SocketAddr) {
        self.shared.target.send_replace(target);
    }

    /// Misbehaves from now on.
    pub fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// Behaves from now on. Bytes that a blackhole held back arrive now.
    pub fn heal(&self) {
        self.set(Fault::None);
    }

    /// Resets every open connection.
    pub fn cut(&self) {
        self.shared.cut.send_modify(|cuts| *cuts += 1);
    }

    /// How many connections were accepted so far.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                shared.accepted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(connect(client, shared.clone()));
            }
            // Finished connections leave the set, or a long test would collect them.
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connect(client: TcpStream, shared: Arc<Shared>) {
    if *shared.fault.borrow() == Fault::Refuse {
        return;
    }
    let target = *shared.target.borrow();
    // A dead target shows as a connection that closes at once.
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let mut cut = shared.cut.subscribe();
    let ending = tokio::select! {
        ending = pump::both_ways(&client, &server, &shared.fault) => ending,
        _ = cut.changed() => pump::Ending::Reset,
    };
    if ending == pump::Ending::Reset {
        for stream in [&client, &server] {
            // Without lingering the close is a reset. An error means that it is closed already.
            let _ = stream.set_zero_linger();
        }
    }
}
