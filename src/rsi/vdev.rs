//! RSI_VDEV_*: what a Realm asks of devices (2.0; TF-RMM `runtime/rsi/vdev.c`).
//!
//! Each call that passes its checks asks the Host which device is meant. No device is simulated, so
//! the Host has none to name (RMI_VDEV_COMPLETE fails), and the call answers RSI_ERROR_INPUT when
//! the REC is entered again.

use super::{Caller, Outcome};
use crate::abi::addr::is_aligned;
use crate::abi::rec_run::{ExitReason, RecExit};
use crate::abi::rsi::result;
use crate::model::rec::Rec;

/// Alignment of RsiVdevInfo in bytes.
const INFO_BYTES: u64 = 512;

pub(super) fn dma_enable(caller: &mut Caller<'_>) -> Outcome {
    let num_aux = caller.realm().planes.num_aux as u64;
    let non_ats_plane = caller.reg(3);
    let plane = num_aux == 0 || (1..=num_aux).contains(&non_ats_plane);
    request(caller, plane)
}

pub(super) fn dma_disable(caller: &mut Caller<'_>) -> Outcome {
    request(caller, true)
}

pub(super) fn get_info(caller: &mut Caller<'_>) -> Outcome {
    let ipa = caller.reg(2);
    let good = is_aligned(ipa, INFO_BYTES) && caller.realm().rtt.is_protected(ipa);
    request(caller, good)
}

pub(super) fn validate_mapping(caller: &mut Caller<'_>) -> Outcome {
    let [base, top, pa] = [2, 3, 4].map(|n| caller.reg(n));
    let aligned = is_aligned(base | top | pa, caller.world.granule_size().bytes());
    let inside = top > base && top <= caller.realm().rtt.protected_top();
    request(caller, aligned && inside)
}

/// Asks the Host for the device in X1, if devices can be assigned and the operands are good.
fn request(caller: &mut Caller<'_>, good: bool) -> Outcome {
    if !caller.realm().da {
        return caller.answer(result::ERROR_STATE, [0; 3]);
    }
    if !good {
        return caller.input_error();
    }
    let vdev_id = caller.reg(1);
    caller.rec_mut().vdev_pending = true;
    let exit_reason = ExitReason::VdevRequest;
    Outcome::Exit(RecExit { exit_reason, vdev_id, ..RecExit::default() })
}

/// Answers a request of which the Host has named no device.
pub(crate) fn complete(rec: &mut Rec) {
    if std::mem::take(&mut rec.vdev_pending) {
        rec.gprs[0] = result::ERROR_INPUT;
    }
}
