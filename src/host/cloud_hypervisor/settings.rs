//! What a command line of cloud-hypervisor says, by what it is about.

use super::options::IGNORED;
use crate::host::Setting;

/// What a command line says that can reach a Realm beside its device tree.
#[must_use]
pub fn settings(argv: &[String]) -> Vec<Setting> {
    let mut list = Vec::new();
    let mut about = None;
    for word in argv.iter().skip_while(|word| !word.starts_with('-')) {
        if let Some(name) = word.strip_prefix("--") {
            let name = name.split('=').next().unwrap_or_default();
            about = (!IGNORED.contains(&name)).then(|| subject(name).to_owned());
        }
        if let Some(about) = &about {
            Setting::add(&mut list, about, vec![word.clone()]);
        }
    }
    list
}

/// What an option is about, in people's words.
fn subject(name: &str) -> &str {
    match name {
        "memory" => "RAM",
        "cpus" => "vCPUs",
        "kernel" => "the kernel",
        "initramfs" => "the initrd",
        "firmware" => "the firmware",
        "dtb" => "the device tree",
        "platform" => "the platform",
        other => other,
    }
}
