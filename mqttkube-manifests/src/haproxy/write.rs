//! The text of `haproxy.cfg`.

use std::fmt::Write as _;

use super::{Balance, Frontend, Proxy, ProxyError, Servers};

pub(super) fn text(proxy: &Proxy) -> Result<String, ProxyError> {
    let mut out = String::new();
    global(&mut out, proxy);
    if proxy
        .frontends
        .iter()
        .any(|frontend| uses_names(&frontend.servers))
    {
        out.push_str(RESOLVERS);
    }
    for frontend in &proxy.frontends {
        front(&mut out, frontend);
        back(&mut out, frontend)?;
    }
    if let Some(port) = proxy.health {
        let _ = writeln!(
            out,
            "\nfrontend health\n    mode http\n    bind :{port}\n    http-request return status 200 if {{ path /livez }}"
        );
        for frontend in &proxy.frontends {
            let _ = writeln!(
                out,
                "    http-request return status 503 if {{ path /readyz }} {{ nbsrv({}) eq 0 }}",
                backend(frontend)
            );
        }
        out.push_str(
            "    http-request return status 200 if { path /readyz }\n    http-request return status 404\n",
        );
    }
    Ok(out)
}

// A name that is not there yet must not keep the proxy from starting, and one that changes must be seen soon.
const RESOLVERS: &str = "
resolvers cluster
    parse-resolv-conf
    accepted_payload_size 8192
    resolve_retries 3
    timeout resolve 1s
    timeout retry 1s
    hold valid 5s
    hold obsolete 10s
    hold nx 5s
    hold other 5s
    hold refused 5s
    hold timeout 5s
";

fn global(out: &mut String, proxy: &Proxy) {
    let (connections, timeout) = (proxy.max_connections, proxy.timeout());
    // The old process of a reload ends with its last connection, or after a day: MQTT connections last. A node that allows
    // fewer open files than all connections need must not keep the proxy from starting.
    let _ = write!(
        out,
        "global
    log stdout format raw local0 notice
    maxconn {connections}
    no strict-limits
    hard-stop-after 24h
    ssl-load-extra-del-ext
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets

defaults
    mode tcp
    log global
    option tcplog
    option dontlognull
    option clitcpka
    option srvtcpka
    # a broker that refuses before it counts as dead costs nobody a connection
    option redispatch 1
    retries 3
    maxconn {connections}
    timeout connect 5s
    timeout check 5s
    timeout queue 5s
    timeout client-fin 10s
    timeout server-fin 10s
    # twice the longest keepalive of a client
    timeout client {timeout}s
    timeout server {timeout}s
"
    );
}

fn backend(frontend: &Frontend) -> String {
    format!("{}-brokers", frontend.name)
}

fn front(out: &mut String, frontend: &Frontend) {
    let Frontend { name, port, .. } = frontend;
    let _ = write!(out, "\nfrontend {name}\n    bind :{port}");
    if let Some(tls) = &frontend.tls {
        let _ = write!(out, " ssl crt {}", tls.certificate);
        if let Some(clients) = &tls.clients {
            let _ = write!(out, " ca-file {clients} verify required");
        }
    }
    let _ = writeln!(out, "\n    default_backend {}", backend(frontend));
}

fn back(out: &mut String, frontend: &Frontend) -> Result<(), ProxyError> {
    let check = &frontend.check;
    let connect = check
        .connect()
        .ok_or_else(|| ProxyError::Login(frontend.name.clone()))?;
    let balance = match frontend.balance {
        Balance::LeastConnections => "leastconn",
        Balance::ActiveBackup => "first",
    };
    let _ = write!(
        out,
        "\nbackend {}
    balance {balance}
    option tcp-check
    tcp-check connect{}
    tcp-check send-binary {connect}
    tcp-check expect rbinary {}
    tcp-check send-binary e000
    default-server check inter 2s fall 2 rise 2 on-marked-down shutdown-sessions init-addr last,libc,none",
        backend(frontend),
        if frontend.proxy_protocol {
            " send-proxy"
        } else {
            ""
        },
        check.expected(),
    );
    if frontend.proxy_protocol {
        out.push_str(" send-proxy check-send-proxy");
    }
    if uses_names(&frontend.servers) {
        out.push_str(" resolvers cluster resolve-prefer ipv4");
    }
    out.push('\n');
    servers(out, frontend);
    Ok(())
}

fn servers(out: &mut String, frontend: &Frontend) {
    let role = |index: usize| match frontend.balance {
        Balance::LeastConnections => "",
        Balance::ActiveBackup if index == 0 => " on-marked-up shutdown-backup-sessions",
        Balance::ActiveBackup => " backup",
    };
    match &frontend.servers {
        Servers::Fixed(servers) => {
            for (index, server) in servers.iter().enumerate() {
                let _ = writeln!(
                    out,
                    "    server {} {}:{}{}",
                    server.name,
                    server.host,
                    server.port,
                    role(index)
                );
            }
        }
        Servers::Pods {
            set,
            service,
            replicas,
            port,
        } => {
            for index in 0..usize::from(replicas.get()) {
                let _ = writeln!(
                    out,
                    "    server {set}-{index} {set}-{index}.{service}:{port}{}",
                    role(index)
                );
            }
        }
        Servers::Records {
            port_name,
            service,
            most,
        } => {
            let _ = writeln!(
                out,
                "    server-template broker- {most} _{port_name}._tcp.{service}"
            );
        }
    }
}

/// Whether names of the cluster are looked up while it runs.
const fn uses_names(servers: &Servers) -> bool {
    !matches!(servers, Servers::Fixed(_))
}
