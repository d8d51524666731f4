//! RSI_MEASUREMENT_READ and RSI_MEASUREMENT_EXTEND.

use super::{Caller, Outcome};
use crate::abi::rsi::result;
use crate::measure::rim;
use crate::model::realm::NUM_REMS;

/// Most bytes that one call extends by.
const MAX_EXTEND_BYTES: u64 = 64;

pub(super) fn read(caller: &mut Caller<'_>) -> Outcome {
    let index = caller.reg(1);
    let slot = match usize::try_from(index) {
        Ok(0) => *caller.realm_mut().log.rim().slot(),
        Ok(n) if n <= NUM_REMS => *caller.realm().rems[n - 1].slot(),
        _ => return caller.input_error(),
    };
    let keeps_rest = caller.world.profile().measurement_read_keeps_rest();
    let len_bytes = if keeps_rest { caller.realm().log.algo().len_bytes() } else { slot.len() };
    let gprs = &mut caller.rec_mut().gprs;
    gprs[0] = result::SUCCESS;
    gprs[8] = 0;
    for (gpr, word) in gprs[1..9].iter_mut().zip(slot[..len_bytes].chunks_exact(8)) {
        *gpr = u64::from_le_bytes(word.try_into().expect("eight bytes"));
    }
    Outcome::Return
}

pub(super) fn extend(caller: &mut Caller<'_>) -> Outcome {
    let (index, size) = (caller.reg(1), caller.reg(2));
    let n = usize::try_from(index).ok().filter(|n| (1..=NUM_REMS).contains(n));
    let Some(n) = n.filter(|_| size <= MAX_EXTEND_BYTES) else {
        return caller.input_error();
    };
    let value: Vec<u8> = caller.rec().gprs[3..11].iter().flat_map(|x| x.to_le_bytes()).collect();
    let size = usize::try_from(size).expect("at most 64");
    let reading = caller.world.profile().rem_reading();
    let rem = &mut caller.realm_mut().rems[n - 1];
    *rem = rim::extend(*rem, &value[..size], reading);
    caller.answer(result::SUCCESS, [0; 3])
}
