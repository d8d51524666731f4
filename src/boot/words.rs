//! Events of a log in words.

use super::efi::load_option::LoadOption;
use super::efi::variable::{self, Variable};
use super::efi::{Front, device_path, gpt, utf16};
use super::event::{
    CALLING, EXIT_CALLED, EXIT_DONE, EXIT_FAILED, INITRD_TAG, LOAD_OPTIONS, LOAD_OPTIONS_TAG,
    RETURNING, Varies, kind,
};
use super::stages::is_image;
use crate::encoding::text::hex;

/// Bytes of data that are no text which are shown.
const SHOWN: usize = 24;

/// What an event is about: two events of one place are one thing, measured with another value.
#[must_use]
pub(crate) fn place(kind: u32, data: &[u8]) -> String {
    match kind {
        kind::VARIABLE_DRIVER_CONFIG | kind::VARIABLE_BOOT | kind::VARIABLE_AUTHORITY => {
            let name = Variable::read(data).map(|variable| variable.shown_name());
            name.unwrap_or_default()
        }
        kind::EVENT_TAG => tag(data).map_or_else(String::new, |tag| format!("{tag:#x}")),
        kind::IPL => match grub(data) {
            Some((prefix, _)) => prefix.to_owned(),
            None => ascii_or_utf16(data).unwrap_or_default(),
        },
        kind::ACTION => String::from_utf8_lossy(data).into_owned(),
        _ => String::new(),
    }
}

/// The data of an event for people.
#[must_use]
pub(crate) fn shown(kind: u32, data: &[u8]) -> String {
    let text = match kind {
        kind::VARIABLE_DRIVER_CONFIG | kind::VARIABLE_BOOT | kind::VARIABLE_AUTHORITY => {
            Variable::read(data).map(|found| of_variable(&found))
        }
        kind::S_CRTM_VERSION => {
            let text = data.strip_suffix(&[0, 0]).and_then(utf16::text);
            text.map(|text| format!("firmware version \"{text}\""))
        }
        kind::SEPARATOR => Some(format!("separator {}", hex(&data[..data.len().min(SHOWN)]))),
        kind::GPT_EVENT => gpt::shown(data).map(|text| format!("GPT: {text}")),
        kind::EVENT_TAG => of_tag(data),
        kind::IPL => match grub(data) {
            Some((prefix, text)) => Some(format!("{prefix}{text}")),
            None => ascii_or_utf16(data).map(|text| format!("\"{text}\"")),
        },
        kind if is_image(kind) => of_image(data),
        _ => ascii_or_utf16(data).map(|text| format!("\"{text}\"")),
    };
    text.unwrap_or_else(|| match data {
        [] => "no data".to_owned(),
        data => {
            let more = if data.len() > SHOWN { "…" } else { "" };
            format!("{} bytes {}{more}", data.len(), hex(&data[..data.len().min(SHOWN)]))
        }
    })
}

fn of_variable(found: &Variable<'_>) -> String {
    let name = found.shown_name();
    if found.value.is_empty() {
        return format!("variable {name}, absent");
    }
    if name == "BootOrder"
        && let Some(order) = variable::boot_order(found.value)
    {
        let names: Vec<String> = order.into_iter().map(variable::boot_name).collect();
        return format!("BootOrder {}", names.join(", "));
    }
    if variable::boot_number(&name).is_some() {
        let option = LoadOption::read(found.value);
        return format!("{name} {}", option.map_or_else(|why| why, |option| option.to_string()));
    }
    let more = if found.value.len() > SHOWN { "…" } else { "" };
    let start = hex(&found.value[..found.value.len().min(SHOWN)]);
    format!("variable {name}, {} bytes {start}{more}", found.value.len())
}

fn of_image(data: &[u8]) -> Option<String> {
    let mut front = Front(data);
    let (_, len, _, path) = (front.u64()?, front.u64()?, front.u64()?, front.count()?);
    let path = front.take(path)?;
    let path = match path {
        [] => "no path".to_owned(),
        path if path == device_path::END => "from memory".to_owned(),
        path => device_path::text(path),
    };
    Some(format!("image of {len} bytes, {path}"))
}

pub(crate) fn tag(data: &[u8]) -> Option<u32> {
    let mut front = Front(data);
    let (tag, len) = (front.u32()?, front.u32()?);
    if usize::try_from(len).is_ok_and(|len| len == front.0.len()) {
        return Some(tag);
    }
    // Kernels of vendors before 6.9.
    data.starts_with(LOAD_OPTIONS.as_bytes()).then_some(LOAD_OPTIONS_TAG)
}

fn of_tag(data: &[u8]) -> Option<String> {
    Some(match tag(data)? {
        LOAD_OPTIONS_TAG => "LoadOptions".into(),
        INITRD_TAG => "initrd".into(),
        tag => {
            let text = data.get(8..).and_then(ascii_or_utf16).unwrap_or_default();
            format!("tag {tag:#x} \"{text}\"")
        }
    })
}

/// What GRUB says of a command or a command line: the prefix and the text.
pub(crate) fn grub(data: &[u8]) -> Option<(&'static str, &str)> {
    let text = std::str::from_utf8(data.strip_suffix(&[0])?).ok()?;
    let prefixes = ["grub_cmd: ", "kernel_cmdline: ", "module_cmdline: "];
    prefixes.into_iter().find_map(|prefix| Some((prefix, text.strip_prefix(prefix)?)))
}

/// A printable text, with or without a NUL.
pub(crate) fn ascii_or_utf16(data: &[u8]) -> Option<String> {
    let printable = |text: &String| !text.is_empty() && !text.chars().any(char::is_control);
    let ascii = data.strip_suffix(&[0]).unwrap_or(data);
    if ascii.iter().all(|byte| (b' '..=b'~').contains(byte)) && !ascii.is_empty() {
        return String::from_utf8(ascii.to_vec()).ok();
    }
    utf16::text(data.strip_suffix(&[0, 0])?).filter(printable)
}

/// What an event varies with that nobody expected, and what in a chain says it.
pub(crate) fn varies(kind: u32, data: &[u8]) -> (Varies, Option<&'static str>) {
    let text = ascii_or_utf16(data).unwrap_or_default();
    match kind {
        kind::S_CRTM_VERSION => (Varies::Version, Some("firmware.version")),
        kind::NONHOST_CONFIG => (Varies::DeviceTree, Some("[measure] vm")),
        kind::PLATFORM_CONFIG_FLAGS => (Varies::Acpi, Some("firmware.acpi")),
        kind::VARIABLE_DRIVER_CONFIG => (Varies::SecureBoot, Some("[variables]")),
        kind::VARIABLE_BOOT => (Varies::BootOptions, Some("[variables]")),
        kind::VARIABLE_AUTHORITY => (Varies::Authority, Some("authority, or shim's variables")),
        kind::SEPARATOR => (Varies::Firmware, Some("firmware.separator")),
        kind::GPT_EVENT => (Varies::Disk, Some("[disk] gpt")),
        kind::ACTION if text == CALLING || text == RETURNING => {
            (Varies::Attempts, Some("firmware.failed_attempts"))
        }
        kind::ACTION if [EXIT_CALLED, EXIT_DONE, EXIT_FAILED].contains(&text.as_str()) => {
            (Varies::Exit, Some("exit.failed_exits"))
        }
        kind::EVENT_TAG if tag(data) == Some(LOAD_OPTIONS_TAG) => {
            (Varies::CommandLine, Some("cmdline, or the kernel's stub"))
        }
        kind::EVENT_TAG if tag(data) == Some(INITRD_TAG) => {
            (Varies::Initrd, Some("initrd, or the kernel's stub"))
        }
        kind::IPL if grub(data).is_some() => (Varies::Grub, Some("grub: cc = true and steps")),
        kind::IPL if text.starts_with("Mok") => (Varies::Mok, Some("shim's variables")),
        kind::IPL if text.starts_with('.') => (Varies::Section, Some("the UKI's file or stub")),
        // GRUB writes ASCII, systemd UTF-16.
        kind::IPL if data.ends_with(&[0, 0]) && text.ends_with(" initrd") => {
            (Varies::Sidecar, Some("the files beside the UKI"))
        }
        kind::IPL if data.ends_with(&[0, 0]) => {
            (Varies::CommandLine, Some("cmdline or addons of the UKI, or systemd-boot's options"))
        }
        kind::IPL => (Varies::Grub, Some("grub: cc = true and steps")),
        kind if is_image(kind) => {
            (Varies::Image, Some("a stage in [[boot]], or the stub of a UKI"))
        }
        _ => (Varies::Unknown, None),
    }
}
