//! The target `host_and_realm`: a byte that chooses the RMM, then eight bytes a step.

use rimsim::Profile;

use crate::interleaving::Play;
use crate::random_steps::records;

/// Steps of one run; more find nothing that fewer do not, and take longer.
const MOST_STEPS: usize = 120;

/// Lets a Host and two Realms take turns. The invariants are checked after every call, all laws in
/// the last steps: those before were the last of a shorter input.
pub fn run(data: &[u8]) {
    const LAST: usize = 4;
    let Some((choice, rest)) = data.split_first() else { return };
    // The older half of the corpus knows of RMM 1.0 only.
    let profile = match choice {
        0xE0.. => Profile::TF_RMM_2,
        _ => Profile::ALL_1_0[usize::from(choice % 2)],
    };
    let mut play = Play::new(profile);
    let mut steps = records(rest);
    steps.truncate(MOST_STEPS);
    let (early, last) = steps.split_at(steps.len().saturating_sub(LAST));
    early.iter().for_each(|step| play.step_lightly(step));
    last.iter().for_each(|step| play.step(step));
}
