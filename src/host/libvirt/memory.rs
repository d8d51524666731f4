//! Memory, vCPUs and NUMA nodes of a domain.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::element::Element;

const KIB: u64 = 1 << 10;
/// libvirt rounds memory up to this.
const ALIGN_BYTES: u64 = 1 << 20;
/// libvirt has fewer vCPUs than this.
const MAX_CPUS: u32 = 16384;
/// The backend of a machine without nodes.
pub(super) const RAM_ID: &str = "mach-virt.ram";

/// A size with its unit, in bytes; KiB unless said otherwise.
pub(super) fn bytes(element: Element<'_>) -> Result<u64, String> {
    let unit = match element.attribute("unit").unwrap_or("KiB") {
        "b" | "bytes" => 1,
        "KB" => 1_000,
        "k" | "KiB" => KIB,
        "MB" => 1_000_000,
        "M" | "MiB" => KIB.pow(2),
        "GB" => 1_000_000_000,
        "G" | "GiB" => KIB.pow(3),
        "TB" => 1_000_000_000_000,
        "T" | "TiB" => KIB.pow(4),
        "PB" => 1_000_000_000_000_000,
        "P" | "PiB" => KIB.pow(5),
        unit => return Err(element.error(format!("there is no unit {unit:?}; KiB and GiB are"))),
    };
    let too_large = || element.error("does not fit in 64 bits");
    element.count()?.checked_mul(unit).ok_or_else(too_large)
}

/// A size of memory as libvirt hands it on.
fn rounded(element: Element<'_>) -> Result<u64, String> {
    let bytes = bytes(element)?;
    bytes.checked_next_multiple_of(ALIGN_BYTES).ok_or_else(|| element.error("is too large"))
}

/// Nodes of `<cpu><numa>`.
fn cells(domain: Element<'_>) -> Vec<Element<'_>> {
    domain.find(&["cpu", "numa"]).map_or_else(Vec::new, |numa| numa.all("cell").collect())
}

/// Whether RAM is one backend, and not one a node.
pub(super) fn is_one(domain: Element<'_>) -> bool {
    cells(domain).is_empty()
}

/// `-m`, `-object` and `-numa`.
pub(super) fn words(domain: Element<'_>) -> Result<Vec<String>, String> {
    let memory = domain.child("memory").ok_or_else(|| domain.error("has no <memory>"))?;
    let cells = cells(domain);
    let mut ram = rounded(memory)?;
    if !cells.is_empty() {
        let sizes: Vec<u64> =
            cells.iter().map(|cell| cell_bytes(*cell)).collect::<Result<_, _>>()?;
        ram = sizes.iter().fold(0, |sum: u64, bytes| sum.saturating_add(*bytes));
    }
    let mut text = format!("size={}k", ram / KIB);
    if let Some(most) = domain.child("maxMemory") {
        let slots = most.number("slots")?.unwrap_or(0);
        // Infallible: a string takes what it is given.
        let _ = write!(text, ",slots={slots},maxmem={}k", rounded(most)? / KIB);
    }
    let mut words = vec!["-m".to_owned(), text];
    if cells.is_empty() {
        words.extend(backend(domain, RAM_ID, ram));
    }
    for (index, cell) in cells.iter().enumerate() {
        node(domain, *cell, index, &mut words)?;
    }
    for (index, cell) in cells.iter().enumerate() {
        distances(*cell, index, &mut words)?;
    }
    Ok(words)
}

/// libvirt's attribute is a number of KiB unless it has a unit.
fn cell_bytes(cell: Element<'_>) -> Result<u64, String> {
    let count = cell.number("memory")?.ok_or_else(|| cell.error("has no memory="))?;
    let unit = match cell.attribute("unit").unwrap_or("KiB") {
        "b" | "bytes" => 1,
        "k" | "KiB" => KIB,
        "M" | "MiB" => KIB.pow(2),
        "G" | "GiB" => KIB.pow(3),
        "T" | "TiB" => KIB.pow(4),
        unit => return Err(cell.error(format!("there is no unit {unit:?}; KiB and GiB are"))),
    };
    let bytes = count.checked_mul(unit).and_then(|b| b.checked_next_multiple_of(ALIGN_BYTES));
    bytes.ok_or_else(|| cell.error("does not fit in 64 bits"))
}

fn backend(domain: Element<'_>, id: &str, size_bytes: u64) -> [String; 2] {
    let source = domain.find(&["memoryBacking", "source"]).and_then(|s| s.attribute("type"));
    let kind = if source == Some("memfd") { "memory-backend-memfd" } else { "memory-backend-ram" };
    let object = serde_json::json!({ "qom-type": kind, "id": id, "size": size_bytes });
    ["-object".to_owned(), object.to_string()]
}

fn node(
    domain: Element<'_>,
    cell: Element<'_>,
    index: usize,
    words: &mut Vec<String>,
) -> Result<(), String> {
    let id = cell.number("id")?.unwrap_or(index as u64);
    let mut text = format!("node,nodeid={id}");
    for cpus in ranges(cell)? {
        let _ = match cpus {
            (first, last) if first == last => write!(text, ",cpus={first}"),
            (first, last) => write!(text, ",cpus={first}-{last}"),
        };
    }
    // A node without memory has no backend: QEMU makes none of no bytes.
    let size_bytes = cell_bytes(cell)?;
    if size_bytes > 0 {
        let name = format!("ram-node{id}");
        words.extend(backend(domain, &name, size_bytes));
        let _ = write!(text, ",memdev={name}");
    }
    words.extend(["-numa".to_owned(), text]);
    Ok(())
}

/// The vCPUs of a node as ranges, first and last: `0-3,^2` are those from 0 to 3 without 2.
fn ranges(cell: Element<'_>) -> Result<Vec<(u32, u32)>, String> {
    let text = cell.attribute("cpus").unwrap_or_default();
    let wrong = || cell.error(format!("cpus={text:?}; ranges as 0-3,^2,5 are wanted"));
    let number = |text: &str| text.trim().parse().ok().filter(|cpu| *cpu < MAX_CPUS);
    let mut cpus = BTreeSet::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if let Some(part) = part.strip_prefix('^') {
            cpus.remove(&number(part).ok_or_else(wrong)?);
            continue;
        }
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = number(first).zip(number(last)).ok_or_else(wrong)?;
        if last < first {
            return Err(wrong());
        }
        cpus.extend(first..=last);
    }
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for cpu in cpus {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => ranges.push((cpu, cpu)),
        }
    }
    Ok(ranges)
}

fn distances(cell: Element<'_>, index: usize, words: &mut Vec<String>) -> Result<(), String> {
    let from = cell.number("id")?.unwrap_or(index as u64);
    let Some(distances) = cell.child("distances") else { return Ok(()) };
    for sibling in distances.all("sibling") {
        let to = sibling.number("id")?.ok_or_else(|| sibling.error("has no id="))?;
        let far = sibling.number("value")?.ok_or_else(|| sibling.error("has no value="))?;
        words.extend(["-numa".to_owned(), format!("dist,src={from},dst={to},val={far}")]);
    }
    Ok(())
}

/// `-smp`: without a topology each vCPU is a socket.
pub(super) fn smp(domain: Element<'_>) -> Result<[String; 2], String> {
    let vcpu = domain.child("vcpu");
    let most = vcpu.map_or(Ok(1), Element::count)?;
    let now = match vcpu {
        Some(vcpu) => vcpu.number("current")?.unwrap_or(most),
        None => most,
    };
    let mut text = if now < most { format!("{now},maxcpus={most}") } else { format!("{most}") };
    match domain.find(&["cpu", "topology"]) {
        None => {
            let _ = write!(text, ",sockets={most},cores=1,threads=1");
        }
        Some(topology) => {
            for part in ["sockets", "dies", "clusters", "cores", "threads"] {
                if let Some(count) = topology.number(part)? {
                    let _ = write!(text, ",{part}={count}");
                }
            }
        }
    }
    Ok(["-smp".to_owned(), text])
}
