//! What a row of a table is made of, short enough to be kept for each row: two rows that differ
//! differ in one of these, and the first says what it is about.

use crate::abi::addr::Hex;
use crate::boot::HashedImages;
use crate::encoding::text::hex;
use crate::host::Call;
use crate::measure::event::RealmEvent;
use crate::measure::rim::HashAlgo;
use crate::predict::Plan;

/// Bytes of a digest that tell contents apart.
const KEPT_BYTES: usize = 8;

/// The parts of a VM in the order of its host's calls: what the Realm is created with, ranges of
/// RAM, contents with the begin of their SHA-256, vCPUs that are measured. Each is words with one
/// space between; those before the first that has a value say what it is about.
pub(crate) fn parts(plan: &Plan, params: &RealmEvent, hashed: &HashedImages) -> Vec<String> {
    let RealmEvent { flags, s2sz, sve_vl, num_bps, num_wps, pmu_num_ctrs, hash_algo } = params;
    let mut parts = vec![format!(
        "the Realm's parameters flags={flags:#x} s2sz={s2sz} sve_vl={sve_vl} num_bps={num_bps} \
         num_wps={num_wps} pmu_num_ctrs={pmu_num_ctrs} hash_algo={hash_algo}"
    )];
    for call in &plan.vm.calls {
        match *call {
            Call::InitRipas(base, top) => {
                parts.push(format!("the RAM range={}..{}", Hex(base), Hex(top)));
            }
            Call::Populate(index) => {
                let region = &plan.vm.regions[index];
                let range = format!("{}..{}", Hex(region.ipa.start), Hex(region.ipa.end));
                let contents = match (&region.image, region.measured) {
                    (_, false) => "unmeasured".to_owned(),
                    (Some(image), true) if !image.is_known() => "digests".to_owned(),
                    (None, true) => "zeros".to_owned(),
                    (Some(image), true) => {
                        let digest = hashed.of(image, image.len_bytes(), HashAlgo::Sha256);
                        hex(&digest[..KEPT_BYTES])
                    }
                };
                parts.push(format!("the {} range={range} contents={contents}", region.name));
            }
            Call::FinalizeRec(0) => {
                let vcpu = &plan.vm.vcpus[0];
                let (pc, x0) = (Hex(vcpu.pc), Hex(vcpu.gprs[0]));
                parts.push(format!("the vCPU pc={pc} x0={x0}"));
            }
            _ => {}
        }
    }
    parts
}

/// The first part in which two rows differ, as locked and as it is now; `None` if all are equal.
pub(crate) fn first_difference<'p>(old: &[&'p str], new: &[&'p str]) -> Option<String> {
    let at = (0..old.len().max(new.len())).find(|at| old.get(*at) != new.get(*at))?;
    let (Some(old), Some(new)) = (old.get(at), new.get(at)) else {
        let only = old.get(at).map(|part| format!("{}: only as locked", about(part)));
        return only.or_else(|| Some(format!("{}: only now", about(new[at]))));
    };
    let (a, b) = (about(old), about(new));
    if a != b {
        return Some(format!("{b}, where it was {a}"));
    }
    let fields = |part: &'p str| part[a.len()..].split(' ').filter(|word| !word.is_empty());
    let pairs = fields(old).zip(fields(new)).filter(|(old, new)| old != new);
    let pair = |(old, new): (&str, &str)| {
        let value = new.split_once('=').map_or(new, |(_, value)| value);
        format!("{old}, now {value}")
    };
    let pairs: Vec<String> = pairs.map(pair).collect();
    Some(format!("{a}: {}", pairs.join("; ")))
}

/// What a part is about: the words before the first that has a value.
fn about(part: &str) -> &str {
    let value = part.split(' ').find(|word| word.contains('='));
    value.and_then(|word| part.find(word)).map_or(part, |at| part[..at].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_that_differs_is_told() {
        let params = "the Realm's parameters flags=0x0 num_bps=5";
        let tree = "the dtb range=0x1..0x2 contents=ab";
        let told = |old: &[&'static str], new: &[&'static str]| first_difference(old, new);
        assert_eq!(told(&[params, tree], &[params, tree]), None);
        let other = "the Realm's parameters flags=0x1 num_bps=15";
        let wanted = "the Realm's parameters: flags=0x0, now 0x1; num_bps=5, now 15";
        assert_eq!(told(&[params, tree], &[other, tree]).as_deref(), Some(wanted));
        let other = "the dtb range=0x1..0x2 contents=cd";
        let wanted = "the dtb: contents=ab, now cd";
        assert_eq!(told(&[params, tree], &[params, other]).as_deref(), Some(wanted));
        let kernel = "the kernel range=0x1..0x2 contents=cd";
        let wanted = "the kernel, where it was the dtb";
        assert_eq!(told(&[params, tree], &[params, kernel]).as_deref(), Some(wanted));
        assert_eq!(told(&[params, tree], &[params]).as_deref(), Some("the dtb: only as locked"));
        assert_eq!(told(&[params], &[params, tree]).as_deref(), Some("the dtb: only now"));
        // A lock can be edited.
        assert_eq!(told(&["x"], &["y"]).as_deref(), Some("y, where it was x"));
    }
}
