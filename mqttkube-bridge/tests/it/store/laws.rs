//! Laws of the store and of its messages, on random steps and properties.

use mqttkube_bridge::relay::{Lane, Message, Store};
use mqttkube_mqtt::{Publish, QoS};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{keep, message, options, topics};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A queue in memory is the model.
    #[test]
    fn the_store_is_a_queue(steps in prop::collection::vec((0u8..3, 0usize..20), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(async {
            let folder = TempDir::new()?;
            let mut store = Store::open(&options(&folder))?;
            let mut model: Vec<(u64, String)> = Vec::new();
            let mut next = 0;
            for (step, choice) in steps {
                match step {
                    0 => {
                        keep(&store, next).await?;
                        let sequence = store.read(Lane::Out, None, usize::MAX).await?.last().map(|stored| stored.sequence);
                        model.push((sequence.expect("it was just kept"), format!("t/{next}")));
                        next += 1;
                    }
                    1 if !model.is_empty() => {
                        let (sequence, _) = model.remove(choice % model.len());
                        store.remove(Lane::Out, sequence).await?;
                    }
                    _ => {
                        store.close().await;
                        store = Store::open(&options(&folder))?;
                    }
                }
                let expected: Vec<String> = model.iter().map(|(_, topic)| topic.clone()).collect();
                prop_assert_eq!(topics(&store).await, expected);
                prop_assert_eq!(store.status().messages[0], model.len() as u64);
            }
            store.close().await;
            Ok(())
        })?;
    }

    /// What MQTT 5 carries end to end reaches the other side; hops are counted and a life that is over ends the message.
    #[test]
    fn properties_are_carried_aged_and_counted(
        user in prop::collection::vec(("[a-z]{1,5}", ".{0,5}"), 0..4), expiry in prop::option::of(1u32..100), waited in 0u64..150,
        qos in 0u8..2, retain: bool,
    ) {
        let mut sent = message("t", "p");
        (sent.qos, sent.retain) = (qos, retain);
        sent.properties.user = user.clone();
        sent.properties.expiry = expiry;
        let alive = expiry.is_none_or(|expiry| u64::from(expiry) > waited);
        let aged = sent.clone().aged(waited);
        prop_assert_eq!(aged.is_some(), alive);
        if let Some(publish) = aged.and_then(Message::hop).map(Message::into_publish) {
            let Publish { user_properties, message_expiry, .. } = &publish;
            let expected = user.into_iter().chain([("mqttkube-hops".to_owned(), "1".to_owned())]).collect::<Vec<_>>();
            prop_assert_eq!(user_properties, &expected);
            prop_assert_eq!(*message_expiry, expiry.map(|expiry| expiry - u32::try_from(waited).expect("it was alive")));
            prop_assert_eq!((publish.qos == QoS::AtLeastOnce, publish.retain), (qos == 1, retain));
        }
        let circled = (0..5).try_fold(sent, |message, _| message.hop());
        prop_assert!(circled.is_none(), "the fifth bridge refuses it");
    }
}
