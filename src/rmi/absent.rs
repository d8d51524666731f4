//! Commands of RMM 2.0 for what this machine does not have: devices, their SMMU, and planes.
//!
//! TF-RMM has them in its table, so that they are barred like others before RMI_RMM_ACTIVATE. What
//! they answer then is what TF-RMM answers where device assignment is not there, and to a Realm
//! without auxiliary planes.

use super::activation;
use super::gate::{Failure, FailureRow, which};
use super::outcome::Outcome;
use crate::abi::command::absent::{Absent, absent};
use crate::abi::status::{ReturnCode, Status};
use crate::model::world::World;

static NO_DEVICES: FailureRow = FailureRow {
    id: "da_supp",
    status: Status::NotSupported,
    which: which::V2,
    after: &[],
    text: "device assignment is not supported",
};
static NO_PLANES: FailureRow = FailureRow {
    id: "index_bound",
    status: Status::Input,
    which: which::V2,
    after: &[],
    text: "the Realm has no auxiliary planes",
};

/// Answers a call of which the table of commands does not know.
pub(super) fn call(world: &World, fid: u64) -> Outcome {
    let kind = absent(fid).filter(|_| world.profile().boots_inactive());
    let Some(kind) = kind else { return Outcome::no_command(ReturnCode::UNKNOWN_FID, None) };
    let of = |row: &'static FailureRow| Failure::of(row, row.text.into());
    let failure = match kind {
        _ if !world.is_active() => activation::inactive(),
        // These say it in the words of SMCCC.
        Absent::Device => return Outcome::no_command(ReturnCode::UNKNOWN_FID, None),
        Absent::Smmu => of(&NO_DEVICES),
        Absent::Planes => of(&NO_PLANES),
    };
    Outcome::no_command(failure.code().pack(), Some(failure))
}
