//! Reading what was written gives the same model.

use mqttkube_mosquitto::Version;
use proptest::prelude::*;

use crate::models::config;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_written_is_read_as_the_same(config in config(Version::V2_1)) {
        let text = config.write(Version::V2_1).expect("the strategy makes what can be written");
        let document = mqttkube_mosquitto::Config::read(&text);
        prop_assert_eq!(&document.problems, &[]);
        prop_assert_eq!(document.config, config);
    }

    #[test]
    fn version_2_0_gets_nothing_that_it_does_not_know(config in config(Version::V2_0)) {
        let text = config.write(Version::V2_0).expect("the strategy makes what can be written");
        for entry in mqttkube_mosquitto::Config::read(&text).entries {
            prop_assert!(mqttkube_mosquitto::is_directive(&entry.key, Version::V2_0), "{}", entry.key);
        }
    }

    #[test]
    fn json_keeps_a_configuration(config in config(Version::V2_1)) {
        let json = serde_json::to_string(&config).expect("a configuration is JSON");
        prop_assert_eq!(serde_json::from_str::<mqttkube_mosquitto::Config>(&json).expect("its own JSON"), config);
    }
}
