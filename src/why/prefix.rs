//! A RIM that is one of an earlier stage: something was left out.

use crate::host::Call;
use crate::host::kvm::Stage;
use crate::measure::hasher::Hasher;
use crate::measure::rim::Measurement;
use crate::predict::{Error, Plan};

/// Where in a boot a RIM was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The groups of commands up to it, with the RIM after each.
    pub done: Vec<Stage>,
    /// Those that follow and are measured. If there are none it is the VM's RIM.
    pub left_out: Vec<Stage>,
}

/// Boots a plan by the algorithm of `target`, and looks for `target` among the RIMs of its stages;
/// `None` if it is none of them.
///
/// # Errors
/// If KVM or the RMM refuses the VM, or its host has no such algorithm.
pub fn prefix(plan: &Plan, target: &Measurement, hasher: Hasher) -> Result<Option<Prefix>, Error> {
    let mut plan = plan.clone();
    for call in &mut plan.vm.calls {
        if let Call::HashAlgo(algo) = call {
            *algo = target.algo();
        }
    }
    let mut stages: Vec<Stage> = Vec::new();
    plan.boot(hasher, Vec::new(), &mut |stage| stages.push(stage))?;
    // Stages that are not measured leave the RIM as it was.
    let last = stages.iter().rposition(|stage| stage.rim == *target);
    Ok(last.map(|last| {
        let left_out = stages.split_off(last + 1);
        let left_out = left_out.into_iter().filter(|stage| stage.extensions > 0).collect();
        Prefix { done: stages, left_out }
    }))
}
