//! The state of every granule of delegable memory, in bit planes.
//!
//! State and GPT entry are one value, because they are not independent: whatever has been delegated
//! is in the Realm PAS. Four planes of one bit a granule hold it, up to the last granule that ever
//! was anything but the Host's: 64 GiB of simulated DRAM cost 8 MiB at most.

use std::fmt;
use std::ops::Range;

use bitvec::prelude::Lsb0;
use bitvec::view::BitView as _;

use super::tally::Tally;
use crate::abi::addr::{Hex, Pa, is_aligned};
use crate::abi::granule_size::GranuleSize;
use crate::abi::platform::Platform;

/// A granule of delegable memory: its number, counted over the platform's DRAM ranges.
///
/// A value of this type names a granule that exists; it is made by [`Granules::find`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Granule(u32);

/// What the GPT says of a granule (DEN0137 1.0 A2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gpt {
    /// Non-secure: the Host's.
    Ns,
    /// Secure.
    Secure,
    /// Root.
    Root,
    /// All accesses permitted.
    Aap,
    /// Realm.
    Realm,
}

/// A granule's state in the RMM (DEN0137 1.0 A2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum GranuleState {
    /// Not the RMM's.
    Undelegated,
    /// The RMM's, used for nothing.
    Delegated,
    /// A Realm Descriptor.
    Rd,
    /// A Realm Execution Context.
    Rec,
    /// Auxiliary memory of a REC.
    RecAux,
    /// Contents of a Realm.
    Data,
    /// A Realm Translation Table.
    Rtt,
    /// A REC or an RD that is being made or destroyed (2.0).
    Partial,
    /// Auxiliary memory of an RD (TF-RMM behind 9a7f8ef4).
    RdAux,
}

impl GranuleState {
    /// All states, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Undelegated,
        Self::Delegated,
        Self::Rd,
        Self::Rec,
        Self::RecAux,
        Self::Data,
        Self::Rtt,
        Self::Partial,
        Self::RdAux,
    ];

    /// The specification's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undelegated => "UNDELEGATED",
            Self::Delegated => "DELEGATED",
            Self::Rd => "RD",
            Self::Rec => "REC",
            Self::RecAux => "REC_AUX",
            Self::Data => "DATA",
            Self::Rtt => "RTT",
            Self::Partial => "PARTIAL",
            Self::RdAux => "RD_AUX",
        }
    }
}

impl fmt::Display for GranuleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Gpt {
    /// All entries, in the order of their declaration.
    pub const ALL: [Self; 5] = [Self::Ns, Self::Secure, Self::Root, Self::Aap, Self::Realm];

    /// The names used in vectors and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ns => "ns",
            Self::Secure => "secure",
            Self::Root => "root",
            Self::Aap => "aap",
            Self::Realm => "realm",
        }
    }

    /// The GPT entry with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gpt| gpt.name() == name)
    }

    /// Whether the Host may access the granule.
    #[must_use]
    pub const fn permits_ns(self) -> bool {
        matches!(self, Self::Ns | Self::Aap)
    }
}

/// What the planes hold for one granule.
const KINDS: [(GranuleState, Gpt); 12] = [
    (GranuleState::Undelegated, Gpt::Ns),
    (GranuleState::Undelegated, Gpt::Secure),
    (GranuleState::Undelegated, Gpt::Root),
    (GranuleState::Undelegated, Gpt::Aap),
    (GranuleState::Delegated, Gpt::Realm),
    (GranuleState::Rd, Gpt::Realm),
    (GranuleState::Rec, Gpt::Realm),
    (GranuleState::RecAux, Gpt::Realm),
    (GranuleState::Data, Gpt::Realm),
    (GranuleState::Rtt, Gpt::Realm),
    (GranuleState::Partial, Gpt::Realm),
    (GranuleState::RdAux, Gpt::Realm),
];
const PLANES: usize = 4;
const _: () = assert!(KINDS.len() <= 1 << PLANES);

/// All granules of a platform's delegable memory.
#[derive(Clone, Debug)]
pub struct Granules {
    size: GranuleSize,
    ranges: Vec<(Range<u64>, u32)>,
    /// A word of each plane for 64 granules. What lies behind their end is zeros.
    planes: Vec<[u64; PLANES]>,
    count: u32,
    tally: Tally<{ GranuleState::ALL.len() }>,
}

/// How far the planes reach is history and no state.
impl PartialEq for Granules {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&self.planes[..], &other.planes[..]);
        let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
        let (same, rest) = long.split_at(short.len());
        let all = |of: &Self| (of.size, of.count);
        same == short
            && rest.iter().all(|words| *words == [0; PLANES])
            && all(self) == all(other)
            && self.ranges == other.ranges
            && self.tally == other.tally
    }
}

impl Eq for Granules {}

impl Granules {
    /// All granules UNDELEGATED and Non-secure.
    #[must_use]
    pub(crate) fn new(platform: &Platform, size: GranuleSize) -> Self {
        let mut count = 0_u32;
        let mut ranges = Vec::new();
        for dram in &platform.dram {
            ranges.push((dram.range(), count));
            count += u32::try_from(dram.size >> size.shift()).expect("a platform has at most 2^26");
        }
        Self { size, ranges, planes: Vec::new(), count, tally: Tally::default() }
    }

    /// The same memory in granules of another size. None is delegated. A granule that has memory of
    /// several PASs is in the first of them that is not Non-secure.
    #[must_use]
    pub(crate) fn resized(&self, platform: &Platform, size: GranuleSize) -> Self {
        let mut new = Self::new(platform, size);
        let step = self.size.min(size).len_bytes();
        for (granule, gpt) in self.not_ns() {
            let base = self.pa(granule).0;
            for pa in (base..base + self.size.bytes()).step_by(step) {
                let found = new.find(pa & !(size.bytes() - 1)).expect("the same memory");
                if new.gpt(found) == Gpt::Ns {
                    new.undelegate(found, gpt);
                }
            }
        }
        new.tally = self.tally.clone();
        new
    }

    /// Every granule that is not in the Non-secure PAS, and in which it is.
    pub(crate) fn not_ns(&self) -> impl Iterator<Item = (Granule, Gpt)> + '_ {
        let granules = self.granules_with(|[a, b, c, d]| a | b | c | d);
        granules.map(|granule| (granule, self.gpt(granule)))
    }

    /// The size of each.
    #[must_use]
    pub const fn size(&self) -> GranuleSize {
        self.size
    }

    /// The granule at `pa`, which has to be its first byte; `None` if it is not aligned or not
    /// delegable.
    #[must_use]
    #[inline]
    pub fn find(&self, pa: u64) -> Option<Granule> {
        if !is_aligned(pa, self.size.bytes()) {
            return None;
        }
        let (range, first) = self.ranges.iter().find(|(range, _)| range.contains(&pa))?;
        #[allow(clippy::cast_possible_truncation, reason = "counted in new")]
        let number = ((pa - range.start) >> self.size.shift()) as u32;
        Some(Granule(first.wrapping_add(number)))
    }

    /// The address of a granule's first byte.
    #[must_use]
    #[inline]
    pub fn pa(&self, granule: Granule) -> Pa {
        let number = granule.0;
        let (range, first) = self
            .ranges
            .iter()
            .rfind(|(_, first)| *first <= number)
            .expect("the first range begins with granule 0");
        Pa(range.start + (u64::from(number - first) << self.size.shift()))
    }

    /// A granule's state.
    #[must_use]
    #[inline(always)]
    pub fn state(&self, granule: Granule) -> GranuleState {
        self.kind(granule).0
    }

    /// A granule's GPT entry.
    #[must_use]
    #[inline(always)]
    pub fn gpt(&self, granule: Granule) -> Gpt {
        self.kind(granule).1
    }

    /// How often granules went from one state to another, by [`GranuleState`] as a number.
    #[must_use]
    pub fn tally(&self) -> &Tally<{ GranuleState::ALL.len() }> {
        &self.tally
    }

    /// Number of granules.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Every granule that has been delegated, in the order of addresses, with its state.
    pub fn delegated(&self) -> impl Iterator<Item = (Granule, GranuleState)> + '_ {
        // All delegated kinds have a bit in planes 2 or 3, no other kind has.
        let granules = self.granules_with(|[_, _, c, d]| c | d);
        granules.map(|granule| (granule, self.state(granule)))
    }

    /// The granules whose bits in the planes together have a one.
    fn granules_with(&self, together: fn([u64; PLANES]) -> u64) -> impl Iterator<Item = Granule> {
        let words = (0..).zip(&self.planes).map(move |(word, planes)| (word, together(*planes)));
        words.filter(|(_, bits)| *bits != 0).flat_map(|(word, bits)| {
            let ones = (0..64).filter(move |i| bits.view_bits::<Lsb0>()[*i as usize]);
            ones.map(move |i| Granule(64 * word + i))
        })
    }

    /// The ranges of delegable memory, for messages.
    #[must_use]
    pub fn ranges_text(&self) -> String {
        let texts = self.ranges.iter().map(|(r, _)| format!("{}..{}", Hex(r.start), Hex(r.end)));
        texts.collect::<Vec<_>>().join(", ")
    }

    #[inline(always)]
    pub(crate) fn set_state(&mut self, granule: Granule, state: GranuleState) {
        debug_assert_ne!(state, GranuleState::Undelegated, "use `undelegate`");
        self.set_kind(granule, (state, Gpt::Realm));
    }

    /// Makes a granule UNDELEGATED with this GPT entry, which is not Realm.
    pub(crate) fn undelegate(&mut self, granule: Granule, gpt: Gpt) {
        self.set_kind(granule, (GranuleState::Undelegated, gpt));
    }

    pub(super) fn index(granule: Granule) -> usize {
        granule.0 as usize
    }

    /// The granule `count` after this one, if it follows in the same range of memory.
    #[must_use]
    pub(crate) fn following(&self, granule: Granule, count: u64) -> Option<Granule> {
        self.find(self.pa(granule).0.checked_add(count.checked_mul(self.size.bytes())?)?)
    }

    /// How many granules from `first` on are in this state, each at the address that follows, at
    /// most `most`.
    #[must_use]
    pub(crate) fn count_in(&self, first: Granule, state: GranuleState, gpt: Gpt, most: u64) -> u64 {
        let pa = self.pa(first).0;
        let range = self.ranges.iter().find(|(range, _)| range.contains(&pa));
        let room = range.map_or(0, |(range, _)| (range.end - pa) >> self.size.shift());
        let (most, code) = (most.min(room), Self::code_of((state, gpt)));
        let mut count = 0;
        for (word, mask) in words_of(Self::index(first), most) {
            let planes = self.words(word);
            let differs =
                (0..PLANES).fold(0, |all, i| all | planes[i] ^ plane_word(code, i)) & mask;
            if differs != 0 {
                return count + u64::from((differs >> mask.trailing_zeros()).trailing_zeros());
            }
            count += u64::from(mask.count_ones());
        }
        count
    }

    /// Takes `count` granules from `first` on, all of which are in the first of `states`, to the
    /// last of them by way of the others. None is UNDELEGATED at the end.
    pub(crate) fn set_states(&mut self, first: Granule, count: u64, states: &[GranuleState]) {
        for step in states.windows(2) {
            self.tally.add_many(step[0] as usize, step[1] as usize, count);
        }
        let last = states.last().expect("there is one to go to");
        let code = Self::code_of((*last, Gpt::Realm));
        for (word, mask) in words_of(Self::index(first), count) {
            self.reach(word);
            for (i, bits) in self.planes[word].iter_mut().enumerate() {
                *bits = *bits & !mask | plane_word(code, i) & mask;
            }
        }
    }

    #[inline(always)]
    fn kind(&self, granule: Granule) -> (GranuleState, Gpt) {
        KINDS[self.code(granule)]
    }

    #[inline(always)]
    fn code(&self, granule: Granule) -> usize {
        let (word, bit) = (Self::index(granule) / 64, granule.0 % 64);
        let bit_of = |word: u64| (word >> bit & 1) as usize;
        let Some([a, b, c, d]) = self.planes.get(word) else { return 0 };
        // Word by word: a load of several waits for the store of one that was just before.
        bit_of(*a) | bit_of(*b) << 1 | bit_of(*c) << 2 | bit_of(*d) << 3
    }

    /// A word of each plane.
    #[inline]
    fn words(&self, word: usize) -> [u64; PLANES] {
        self.planes.get(word).copied().unwrap_or_default()
    }

    #[inline]
    fn code_of(kind: (GranuleState, Gpt)) -> usize {
        let (state, gpt) = kind;
        let delegated = state != GranuleState::Undelegated;
        let code = if delegated { 3 + state as usize } else { gpt as usize };
        assert!(KINDS[code] == kind, "a possible combination");
        code
    }

    /// Makes the planes long enough for a word, and some more: twice as long as they were.
    #[inline]
    fn reach(&mut self, word: usize) {
        if word >= self.planes.len() {
            self.lengthen(word);
        }
    }

    #[cold]
    fn lengthen(&mut self, word: usize) {
        let all = self.count.div_ceil(64) as usize;
        let words = (word + 1).next_power_of_two().max(64).min(all);
        // A zeroed vector comes from the system untouched; its pages appear with its bits.
        let mut longer = vec![[0; PLANES]; words];
        longer[..self.planes.len()].copy_from_slice(&self.planes);
        self.planes = longer;
    }

    #[inline(always)]
    fn set_kind(&mut self, granule: Granule, kind: (GranuleState, Gpt)) {
        let before = self.code(granule);
        self.tally.add(KINDS[before].0 as usize, kind.0 as usize);
        let code = Self::code_of(kind);
        let (word, bit) = (Self::index(granule) / 64, granule.0 % 64);
        self.reach(word);
        for (i, plane) in self.planes[word].iter_mut().enumerate() {
            *plane = *plane & !(1 << bit) | plane_word(code, i) & 1 << bit;
        }
    }
}

/// The words of a plane that hold so many bits from number `first` on, with a mask of them.
fn words_of(first: usize, count: u64) -> impl Iterator<Item = (usize, u64)> {
    let (mut at, mut left) = (first, count);
    std::iter::from_fn(move || {
        let (word, bit) = (at / 64, at as u64 % 64);
        let taken = left.min(64 - bit);
        let mask = u64::MAX.checked_shr(u32::try_from(64 - taken).ok()?)? << bit;
        (at, left) = (word * 64 + 64, left - taken);
        Some((word, mask))
    })
}

/// A whole word of plane `i` where all granules have the same kind.
const fn plane_word(code: usize, i: usize) -> u64 {
    if code >> i & 1 == 1 { u64::MAX } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granules() -> Granules {
        Granules::new(&Platform::preset("fvp").unwrap(), GranuleSize::K4)
    }

    #[test]
    fn granules_of_every_size_have_their_addresses() {
        let platform = Platform::preset("fvp").unwrap();
        for size in GranuleSize::ALL {
            let granules = Granules::new(&platform, size);
            assert_eq!(u64::from(granules.count()), (0x7C00_0000 + (62 << 30)) / size.bytes());
            for pa in [0x8000_0000, 0xFBFF_0000, 0x8_8000_0000, 0x8_8001_0000] {
                let granule = granules.find(pa).unwrap();
                assert_eq!(granules.pa(granule), Pa(pa));
                assert_eq!(granules.find(pa + size.bytes() / 2), None);
            }
        }
    }

    #[test]
    fn a_pas_stays_where_it_is() {
        let platform = Platform::preset("fvp").unwrap();
        let mut granules = granules();
        let at = |granules: &Granules, pa| granules.find(pa).unwrap();
        granules.undelegate(at(&granules, 0x8001_3000), Gpt::Secure);
        granules.undelegate(at(&granules, 0x8_8000_0000), Gpt::Aap);
        let large = granules.resized(&platform, GranuleSize::K16);
        assert_eq!(large.gpt(at(&large, 0x8001_0000)), Gpt::Secure);
        assert_eq!(large.gpt(at(&large, 0x8001_4000)), Gpt::Ns);
        assert_eq!(large.gpt(at(&large, 0x8_8000_0000)), Gpt::Aap);
        let small = large.resized(&platform, GranuleSize::K4);
        assert_eq!(small.gpt(at(&small, 0x8001_0000)), Gpt::Secure);
        assert_eq!(small.not_ns().count(), 8, "two of 16 KiB");
        assert_eq!(small.resized(&platform, GranuleSize::K16), large);
    }

    #[test]
    fn addresses_and_granules_are_one_to_one() {
        let granules = granules();
        for pa in [0x8000_0000, 0x8000_1000, 0xFBFF_F000, 0x8_8000_0000, 0x8_8000_1000] {
            let granule = granules.find(pa).unwrap();
            assert_eq!(granules.pa(granule), Pa(pa));
        }
        for pa in [0, 0x7FFF_F000, 0x8000_0001, 0xFC00_0000, 0x8_7FFF_F000, u64::MAX - 0xFFF] {
            assert_eq!(granules.find(pa), None, "{pa:#x}");
        }
        let last = granules.find(0xFBFF_F000).unwrap();
        assert_eq!(granules.following(last, 1), None, "the next range is elsewhere");
        assert_eq!(granules.following(last, u64::MAX), None);
    }

    /// Rows against granule by granule, at borders of words and with others around.
    #[test]
    fn rows_of_granules_are_granules() {
        let (starts, counts) = ([1, 63, 64, 65, 127, 200], [0, 1, 2, 62, 63, 64, 65, 128, 190]);
        let states = [GranuleState::Undelegated, GranuleState::Delegated, GranuleState::Data];
        for (start, count) in starts.into_iter().flat_map(|start| counts.map(|c| (start, c))) {
            let mut row = granules();
            for beside in [start - 1, start + count] {
                row.set_state(Granule(beside), GranuleState::RecAux);
            }
            let mut single = row.clone();
            let (first, most) = (Granule(start), u64::from(count));
            assert_eq!(row.count_in(first, states[0], Gpt::Ns, 500), most, "{start} {count}");
            for granule in (start..start + count).map(Granule) {
                single.set_state(granule, GranuleState::Delegated);
                single.set_state(granule, GranuleState::Data);
            }
            row.set_states(first, most, &states);
            assert_eq!(row, single, "{start} {count}");
            for step in states.windows(2) {
                let count = |of: &Granules| of.tally().count(step[0] as usize, step[1] as usize);
                assert_eq!(count(&row), count(&single));
            }
            assert_eq!(row.count_in(first, GranuleState::Data, Gpt::Realm, 500), most);
        }
        let granules = granules();
        let last = granules.find(0xFBFF_F000).unwrap();
        let found = granules.count_in(last, GranuleState::Undelegated, Gpt::Ns, 9);
        assert_eq!(found, 1, "the next range is elsewhere");
    }

    #[test]
    fn states_are_equal_however_far_planes_reach() {
        let (mut near, mut far) = (granules(), granules());
        let at = |granules: &Granules, pa| granules.find(pa).unwrap();
        let first = at(&near, 0x8000_0000);
        let last = Granule(near.count() - 1);
        far.undelegate(last, Gpt::Root);
        assert_ne!(near, far);
        assert_ne!(far, near);
        assert_eq!((near.gpt(last), far.gpt(last)), (Gpt::Ns, Gpt::Root));
        far.undelegate(last, Gpt::Ns);
        near.undelegate(first, Gpt::Ns);
        near.undelegate(first, Gpt::Ns);
        assert_eq!(near, far);
        assert_eq!(far, near);
        assert!(far.planes.len() > near.planes.len());
    }

    #[test]
    fn every_kind_can_be_stored() {
        let mut granules = granules();
        for (i, kind) in KINDS.into_iter().enumerate() {
            let granule = granules.find(0x8000_0000 + i as u64 * 0x1000).unwrap();
            granules.set_kind(granule, kind);
            assert_eq!(granules.kind(granule), kind);
        }
        let states: Vec<_> = granules.delegated().map(|(_, state)| state).collect();
        let expected: Vec<_> = KINDS[4..].iter().map(|kind| kind.0).collect();
        assert_eq!(states, expected);
    }
}
