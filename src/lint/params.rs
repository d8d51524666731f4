//! Rules about RmiRealmParams.

use super::realm::RealmLog;
use super::{Call, operation};
use crate::abi::addr::GranuleBytes;
use crate::abi::addr::Hex;
use crate::abi::command::Command;
use crate::abi::params::RealmParams;
use crate::abi::params::realm_flags::{PMU, SVE};
use crate::measure::event::MeasuredEvent;

pub(super) fn see(call: &Call<'_>, log: &mut RealmLog) {
    let Command::RealmCreate { rd, params_ptr } = call.command else { return };
    let Some(realm) = call.world.realm(rd).filter(|_| call.outcome.is_success()) else { return };
    operation::realm_created(call, log, params_ptr);
    let Some(MeasuredEvent::Realm(params)) = realm.log().events().first() else { return };
    let defined = RealmParams::defined_flags(call.world.profile());
    reserved_flags(call, log, "RealmParams", params.flags & !defined);
    if params.flags & SVE == 0 && params.sve_vl != 0 {
        let what = || format!("sve_vl is {}, but the flag sve is clear", params.sve_vl);
        log.report("unused-feature-value", call.place, what);
    }
    if params.flags & PMU == 0 && params.pmu_num_ctrs != 0 {
        let what = || format!("pmu_num_ctrs is {}, but the flag pmu is clear", params.pmu_num_ctrs);
        log.report("unused-feature-value", call.place, what);
    }
    if realm.rpv().iter().any(|byte| *byte != 0) {
        let what = || "the personalization value is set; the RIM does not show it".to_owned();
        log.report("rpv-not-measured", call.place, what);
    }
}

/// The flags of parameters that the edition gives no meaning.
pub(super) fn reserved_flags(call: &Call<'_>, log: &mut RealmLog, structure: &str, bits: u64) {
    if bits != 0 {
        let what = || format!("{structure}.flags has the reserved bits {}", Hex(bits));
        log.report("reserved-flag-bits", call.place, what);
    }
}

/// What stands at `params_ptr` now, if it is known.
pub(super) fn read<T>(
    call: &Call<'_>,
    params_ptr: u64,
    params: impl FnOnce(&GranuleBytes) -> T,
) -> Option<T> {
    let page = call.world.host_page(params_ptr).ok().filter(|page| page.is_known())?;
    Some(page.with_bytes(params))
}
