//! Command lines in files, logs and processes.

use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::read::read_limited;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::options::{GuestArgs, LineArgs, OutsideArgs, VmmArgs};
use crate::encoding::marked_line::about_file;
use crate::encoding::shown::{ShowPath as _, Shown};
use crate::host::kata::{MAX_INITDATA_BYTES, personalization_value};
use crate::host::libvirt::{Domain, LastCommand, MAX_COMMAND_BYTES, MAX_DOMAIN_BYTES};
use crate::inputs;

/// Most bytes of a line of a log that are looked at.
const MAX_LINE_BYTES: u64 = MAX_COMMAND_BYTES as u64 + 1;
/// Most bytes of a log: what has no end is no log.
const MAX_LOG_BYTES: u64 = 256 << 20;

/// The VMM and its command line. What the guest's options need to know of where they were found is
/// put there.
pub(crate) fn command_line(
    line: &LineArgs,
    guest: &mut GuestArgs,
    outside: OutsideArgs,
) -> Result<VmmArgs, CliError> {
    if let Some(path) = &line.initdata {
        let bytes = read_limited(path, MAX_INITDATA_BYTES).map_err(|error| io(path, &error))?;
        let value = personalization_value(&bytes);
        guest.rpv = Some(value.map_err(|why| usage(format!("{}: {why}", path.shown())))?);
    }
    if let Some(path) = &line.domain {
        guest.domain = Some((path.clone(), Arc::new(domain(path)?)));
    }
    let Some((argv, by)) = found(line, guest.domain.as_ref())? else {
        let why = "say which VMM (kvmtool, qemu or cloud-hypervisor) and its command line behind \
                   `--`, or where it is: --domain, --qemu-log, --cmdline, --pid";
        let vmm = line.vmm.clone().ok_or_else(|| usage(why.into()))?;
        if vmm.ends_with(".xml") && line.argv.is_empty() {
            let why = "is no VMM; a domain of libvirt is given by --domain";
            return Err(usage(format!("{}: {why} {}", Shown(&vmm), Shown(&vmm))));
        }
        if let Some(word) = quoted(&line.argv) {
            let why = "is one word with spaces in it: write the command line behind `--` without \
                       quotes around it";
            return Err(usage(format!("`{}` {why}", Shown(word))));
        }
        return Ok(VmmArgs { vmm, argv: line.argv.clone() });
    };
    if let Some(by) = by {
        guest.named_by = outside.reach_of(by);
    }
    if let Some(pid) = line.pid {
        guest.folder = folder_of(pid);
        guest.named_by = outside.reach_of_process(pid, &guest.folder);
    }
    let vmm = line.vmm.clone().map_or_else(|| vmm_of(&argv), Ok)?;
    Ok(VmmArgs { vmm, argv })
}

/// A word that is a whole command line, or all of it but the program: somebody quoted it. No VMM
/// starts a Realm with so few words.
fn quoted(argv: &[String]) -> Option<&str> {
    let (last, before) = argv.split_last()?;
    let options = last.contains(" -") && !last.contains('/');
    let is_line = before.is_empty() || before.len() == 1 && (last.starts_with('-') || options);
    (is_line && last.contains(char::is_whitespace)).then_some(last)
}

/// Words, and the file that they stood in, if it is one.
type Found<'l> = (Vec<String>, Option<&'l Path>);

/// The words that are not on the command line itself.
fn found<'l>(
    line: &'l LineArgs,
    domain: Option<&(PathBuf, Arc<Domain>)>,
) -> Result<Option<Found<'l>>, CliError> {
    if let Some((_, domain)) = domain {
        return Ok(Some((domain.words.clone(), line.domain.as_deref())));
    }
    if let Some(path) = &line.qemu_log {
        return Ok(Some((in_log(path)?, Some(path))));
    }
    if let Some(path) = &line.cmdline {
        return Ok(Some((separated(path)?, Some(path))));
    }
    if let Some(pid) = line.pid {
        return Ok(Some((separated(Path::new(&format!("/proc/{pid}/cmdline")))?, None)));
    }
    Ok(None)
}

fn domain(path: &Path) -> Result<Domain, CliError> {
    let bytes = read_limited(path, MAX_DOMAIN_BYTES).map_err(|error| io(path, &error))?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| usage(format!("{}: is no text in UTF-8", path.shown())))?;
    Domain::read(&text).map_err(|why| usage(about_file(path.shown(), why)))
}

/// Where relative names of a process begin. Who may not know that is told so by the link, when a
/// file is opened through it.
fn folder_of(pid: u32) -> PathBuf {
    let link = PathBuf::from(format!("/proc/{pid}/cwd"));
    // A folder that was removed has words behind its name.
    link.read_link().ok().filter(|folder| folder.is_dir()).unwrap_or(link)
}

fn io(path: &Path, error: &std::io::Error) -> CliError {
    CliError(Exit::Io, format!("{}: {error}", path.shown()))
}

/// The last command line of a log, of which one line at a time is held.
fn in_log(path: &Path) -> Result<Vec<String>, CliError> {
    let log = inputs::open(path).map_err(|error| io(path, &error))?;
    let mut reader = BufReader::new(log.take(MAX_LOG_BYTES + 1));
    let mut last = LastCommand::default();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes);
        if read.map_err(|error| io(path, &error))? == 0 {
            break;
        }
        let is_whole = bytes.last() == Some(&b'\n');
        last.line(String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(&bytes)).as_ref());
        if !is_whole && bytes.len() as u64 == MAX_LINE_BYTES {
            reader.skip_until(b'\n').map_err(|error| io(path, &error))?;
        }
    }
    if reader.get_ref().limit() == 0 {
        let what = format!("has more than {MAX_LOG_BYTES} bytes, the most that are read of it");
        return Err(CliError(Exit::Io, format!("{}: {what}", path.shown())));
    }
    last.words().map_err(|why| usage(format!("{}: {why}", path.shown())))
}

/// Words with a NUL behind each.
fn separated(path: &Path) -> Result<Vec<String>, CliError> {
    // A file of /proc has no length, and may be gone.
    let bytes = read_limited(path, MAX_LINE_BYTES).map_err(|error| io(path, &error))?;
    let shown = path.shown();
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| usage(format!("{shown}: is no text in UTF-8")))?;
    let text = text.strip_suffix('\0').unwrap_or(&text);
    if text.is_empty() {
        let why = "has no words: a process that ended, or one of the kernel";
        return Err(usage(format!("{shown}: {why}")));
    }
    Ok(text.split('\0').map(str::to_owned).collect())
}

/// The VMM that a program's name stands for.
fn vmm_of(argv: &[String]) -> Result<String, CliError> {
    let program = argv.first().map(String::as_str).unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let known = [("qemu", "qemu"), ("lkvm", "kvmtool"), ("cloud-hypervisor", "cloud-hypervisor")];
    let found = known.into_iter().find(|(start, _)| name.starts_with(start));
    let why = || format!("{program:?} is no VMM that is known here; say which with VMM");
    found.map(|(_, vmm)| vmm.to_owned()).ok_or_else(|| usage(why()))
}
