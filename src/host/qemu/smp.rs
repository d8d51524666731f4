//! `-smp`: how many vCPUs.

use super::options::{Options, properties};
use crate::host::caps::Caps;
use crate::host::vm::Refusal;
use crate::host::vmm::{number, refused};

/// Most vCPUs of `virt`.
const VIRT_MAX_CPUS: u64 = 512;

/// vCPUs that the VM starts with. CPUs that could be added later have no REC.
pub(super) fn cpus(options: &Options, caps: &Caps) -> Result<u32, Refusal> {
    let (mut cpus, mut maxcpus) = (None, None);
    let mut parts: [(&str, Option<u64>); 7] = [
        ("drawers", None),
        ("books", None),
        ("sockets", None),
        ("dies", None),
        ("clusters", None),
        ("cores", None),
        ("threads", None),
    ];
    for text in &options.smp {
        for (key, value) in properties(text, Some("cpus")) {
            let option = format!("-smp {key}");
            let value = value.ok_or_else(|| refused(option.as_str(), "expected a value"))?;
            let why = || format!("{value:?} is not a number");
            let count = number(&value).ok_or_else(|| refused(option.as_str(), why()))?;
            if count == 0 {
                return Err(refused(option, "CPU topology parameters must be greater than zero"));
            }
            match parts.iter_mut().find(|(name, _)| *name == key) {
                Some((_, part)) => *part = Some(count),
                None if key == "cpus" => cpus = Some(count),
                None if key == "maxcpus" => maxcpus = Some(count),
                None => return Err(refused(option, "-smp has no such property")),
            }
        }
    }
    let given = parts.iter().filter_map(|(_, count)| *count);
    let product = given.clone().fold(1, u64::saturating_mul);
    // A part that is not given is filled up: cores first, then sockets, then threads.
    let open = parts
        .iter()
        .any(|(name, count)| count.is_none() && ["sockets", "cores", "threads"].contains(name));
    let most = maxcpus.or(cpus).unwrap_or(product);
    let cpus = cpus.unwrap_or(most);
    let fits = if open { most % product == 0 } else { most == product };
    let asks = given.count() > 0;
    if asks && !fits && product != most {
        let why = format!("product of the hierarchy ({product}) must match maxcpus ({most})");
        return Err(refused("-smp", why));
    }
    if most < cpus {
        return Err(refused("-smp maxcpus", format!("{most} is less than cpus={cpus}")));
    }
    if most > VIRT_MAX_CPUS {
        let why = format!("{most} CPUs; virt has at most {VIRT_MAX_CPUS}");
        return Err(refused("-smp", why));
    }
    if most > caps.max_vcpus.into() {
        let why = format!("{most} CPUs; KVM offers {}", caps.max_vcpus);
        return Err(refused("-smp", why));
    }
    Ok(u32::try_from(cpus).expect("at most 512"))
}
