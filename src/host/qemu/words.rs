//! Words of a command line: properties, as QEMU reads them.

use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// `a=b,c=d`, with doubled commas inside values; a first word without `=` gets the key `implied`.
pub(super) fn properties(text: &str, implied: Option<&str>) -> Vec<(String, Option<String>)> {
    let mut pieces = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != ',' {
            pieces.last_mut().expect("one at least").push(c);
        } else if chars.next_if_eq(&',').is_some() {
            pieces.last_mut().expect("one at least").push(',');
        } else {
            pieces.push(String::new());
        }
    }
    let pieces = pieces.into_iter().enumerate().filter(|(_, piece)| !piece.is_empty());
    let property = |(i, piece): (usize, String)| match (piece.split_once('='), implied) {
        (Some((key, value)), _) => (key.to_owned(), Some(value.to_owned())),
        (None, Some(key)) if i == 0 => (key.to_owned(), Some(piece)),
        (None, _) => (piece, None),
    };
    pieces.map(property).collect()
}

/// The value of a property that has to have one.
pub(super) fn required(option: &str, value: Option<String>) -> Result<String, Refusal> {
    value.ok_or_else(|| refused(option, "expected a value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_are_doubled_inside_values() {
        let found = properties("virt,a=b,,c,d=", Some("type"));
        let expected = [("type", Some("virt")), ("a", Some("b,c")), ("d", Some(""))];
        let expected: Vec<_> =
            expected.iter().map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned))).collect();
        assert_eq!(found, expected);
    }
}
