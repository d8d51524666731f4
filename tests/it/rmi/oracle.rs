//! The World against the flat model, on random sequences.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rimsim::Edition;
use rimsim::Profile;
use rimsim::abi::command::CommandInfo;

use crate::random_steps::{Record, actions};
use crate::world_and_flat::WorldAndFlat;

fn run(records: &[Record], profile: Profile) {
    let mut twins = WorldAndFlat::new(profile);
    for record in records {
        for action in actions(record, &twins.world) {
            twins.act(&action);
        }
    }
    twins.compare();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::cases(64), ..ProptestConfig::default() })]

    #[test]
    fn the_flat_model_agrees(records in prop::collection::vec(any::<Record>(), 0..300)) {
        run(&records, Profile::TF_RMM);
        run(&records, Profile::SPEC);
    }
}

/// The sequences reach what they are meant to reach: every command that can succeed does, and most
/// failure rows are met.
#[test]
fn the_sequences_are_not_vacuous() {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB).to_le_bytes()
    };
    let mut met: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for _ in 0..100 {
        let mut twins = WorldAndFlat::new(Profile::TF_RMM);
        for _ in 0..150 {
            for action in actions(&random(), &twins.world) {
                let Some(outcome) = twins.act(&action) else { continue };
                let Some(command) = outcome.command() else { continue };
                let row = outcome.failure().map_or("-", |failure| failure.row().text);
                *met.entry((command.info().name, row)).or_default() += 1;
            }
        }
        twins.compare();
    }
    // A request can be completed only after a Realm has run.
    let never = ["RTT_SET_RIPAS", "PSCI_COMPLETE"];
    for info in CommandInfo::of_edition(Edition::V1).filter(|info| !never.contains(&info.name)) {
        assert!(met.contains_key(&(info.name, "-")), "{} never succeeds", info.name);
    }
    assert!(met.len() > 160, "only {} kinds of outcome", met.len());
}
