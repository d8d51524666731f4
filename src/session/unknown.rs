//! Contents of which only digests are known: where they are not enough.

use crate::abi::addr::Pa;
use crate::abi::command::{CallRegs, Command};
use crate::abi::params::DATA_MEASURE;
use crate::model::operation::Operation;
use crate::model::world::World;

/// The address of the contents that the RMM or the Realm would have to read for this call.
///
/// Digests are enough to put a granule into a Realm, if they are by the Realm's algorithm. They are
/// no parameters, and a Realm can not run on them.
pub(super) fn needed(world: &World, regs: &CallRegs) -> Option<Pa> {
    if !world.has_unknown_contents() {
        return None;
    }
    match Command::decode(regs, world.profile().edition())? {
        Command::RealmCreate { params_ptr, .. } => unknown_page(world, params_ptr),
        Command::RecCreate { params_ptr, .. } => unknown_page(world, params_ptr),
        Command::OpContinue { handle, .. } => match world.operations().find(handle)?.1 {
            Operation::Object(it) => unknown_page(world, it.params_ptr()?),
            Operation::Map(_) | Operation::Unmap(_) => None,
        },
        Command::RecEnter { run_ptr, .. } => Some(Pa(run_ptr)),
        Command::RecCreateBegin { params_ptr, .. } => unknown_page(world, params_ptr),
        Command::DataCreate { rd, src, flags, .. }
        | Command::RttDataMapInit { rd, src, flags, .. }
            if flags & DATA_MEASURE != 0 =>
        {
            let algo = world.realm(rd)?.log().algo();
            let content = world.host_contents(src).ok()?;
            (!content.can_be_measured(algo)).then_some(Pa(src))
        }
        _ => None,
    }
}

fn unknown_page(world: &World, pa: u64) -> Option<Pa> {
    world.host_page(pa).ok().filter(|page| !page.is_known()).map(|_| Pa(pa))
}
