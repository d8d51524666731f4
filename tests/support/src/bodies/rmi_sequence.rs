//! The target `rmi_sequence`: a byte that chooses the RMM, then eight bytes a step.

use rimsim::Profile;

use crate::call_laws::check_laws;
use crate::random_steps::{Action, actions, records};
use crate::world_and_flat::WorldAndFlat;

/// Steps of one run; more find nothing that fewer do not, and take longer.
const MOST_STEPS: usize = 300;

/// Runs the steps on the World and the flat model, which have to agree. The invariants are checked
/// after every command that succeeds, all laws at the last step: the steps before it were the last
/// of a shorter input.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let profile = Profile::ALL_1_0[usize::from(choice % 2)];
    let mut twins = WorldAndFlat::new(profile);
    let mut steps = records(rest);
    steps.truncate(MOST_STEPS);
    let last = steps.len().saturating_sub(1);
    for (i, step) in steps.iter().enumerate() {
        let actions = actions(step, &twins.world);
        let few = actions.len() < 16;
        for action in &actions {
            let before = (few && i == last).then(|| twins.world.clone());
            let Some(outcome) = twins.act(action) else { continue };
            if few && outcome.is_success() {
                twins.world.invariants().expect("the invariants hold");
            }
            if let (Some(before), Action::Call(regs)) = (before, action) {
                check_laws(&before, regs, &outcome, &twins.world);
            }
        }
    }
    twins.world.invariants().expect("the invariants hold");
    twins.compare();
}
