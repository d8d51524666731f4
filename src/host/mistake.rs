//! How a command line may differ from that of the VM that really runs: what people and tools get
//! wrong, as options of the VMM.

use super::overrides::OptionChange;

/// One thing that may be otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What it is about: RAM, the initrd. Of several mistakes about one thing only one can be made.
    pub about: &'static str,
    /// What the command line says, behind "you said".
    pub said: String,
    /// What it would have to be, behind "this VM with" or "this VM without".
    pub needs: String,
    /// What to change.
    pub repair: Repair,
    /// The same in words, behind "this VM with …": the option, or "leave out" and the option.
    pub fix: String,
    /// How unlikely it is: the likeliest have the least.
    pub cost: u32,
}

/// What makes a mistake good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Other options, as the VMM takes them.
    Options(OptionChange),
    /// Whether there is a measurement log.
    Log(bool),
}

impl Mistake {
    /// Made good by these words behind the others.
    pub(super) fn with(
        about: &'static str,
        said: &str,
        needs: impl Into<String>,
        words: &[&str],
        cost: u32,
    ) -> Self {
        let change = OptionChange::with(words);
        let fix = change.to_string();
        let (said, needs) = (said.to_owned(), needs.into());
        Self { about, said, needs, repair: Repair::Options(change), fix, cost }
    }

    /// Made good by one option less: its long name, and as people write it.
    pub(super) fn without(
        about: &'static str,
        said: &str,
        needs: impl Into<String>,
        [option, written]: [&str; 2],
        cost: u32,
    ) -> Self {
        let repair = Repair::Options(OptionChange::without(option));
        let fix = format!("leave out {written}");
        Self { about, said: said.to_owned(), needs: needs.into(), repair, fix, cost }
    }
}

/// Files that may be meant in place of those that a command line names, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherFiles {
    /// Kernels.
    pub kernels: Vec<String>,
    /// Initial RAM disks.
    pub initrds: Vec<String>,
    /// Firmware.
    pub firmwares: Vec<String>,
}

/// Sizes of RAM in MiB that VMs usually have, in the order of how usual they are.
const USUAL_RAM_MIB: &[u64] = &[
    1024, 512, 2048, 256, 4096, 8192, 128, 768, 3072, 1536, 16384, 6144, 32768, 192, 320, 384, 640,
    1000, 2000, 500, 4000, 64, 5120, 10240, 12288, 65536,
];
/// Numbers of vCPUs likewise.
const USUAL_CPUS: &[u32] = &[1, 2, 4, 8, 3, 6, 16, 5, 7, 12, 32, 10, 24, 64];
/// What boot loaders, tools and habits put into a kernel's command line.
const USUAL_PARAMS: &[&str] = &[
    "console=ttyAMA0",
    "console=hvc0",
    "console=ttyS0",
    "root=/dev/vda",
    "earlycon",
    "quiet",
    "rw",
    "ro",
    "panic=1",
    "panic=-1",
    "root=/dev/vda1",
    "root=/dev/vda2",
    "rdinit=/init",
    "init=/init",
    "nokaslr",
    "loglevel=8",
    "acpi=off",
    "console=tty0",
    "ip=dhcp",
    "root=/dev/pmem0p1",
    "rootfstype=ext4",
    // What kata's runtime adds, and what its settings ask of it.
    "agent.log=debug",
    "systemd.unit=kata-containers.target",
    "systemd.mask=systemd-networkd.service",
    "systemd.mask=systemd-networkd.socket",
    "systemd.show_status=false",
    "systemd.show_status=true",
    "cgroup_no_v1=all",
    "systemd.unified_cgroup_hierarchy=1",
    "initcall_debug",
    "random.trust_cpu=on",
];

/// Other sizes of RAM than this one, which the command line says as `said`; the option, and what
/// stands before its number.
pub(super) fn other_ram(
    said: &str,
    bytes: u64,
    [option, property]: [&str; 2],
) -> impl Iterator<Item = Mistake> {
    ram_sizes(bytes).into_iter().map(move |(bytes, cost)| {
        let needs = format!("{} of RAM", size_text(bytes));
        let word = format!("{property}{}", size_word(bytes));
        Mistake::with("RAM", said, needs, &[option, &word], cost)
    })
}

/// Other numbers of vCPUs.
pub(super) fn other_cpus(
    said: u32,
    [option, property]: [&str; 2],
) -> impl Iterator<Item = Mistake> {
    cpu_counts(said).into_iter().map(move |(count, cost)| {
        let words = [option, &format!("{property}{count}")];
        Mistake::with("vCPUs", &cpus_text(said), cpus_text(count), &words, cost)
    })
}

/// Other texts for the kernel's command line. Its option has a long name, and one that people
/// write.
pub(super) fn other_command_lines(
    own: Option<&str>,
    [name, option]: [&str; 2],
) -> impl Iterator<Item = Mistake> {
    let about = "the kernel's command line";
    let said = own.map_or_else(|| format!("no {option}"), |text| format!("`{option} {text:?}`"));
    command_lines(own).into_iter().map(move |(text, needs, cost)| match text {
        Some(text) => Mistake::with(about, &said, needs, &[option, &text], cost),
        None => Mistake::without(about, &said, needs, [name, option], cost),
    })
}

/// Other initrds, or none. The option has a long name, and one that people write.
pub(super) fn other_initrds(
    own: Option<&str>,
    others: &OtherFiles,
    [name, option]: [&str; 2],
) -> impl Iterator<Item = Mistake> {
    let said = file_text(own, "initrd");
    let none = own.map(|_| Mistake::without("initrd", &said, "no initrd", [name, option], 10));
    let cost = if own.is_some() { 13 } else { 11 };
    none.into_iter().chain(other_files("initrd", own, &others.initrds, &said, &[option], cost))
}

/// Other files of a kind than the own one. The words are those before the file's name.
pub(super) fn other_files(
    kind: &'static str,
    own: Option<&str>,
    files: &[String],
    said: &str,
    words: &[&str],
    cost: u32,
) -> Vec<Mistake> {
    let others = files.iter().filter(|file| Some(file.as_str()) != own);
    let other = |file: &String| {
        let words = [words, &[file]].concat();
        Mistake::with(kind, said, format!("the {kind} `{file}`"), &words, cost)
    };
    others.map(other).collect()
}

/// Sizes of RAM that are likely where another was said, in bytes, with their costs.
fn ram_sizes(said_bytes: u64) -> Vec<(u64, u32)> {
    let near = [said_bytes.saturating_mul(2), said_bytes / 2].map(|bytes| (bytes, 10));
    // One MiB more or less is a slip, 1000 in place of 1024 another.
    let mib = 1 << 20;
    let slips = [said_bytes + mib, said_bytes.saturating_sub(mib)].map(|bytes| (bytes, 28));
    let usual = USUAL_RAM_MIB.iter().zip(12..).map(|(mib, cost)| (mib << 20, cost));
    distinct(near.into_iter().chain(usual).chain(slips), &said_bytes)
        .into_iter()
        .filter(|(bytes, _)| *bytes >= mib && bytes.is_multiple_of(mib))
        .collect()
}

/// Numbers of vCPUs that are likely where another was said.
fn cpu_counts(said: u32) -> Vec<(u32, u32)> {
    let near = [said.saturating_mul(2), said / 2].map(|count| (count, 10));
    let usual = USUAL_CPUS.iter().zip(11..).map(|(count, cost)| (*count, cost));
    let slips = [said.saturating_add(1), said.saturating_sub(1)].map(|count| (count, 15));
    let all = distinct(near.into_iter().chain(usual).chain(slips), &said);
    all.into_iter().filter(|(count, _)| *count > 0).collect()
}

/// The first of each value, without the one that was said.
fn distinct<T: PartialEq + Copy>(all: impl Iterator<Item = (T, u32)>, said: &T) -> Vec<(T, u32)> {
    let mut kept: Vec<(T, u32)> = Vec::new();
    for (value, cost) in all {
        if value != *said && kept.iter().all(|(known, _)| *known != value) {
            kept.push((value, cost));
        }
    }
    kept
}

/// Texts for a kernel's command line that are likely where another was said, each with what it is
/// in words. None stands for no such option.
fn command_lines(said: Option<&str>) -> Vec<(Option<String>, String, u32)> {
    let mut lines: Vec<(Option<String>, String, u32)> = Vec::new();
    let mut add = |text: String, needs: String, cost: u32| lines.push((Some(text), needs, cost));
    let text = said.unwrap_or_default();
    if said.is_some() {
        let newline = "a newline at the end of the kernel's command line";
        add(format!("{text}\n"), newline.into(), 14);
        let end = "a space at the end of the kernel's command line";
        add(format!("{text} "), end.into(), 17);
        let start = "a space at the beginning of the kernel's command line";
        add(format!(" {text}"), start.into(), 21);
        add(format!("\"{text}\""), "quotation marks in the kernel's command line".into(), 24);
        add(text.trim().to_owned(), "no space around the kernel's command line".into(), 13);
        let single = text.split_whitespace().collect::<Vec<_>>().join(" ");
        add(single, "single spaces in the kernel's command line".into(), 20);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    for (i, word) in words.iter().enumerate() {
        let mut rest = words.clone();
        rest.remove(i);
        add(rest.join(" "), format!("a kernel's command line without `{word}`"), 15);
    }
    // Several words too few or too many, at one end.
    for count in 1..words.len().saturating_sub(1) {
        let parts = [&words[..count], &words[words.len() - count..]];
        for (part, place) in parts.into_iter().zip(["first", "last"]) {
            let s = if count == 1 { "" } else { "s" };
            let needs = format!("only the {place} {count} word{s} of the kernel's command line");
            add(part.join(" "), needs, 18);
        }
    }
    if words.is_empty() {
        for console in ["console=ttyAMA0", "console=hvc0", "console=ttyS0"] {
            for rest in ["root=/dev/vda", "root=/dev/vda rw", "root=/dev/vda1", "root=/dev/vda2"] {
                let text = format!("{console} {rest}");
                let needs = format!("`{text}` as the kernel's command line");
                add(text, needs, 20);
            }
        }
    }
    for (word, cost) in USUAL_PARAMS.iter().zip(16..) {
        if words.contains(word) {
            continue;
        }
        let needs = format!("`{word}` in the kernel's command line");
        if text.trim().is_empty() {
            add((*word).to_owned(), needs, cost);
        } else {
            add(format!("{} {word}", text.trim_end()), needs.clone(), cost);
            add(format!("{word} {}", text.trim_start()), format!("{needs}, first"), cost + 2);
        }
    }
    if said.is_some() {
        lines.push((None, "no command line for the kernel".into(), 14));
    }
    let mut seen = Vec::new();
    lines.retain(|(text, ..)| {
        let new = text.as_deref() != said && !seen.contains(text);
        seen.push(text.clone());
        new
    });
    lines
}

/// A size of memory in the largest unit that gives a whole number.
pub(super) fn size_text(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes > 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

/// A size as an option takes it, which is in whole MiB.
fn size_word(bytes: u64) -> String {
    if bytes.is_multiple_of(1 << 30) {
        format!("{}G", bytes >> 30)
    } else {
        format!("{}M", bytes >> 20)
    }
}

/// vCPUs in words.
pub(super) fn cpus_text(count: u32) -> String {
    if count == 1 { "1 vCPU".into() } else { format!("{count} vCPUs") }
}

/// What a command line says that has a file, or not.
pub(super) fn file_text(name: Option<&str>, kind: &str) -> String {
    name.map_or_else(|| format!("no {kind}"), |name| format!("`{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_no_mistake() {
        let mib = 1 << 20;
        let sizes = ram_sizes(512 * mib);
        assert_eq!(sizes[0], (1024 * mib, 10), "twice as much is likeliest");
        assert!(sizes.iter().all(|(bytes, _)| *bytes != 512 * mib));
        assert_eq!(sizes.iter().filter(|(bytes, _)| *bytes == 256 * mib).count(), 1);
        assert!(cpu_counts(1).iter().all(|(count, _)| *count > 1));
        for said in [None, Some(""), Some("quiet"), Some("a  b\n")] {
            let lines = command_lines(said);
            assert!(lines.iter().all(|(text, ..)| text.as_deref() != said), "{said:?}");
            for (i, (text, ..)) in lines.iter().enumerate() {
                assert!(lines[..i].iter().all(|(other, ..)| other != text), "{text:?}");
            }
        }
        let texts = command_lines(Some("a  b\n"));
        assert!(texts.iter().any(|(text, ..)| text.as_deref() == Some("a b")));
    }

    #[test]
    fn sizes_in_words() {
        assert_eq!((size_text(1 << 30), size_word(1 << 30)), ("1 GiB".into(), "1G".into()));
        assert_eq!(
            (size_text(1536 << 20), size_word(1536 << 20)),
            ("1536 MiB".into(), "1536M".into())
        );
        assert_eq!(size_text(4097), "4097 bytes");
    }
}
