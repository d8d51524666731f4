//! RSI_HOST_CALL, and its completion when the REC is entered again.

use super::{Caller, Missing, Outcome};
use crate::abi::addr::{PAGE_LEN, is_aligned};
use crate::abi::rec_run::{ExitReason, RecEnter, RecExit};
use crate::abi::rsi::result;
use crate::model::granule::Granule;
use crate::model::world::World;

/// Length and alignment of RsiHostCall in bytes: imm at 0x0, X0 to X30 from 0x8 on.
const HOST_CALL_BYTES: u64 = HOST_CALL_LEN as u64;
const HOST_CALL_LEN: usize = 0x100;
const GPRS: usize = 0x8;

pub(super) fn call(caller: &mut Caller<'_>) -> Outcome {
    let ipa = caller.reg(1);
    let protected = caller.realm().rtt.is_protected(ipa);
    if !is_aligned(ipa, HOST_CALL_BYTES) || !protected {
        return caller.input_error();
    }
    let (granule, offset) = match caller.place(ipa) {
        Ok(place) => place,
        Err(missing) => return caller.missing(&missing),
    };
    let plane = caller.rec().active_plane() as u64;
    let exit_reason = ExitReason::HostCall;
    let mut exit = RecExit { exit_reason, plane, ..RecExit::default() };
    caller.world.memory.page_at(granule, offset).with_bytes(|page| {
        let structure = &page[offset % PAGE_LEN..][..HOST_CALL_LEN];
        let (imm, _) = structure.split_first_chunk().expect("a whole structure");
        exit.imm = u32::from_le_bytes(*imm);
        for (gpr, word) in exit.gprs.iter_mut().zip(structure[GPRS..].chunks_exact(8)) {
            *gpr = u64::from_le_bytes(word.try_into().expect("eight bytes"));
        }
    });
    // The registers are answered when the call is completed.
    caller.rec_mut().host_call_pending = true;
    Outcome::Exit(exit)
}

/// Copies the Host's answer to a pending host call into the Realm's structure.
///
/// # Errors
/// If the structure's memory is gone: the REC exits again, and the call stays pending.
#[allow(clippy::result_large_err, reason = "an exit ends the run; it is moved twice")]
pub(crate) fn complete(world: &mut World, rec: Granule, enter: &RecEnter) -> Result<(), RecExit> {
    let mut caller = Caller { world, rec };
    if !caller.rec().host_call_pending {
        return Ok(());
    }
    let ipa = caller.reg(1);
    match caller.place(ipa) {
        Ok((granule, offset)) => {
            let bytes: Vec<u8> = enter.gprs.iter().flat_map(|gpr| gpr.to_le_bytes()).collect();
            caller.world.memory.store(granule, offset + GPRS, &bytes);
            caller.rec_mut().gprs[0] = result::SUCCESS;
        }
        // The Realm made the page EMPTY itself; TF-RMM drops the answer.
        Err(Missing::Empty) => {}
        Err(Missing::Memory(level)) => return Err(RecExit::stage2_data_abort(ipa, level)),
    }
    caller.rec_mut().host_call_pending = false;
    Ok(())
}
