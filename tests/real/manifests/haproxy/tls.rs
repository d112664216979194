//! HAProxy ends TLS, and reads its certificate again at a signal.

use mqttkube_manifests::haproxy::Tls;
use mqttkube_tests::mqtt_probe::{Message, Options};
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::process::{MosquittoOptions, free_port};
use mqttkube_tests::skip::lacks;
use mqttkube_tests::wait;

use super::{NEEDS, frontend, start};
use crate::clients::{SOON, enter, publish_over_tls};

#[tokio::test]
async fn tls_ends_at_the_proxy_and_a_signal_brings_a_new_certificate_without_cutting_anybody() {
    if lacks(&NEEDS) {
        return;
    }
    let broker = MosquittoOptions::default().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new("old").unwrap(), Authority::new("new").unwrap());
    let show = |authority: &Authority| {
        authority
            .server(&["localhost"])
            .unwrap()
            .write(folder.path(), "tls")
            .unwrap()
            .0
    };
    let certificate = show(&old);
    let (encrypted, plain) = (free_port(), free_port());
    let mut front = frontend("mqtts", encrypted, &[("a", broker.port())]);
    front.tls = Some(Tls {
        certificate: certificate.to_str().unwrap().parse().unwrap(),
        clients: None,
    });
    let proxy = start(
        &folder,
        vec![front, frontend("mqtt", plain, &[("a", broker.port())])],
    );
    proxy.answers("200").await;
    let publish = |authority: &Authority| publish_over_tls(encrypted, &authority.certificate(), "t", None);
    publish(&old).unwrap();
    assert!(
        publish(&new).is_err(),
        "an authority that did not sign is trusted"
    );

    let stays = enter(plain, Options::default()).await.unwrap();
    stays.subscribe("t", 1).await.unwrap();
    show(&new);
    proxy.process.hang_up();
    wait::until_ok(SOON, "new certificate", async || publish(&new)).await;
    // It came over the new process; the connection over the old one is still there.
    stays.wait(SOON, |messages| !messages.is_empty()).await;
    stays.publish(&Message::new("t", "mine")).await.unwrap();
    stays
        .wait(SOON, |messages| {
            messages.iter().any(|message| message.text() == "mine")
        })
        .await;
}
