//! A schema that parses is written as JSON that parses to the same, and its fields lie in the event side by side.
#![no_main]

use flashstrike_segment::Schema;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(schema) = Schema::parse(text) {
        assert_eq!(Schema::parse(&schema.to_json()).as_ref(), Ok(&schema));
        let mut end = 0;
        for field in &schema.fields {
            assert!(u32::from(field.offset) >= end);
            end = u32::from(field.offset) + field.field_type.size();
        }
        assert!(end <= schema.size.into());
    }
});
