//! The target `event_log`: bytes as a Realm's measurement log.

use std::sync::Arc;

use rimsim::abi::profile::RemReading;
use rimsim::event_log::{At, Registers, read, read_as_far, rebuild, rems, wrong_digests};
use rimsim::measure::image::Image;
use rimsim::measure::rim::HashAlgo;
use rimsim::script;

/// Reads a log twice: it has the same events, REMs and script, and the script reads as it prints.
pub fn run(data: &[u8]) {
    let log = match (read(data), read(data)) {
        (Ok(log), Ok(again)) => {
            assert_eq!(log, again, "one log has one list of events");
            log
        }
        (Err(error), Err(again)) => {
            if let Ok((part, broken)) = read_as_far(data) {
                assert_eq!(broken.as_ref(), Some(&error));
                assert!(part.used_bytes <= data.len() as u64);
            }
            return assert_eq!(error, again);
        }
        _ => panic!("a log is either good or bad"),
    };
    assert_eq!(log.used_bytes + log.padding_bytes, data.len() as u64);
    let mut end = 0;
    for event in &log.events {
        assert!(event.offset >= end && event.data.len() as u64 <= log.used_bytes);
        end = event.offset + event.data.len() as u64;
        let shown = event.payload.to_string();
        assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown}");
    }
    assert_eq!(wrong_digests(&log), wrong_digests(&log));
    for algo in HashAlgo::ALL {
        for (_, registers) in Registers::ALL {
            let made = rems(&log, algo, registers, RemReading::Concatenated);
            for rem in made.values {
                let zero = rem.value.map(|value| value.is_zero());
                assert!(zero.is_err() || zero == Ok(rem.count == 0));
            }
        }
    }
    let image = Arc::new(Image::from_bytes("image", vec![7; 0x1234]));
    for ipa in [None, Some(0x8000_0000)] {
        let files = [At { ipa, image: Arc::clone(&image) }];
        let Ok(made) = rebuild(&log, &files) else { continue };
        let script = script::parse("log.rmi", &made.text).expect("a script");
        assert_eq!(script.to_string(), made.text);
        assert!(made.needs.iter().all(|need| need.ipa.start < need.ipa.end));
    }
}
