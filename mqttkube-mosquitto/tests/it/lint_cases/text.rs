//! The text itself: directives that do not exist, do not fit, or are read differently from what they seem.

use mqttkube_mosquitto::Version::V2_0;

use super::Case;

pub(crate) const TEXT: &[Case] = &[
    (
        "unknown-directive",
        V2_0,
        "listener 1883\nmax_qued_messages 0\n",
        2,
        "listener 1883\nmax_queued_messages 0\n",
    ),
    (
        "not-in-version",
        V2_0,
        "listener 1883\nlistener_allow_anonymous true\n",
        2,
        "listener 1883\nallow_anonymous true\n",
    ),
    ("bad-value", V2_0, "sys_interval soon\n", 1, "sys_interval 10\n"),
    (
        "misplaced",
        V2_0,
        "address example.org\nconnection c\n",
        1,
        "connection c\naddress example.org\n",
    ),
    ("indented-comment", V2_0, "  # listener\n", 1, "# listener\n"),
    ("tab-separator", V2_0, "listener\t1883\n", 1, "listener 1883\n"),
    (
        "replaced",
        V2_0,
        "sys_interval 10\nsys_interval 20\n",
        2,
        "sys_interval 10\n",
    ),
    (
        "ignored-text",
        V2_0,
        "sys_interval 10 seconds\n",
        1,
        "sys_interval 10 # seconds\n",
    ),
    (
        "ignored-text",
        V2_0,
        "connection c\nrestart_timeout 5 30 10\n",
        2,
        "connection c\nrestart_timeout 5 30\n",
    ),
    (
        "comment-in-value",
        V2_0,
        "pid_file /run/m.pid # where\n",
        1,
        "pid_file /run/m.pid\n",
    ),
    (
        "trimmed-value",
        V2_0,
        "pid_file  /run/m.pid\n",
        1,
        "pid_file /run/m.pid\n",
    ),
    ("no-effect", V2_0, "retry_interval 20\n", 1, "sys_interval 20\n"),
    (
        "late-switch",
        V2_0,
        "allow_anonymous false\nper_listener_settings true\n",
        2,
        "per_listener_settings true\nallow_anonymous false\n",
    ),
    (
        "late-switch",
        V2_0,
        "allow_anonymous true\nper_listener_settings true\n",
        2,
        "allow_anonymous true\nper_listener_settings false\n",
    ),
    (
        "include-dir",
        V2_0,
        "include_dir /etc/mosquitto/conf.d\n",
        1,
        "pid_file /etc/mosquitto/conf.d\n",
    ),
];
