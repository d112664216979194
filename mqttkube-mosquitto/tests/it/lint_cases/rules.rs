//! The rules of one bridge against each other.

use mqttkube_mosquitto::Version::{V2_0, V2_1};

use super::Case;

pub(crate) const RULES: &[Case] = &[
    (
        "rule-overlap",
        V2_0,
        "connection c\ntopic a/# out 1\ntopic a/b out 1\n",
        3,
        "connection c\ntopic a/# out 1\n",
    ),
    (
        "rule-shadowed",
        V2_0,
        "connection c\ntopic # out 1 a/ b/\ntopic x out 1 a/ c/\n",
        3,
        "connection c\ntopic # out 1 a/ b/\ntopic x out 1 c/ d/\n",
    ),
    (
        "rule-dead",
        V2_0,
        "connection c\ntopic # out 1\ntopic a out 1\n",
        3,
        "connection c\ntopic # out 0\ntopic a out 1\n",
    ),
    (
        "rule-dropped",
        V2_1,
        "connection c\ntopic x/# out 1\ntopic x/# out 1 L/ R/\n",
        3,
        "connection c\ntopic x/# out 0\ntopic x/# out 1 L/ R/\n",
    ),
    (
        "rule-no-filter",
        V2_0,
        "connection c\ntopic #b out 1\n",
        2,
        "connection c\ntopic b/# out 1\n",
    ),
    (
        "bridge-echo",
        V2_0,
        "BRIDGE\ntopic a out 1\ntopic b/# both 1\ntry_private false\n",
        13,
        "BRIDGE\ntopic a out 1\ntopic b/# both 1\ntry_private false\nbridge_protocol_version mqttv50\n",
    ),
    (
        "bridge-echo",
        V2_1,
        "BRIDGE\ntopic # out 1 a/ x/\ntopic x/b in 1\n",
        12,
        "BRIDGE\ntopic # out 1 a/ x/\ntopic y/b in 1\n",
    ),
    (
        "rule-join",
        V2_0,
        "connection c\ntopic ev out 1 gcp \"\"\n",
        2,
        "connection c\ntopic ev out 1 gcp/ \"\"\n",
    ),
    (
        "rule-parent",
        V2_0,
        "connection c\ntopic # out 1 a/ b/\n",
        2,
        "connection c\ntopic +/# out 1 a/ b/\n",
    ),
    (
        "rule-empty-name",
        V2_0,
        "connection c\ntopic # out 1 a/ \"\"\n",
        2,
        "connection c\ntopic # out 1 a/ b/\n",
    ),
];
