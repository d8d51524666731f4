//! RSI_REALM_CONFIG.

use super::{Caller, Outcome};
use crate::abi::rsi::result;

/// Offsets in RsiRealmConfig (DEN0137 1.0 B5.4; planes and the GIC are of 2.0).
const IPA_WIDTH: usize = 0x0;
const HASH_ALGO: usize = 0x8;
const NUM_AUX_PLANES: usize = 0x10;
const GICV3_VTR: usize = 0x18;
const ATS_PLANE: usize = 0x20;
const RPV: usize = 0x200;

pub(super) fn call(caller: &mut Caller<'_>) -> Outcome {
    let ipa = caller.reg(1);
    if !caller.is_protected_page(ipa) {
        return caller.input_error();
    }
    let (granule, page) = match caller.place(ipa) {
        Ok(place) => place,
        Err(missing) => return caller.missing(&missing),
    };
    let realm = caller.realm();
    let width = u64::from(realm.rtt.ipa_width).to_le_bytes();
    let algo = caller.world.profile().realm_config_hash_algo(realm.log.algo().code());
    let rpv = realm.rpv;
    let (num_aux, ats_plane) = (realm.planes().num_aux() as u64, realm.planes().ats_plane());
    let has_gic = caller.world.profile().realm_config_has_gic();
    let vtr = caller.world.platform().ich_vtr();
    // The rest of the page keeps its contents.
    let memory = &mut caller.world.memory;
    memory.store(granule, page + IPA_WIDTH, &width);
    memory.store(granule, page + HASH_ALGO, &[algo]);
    memory.store(granule, page + RPV, &rpv);
    if has_gic {
        memory.store(granule, page + NUM_AUX_PLANES, &num_aux.to_le_bytes());
        memory.store(granule, page + GICV3_VTR, &vtr.to_le_bytes());
        memory.store(granule, page + ATS_PLANE, &ats_plane.to_le_bytes());
    }
    caller.answer(result::SUCCESS, [0; 3])
}
