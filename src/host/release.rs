//! Names with numbers in them: `kvm-v16`, `qemu-11.1`, `cca/v12`.

/// What a name says in letters, and its numbers.
fn split(name: &str) -> Option<(&str, Vec<u32>)> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let letters = name.trim_end_matches(is_number);
    let numbers = name[letters.len()..].split('.').map(|number| number.parse().ok());
    Some((letters, numbers.collect::<Option<_>>()?))
}

/// How far a number may lie behind the newest that is known: what is further away is no release
/// that came meanwhile, but a slip.
const MOST_AHEAD: u32 = 4;

/// The newest of the names that are known of the line of `name`, if `name` is newer than it.
pub(crate) fn newest_before<'n>(
    name: &str,
    known: impl Iterator<Item = &'n str>,
) -> Option<&'n str> {
    let (letters, numbers) = split(name)?;
    let of_line = known.filter_map(|known| Some((split(known)?, known)));
    let of_line = of_line.filter(|((other, _), _)| *other == letters);
    let ((_, newest), known) = of_line.max_by(|(a, _), (b, _)| a.1.cmp(&b.1))?;
    let ahead = |(asked, known): (&u32, &u32)| asked.checked_sub(*known).filter(|ahead| *ahead > 0);
    let first = numbers.iter().zip(&newest).find(|(asked, known)| asked != known);
    let is_near = first.is_none_or(|pair| ahead(pair).is_some_and(|ahead| ahead <= MOST_AHEAD));
    (numbers > newest && is_near).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::newest_before;

    #[test]
    fn newer_names_of_a_line() {
        let known = ["kvm-v9", "kvm-v16", "qemu-7.2", "qemu-10.0", "nvidia-7.0-da", "cca/v12"];
        for (name, newest) in [
            ("kvm-v17", Some("kvm-v16")),
            ("kvm-v20", Some("kvm-v16")),
            ("kvm-v21", None),
            ("kvm-v99", None),
            ("qemu-10.0.2", Some("qemu-10.0")),
            ("qemu-10.9", None),
            ("qemu-11.0", Some("qemu-10.0")),
            ("kvm-v16", None),
            ("kvm-v10", None),
            ("qemu-10.1", Some("qemu-10.0")),
            ("qemu-9.2", None),
            ("cca/v13", Some("cca/v12")),
            ("nvidia-8.0-da", None),
            ("kvm-v", None),
            ("kvm-v99999999999", None),
            ("other-3", None),
            ("", None),
            ("17", None),
        ] {
            assert_eq!(newest_before(name, known.into_iter()), newest, "{name}");
        }
    }
}
