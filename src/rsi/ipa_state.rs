//! RSI_IPA_STATE_SET and RSI_IPA_STATE_GET.

use super::{Caller, Outcome};
use crate::abi::addr::{Ipa, Level, align_down, is_aligned};
use crate::abi::rec_run::{ExitReason, RecExit};
use crate::abi::rsi::result;
use crate::model::rec::RipasChange;

pub(super) fn set(caller: &mut Caller<'_>) -> Outcome {
    let (base, top, flags) = (caller.reg(1), caller.reg(2), caller.reg(4));
    let profile = caller.world.profile();
    let value = u8::try_from(profile.asked_ripas(caller.reg(3))).ok().filter(|value| *value <= 1);
    let aligned = is_aligned(base | top, caller.world.granule_size().bytes());
    let inside = top > base && top <= caller.realm().rtt.protected_top();
    let Some(value) = value.filter(|_| aligned && inside) else {
        return caller.input_error();
    };
    let flags = profile.ripas_change_flags(flags);
    caller.rec_mut().ripas_change = RipasChange { base, top, addr: base, value, flags };
    caller.set_result(result::SUCCESS, [top, 0, 0]);
    Outcome::Exit(RecExit {
        exit_reason: ExitReason::RipasChange,
        ripas_base: base,
        ripas_top: top,
        ripas_value: value,
        ..RecExit::default()
    })
}

/// Answers the RIPAS at `base` and how far it is the same, at most to `top` and to the end of the
/// table.
pub(super) fn get(caller: &mut Caller<'_>) -> Outcome {
    let (base, top) = (caller.reg(1), caller.reg(2));
    let inside = top > base && top <= caller.realm().rtt.protected_top();
    if !is_aligned(base | top, caller.world.granule_size().bytes()) || !inside {
        return caller.input_error();
    }
    let walk = caller.world.walk(caller.realm(), Ipa(base), Level::PAGE);
    let entries = &caller.world.tables.get(walk.table).entries()[walk.index..];
    let Some(ripas) = entries[0].ripas() else { return caller.input_error() };
    let same = entries.iter().take_while(|entry| entry.ripas() == Some(ripas)).count() as u64;
    let size_bytes = walk.entry_bytes();
    let end = align_down(base, size_bytes) + same * size_bytes;
    caller.answer(result::SUCCESS, [end.min(top), u64::from(ripas as u8), 0])
}
