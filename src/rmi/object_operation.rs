//! Stateful operations that make or take apart something with auxiliary granules: the Host gives
//! the granules, and takes them back in the end (TF-RMM `lib/sro_context`).
//!
//! The command that begins one looks at its object's granule alone, which is PARTIAL from then on.
//! What it was asked for is looked at in the last step. What the object is, and what its tables
//! say, stands with its commands.

use super::gate::{Answer, Checked, Failure, Gate, NO_OUTPUTS, Rows};
use super::{Plan, realm, rec_operation};
use crate::abi::address_range::donate_request;
use crate::abi::status::MemReq;
use crate::model::granule::{Granule, GranuleState};
use crate::model::operation::{
    Creation, Ending, Handle, Object, ObjectOperation, Operation, Stage,
};
use crate::model::world::World;

impl Gate<'_> {
    /// `sro_context`: another operation can begin.
    pub(super) fn context<R: Rows>(&mut self, row: R, world: &World) -> Checked<Handle> {
        let most = world.operations.most();
        self.some(row, world.operations.next_free(), || {
            format!("{most} stateful operations are under way; there can not be more")
        })
    }
}

/// The beginning of a creation: auxiliary granules are asked for.
pub(super) struct Begin {
    pub(super) handle: Handle,
    pub(super) object: Object,
    pub(super) granule: Granule,
    pub(super) creation: Creation,
}

impl Plan for Begin {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        let Self { handle, object, granule, creation } = self;
        world.claim(granule, GranuleState::Partial);
        let stage = Stage::Donating(creation);
        let (aux, undelivered) = (Vec::new(), Vec::new());
        let operation = ObjectOperation { object, granule, stage, aux, undelivered };
        let missing = missing(world, &operation);
        world.operations.put(handle, Operation::Object(operation));
        let outputs = [handle.to_register(), donate_request(missing, world.granule_size()), 0, 0];
        Answer::Incomplete(MemReq::Donate, outputs)
    }
}

/// The beginning of an object's end: its auxiliary granules are given back.
pub(super) struct End {
    pub(super) handle: Handle,
    pub(super) object: Object,
    pub(super) granule: Granule,
    pub(super) aux: Vec<Granule>,
}

impl End {
    /// Begins it; what the object held besides has been let go.
    pub(super) fn begin(self, world: &mut World) -> Answer {
        let Self { handle, object, granule, aux } = self;
        world.claim(granule, GranuleState::Partial);
        let (stage, undelivered) = (Stage::Ended(Ending::Success), Vec::new());
        let operation = ObjectOperation { object, granule, stage, aux, undelivered };
        world.operations.put(handle, Operation::Object(operation));
        Answer::Incomplete(MemReq::Reclaim, [handle.to_register(), 0, 0, 0])
    }
}

/// How many granules the operation still needs.
pub(super) fn missing(world: &World, operation: &ObjectOperation) -> u64 {
    world.aux_count(operation.object).saturating_sub(operation.aux.len() as u64)
}

/// Takes what the Host gives; the list had at least one granule, unless `any` is false.
pub(super) fn donated(
    world: &mut World,
    handle: Handle,
    granules: &[Granule],
    any: bool,
) -> Answer {
    let mut operation = take(world, handle);
    for granule in granules {
        world.claim(*granule, operation.object.aux_state());
    }
    operation.aux.extend_from_slice(granules);
    let missing = missing(world, &operation);
    let count = granules.len() as u64;
    let Stage::Donating(creation) = operation.stage else {
        unreachable!("the check found that it waits for granules")
    };
    let answer = if any && granules.is_empty() {
        let detail = "the first granule of the list is not DELEGATED".to_owned();
        let row = match operation.object {
            Object::Rec => rec_operation::CreateRows::Aux as usize,
            Object::Rd => realm::CreateRows::Aux as usize,
        };
        operation.stage = Stage::Ended(Ending::Failure { row, detail });
        Answer::Incomplete(MemReq::Reclaim, NO_OUTPUTS)
    } else if missing > 0 {
        Answer::Incomplete(
            MemReq::Donate,
            [count, donate_request(missing, world.granule_size()), 0, 0],
        )
    } else {
        operation.stage = Stage::Ready(creation);
        Answer::Incomplete(MemReq::None, [count, 0, 0, 0])
    };
    world.operations.put(handle, Operation::Object(operation));
    answer
}

/// What the last step of a creation found.
pub(super) enum Asked {
    Rec(Checked<rec_operation::NewRec>),
    Rd(Checked<realm::NewRealm>),
}

/// Looks at what a creation was asked for.
pub(super) fn last_step(world: &World, object: Object, creation: Creation) -> Asked {
    match object {
        Object::Rec => Asked::Rec(rec_operation::last_step(world, creation)),
        Object::Rd => Asked::Rd(realm::last_step(world, creation)),
    }
}

/// Does the last step of a creation: makes the object, or begins to give the granules back.
pub(super) fn end_creation(world: &mut World, handle: Handle, asked: Asked) -> Answer {
    let mut operation = take(world, handle);
    let (row, failure) = match asked {
        Asked::Rec(Ok(new)) => {
            new.insert(world, operation.granule, operation.aux);
            return Answer::Success(NO_OUTPUTS);
        }
        Asked::Rd(Ok(new)) => {
            new.insert(world, operation.aux);
            return Answer::Success(NO_OUTPUTS);
        }
        Asked::Rec(Err(failure)) => (failure.row_number::<rec_operation::CreateRows>(), failure),
        Asked::Rd(Err(failure)) => (failure.row_number::<realm::CreateRows>(), failure),
    };
    let row = row.expect("a row of the last step");
    let detail = failure.detail().to_owned();
    operation.stage = Stage::Ended(Ending::Failure { row, detail });
    world.operations.put(handle, Operation::Object(operation));
    Answer::Incomplete(MemReq::Reclaim, NO_OUTPUTS)
}

/// The end of an operation whose granules have all been given back.
pub(super) fn finish(world: &mut World, handle: Handle) -> Answer {
    let operation = take(world, handle);
    world.release(operation.granule);
    match operation.stage {
        Stage::Reclaiming(Ending::Failure { row, detail }) => {
            Answer::Failed(match operation.object {
                Object::Rec => Failure::remembered::<rec_operation::CreateRows>(row, detail),
                Object::Rd => Failure::remembered::<realm::CreateRows>(row, detail),
            })
        }
        _ => Answer::Success(NO_OUTPUTS),
    }
}

/// Takes out an operation on an object.
pub(super) fn take(world: &mut World, handle: Handle) -> ObjectOperation {
    match world.operations.take(handle) {
        Operation::Object(operation) => operation,
        Operation::Map(_) | Operation::Unmap(_) => {
            unreachable!("the check found an operation on an object")
        }
    }
}
