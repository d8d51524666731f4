//! RSI_PLANE_ENTER, RSI_PLANE_SYSREG_READ and RSI_PLANE_SYSREG_WRITE (2.0; TF-RMM
//! `runtime/rsi/planes.c`).

use super::{Caller, Outcome};

/// Every call names an auxiliary plane in X1.
fn names_aux_plane(caller: &Caller<'_>) -> bool {
    caller.realm().planes.find(caller.reg(1)).is_some_and(|plane| plane > 0)
}

pub(super) fn enter(caller: &mut Caller<'_>) -> Outcome {
    let _ = names_aux_plane(caller);
    caller.input_error()
}

pub(super) fn sysreg(caller: &mut Caller<'_>) -> Outcome {
    let _ = names_aux_plane(caller);
    caller.input_error()
}
