//! Listeners, and who may come in.

use super::{Check, Code};
use crate::read::Section;
use crate::setting::{Protocol, Ranged};
use crate::{Listener, ListenerAddress, ListenerOptions, Plugin, PluginKind, Security, Version};

impl<'a> Check<'a> {
    pub(super) fn listeners(&mut self) {
        let config = self.config;
        if config.default_listener.is_used() {
            let used = |key| self.document.line_of(Section::Broker, key);
            let line = used("port").or(used("bind_address")).unwrap_or(1);
            let message = "settings of a listener stand before any `listener`; this way is deprecated";
            self.say(
                Code::DefaultListener,
                line,
                message,
                "write `listener PORT` first, with the address behind the port",
            );
            self.listener_options(Section::Broker, &config.default_listener.options);
        } else if config.listeners.is_empty() {
            let message = "without a `listener` line the broker runs in local only mode";
            self.say(Code::NoListener, 1, message, "write `listener 1883`");
        }
        for (index, listener) in config.listeners.iter().enumerate() {
            let section = Section::Listener(index);
            self.listener_options(section, &listener.options);
            if config.listeners[..index]
                .iter()
                .any(|other| other.address == listener.address)
            {
                let line = self.document.first_line(section);
                let message = "another listener has the same port and address, so this one cannot be opened";
                self.say(Code::DuplicateListener, line, message, "remove one of the two");
            }
        }
        self.websockets();
        self.security();
        self.written_files();
    }

    /// Files that the broker writes: 2.1 opens them as it opens those with secrets.
    fn written_files(&mut self) {
        if !self.version.refuses_symlinks() {
            return;
        }
        if self.config.global.persistence == Some(true) {
            let line = self.line(Section::Broker, "persistence_location");
            let line = line.max(self.line(Section::Broker, "persistence"));
            self.no_link(line, "the database");
        }
        let document = self.document;
        let dynsec = |plugin: &Plugin| plugin.path.as_str().contains("dynamic_security");
        let dynsec = self.plugins().any(dynsec);
        for entry in &document.entries {
            match entry.key.as_str() {
                "log_dest" if entry.value.trim_start().starts_with("file") => {
                    self.no_link(entry.line, "the log file");
                }
                "plugin_opt_config_file" | "auth_opt_config_file" if dynsec => {
                    self.no_link(entry.line, "the dynamic-security file");
                }
                _ => {}
            }
        }
    }

    fn no_link(&mut self, line: usize, what: &str) {
        let message = format!("2.1 opens {what} without following a symbolic link");
        let help = "name the file itself, or set MOSQUITTO_UNSAFE_ALLOW_SYMLINKS (from 2.1.1)";
        self.say(Code::SymlinkWritten, line, message, help);
    }

    /// Both measured on 2.0.11: the port is open on all addresses for a moment, or for good.
    fn websockets(&mut self) {
        let listeners = &self.config.listeners;
        if self.version != Version::V2_0 {
            return;
        }
        let is_web = |listener: &Listener| listener.options.protocol == Some(Protocol::WebSockets);
        if !self.config.default_listener.is_used() && !listeners.is_empty() && listeners.iter().all(is_web) {
            let line = self.line(Section::Listener(0), "protocol");
            let message =
                "with WebSocket listeners alone 2.0 ends with \"unable to start any listening sockets\"";
            self.say(
                Code::WebSocketOnly,
                line,
                message,
                "add a listener for MQTT, on 127.0.0.1 if nobody needs it",
            );
        }
        for (index, listener) in listeners
            .iter()
            .enumerate()
            .filter(|(_, listener)| is_web(listener))
        {
            let ListenerAddress::Tcp { host: Some(host), .. } = &listener.address else {
                continue;
            };
            let address = host.as_str().parse::<core::net::IpAddr>();
            // All addresses is what `0.0.0.0` asks for.
            if address.is_ok_and(|address| !address.is_unspecified()) || host.as_str() == "localhost" {
                let line = self.document.first_line(Section::Listener(index));
                let message = format!(
                    "`{host}` is no network interface: the listener is open on all addresses, or on none"
                );
                self.say(
                    Code::WebSocketHost,
                    line,
                    message,
                    "write the name of an interface, such as `lo`",
                );
            }
        }
    }

    fn listener_options(&mut self, section: Section, options: &ListenerOptions) {
        self.tls(section, options);
        self.proxy(section, options);
        self.http_api(section, options);
        if options
            .mount_point
            .as_ref()
            .is_some_and(|prefix| prefix.as_str().contains(['+', '#']))
        {
            let line = self.line(section, "mount_point");
            self.say(
                Code::MountPoint,
                line,
                "a mount point is a beginning of topics, not a filter",
                "remove the wildcard",
            );
        }
    }

    fn tls(&mut self, section: Section, options: &ListenerOptions) {
        let authority = options.cafile.is_some() || options.capath.is_some();
        let (certificate, key) = (options.certfile.is_some(), options.keyfile.is_some());
        if certificate != key || (authority && !certificate) {
            let line = ["certfile", "keyfile", "cafile", "capath"]
                .iter()
                .find_map(|key| self.document.line_of(section, key))
                .unwrap_or_else(|| self.document.first_line(section));
            let message = "TLS needs `certfile` and `keyfile`; with less 2.1 does not start, and 2.0 may stay unencrypted";
            self.say(Code::TlsPair, line, message, "give both, or none of the three");
        }
        if options.psk_hint.is_some() && (certificate || key || authority) {
            let line = self.line(section, "psk_hint");
            self.say(
                Code::TlsAndPsk,
                line,
                "Mosquitto refuses both on one listener",
                "make two listeners",
            );
        }
        let wants = options.require_certificate == Some(true)
            || options.use_identity_as_username == Some(true)
            || options.use_subject_as_username == Some(true);
        if wants && !authority && options.psk_hint.is_none() {
            let line = self.line(section, "require_certificate");
            let message =
                "certificates of clients are asked for, and no authority says which of them are good";
            self.say(
                Code::ClientCertificateCa,
                line,
                message,
                "write `cafile` with the authority of the clients",
            );
        }
        self.tls_version(
            section,
            "tls_version",
            options.tls_version.as_ref().map(|version| version.as_str()),
        );
    }

    pub(super) fn tls_version(&mut self, section: Section, key: &str, version: Option<&str>) {
        if version.is_some_and(|version| !matches!(version, "tlsv1.2" | "tlsv1.3")) {
            let line = self.line(section, key);
            let message = format!("`{key}` takes tlsv1.2 and tlsv1.3");
            self.say(Code::OldTls, line, message, "write tlsv1.2");
        }
    }

    fn proxy(&mut self, section: Section, options: &ListenerOptions) {
        if options.enable_proxy_protocol.map(Ranged::get) != Some(2) {
            return;
        }
        let line = self.line(section, "enable_proxy_protocol");
        let message =
            "the broker resets the LOCAL command with which HAProxy checks it, so all its servers are down";
        self.say(
            Code::ProxyHealthCheck,
            line,
            message,
            "write `enable_proxy_protocol 1`, and `check-send-proxy` in HAProxy",
        );
        let subject = options.use_subject_as_username == Some(true);
        if options.certfile.is_some() || options.keyfile.is_some() || subject {
            let message = "with version 2 the proxy ends TLS; certificates here are refused";
            self.say(
                Code::ProxyTls,
                line,
                message,
                "remove `certfile`, `keyfile` and `use_subject_as_username`",
            );
        }
    }

    fn http_api(&mut self, section: Section, options: &ListenerOptions) {
        if options.protocol != Some(Protocol::HttpApi) || self.version == Version::V2_0 {
            return;
        }
        let security = self.security_of(section);
        let acl = security.acl_file.is_some();
        let anonymous = options.listener_allow_anonymous.or(security.allow_anonymous) == Some(true);
        if acl || !anonymous {
            let line = self.line(section, "protocol");
            let message = "a probe without user and password is answered with 401, and the ACLs are asked about the path";
            let help = "write `listener_allow_anonymous true` here, and `topic read /api/v1/version` before the first user of \
                        the ACL file";
            self.say(Code::HttpApiAuth, line, message, help);
        }
    }

    fn security_of(&self, section: Section) -> &'a Security {
        match section {
            Section::Listener(index) if self.config.per_listener() => &self.config.listeners[index].security,
            _ => &self.config.security,
        }
    }

    fn security(&mut self) {
        let config = self.config;
        let mut places = Vec::new();
        if config.default_listener.is_used() {
            let local = config
                .default_listener
                .bind_address
                .as_ref()
                .is_some_and(|host| crate::listener::is_loopback(host.as_str()));
            let own = if config.per_listener() {
                &config.default_listener.security
            } else {
                &config.security
            };
            places.push((Section::Broker, own, &config.default_listener.options, local));
        }
        for (index, listener) in config.listeners.iter().enumerate() {
            let own = self.security_of(Section::Listener(index));
            places.push((
                Section::Listener(index),
                own,
                &listener.options,
                listener.is_local(),
            ));
        }
        let mut told = false;
        for (section, own, options, local) in places {
            self.who(section, own, options, local);
            if config.per_listener() || !std::mem::replace(&mut told, true) {
                let section = if config.per_listener() {
                    section
                } else {
                    Section::Broker
                };
                self.security_files(section, own);
            }
        }
    }

    fn who(&mut self, section: Section, own: &Security, options: &ListenerOptions, local: bool) {
        let plugins = !own.plugins.is_empty()
            || !options.plugin_use.is_empty()
            || !self.config.security.plugins.is_empty();
        let checked = own.password_file.is_some() || own.psk_file.is_some() || plugins;
        let certificates = options.require_certificate == Some(true)
            && (options.use_identity_as_username == Some(true)
                || options.use_subject_as_username == Some(true));
        let anonymous = options.listener_allow_anonymous.or(own.allow_anonymous) == Some(true);
        let key = if options.listener_allow_anonymous.is_some() {
            "listener_allow_anonymous"
        } else {
            "allow_anonymous"
        };
        let asked = self
            .document
            .line_of(section, key)
            .or(self.document.line_of(Section::Broker, key));
        let line = asked.unwrap_or_else(|| self.document.first_line(section));
        let probe = options.protocol == Some(Protocol::HttpApi);
        if anonymous && !local && !probe && options.require_certificate != Some(true) {
            let message =
                "anybody who reaches this listener may read and write every topic that the ACLs leave open";
            self.say(
                Code::AnonymousOpen,
                line,
                message,
                "write `allow_anonymous false` and a `password_file`",
            );
        }
        if !anonymous && !checked && !certificates && !probe {
            let message =
                "there is no password file, no plugin and no certificate, and anonymous clients are refused";
            self.say(
                Code::NobodyCanConnect,
                line,
                message,
                "write `password_file` with the users",
            );
        }
    }

    fn security_files(&mut self, section: Section, own: &Security) {
        for plugin in own
            .plugins
            .iter()
            .filter(|plugin| plugin.kind == PluginKind::AuthPlugin)
        {
            let line = self.line(section, "auth_plugin");
            let message = format!("`auth_plugin {}` is the old name of the directive", plugin.path);
            self.say(Code::AuthPluginName, line, message, "write `plugin`");
        }
        if self.version == Version::V2_0 {
            return;
        }
        if own.allow_anonymous.is_some() {
            let line = self.line(section, "allow_anonymous");
            let message = "the option holds for all listeners, and is deprecated in 2.1";
            self.say(
                Code::AnonymousDeprecated,
                line,
                message,
                "write `listener_allow_anonymous` behind each `listener`",
            );
        }
        let files = [
            ("password_file", &own.password_file),
            ("acl_file", &own.acl_file),
            ("psk_file", &own.psk_file),
        ];
        for (key, _) in files.iter().filter(|(_, file)| file.is_some()) {
            let line = self.line(section, key);
            let message = format!(
                "2.1 opens `{key}` without following symbolic links, and files of a mounted Secret are links"
            );
            let help =
                "copy the file before the broker starts, or set MOSQUITTO_UNSAFE_ALLOW_SYMLINKS (from 2.1.1)";
            self.say(Code::SymlinkRefused, line, message, help);
            if *key != "psk_file" {
                let message = format!("`{key}` is deprecated and goes away in 3.0");
                self.say(
                    Code::FileOptionDeprecated,
                    line,
                    message,
                    "use the password-file and ACL-file plugins of 2.1",
                );
            }
        }
    }
}
