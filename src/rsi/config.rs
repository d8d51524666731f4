//! RSI_REALM_CONFIG.

use super::{Caller, Outcome};
use crate::abi::rsi::result;
use crate::measure::rim::HashAlgo;

/// Offsets in RsiRealmConfig (DEN0137 1.0 B5.4).
const IPA_WIDTH: usize = 0x0;
const HASH_ALGO: usize = 0x8;
const RPV: usize = 0x200;

pub(super) fn call(caller: &mut Caller<'_>) -> Outcome {
    let ipa = caller.reg(1);
    if !caller.is_protected_granule(ipa) {
        return caller.input_error();
    }
    let granule = match caller.granule(ipa) {
        Ok(granule) => granule,
        Err(missing) => return caller.missing(&missing),
    };
    let realm = caller.realm();
    let width = u64::from(realm.rtt.ipa_width).to_le_bytes();
    let algo = match realm.log.algo() {
        HashAlgo::Sha256 => 0,
        HashAlgo::Sha512 => 1,
    };
    let rpv = realm.rpv;
    // The rest of the granule keeps its contents.
    let memory = &mut caller.world.memory;
    memory.store(granule, IPA_WIDTH, &width);
    memory.store(granule, HASH_ALGO, &[algo]);
    memory.store(granule, RPV, &rpv);
    caller.answer(result::SUCCESS, [0; 3])
}
