//! Refusals of a VMM's command line, in the words of whoever wrote it: a domain of libvirt by its
//! elements, a command line by its words.

use std::path::Path;

use crate::cli::error::CliError;
use crate::cli::options::{GuestArgs, VmmArgs, named};
use crate::encoding::marked_line::{mark, source_line};
use crate::encoding::shell::quoted;
use crate::encoding::shown::{ShowPath as _, Shown};
use crate::host::{Layer, Refusal, Vmm};
use crate::measure::image::ImageError;
use crate::predict::Error;

/// An error about the VM of these arguments.
pub(crate) fn told(guest: &GuestArgs, VmmArgs { vmm, argv }: &VmmArgs, error: Error) -> CliError {
    let Error::Refusal(refusal) = &error else { return error.into() };
    let text = match refusal {
        Refusal::Refused { by: Layer::Vmm, place, why } => {
            of_domain(guest, place, why).or_else(|| {
                let under = marked(vmm, argv, place)?;
                Some(format!("{refusal}{under}"))
            })
        }
        Refusal::File { option, source } => {
            let hint = where_it_is(guest, argv, source).unwrap_or_default();
            let of_domain = of_domain(guest, option, &format!("{source}{hint}"));
            of_domain.or_else(|| (!hint.is_empty()).then(|| format!("{refusal}{hint}")))
        }
        _ => None,
    };
    let CliError(exit, plain) = error.into();
    CliError(exit, text.unwrap_or(plain))
}

fn of_domain(guest: &GuestArgs, place: &str, why: &str) -> Option<String> {
    let (path, domain) = guest.domain.as_ref()?;
    Some(format!("{}:{}", path.shown(), domain.told(place, why)?))
}

/// How to say where a file is that the command line names and that can not be had there.
fn where_it_is(guest: &GuestArgs, argv: &[String], source: &ImageError) -> Option<String> {
    let path = match source {
        ImageError::Io { path, source } if source.kind() == std::io::ErrorKind::NotFound => path,
        ImageError::Outside { path, .. } => path,
        _ => return None,
    };
    let is_mapped = guest.map.iter().any(|(_, to)| to == Path::new(path));
    let parts = argv.iter().flat_map(|word| named(word));
    let mut named = parts.filter(|part| guest.path_of(part) == Path::new(path));
    let name = named.next().filter(|_| !is_mapped)?;
    Some(format!("; --map {}=FILE says where it is on this machine", Shown(name)))
}

/// The words of a command line with a mark under what `place` names, if it stands there.
fn marked(vmm: &str, argv: &[String], place: &str) -> Option<String> {
    let (option, rest) = place.split_once([' ', ',']).unwrap_or((place, ""));
    // kvmtool alone takes a value that is glued to a short option.
    let is_kvmtool = Vmm::from_name(vmm).is_ok_and(|vmm| vmm == Vmm::Kvmtool);
    let is_glued = is_kvmtool && option.len() == 2 && option != "--";
    let fits = |word: &String| {
        word.strip_prefix(option)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('=') || is_glued)
    };
    // Of an option that is there several times, that whose value has most of what is meant; of
    // equal ones the last, which is read last.
    let parts: Vec<&str> = rest.split([' ', ',']).filter(|part| !part.is_empty()).collect();
    let value = |at: usize| argv.get(at + 1).map_or("", String::as_str);
    let meant = |at: usize| parts.iter().filter(|part| value(at).contains(**part)).count();
    let found = (0..argv.len()).filter(|at| fits(&argv[*at]));
    let at = found.max_by_key(|at| (meant(*at), argv[*at] == option))?;
    let words: Vec<String> = argv.iter().map(|word| one_line(word)).collect();
    let mut column = words[..at].iter().map(|word| word.chars().count() + 1).sum::<usize>();
    // The part of its value that is meant.
    let in_value = parts.last().and_then(|part| words.get(at + 1)?.find(part));
    if let Some(offset) = in_value {
        column += words[at].chars().count() + 1 + words[at + 1][..offset].chars().count();
    }
    let column = u32::try_from(column + 1).ok()?;
    let line = source_line(&words.join(" "), 1, column)?;
    Some(mark(&line))
}

/// A word as a shell takes it. A line break is shown as a blank: the line is one.
fn one_line(word: &str) -> String {
    quoted(&word.replace(['\n', '\0'], " ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(line: &str, place: &str) -> Option<usize> {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let vmm = if line.starts_with("lkvm") { "kvmtool" } else { "qemu" };
        let marked = marked(vmm, &argv, place)?;
        let last = marked.lines().last().expect("lines");
        Some(last.chars().count() - "  | ^".len())
    }

    #[test]
    fn the_word_that_is_meant_is_marked() {
        let line = "lkvm run -m512 --mem=4 -k Image";
        assert_eq!(column(line, "-k"), Some(23));
        assert_eq!(column(line, "-m"), Some(9));
        assert_eq!(column(line, "--mem"), Some(15));
        assert_eq!(column(line, "--initrd"), None);
        assert_eq!(column("q -cpu host,sve200=on", "-cpu host,sve200"), Some(12));
        assert_eq!(column("q -cpu host", "-cpu host,sve200"), Some(2));
        assert_eq!(column("q -smp 2,seats=2", "-smp seats"), Some(9));
        // QEMU glues nothing: `-m` is not `-machine`.
        assert_eq!(column("q -machine virt", "-m"), None);
        assert_eq!(column("q -machine virt -m 1G", "-m"), Some(16));
        assert_eq!(column("lkvm run -machine", "-m"), Some(9));
        // Of several the one that is meant.
        let two = "q -object a,id=m -object rme-guest,id=r,measurement-log=on -object b";
        assert_eq!(column(two, "-object rme-guest,measurement-log"), Some(40));
        assert_eq!(column("q -m 1 -m 2", "-m"), Some(7));
        let marked = marked("qemu", &["q".into(), "a b".into(), "-x".into()], "-x");
        assert_eq!(marked.as_deref(), Some("\n  |\n  | q 'a b' -x\n  |         ^"));
    }
}
