//! What the options of a VMM decide, as axes: all that `why` varies one by one.

use std::path::Path;

use super::files::others;
use crate::cli::options::GuestArgs;
use crate::encoding::nearest::there_are;
use crate::host::{Mistake, OptionChange, OtherFiles, Repair, Vmm};
use crate::search::{Axis, Knob, Parameter};

/// Axes that have a name of their own for every VMM.
const OWN_NAMES: [&str; 2] = ["RAM", "vCPUs"];
/// How a value is written that changes nothing, and one that leaves the option out.
const AS_SAID: &str = "said";
const NONE: &str = "none";

/// A command line whose options can be others.
pub(crate) struct SettingLine<'a> {
    pub(crate) vmm: Vmm,
    pub(crate) argv: &'a [String],
    pub(crate) guest: &'a GuestArgs,
}

/// What options of this line can be varied by name.
pub(crate) fn setting_names(line: &SettingLine<'_>) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for mistake in line.mistakes(&OtherFiles::default()).unwrap_or_default() {
        let name = name_of(mistake.about);
        if !OWN_NAMES.contains(&mistake.about) && !names.contains(&name) {
            names.push(name);
        }
    }
    // Without other files there is nothing in their place.
    for name in line.file_kinds() {
        if !names.contains(name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    names
}

/// What something is about, without its article.
fn name_of(about: &'static str) -> &'static str {
    let article = ["the ", "a "].into_iter().find_map(|article| about.strip_prefix(article));
    article.unwrap_or(about)
}

/// A name as it can be typed: small letters, `-` for spaces, no apostrophe.
pub(crate) fn typed(name: &str) -> String {
    name.to_lowercase().replace(' ', "-").replace('\'', "")
}

/// An axis as `--vary` takes it: NAME=VALUES.
pub(crate) fn written(axis: &Axis) -> String {
    let (name, values) = (axis.parameter.name(), &axis.values);
    let name = match axis.parameter {
        Parameter::Setting(_) => typed(name),
        _ => name.to_owned(),
    };
    let values: Vec<String> = values.iter().map(short).collect();
    format!("{name}={}", values.join(","))
}

impl SettingLine<'_> {
    fn mistakes(&self, others: &OtherFiles) -> Result<Vec<Mistake>, String> {
        let said = self.guest.vmm_version.as_deref();
        let known = self.vmm.versions().iter().filter(|version| version.has_realms());
        let mut first = None;
        for version in said.into_iter().chain(known.map(|version| version.name)) {
            match self.vmm.mistakes(version, self.argv, others) {
                Ok(found) => {
                    return Ok(found.into_iter().filter(|one| is_option(&one.repair)).collect());
                }
                Err(refusal) => drop(first.get_or_insert(refusal)),
            }
        }
        Err(first.map_or_else(String::new, |refusal| refusal.to_string()))
    }

    /// The kinds of files that its options name.
    fn file_kinds(&self) -> &'static [&'static str] {
        match self.vmm {
            Vmm::CloudHypervisor => &["kernel", "initrd"],
            Vmm::Kvmtool | Vmm::Qemu => &["kernel", "initrd", "firmware"],
        }
    }

    /// The axis of a name, with these values, or all that are known.
    pub(super) fn axis(&self, name: &str, values: Option<&str>) -> Result<Axis, String> {
        let wanted = typed(name);
        if let Some(kind) = self.file_kinds().iter().find(|kind| **kind == wanted) {
            return self.files(kind, values);
        }
        let all = self.mistakes(&OtherFiles::default())?;
        let mut abouts = all.iter().map(|mistake| mistake.about);
        let is_it =
            |about: &&'static str| !OWN_NAMES.contains(about) && typed(name_of(about)) == wanted;
        let Some(about) = abouts.find(is_it) else {
            let own: Vec<String> = setting_names(self).into_iter().map(typed).collect();
            let known = Parameter::ALL.map(Parameter::name);
            let all: Vec<&str> = known.into_iter().chain(own.iter().map(String::as_str)).collect();
            return Err(format!("{name}: there is no such parameter; {}", there_are(name, &all)));
        };
        let name = name_of(about);
        let mistakes = all.into_iter().filter(|mistake| mistake.about == about);
        let known: Vec<Knob> =
            [as_said(name)].into_iter().chain(knobs_of(name, mistakes)).collect();
        let values = match values {
            None => known,
            Some(values) => {
                values.split(',').map(|value| called(&known, value)).collect::<Result<_, _>>()?
            }
        };
        Ok(Axis { parameter: Parameter::Setting(name), values })
    }

    /// The axis of a kind of files: those that are named, or those beside the line's own.
    fn files(&self, kind: &'static str, values: Option<&str>) -> Result<Axis, String> {
        let parameter = Parameter::Setting(kind);
        let Some(values) = values else {
            if !self.guest.folder.as_os_str().is_empty() {
                return Err(format!("say which: --vary {kind}=FILE,FILE"));
            }
            let found = others(&[], self.argv, self.guest).map_err(|error| error.1)?;
            let mistakes = self.mistakes(&of_kind(kind, found.files))?;
            let mistakes = mistakes.into_iter().filter(|one| is_about(one, kind, self.vmm));
            let values = [as_said(kind)].into_iter().chain(knobs_of(kind, mistakes)).collect();
            return Ok(Axis { parameter, values });
        };
        let mut axis = Axis { parameter, values: Vec::new() };
        for value in values.split(',') {
            axis.values.push(self.file(kind, value)?);
        }
        Ok(axis)
    }

    /// One file in place of that of the line, none, or the one that was said.
    fn file(&self, kind: &'static str, value: &str) -> Result<Knob, String> {
        if value == AS_SAID {
            return Ok(as_said(kind));
        }
        let is_none = value == NONE;
        if !is_none && !self.guest.is_mapped(value) && !Path::new(value).is_file() {
            return Err(format!("{value}: there is no such file; `{AS_SAID}` is that of the line"));
        }
        let name = self.guest.name_of_users(value).map_err(|error| format!("{value}: {error}"))?;
        let all = OtherFiles {
            kernels: vec![name.clone()],
            initrds: vec![name.clone()],
            firmwares: vec![name.clone()],
        };
        let mistakes = self.mistakes(&of_kind(kind, all))?;
        let is_it = |one: &Mistake| match &one.repair {
            Repair::Options(change) if is_none => change.with.is_empty(),
            Repair::Options(change) => change.with.iter().any(|word| ends_with(word, &name)),
            Repair::Log(_) => false,
        };
        let mut found = mistakes.into_iter().filter(|one| is_about(one, kind, self.vmm));
        let knob = found.find(is_it).and_then(|one| knobs_of(kind, [one].into_iter()).next());
        // The own file is no other one, and where there is none there is nothing to leave out.
        Ok(knob.unwrap_or_else(|| as_said(kind)))
    }
}

/// Files of one kind.
fn of_kind(kind: &str, files: OtherFiles) -> OtherFiles {
    let none = OtherFiles::default();
    match kind {
        "kernel" => OtherFiles { kernels: files.kernels, ..none },
        "initrd" => OtherFiles { initrds: files.initrds, ..none },
        _ => OtherFiles { firmwares: files.firmwares, ..none },
    }
}

/// Whether it is about a kind of files. kvmtool's kernel and firmware stand for each other.
fn is_about(mistake: &Mistake, kind: &str, vmm: Vmm) -> bool {
    let name = name_of(mistake.about);
    name == kind || (vmm == Vmm::Kvmtool && kind == "firmware" && name == "kernel")
}

/// Whether a word of an option is this file, or ends with it (`kernel=Image`).
fn ends_with(word: &str, name: &str) -> bool {
    word == name || word.strip_suffix(name).is_some_and(|before| before.ends_with('='))
}

const fn is_option(repair: &Repair) -> bool {
    matches!(repair, Repair::Options(_))
}

fn as_said(about: &'static str) -> Knob {
    Knob::Setting { about, change: OptionChange::default(), text: AS_SAID.to_owned() }
}

fn knobs_of(
    about: &'static str,
    mistakes: impl Iterator<Item = Mistake>,
) -> impl Iterator<Item = Knob> {
    mistakes.filter_map(move |mistake| match mistake.repair {
        Repair::Options(change) => Some(Knob::Setting { about, change, text: mistake.fix }),
        Repair::Log(_) => None,
    })
}

/// The shortest way to write a value.
fn short(knob: &Knob) -> String {
    let Knob::Setting { change, text, .. } = knob else { return knob.to_string() };
    match change.with.as_slice() {
        [] if change.is_empty() => text.clone(),
        [] => NONE.to_owned(),
        // A property behind what the line says already.
        [option, word] if ["-M", "-cpu"].contains(&option.as_str()) => {
            word.rsplit(',').next().unwrap_or(word).to_owned()
        }
        [.., last] => last.replace(',', "+"),
    }
}

/// The value that is written so: in full, or in short if that is one alone.
fn called(known: &[Knob], value: &str) -> Result<Knob, String> {
    let in_full = known.iter().find(|knob| knob.to_string() == value);
    let mut in_short = known.iter().filter(|knob| short(knob) == value);
    match (in_full, in_short.next(), in_short.next()) {
        (Some(knob), ..) | (None, Some(knob), None) => Ok(knob.clone()),
        (None, Some(one), Some(other)) => {
            Err(format!("`{value}` can be \"{one}\" and \"{other}\": write one in full"))
        }
        (None, None, _) => {
            let all: Vec<String> = known.iter().map(short).collect();
            Err(format!("`{value}` is none of {}", all.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_of_two_values_is_none() {
        let knob = |without: &str, with: &[&str], text: &str| Knob::Setting {
            about: "console",
            change: OptionChange {
                without: vec![without.to_owned()],
                with: with.iter().map(|word| (*word).to_owned()).collect(),
            },
            text: text.to_owned(),
        };
        let known = [
            as_said("console"),
            knob("-a", &["-a", "hv"], "-a hv"),
            knob("-b", &["-b", "hv"], "-b hv"),
            knob("-c", &["-c", "x,y"], "-c x,y"),
        ];
        assert_eq!(called(&known, "said"), Ok(known[0].clone()));
        assert_eq!(called(&known, "-b hv"), Ok(known[2].clone()));
        assert_eq!(called(&known, "x+y"), Ok(known[3].clone()));
        let wanted = "`hv` can be \"-a hv\" and \"-b hv\": write one in full";
        assert_eq!(called(&known, "hv"), Err(wanted.to_owned()));
        assert_eq!(called(&known, "z"), Err("`z` is none of said, hv, hv, x+y".to_owned()));
    }
}
