//! Device trees as lines of text, to say where two of them differ.

fn word(blob: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(blob[at..at + 4].try_into().expect("a word"))
}

fn name(blob: &[u8], at: usize) -> String {
    let bytes = blob[at..].split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every property as a line: path, name, bytes; with nodes of their own.
fn text(blob: &[u8]) -> Vec<String> {
    let (structure, strings) = (word(blob, 8) as usize, word(blob, 12) as usize);
    let (mut at, mut path, mut lines) = (structure, Vec::new(), Vec::new());
    loop {
        let tag = word(blob, at);
        at += 4;
        match tag {
            1 => {
                let name = name(blob, at);
                at += (name.len() + 4) & !3;
                path.push(name);
                lines.push(path.join("/"));
            }
            2 => {
                path.pop();
            }
            3 => {
                let len = word(blob, at) as usize;
                let name = name(blob, strings + word(blob, at + 4) as usize);
                let value = &blob[at + 8..at + 8 + len];
                lines.push(format!("{} {name} = {value:x?}", path.join("/")));
                at += 8 + ((len + 3) & !3);
            }
            _ => return lines,
        }
    }
}

/// The first difference of two trees, as a property or, if all of them are equal, as an offset.
pub(crate) fn difference(made: &[u8], wanted: &[u8]) -> Option<String> {
    if made == wanted {
        return None;
    }
    let (made_text, wanted_text) = (text(made), text(wanted));
    let line = made_text.iter().zip(&wanted_text).find(|(made, wanted)| made != wanted);
    if let Some((made, wanted)) = line {
        return Some(format!("`{made}` is made, `{wanted}` was recorded"));
    }
    let at = made.iter().zip(wanted).position(|(made, wanted)| made != wanted);
    let (made, wanted) = (made_text.len(), wanted_text.len());
    Some(format!("{made} and {wanted} lines, first different byte {at:?}"))
}
