//! Planes of a Realm (2.0): how many there are, and what each may do with memory (TF-RMM
//! `runtime/rmi/realm.c`, `lib/s2tt/include/s2ap_ind.h`).

use std::fmt;

/// Most planes beside plane 0.
pub const MAX_AUX_PLANES: usize = 3;

/// Bits of one overlay permission.
const PERM_BITS: u64 = 4;
/// RmiOverlayPermission values: nothing; read and write; read, write, and execute at both levels.
pub(crate) mod perm {
    pub(crate) const NO_ACCESS: u64 = 0;
    pub(crate) const RW: u64 = 12;
    pub(crate) const RW_UPX: u64 = 15;
}
/// The overlay index of Unprotected memory, which a Realm can not name.
const UNPROTECTED_INDEX: u64 = 15;
/// The overlay index that Protected memory has at first.
const PROTECTED_INDEX: u64 = 0;

/// What the RMM keeps of a Realm's planes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planes {
    pub(crate) num_aux: usize,
    pub(crate) ats_plane: u64,
    /// Of each plane, sixteen permissions of four bits by overlay index.
    permissions: [u64; MAX_AUX_PLANES + 1],
    /// Overlay indices whose permissions can not be changed any more, a bit each.
    locked: u16,
}

impl Planes {
    /// The planes of a Realm that has just been made: plane 0 may do everything, others nothing
    /// with Protected memory.
    pub(crate) fn new(num_aux: usize, ats_plane: u64) -> Self {
        let of_plane = |plane| {
            let first = if plane == 0 { perm::RW_UPX } else { perm::NO_ACCESS };
            let protected = (0..UNPROTECTED_INDEX).map(|index| first << (index * PERM_BITS));
            protected.sum::<u64>() | perm::RW << (UNPROTECTED_INDEX * PERM_BITS)
        };
        let locked = 1 << PROTECTED_INDEX | 1 << UNPROTECTED_INDEX;
        let permissions = std::array::from_fn(of_plane);
        Self { num_aux, ats_plane, permissions, locked }
    }

    /// Planes beside plane 0.
    #[must_use]
    pub fn num_aux(&self) -> usize {
        self.num_aux
    }

    /// The plane that translation requests of devices come from.
    #[must_use]
    pub fn ats_plane(&self) -> u64 {
        self.ats_plane
    }

    /// Whether each plane has RTTs of its own: where there are auxiliary planes. Planes that share
    /// one tree (FEAT_S2PIE, FEAT_S2POE) are not simulated, and no Realm is made with them.
    #[must_use]
    pub fn tree_per_plane(&self) -> bool {
        self.num_aux > 0
    }

    /// The plane with this number, plane 0 included.
    #[must_use]
    pub fn find(&self, number: u64) -> Option<usize> {
        usize::try_from(number).ok().filter(|plane| *plane <= self.num_aux)
    }

    /// The tree of RTTs that a plane runs in: trees begin with the last plane's, which is the
    /// primary one (A10.3.1 of the text; TF-RMM `plane_to_s2_context`).
    #[must_use]
    pub fn tree_of(&self, plane: usize) -> usize {
        (plane + 1) % (self.num_aux + 1)
    }

    /// The plane that runs in a tree of its own.
    pub(crate) const fn plane_of(&self, tree: usize) -> usize {
        (tree + self.num_aux) % (self.num_aux + 1)
    }

    /// The tree of RTTs that a number names, if it is not the primary one.
    pub(crate) fn aux_tree(&self, number: u64) -> Option<usize> {
        self.find(number).filter(|plane| *plane > 0)
    }

    /// The overlay index that a number names; only the low 32 bits count.
    pub(crate) fn overlay_index(number: u64) -> Option<u64> {
        Some(number & 0xFFFF_FFFF).filter(|index| *index < UNPROTECTED_INDEX)
    }

    /// A permission.
    pub(crate) fn permission(&self, plane: usize, index: u64) -> u64 {
        self.permissions[plane] >> (index * PERM_BITS) & 0xF
    }

    /// What entries of an overlay index permit a plane.
    pub(crate) fn entry_permission(&self, plane: usize, index: u64) -> Permission {
        Permission::of_overlay(self.permission(plane, index))
    }

    pub(crate) fn set_permission(&mut self, plane: usize, index: u64, value: u64) {
        let shift = index * PERM_BITS;
        self.permissions[plane] &= !(0xF << shift);
        self.permissions[plane] |= (value & 0xF) << shift;
    }

    pub(crate) fn is_locked(&self, index: u64) -> bool {
        self.locked >> index & 1 != 0
    }

    pub(crate) fn lock(&mut self, index: u64) {
        self.locked |= 1 << index;
    }
}

/// An access, as permissions tell accesses apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// An instruction at EL1, or at EL0.
    Fetch {
        privileged: bool,
    },
}

/// A permission as an entry holds it: "mostly read only" and what is reserved permit nothing there.
/// It is shown as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permission(u8);

impl Permission {
    /// That of an RmiOverlayPermission.
    const fn of_overlay(value: u64) -> Self {
        Self(if matches!(value, 4 | 8..=15) { value.to_le_bytes()[0] } else { 0 })
    }

    /// Whether an access is permitted.
    pub(crate) const fn permits(self, access: Access) -> bool {
        let Self(bits) = self;
        match access {
            Access::Read => bits & 8 != 0,
            Access::Write => bits & 4 != 0,
            Access::Fetch { privileged } => {
                bits & 8 != 0 && bits & if privileged { 2 } else { 1 } != 0
            }
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_four_bits_of_their_plane_and_index() {
        let mut planes = Planes::new(2, 0);
        assert_eq!((planes.permission(0, 0), planes.permission(0, 14)), (15, 15));
        assert_eq!((planes.permission(1, 14), planes.permission(2, 15)), (0, 12));
        planes.set_permission(1, 14, 0x1F);
        assert_eq!((planes.permission(1, 13), planes.permission(1, 14)), (0, 15));
        assert_eq!(planes.permission(1, 15), 12, "its neighbour stays");
        assert!(planes.is_locked(0) && planes.is_locked(15) && !planes.is_locked(14));
        planes.lock(14);
        assert!(planes.is_locked(14));
    }

    #[test]
    fn permissions_permit_what_their_names_say() {
        let permits = |value, access| Permission::of_overlay(value).permits(access);
        let all = |access| (0..16).filter(|value| permits(*value, access)).collect::<Vec<_>>();
        assert_eq!(all(Access::Read), [8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(all(Access::Write), [4, 12, 13, 14, 15]);
        assert_eq!(all(Access::Fetch { privileged: true }), [10, 11, 14, 15]);
        assert_eq!(all(Access::Fetch { privileged: false }), [9, 11, 13, 15]);
    }

    #[test]
    fn the_last_plane_runs_in_the_primary_tree() {
        let planes = Planes::new(2, 0);
        assert_eq!([0, 1, 2].map(|plane| planes.tree_of(plane)), [1, 2, 0]);
        assert_eq!([1, 2, 0].map(|tree| planes.plane_of(tree)), [0, 1, 2]);
        let alone = Planes::new(0, 0);
        assert_eq!((alone.tree_of(0), alone.plane_of(0), alone.tree_per_plane()), (0, 0, false));
    }

    #[test]
    fn planes_trees_and_indices_have_bounds() {
        let planes = Planes::new(2, 0);
        assert_eq!((planes.find(2), planes.find(3), planes.find(u64::MAX)), (Some(2), None, None));
        assert_eq!((planes.aux_tree(0), planes.aux_tree(2)), (None, Some(2)));
        assert_eq!((Planes::new(0, 0).aux_tree(0), Planes::new(0, 0).aux_tree(1)), (None, None));
        assert_eq!((Planes::overlay_index(14), Planes::overlay_index(15)), (Some(14), None));
    }
}
