//! The codes, and what each is about.

use std::fmt;

use serde::Serialize;

use crate::analysis::{FindingCode, Severity};

macro_rules! codes {
    ($( $variant:ident = $text:literal, $severity:ident, $about:literal; )*) => {
        /// What a [`Lint`](crate::Lint) is about. The text of a code never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $( #[doc = $about] $variant, )*
            /// A finding of [`analysis`](crate::analysis) about the rules of one bridge.
            Rule(FindingCode),
        }

        impl Code {
            /// All codes but those of rules.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The text of the code.
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Rule(code) => code.as_str(),
                }
            }

            /// What it is about, in one sentence.
            pub fn about(self) -> &'static str {
                match self {
                    $( Self::$variant => $about, )*
                    Self::Rule(_) => "What topic rules do to each other.",
                }
            }

            /// How bad it is; those of rules say so themselves.
            pub(crate) fn severity(self) -> Severity {
                match self {
                    $( Self::$variant => Severity::$severity, )*
                    Self::Rule(_) => Severity::Warning,
                }
            }
        }
    };
}

codes! {
    // The text itself.
    UnknownDirective = "unknown-directive", Error, "No version knows the directive; Mosquitto does not start.";
    NotInVersion = "not-in-version", Error, "The version does not know the directive; Mosquitto does not start.";
    BadValue = "bad-value", Error, "The value is not one; Mosquitto does not start, or takes it for 0.";
    Misplaced = "misplaced", Error, "A directive of a bridge or plugin stands before any.";
    IndentedComment = "indented-comment", Error, "Only a `#` at the first character begins a comment.";
    TabSeparator = "tab-separator", Error, "Directive and value are separated by a blank, not by a tab.";
    Replaced = "replaced", Warning, "Of two equal directives only the last one counts.";
    IgnoredText = "ignored-text", Warning, "The end of the line is not looked at.";
    CommentInValue = "comment-in-value", Warning, "Text values run to the end of the line, comments included.";
    TrimmedValue = "trimmed-value", Warning, "Blanks around a value are cut off, also around a password.";
    NoEffect = "no-effect", Note, "The directive is read and does nothing.";
    LateSwitch = "late-switch", Warning, "`per_listener_settings` must stand before what it decides about.";
    MissingFile = "missing-file", Warning, "A file that the configuration names is not there.";
    IncludeDir = "include-dir", Note, "Files of `include_dir` are not looked at here.";
    // What is kept.
    PersistenceOff = "persistence-off", Warning, "Queues and retained messages are lost at every restart.";
    PersistenceLocation = "persistence-location", Warning, "Without a location the database is in the working directory.";
    AutosaveWindow = "autosave-window", Warning, "A killed broker loses what came after the last save.";
    PersistenceSqlite = "persistence-sqlite", Error, "The sqlite plugin excludes `persistence true`.";
    TestConfigWipes = "test-config-wipes", Note, "`mosquitto --test-config` of 2.1 empties the database.";
    QueueLimit = "queue-limit", Warning, "Messages beyond the limit of a queue are dropped without a word.";
    QueueUnlimited = "queue-unlimited", Note, "`max_queued_messages 0` is no limit in every 2.0 only from 2.0.22.";
    Qos0NotQueued = "qos0-not-queued", Note, "Messages of QoS 0 are dropped while a bridge is down.";
    ClientExpiration = "client-expiration", Note, "Absent clients lose their queues.";
    UpgradeOutgoingQos = "upgrade-outgoing-qos", Note, "`upgrade_outgoing_qos` departs from the MQTT standard.";
    PacketSizeDefault = "packet-size-default", Note, "2.1 ends connections over packets above 2,000,000 bytes.";
    DuplicatesDeprecated = "duplicates-deprecated", Note, "`allow_duplicate_messages` is going away.";
    PerListenerBridges = "per-listener-bridges", Warning, "`per_listener_settings` has lost queued messages of bridges.";
    LogAll = "log-all", Note, "`log_type all` writes every packet.";
    // Listeners.
    NoListener = "no-listener", Warning, "Without `listener` only this machine can connect.";
    DefaultListener = "default-listener", Note, "`port` and `bind_address` are deprecated.";
    DuplicateListener = "duplicate-listener", Error, "Two listeners on one port.";
    AnonymousOpen = "anonymous-open", Warning, "Anybody who reaches the listener may come in.";
    NobodyCanConnect = "nobody-can-connect", Error, "No client can log in.";
    AnonymousDeprecated = "anonymous-deprecated", Note, "2.1 has `listener_allow_anonymous` instead.";
    FileOptionDeprecated = "file-option-deprecated", Note, "2.1 wants plugins instead of password and ACL files.";
    AuthPluginName = "auth-plugin-name", Note, "`auth_plugin` is now `plugin`.";
    SymlinkRefused = "symlink-refused", Warning, "2.1 opens the file without following symbolic links.";
    SymlinkWritten = "symlink-written", Note, "2.1 does not follow a symbolic link to a file that it writes.";
    TlsPair = "tls-pair", Error, "A certificate without key, or authorities without a certificate.";
    TlsAndPsk = "tls-and-psk", Error, "A listener has either certificates or pre-shared keys.";
    ClientCertificateCa = "client-certificate-ca", Error, "Client certificates need an authority.";
    OldTls = "old-tls", Warning, "TLS before 1.2 is not offered any more.";
    ProxyHealthCheck = "proxy-health-check", Warning, "Health checks of HAProxy fail with version 2 of the PROXY header.";
    ProxyTls = "proxy-tls", Error, "Version 2 of the PROXY header excludes certificates.";
    HttpApiAuth = "http-api-auth", Warning, "The HTTP interface asks for a password and looks at the ACLs.";
    WebSocketOnly = "websocket-only", Error, "2.0 does not start when every listener speaks WebSocket.";
    WebSocketHost = "websocket-host", Error, "2.0 takes the host of a WebSocket listener for a network interface.";
    MountPoint = "mount-point", Error, "A mount point has no wildcards.";
    // Bridges.
    BridgeNoAddress = "bridge-no-address", Error, "A bridge needs an address.";
    BridgeQuotedPattern = "bridge-quoted-pattern", Error, "2.0 knows no quotes around a pattern; it does not start.";
    BridgeNoTopic = "bridge-no-topic", Error, "A bridge needs a topic rule.";
    BridgeLocalIdTwice = "bridge-local-id-twice", Error, "Two bridges have the same local client id.";
    BridgeIdFromHost = "bridge-id-from-host", Warning, "The client id contains the host name, which changes in a pod.";
    BridgeEqualIds = "bridge-equal-ids", Note, "Local and remote client id are the same.";
    BridgePasswordAlone = "bridge-password-alone", Error, "A password without a user name is not sent.";
    BridgePlainPassword = "bridge-plain-password", Error, "The password goes over the network unencrypted.";
    BridgeNoTls = "bridge-no-tls", Warning, "A port for TLS, and no TLS.";
    BridgeInsecure = "bridge-insecure", Error, "`bridge_insecure` lets anybody in between read the password.";
    BridgePskPair = "bridge-psk-pair", Error, "`bridge_identity` and `bridge_psk` go together.";
    BridgePskAndTls = "bridge-psk-and-tls", Error, "A bridge has either certificates or a pre-shared key.";
    BridgePskHex = "bridge-psk-hex", Error, "A pre-shared key is hexadecimal, without `0x`.";
    BridgeAlpn = "bridge-alpn", Warning, "AWS IoT Core needs ALPN on port 443.";
    BridgeIpv6Port = "bridge-ipv6-port", Error, "An IPv6 address needs a port.";
    BridgePrimary = "bridge-primary", Note, "The first address is tried every 5 s while another one is in use.";
    BridgeCleanSession = "bridge-clean-session", Warning, "The session, and what waits in it, is thrown away.";
    BridgeLocalSession = "bridge-local-session", Note, "`local_cleansession false` survives a restart only from 2.0.15.";
    BridgeV5Session = "bridge-v5-session", Error, "Over MQTT 5 the remote session ends with the connection.";
    BridgeV5Window = "bridge-v5-window", Note, "2.0 does not keep to the Receive Maximum of the remote broker.";
    BridgeV5Unlimited = "bridge-v5-unlimited", Error, "Over MQTT 5 a bridge of 2.0 cannot have an unlimited number of messages under way.";
    BridgeV5Refused = "bridge-v5-refused", Note, "Over MQTT 5 subscriptions have options that some brokers refuse.";
    BridgeKeepalive = "bridge-keepalive", Note, "A keepalive below 5 s counts as 5 s.";
    BridgeLazyMinimum = "bridge-lazy-minimum", Note, "An idle timeout or a threshold below 1 counts as 1.";
    BridgeLazyOnly = "bridge-lazy-only", Note, "`idle_timeout` and `threshold` are for lazy bridges alone.";
    BridgeStartOnce = "bridge-start-once", Warning, "`start_type once` never connects again.";
    BridgeStartLazy = "bridge-start-lazy", Warning, "A lazy bridge receives nothing while it sleeps.";
    BridgeNotificationTopic = "bridge-notification-topic", Error, "The notification topic has a wildcard.";
    BridgeTryPrivate = "bridge-try-private", Warning, "Brokers that are not Mosquitto may refuse the private bit.";
    BridgeUnsubscribe = "bridge-unsubscribe", Warning, "Some services end the connection over an UNSUBSCRIBE.";
    BridgeUnsubscribesIn = "bridge-unsubscribes-in", Error, "The UNSUBSCRIBE for an `out` rule takes back the subscription of an `in` rule.";
    BridgeRetain = "bridge-retain", Warning, "The service keeps no retained messages.";
    BridgeNotifications = "bridge-notifications", Warning, "The service does not take the state topic of a bridge.";
    BridgeState = "bridge-state", Note, "The state topic has said that a bridge is down while it was up.";
    BridgeRetainFlag = "bridge-retain-flag", Note, "The private bit makes a remote Mosquitto keep retain flags that MQTT 3.1.1 clears.";
    BridgeAwsQueue = "bridge-aws-queue", Note, "Messages kept for AWS IoT Core have not arrived after a cut.";
    BridgeReload = "bridge-reload", Warning, "A reload by SIGHUP loses the queue of a changed bridge.";
    BridgeQos2 = "bridge-qos2", Note, "QoS 2 over bridges has stuck and repeated messages.";
    BridgeInflight = "bridge-inflight", Note, "Messages can stick behind the limit of unacknowledged ones.";
    // Password, ACL and dynamic-security files.
    PasswordLine = "password-line", Error, "A line is no password; 2.0 drops the user, 2.1 does not start.";
    PasswordTwice = "password-twice", Error, "A user is there twice; 2.1 does not start.";
    PasswordSalt = "password-salt", Error, "2.0 drops hashes whose salt has not 12 bytes.";
    PasswordArgon2 = "password-argon2", Error, "2.0 drops Argon2 hashes.";
    PasswordOldHash = "password-old-hash", Warning, "One round of SHA-512 is guessed quickly.";
    PasswordCost = "password-cost", Warning, "The broker stands still while it checks the password.";
    AclLine = "acl-line", Error, "A line is none of the ACL file; Mosquitto does not start.";
    AclPatternUnderUser = "acl-pattern-under-user", Error, "A `pattern` below a user holds for all users.";
    AclPartialLevel = "acl-partial-level", Error, "`%c` and `%u` must fill their level.";
    AclPlainPattern = "acl-plain-pattern", Warning, "A `pattern` without `%c` and `%u` is a right of everybody.";
    AclLiteralName = "acl-literal-name", Warning, "`%c` and `%u` mean nothing in a `topic` line.";
    DynsecShape = "dynsec-shape", Error, "The text is no dynamic-security file.";
    DynsecReference = "dynsec-reference", Error, "A name that nothing has, or that two have.";
    DynsecHash = "dynsec-hash", Error, "A hash that the plugin does not take.";
    DynsecEncoded = "dynsec-encoded", Error, "2.0 does not know `encoded_password`.";
    DynsecLiteralName = "dynsec-literal-name", Warning, "`%c` and `%u` mean nothing in a literal right.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
