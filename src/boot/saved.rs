//! Measurements of a boot in a file: JSON, a line each.

use serde::{Deserialize, Serialize};

use super::chain::RemIndex;
use super::event::{BootEvent, Hashed, Varies};
use crate::encoding::text::{from_hex, hex};

/// Most measurements that are read.
const MAX_EVENTS: usize = 1 << 16;

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    rem: u32,
    #[serde(rename = "type")]
    kind: Option<u32>,
    digest: String,
    data: String,
    what: String,
    stage: String,
    varies: Varies,
}

/// The text of these measurements. What was hashed is not in it, only its digest.
#[must_use]
pub fn write_saved(events: &[BootEvent]) -> String {
    let line = |event: &BootEvent| {
        let saved = Saved {
            rem: event.rem.index().into(),
            kind: event.kind,
            digest: hex(&event.digest),
            data: hex(&event.data),
            what: event.what.clone(),
            stage: event.stage.clone(),
            varies: event.varies,
        };
        serde_json::to_string(&saved).expect("texts and numbers") + "\n"
    };
    events.iter().map(line).collect()
}

/// The measurements of a text that [`write_saved`] made.
///
/// # Bounds
/// Time and memory grow with the length.
///
/// # Errors
/// If it is none; the text begins with the line's number.
pub fn read_saved(text: &str) -> Result<Vec<BootEvent>, String> {
    let mut events = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if events.len() == MAX_EVENTS {
            return Err(format!("{number}: more than {MAX_EVENTS} measurements"));
        }
        events.push(read_line(line).map_err(|why| format!("{number}: {why}"))?);
    }
    Ok(events)
}

fn read_line(line: &str) -> Result<BootEvent, String> {
    let saved: Saved = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let bytes = |digits: &str| from_hex(digits).map_err(|error| error.to_string());
    Ok(BootEvent {
        rem: RemIndex::try_from(saved.rem)?.0,
        kind: saved.kind,
        digest: bytes(&saved.digest)?,
        hashed: Hashed::Long,
        data: bytes(&saved.data)?,
        data_is_known: true,
        what: saved.what,
        stage: saved.stage,
        varies: saved.varies,
        otherwise: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::Rem;

    #[test]
    fn what_is_saved_is_read() {
        let event = BootEvent {
            rem: Rem::LOADER,
            kind: Some(13),
            digest: vec![7; 32],
            hashed: Hashed::Long,
            data: b"a\0".to_vec(),
            data_is_known: true,
            what: "section \".osrel\"\n".into(),
            stage: "[[boot]] 1 (uki)".into(),
            varies: Varies::Section,
            otherwise: Vec::new(),
        };
        let unlogged = BootEvent { kind: None, ..event.clone() };
        let events = [event, unlogged];
        let text = write_saved(&events);
        assert_eq!(text.lines().count(), 2);
        assert_eq!(read_saved(&text).expect("saved"), events);
        for (from, to) in [("\"rem\":3", "\"rem\":5"), ("section\"", "moon\""), ("07", "0g")] {
            let damaged = text.replacen(from, to, 1);
            assert_ne!(damaged, text, "{from}");
            assert!(read_saved(&damaged).expect_err("damaged").starts_with("1: "));
        }
        assert!(read_saved(&text[..text.len() - 3]).expect_err("cut").starts_with("2: "));
    }
}
