//! Which transitions there are, by edition.

use crate::abi::command::CommandInfo;
use crate::abi::profile::Profile;
use crate::model::granule::GranuleState;
use crate::model::operation::Operation;
use crate::model::rtt::Rtte;

/// What goes from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A granule.
    Granule,
    /// An RTT entry.
    Rtte,
    /// A Realm.
    Realm,
    /// A stateful operation (2.0).
    Operation,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Granule, Self::Rtte, Self::Realm, Self::Operation];

    /// The word for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granule => "granule",
            Self::Rtte => "RTT entry",
            Self::Realm => "Realm",
            Self::Operation => "operation",
        }
    }

    /// How many states there are.
    pub(super) const fn states(self) -> usize {
        match self {
            Self::Granule => GranuleState::ALL.len(),
            Self::Rtte => Rtte::KINDS.len(),
            Self::Realm => REALM_STATES.len(),
            Self::Operation => Operation::KINDS.len(),
        }
    }

    /// A transition as reports have it.
    pub(super) fn line(self, from: usize, to: usize) -> String {
        let state = |number: usize| match self {
            Self::Granule => GranuleState::ALL[number].name(),
            Self::Rtte => Rtte::KINDS[number],
            Self::Realm => REALM_STATES[number],
            Self::Operation => Operation::KINDS[number],
        };
        format!("{} {} -> {}", self.name(), state(from), state(to))
    }
}

/// From one state to another, by their numbers.
type Pair = (usize, usize);

/// The transitions that the commands of an RMM make.
pub(super) fn transitions(kind: Kind, profile: Profile) -> Vec<Pair> {
    let has = |name| CommandInfo::of_name(name, profile.edition()).is_some();
    // Operations, and an end of Realms before they are destroyed.
    let (in_steps, terminates) = (has("OP_CONTINUE"), has("REALM_TERMINATE"));
    let realms_in_steps = profile.makes_realms_in_steps();
    let rds = if realms_in_steps { GRANULE_RD_IN_STEPS } else { GRANULE_RD_AT_ONCE };
    let rd_operations = if realms_in_steps { OPERATION_ON_RD } else { &[] };
    let lists: [&[Pair]; 3] = match kind {
        Kind::Granule => [GRANULE, if in_steps { GRANULE_IN_STEPS } else { GRANULE_AT_ONCE }, rds],
        Kind::Rtte => [RTTE, if in_steps { RTTE_IN_STEPS } else { RTTE_AT_ONCE }, &[]],
        Kind::Realm => [REALM, if terminates { REALM_TERMINATED } else { REALM_DESTROYED }, &[]],
        Kind::Operation => [if in_steps { OPERATION } else { &[] }, rd_operations, &[]],
    };
    lists.concat()
}

const fn pair(from: GranuleState, to: GranuleState) -> Pair {
    (from as usize, to as usize)
}

/// Of granules (DEN0137 1.0 A2.2), by the states' numbers.
const GRANULE: &[Pair] = {
    use GranuleState as G;
    &[
        pair(G::Undelegated, G::Delegated),
        pair(G::Delegated, G::Undelegated),
        pair(G::Delegated, G::RecAux),
        pair(G::RecAux, G::Delegated),
        pair(G::Delegated, G::Data),
        pair(G::Data, G::Delegated),
        pair(G::Delegated, G::Rtt),
        pair(G::Rtt, G::Delegated),
    ]
};

/// Of RDs that one command makes.
const GRANULE_RD_AT_ONCE: &[Pair] = {
    use GranuleState as G;
    &[pair(G::Delegated, G::Rd), pair(G::Rd, G::Delegated)]
};

/// Of RDs that are made in steps, as RECs are then.
const GRANULE_RD_IN_STEPS: &[Pair] = {
    use GranuleState as G;
    &[
        pair(G::Partial, G::Rd),
        pair(G::Rd, G::Partial),
        pair(G::Delegated, G::RdAux),
        pair(G::RdAux, G::Delegated),
    ]
};

/// Of RECs that one command makes.
const GRANULE_AT_ONCE: &[Pair] = {
    use GranuleState as G;
    &[pair(G::Delegated, G::Rec), pair(G::Rec, G::Delegated)]
};

/// Of RECs that are made in steps.
const GRANULE_IN_STEPS: &[Pair] = {
    use GranuleState as G;
    &[
        pair(G::Delegated, G::Partial),
        pair(G::Partial, G::Rec),
        pair(G::Rec, G::Partial),
        pair(G::Partial, G::Delegated),
    ]
};

/// Of RTT entries (DEN0137 1.0 A5), by [`Rtte::kind`].
const RTTE: &[Pair] = &[
    // RTT_INIT_RIPAS and RTT_SET_RIPAS.
    (0, 1),
    (1, 1),
    (1, 0),
    (2, 0),
    (2, 1),
    (3, 4),
    (4, 3),
    (5, 3),
    (5, 4),
    // Contents.
    (0, 4),
    (1, 4),
    (2, 4),
    // RTT_CREATE.
    (0, 6),
    (1, 6),
    (2, 6),
    (3, 6),
    (4, 6),
    (5, 6),
    (7, 6),
    (8, 6),
    // RTT_FOLD and RTT_DESTROY.
    (6, 0),
    (6, 1),
    (6, 2),
    (6, 3),
    (6, 4),
    (6, 5),
    (6, 7),
    (6, 8),
    // Host memory is mapped.
    (7, 8),
];

/// Memory with unknown contents comes and goes in one command.
const RTTE_AT_ONCE: &[Pair] = &[(0, 3), (2, 5), (4, 2), (3, 0), (5, 2), (8, 7)];

/// Memory with unknown contents, and the end of Host memory: entries are pending meanwhile.
const RTTE_IN_STEPS: &[Pair] = &[
    (0, 9),
    (1, 9),
    (2, 9),
    (9, 3),
    (9, 4),
    (9, 5),
    (3, 9),
    (4, 9),
    (5, 9),
    (9, 0),
    (9, 1),
    (9, 2),
    (8, 10),
    (10, 7),
    // An auxiliary tree lets a page go.
    (4, 0),
    // RTT_CREATE does not mind that an entry is pending, nor does RTT_INIT_RIPAS.
    (9, 6),
];

const REALM_STATES: [&str; 5] = ["none", "NEW", "ACTIVE", "SYSTEM_OFF", "ZOMBIE"];

/// Of Realms (DEN0137 1.0 A2.1).
const REALM: &[Pair] = &[(0, 1), (1, 2), (2, 3)];
const REALM_DESTROYED: &[Pair] = &[(1, 0), (2, 0), (3, 0)];
const REALM_TERMINATED: &[Pair] = &[(1, 4), (2, 4), (3, 4), (4, 4), (4, 0)];

/// Of operations (TF-RMM `lib/sro_context`), by [`Operation::kind`].
const OPERATION: &[Pair] = &[
    // REC_CREATE.
    (0, 1),
    (1, 1),
    (1, 2),
    (1, 3),
    (2, 0),
    (2, 3),
    // REC_DESTROY, and a creation that failed.
    (0, 3),
    (3, 4),
    (3, 5),
    (4, 4),
    (4, 5),
    (5, 0),
    // RTT_DATA_MAP.
    (0, 6),
    (6, 6),
    (6, 0),
    (0, 7),
    (6, 7),
    (7, 7),
    (7, 0),
    // RTT_DATA_UNMAP and RTT_UNPROT_UNMAP.
    (0, 8),
    (8, 8),
    (8, 0),
];

/// Of operations on RDs.
const OPERATION_ON_RD: &[Pair] = &[
    // REALM_CREATE.
    (0, 9),
    (9, 9),
    (9, 10),
    (9, 11),
    (10, 0),
    (10, 11),
    // REALM_DESTROY, and a creation that failed.
    (0, 11),
    (11, 12),
    (11, 13),
    (12, 12),
    (12, 13),
    (13, 0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_stands_once() {
        for profile in Profile::ALL {
            for kind in Kind::ALL {
                let mut all = transitions(kind, profile);
                let count = all.len();
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), count, "{kind:?}");
            }
        }
    }
}
