//! RSI_MEM_GET_PERM_VALUE, RSI_MEM_SET_PERM_VALUE and RSI_MEM_SET_PERM_INDEX: what planes may do
//! with memory (2.0; TF-RMM `runtime/rsi/memory.c`). A Realm without auxiliary planes has plane 0.

use super::{Caller, Outcome};
use crate::abi::addr::{PAGE_SIZE, align_down, is_aligned};
use crate::abi::rec_run::{ExitReason, RecEnter, RecExit, enter_flags};
use crate::abi::rsi::{response, result};
use crate::model::granule::Granule;
use crate::model::planes::Planes;
use crate::model::rec::S2apChange;
use crate::model::world::World;

/// Values of a permission.
const PERMISSIONS: u64 = 16;

pub(super) fn get_value(caller: &mut Caller<'_>) -> Outcome {
    let planes = &caller.realm().planes;
    let (plane, index) = (planes.find(caller.reg(1)), Planes::overlay_index(caller.reg(2)));
    match plane.zip(index) {
        Some((plane, index)) => {
            let value = planes.permission(plane, index);
            caller.answer(result::SUCCESS, [value, 0, 0])
        }
        None => caller.input_error(),
    }
}

/// TF-RMM crashes on a value that is none.
pub(super) fn set_value(caller: &mut Caller<'_>) -> Outcome {
    let value = caller.reg(3);
    let planes = &caller.realm().planes;
    let plane = planes.find(caller.reg(1)).filter(|plane| *plane > 0);
    let index = Planes::overlay_index(caller.reg(2)).filter(|index| !planes.is_locked(*index));
    match plane.zip(index).filter(|_| value < PERMISSIONS) {
        Some((plane, index)) => {
            caller.realm_mut().planes.set_permission(plane, index, value);
            caller.answer(result::SUCCESS, [0; 3])
        }
        None => caller.input_error(),
    }
}

/// Asks the Host to give a range of memory the permissions of an overlay index.
pub(super) fn set_index(caller: &mut Caller<'_>) -> Outcome {
    let [base, top, index, cookie] = [1, 2, 3, 4].map(|n| caller.reg(n));
    let realm = caller.realm();
    let aligned = is_aligned(base | top, caller.world.granule_size().bytes());
    let inside = base < top && top <= realm.rtt.protected_top();
    let index = Planes::overlay_index(index);
    let cookie = own_cookie(&realm.planes, cookie, base);
    let Some((index, cookie)) = index.zip(cookie).filter(|_| aligned && inside) else {
        return caller.input_error();
    };
    caller.rec_mut().s2ap_change = S2apChange { base, top, index, cookie };
    caller.set_result(result::SUCCESS, [0; 3]);
    let exit_reason = ExitReason::S2apChange;
    Outcome::Exit(RecExit { exit_reason, s2ap_base: base, s2ap_top: top, ..RecExit::default() })
}

/// The cookie of a request: a new one for zero, where each plane has a tree of its own. It holds
/// the first IPA and, in its low bits, the tree.
fn own_cookie(planes: &Planes, cookie: u64, base: u64) -> Option<u64> {
    if cookie == 0 {
        return Some(if planes.tree_per_plane() { base } else { 0 });
    }
    let known = planes.find(tree(cookie)).is_some();
    let good = planes.tree_per_plane() && align_down(cookie, PAGE_SIZE) == base && known;
    good.then_some(cookie)
}

/// The tree that a cookie is about.
pub(crate) const fn tree(cookie: u64) -> u64 {
    cookie & (PAGE_SIZE - 1)
}

/// Answers a request: how far the Host came, and with which cookie the Realm goes on.
pub(crate) fn complete(world: &mut World, rec: Granule, enter: &RecEnter) {
    let mut caller = Caller { world, rec };
    let S2apChange { base, top, index, cookie } = std::mem::take(&mut caller.rec_mut().s2ap_change);
    if (base, top) == (0, 0) {
        return;
    }
    let refused = enter.has(enter_flags::S2AP_RESPONSE);
    let planes = &mut caller.realm_mut().planes;
    if !refused {
        planes.lock(index);
    }
    let first = align_down(cookie, PAGE_SIZE);
    let (next, cookie) = match (planes.tree_per_plane(), planes.find(tree(cookie) + 1)) {
        (false, _) => (base, 0),
        (true, _) if base != top => (base, base | tree(cookie)),
        (true, Some(tree)) => (first, first | tree as u64),
        (true, None) => (base, 0),
    };
    let response = if refused { response::REJECT } else { response::ACCEPT };
    caller.set_result(result::SUCCESS, [next, response, cookie]);
}
