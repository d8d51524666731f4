//! The target `settings`: bytes as a file of capabilities and as a platform.

use rimsim::Platform;
use rimsim::host::caps::{CapsLayer, stack};

/// What a platform is, is written and read again; capabilities are in their ranges.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match (Platform::from_toml(text), Platform::from_toml(text)) {
        (Ok(platform), Ok(again)) => {
            assert_eq!(platform, again);
            let written = platform.to_toml();
            assert_eq!(Platform::from_toml(&written).as_ref(), Ok(&platform), "{written}");
        }
        (Err(error), Err(again)) => assert_eq!(error.to_string(), again.to_string()),
        _ => panic!("a platform is good or bad"),
    }
    let Ok(layer) = CapsLayer::from_toml(text) else { return };
    assert_eq!(layer.check().map_err(|error| error.to_string()), Ok(()));
    let (caps, decisions) = stack(&[("file".to_owned(), layer)]);
    assert!((32..=52).contains(&caps.ipa_bits) && caps.max_vcpus > 0, "{caps:?}");
    assert!(!decisions.is_empty());
}
