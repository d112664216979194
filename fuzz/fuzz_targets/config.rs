//! Any text as a configuration file: a tree or errors with places inside of the text.
#![no_main]

mod places;

use libfuzzer_sys::fuzz_target;
use mqttkube_mapping::ValuesSpec;
use mqttkube_mapping::yaml::{Loader, Schema, Secret, Size, Tree};
use places::check_places;

fuzz_target!(|text: &str| {
    for schema in [Schema::Config, Schema::Kubectl] {
        match Loader::new("f", "/d").schema(schema).parse_all(text) {
            Ok(trees) => trees.iter().for_each(read),
            Err(errors) => check_places(text, &errors),
        }
    }
    let _ = text.parse::<Secret>();
    if let Ok(size) = text.parse::<Size>() {
        assert_eq!(size.to_string().parse(), Ok(size));
    }
});

fn read(tree: &Tree) {
    let _ = tree.root().to_json();
    let _ = tree.deserialize::<ValuesSpec>();
    let _ = tree.deserialize::<serde_json::Value>();
    let _ = tree.read(|cursor| {
        let mut section = cursor.section("a section")?;
        let _ = section.optional::<Vec<String>>("a");
        let _ = section.one_or_many("b");
        section.finish();
        Some(())
    });
}
