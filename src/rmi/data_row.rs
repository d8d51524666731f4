//! Many RMI_DATA_CREATE or RMI_RTT_DATA_MAP_INIT at once, of contents that follow each other.
//!
//! A Host that gives a Realm an image repeats two commands for each granule, and nothing but
//! addresses changes from one to the next. It makes the first by itself, and [`super::data`] has
//! looked at every condition of that. Of those after it commands of which none can fail are carried
//! out together here: what may differ from one to the next is looked at, and what they change is
//! changed row by row. Wherever anything is out of the ordinary the row ends, and the next command
//! by itself says what it is.

use std::ops::Range;

use super::realm::realm_mut;
use crate::abi::addr::{Ipa, Level, Pa, is_aligned};
use crate::abi::args::{Data, Rd, Src};
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::DATA_MEASURE;
use crate::measure::contents::Contents;
use crate::measure::event::DataEvent;
use crate::measure::page::Page;
use crate::model::granule::{Gpt, Granule, GranuleState};
use crate::model::realm::RealmState;
use crate::model::rtt::Walk;
use crate::model::world::World;

/// What a Host repeats, each time one granule further on.
#[derive(Clone, Debug)]
pub(crate) struct DataRow {
    pub(crate) rd: Rd,
    /// The first granule that becomes DATA.
    pub(crate) data: Data,
    /// Whether the Host delegates each of them just before.
    pub(crate) is_delegated_too: bool,
    /// Where the Realm sees the first of them.
    pub(crate) ipa: Ipa,
    pub(crate) src: RowSource,
    /// RmiDataFlags.
    pub(crate) flags: u64,
    /// How many granules, at most.
    pub(crate) count: u64,
}

/// Where the contents of a row are.
#[derive(Clone, Debug)]
pub(crate) enum RowSource {
    /// In memory, from this granule of the Host on.
    #[cfg_attr(not(feature = "hosts"), allow(dead_code, reason = "it is KVM that copies so"))]
    Memory(Src),
    /// In what begins with this page. Before each command the Host shows the next granule of it in
    /// one granule of its own.
    Shown { window: Src, first: Page },
}

/// A row of which no command can fail.
struct DataRowPlan {
    rd: Granule,
    data: Granule,
    /// The states of the granules, one after the other.
    states: &'static [GranuleState],
    ipa: Ipa,
    flags: u64,
    walk: Walk,
    count: u64,
    content: Contents,
    /// The granule that shows the last contents afterwards.
    window: Option<Granule>,
}

/// Where contents are found, and how many granules of them.
struct Source {
    content: Contents,
    count: u64,
    window: Option<Granule>,
}

impl World {
    /// Carries out the first of the commands of a row, as many as are known to succeed, and says
    /// for how many granules. None is no failure: the next command has to be made by itself then.
    ///
    /// The command for the granule before was carried out, and the same conditions hold.
    pub(crate) fn create_data_row(&mut self, row: &DataRow) -> u64 {
        match row.check(self) {
            Some(plan) => plan.apply(self),
            None => 0,
        }
    }
}

impl DataRow {
    /// How many calls a Host makes for each granule.
    pub(crate) fn calls(&self) -> u64 {
        1 + u64::from(self.is_delegated_too)
    }

    /// How many steps a Host makes for each granule of `size`: the calls, and each page that it
    /// shows.
    pub(crate) fn steps(&self, size: GranuleSize) -> u64 {
        match self.src {
            RowSource::Memory(_) => self.calls(),
            RowSource::Shown { .. } => self.calls() + size.pages(),
        }
    }

    fn check(&self, world: &World) -> Option<DataRowPlan> {
        let (granules, size) = (&world.granules, world.granule_size());
        let (rd, ipa) = (granules.find(self.rd.addr())?, self.ipa);
        let realm = world.realms.get(&rd)?;
        let is_new = granules.state(rd) == GranuleState::Rd && realm.state == RealmState::New;
        let is_usual = world.is_active() && !world.has_unknown_contents() && is_new;
        if !is_usual || self.flags > DATA_MEASURE || !is_aligned(ipa.0, size.bytes()) {
            return None;
        }
        let walk = realm.rtt.is_protected(ipa.0).then(|| world.walk(realm, ipa, Level::PAGE))?;
        if walk.level != Level::PAGE {
            return None;
        }
        let data = granules.find(self.data.addr())?;
        let (states, gpt): (&[GranuleState], _) = match self.is_delegated_too {
            true => {
                (&[GranuleState::Undelegated, GranuleState::Delegated, GranuleState::Data], Gpt::Ns)
            }
            false => (&[GranuleState::Delegated, GranuleState::Data], Gpt::Realm),
        };
        let count = world.tables.count_unassigned(walk, self.count);
        let count = granules.count_in(data, states[0], gpt, count);
        let Source { content, count, window } = self.source(world, count)?;
        let last_bytes = count.checked_sub(1)? * size.bytes();
        let fits = realm.rtt.lpa2 || self.data.addr() + last_bytes < 1 << 48;
        (fits && realm.rtt.is_protected(ipa.0 + last_bytes)).then_some(DataRowPlan {
            rd,
            data,
            states,
            ipa,
            flags: self.flags,
            walk,
            count,
            content,
            window,
        })
    }

    /// The contents of at most `most` granules.
    fn source(&self, world: &World, most: u64) -> Option<Source> {
        let (granules, size) = (&world.granules, world.granule_size());
        let span = |first: u64, count: u64| first..first + count * size.bytes();
        let data = span(self.data.addr(), most);
        let is_apart = |src: Range<u64>| src.end <= data.start || data.end <= src.start;
        let is_hosts = |src| granules.count_in(src, GranuleState::Undelegated, Gpt::Ns, most);
        match &self.src {
            RowSource::Memory(first) => {
                let src = granules.find(first.addr())?;
                let (content, count) = world.memory.contents_in_row(src);
                let count = count.min(is_hosts(src));
                let is_good = is_apart(span(first.addr(), count));
                is_good.then_some(Source { content, count, window: None })
            }
            RowSource::Shown { window, first } => {
                let src = granules.find(window.addr())?;
                let is_good =
                    first.is_known() && is_hosts(src) > 0 && is_apart(span(window.addr(), 1));
                let content = Contents::from_first(size, first.clone());
                is_good.then_some(Source { content, count: most, window: Some(src) })
            }
        }
    }
}

impl DataRowPlan {
    fn apply(self, world: &mut World) -> u64 {
        let Self { rd, data, states, ipa, flags, walk, count, content, window } = self;
        world.granules.set_states(data, count, states);
        world.memory.set_in_row(data, count, &content);
        if let Some(window) = window {
            world.memory.set_contents(window, &content.following(count - 1));
        }
        let Pa(pa) = world.granules.pa(data);
        world.tables.assign_in_row(walk, count, Pa(pa));
        realm_mut(world, rd).log.push_row(&DataEvent { ipa, flags, content }, count);
        count
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::abi::addr::GRANULE_SIZE;
    use crate::abi::command::Command;
    use crate::abi::edition::Edition;
    use crate::abi::platform::Platform;
    use crate::abi::profile::Profile;
    use crate::measure::image::Image;
    use crate::model::rtt::Ripas;

    const DRAM: u64 = 0x8000_0000;
    const RD: u64 = DRAM;
    /// The first granule of data, in the middle of a word of the planes and of a chunk.
    const DATA: u64 = DRAM + 777 * GRANULE_SIZE;
    const SRC: u64 = DRAM + (8 << 20);

    /// A NEW Realm with two tables of pages from IPA 0 on.
    fn scene(edition: Edition) -> World {
        let profile = match edition {
            Edition::V1 => Profile::TF_RMM,
            Edition::V2 => Profile::TF_RMM_2,
        };
        let mut world = World::new(Platform::default(), profile);
        let mut params = [0; 4096];
        (params[0x008], params[0x018], params[0x020]) = (36, 1, 1);
        let rtt_base = DRAM + GRANULE_SIZE;
        params[0x808..0x810].copy_from_slice(&rtt_base.to_le_bytes());
        (params[0x810], params[0x818]) = (1, 1);
        world.host_write_page(SRC, &params).expect("the Host's memory");
        let mut must = |command: Command| {
            let outcome = world.execute(command);
            assert!(outcome.is_success(), "{command}: {outcome}");
        };
        if edition == Edition::V2 {
            must(Command::RmmActivate {});
        }
        let tables = [(2, 0), (3, 0), (3, 2 << 20)];
        for i in 0..2 + tables.len() as u64 {
            let pa = DRAM + i * GRANULE_SIZE;
            must(Command::delegate_range(edition, Pa(pa)..Pa(pa + GRANULE_SIZE)));
        }
        must(Command::RealmCreate { rd: RD, params_ptr: SRC });
        for (i, (level, ipa)) in (2..).zip(tables) {
            must(Command::RttCreate { rd: RD, rtt: DRAM + i * GRANULE_SIZE, ipa, level });
        }
        world
    }

    fn image() -> Arc<Image> {
        let bytes: Vec<u8> = (0..600_u32 * 1024).flat_map(u32::to_le_bytes).collect();
        Arc::new(Image::from_bytes("image", bytes))
    }

    /// The first `count` granules of a row, command by command; all have to succeed.
    fn one_by_one(mut world: World, row: &DataRow, count: u64) -> World {
        let edition = world.profile().edition();
        for i in 0..count {
            let further = |pa: u64| pa + i * GRANULE_SIZE;
            let src = match &row.src {
                RowSource::Memory(src) => Src(Pa(further(src.addr()))),
                RowSource::Shown { window, first } => {
                    let shown = world.host_set_page(window.addr(), first.following(i));
                    shown.expect("the Host's memory");
                    *window
                }
            };
            let (data, ipa) = (Pa(further(row.data.addr())), Ipa(further(row.ipa.0)));
            let delegate = Command::delegate_range(edition, data..Pa(data.0 + GRANULE_SIZE));
            let create = Command::data_create(edition, row.rd, Data(data), ipa, src, row.flags);
            for command in row.is_delegated_too.then_some(delegate).into_iter().chain([create]) {
                let outcome = world.execute(command);
                assert!(outcome.is_success(), "granule {i}: {command}: {outcome}");
            }
        }
        world
    }

    fn tallies(world: &World) -> Vec<u64> {
        let states = GranuleState::ALL.len();
        let states = (0..states).flat_map(|a| (0..states).map(move |b| (a, b)));
        let states = states.map(|(a, b)| world.granules.tally().count(a, b));
        let kinds = (0..11).flat_map(|a| (0..11).map(move |b| (a, b)));
        states.chain(kinds.map(|(a, b)| world.tables.tally().count(a, b))).collect()
    }

    /// A row that nothing is in the way of, over one table.
    fn row(src: RowSource) -> DataRow {
        let (rd, data) = (Rd(Pa(RD)), Data(Pa(DATA)));
        DataRow { rd, data, is_delegated_too: true, ipa: Ipa(0), src, flags: 1, count: 512 }
    }

    fn shown(first: Page) -> RowSource {
        RowSource::Shown { window: Src(Pa(SRC)), first }
    }

    /// What stops a row early.
    #[derive(Clone, Copy, Debug)]
    enum Obstacle {
        /// A granule of the data, the contents or the window is delegated, or not the Host's.
        Delegated(u64),
        Gpt(u64, Gpt),
        /// An entry is mapped.
        Mapped(u64),
        /// An entry has another RIPAS, which stops nothing.
        Ripas(u64),
        /// A page of the contents has bytes of its own.
        Written(u64),
    }

    fn place(world: &mut World, obstacle: Obstacle) {
        let edition = world.profile().edition();
        let granule =
            |i: u64| if i < 600 { DATA + i * GRANULE_SIZE } else { SRC + (i - 600) * GRANULE_SIZE };
        let walk = |world: &World, i| {
            let realm = world.realm(RD).expect("it was made");
            world.walk(realm, Ipa(i * GRANULE_SIZE), Level::PAGE)
        };
        match obstacle {
            Obstacle::Delegated(i) => {
                let pa = granule(i);
                let _ =
                    world.execute(Command::delegate_range(edition, Pa(pa)..Pa(pa + GRANULE_SIZE)));
            }
            Obstacle::Gpt(i, gpt) => {
                let _ = world.set_gpt(granule(i), gpt);
            }
            Obstacle::Mapped(i) => {
                let at = walk(world, i);
                world
                    .tables
                    .set(at, crate::model::rtt::Rtte::Assigned { pa: Pa(DRAM), ripas: Ripas::Ram });
            }
            Obstacle::Ripas(i) => {
                let at = walk(world, i);
                let entry = world.tables.entry(at).with_ripas(Ripas::Destroyed);
                world.tables.set(at, entry);
            }
            Obstacle::Written(i) => {
                let _ = world.host_write(SRC + i * GRANULE_SIZE + 5, &[7]);
            }
        }
    }

    fn obstacle() -> impl Strategy<Value = Obstacle> {
        let gpt = prop_oneof![Just(Gpt::Secure), Just(Gpt::Root), Just(Gpt::Aap)];
        prop_oneof![
            (0..1200_u64).prop_map(Obstacle::Delegated),
            (0..1200_u64, gpt).prop_map(|(i, gpt)| Obstacle::Gpt(i, gpt)),
            (0..1024_u64).prop_map(Obstacle::Mapped),
            (0..1024_u64).prop_map(Obstacle::Ripas),
            (0..600_u64).prop_map(Obstacle::Written),
        ]
    }

    fn source() -> impl Strategy<Value = RowSource> {
        let offset = 0..600_u64;
        prop_oneof![
            (0..500_u64).prop_map(|i| RowSource::Memory(Src(Pa(SRC + i * GRANULE_SIZE)))),
            // Memory that the data runs into.
            (0..900_u64).prop_map(|i| RowSource::Memory(Src(Pa(DATA + i * GRANULE_SIZE)))),
            (0..900_u64).prop_map(|i| {
                let window = Src(Pa(DATA + i * GRANULE_SIZE));
                RowSource::Shown { window, first: Page::stream(4, 0) }
            }),
            Just(shown(Page::Zero)),
            Just(shown(Page::stream(3, 0))),
            offset
                .prop_map(|i| { shown(Page::Image { image: image(), offset: i * GRANULE_SIZE }) }),
        ]
    }

    #[test]
    fn a_row_ends_with_its_table() {
        for edition in Edition::ALL {
            let mut world = scene(edition);
            let row = DataRow { ipa: Ipa(3 * GRANULE_SIZE), ..row(shown(Page::stream(1, 0))) };
            assert_eq!(world.create_data_row(&row), 509, "{edition:?}");
            assert_eq!(world.create_data_row(&row), 0, "they are mapped");
            world.host_show(SRC, &image(), 0, 600).expect("the Host's memory");
            let next = DataRow {
                data: Data(Pa(DATA + 509 * GRANULE_SIZE)),
                ipa: Ipa(512 * GRANULE_SIZE),
                ..row.clone()
            };
            let next = DataRow { src: RowSource::Memory(Src(Pa(SRC))), ..next };
            assert_eq!(world.create_data_row(&next), 512, "what is shown is in a row");
            let last = DataRow { ipa: Ipa(1024 * GRANULE_SIZE), ..next };
            assert_eq!(world.create_data_row(&last), 0, "no table");
            assert_eq!(world.realm(RD).expect("it was made").log().events().len(), 1 + 509 + 512);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// A row gives what its commands give one by one, whatever lies in its way: the same
        /// machine, RIM and transitions.
        #[test]
        fn rows_are_single_commands(
            edition in prop_oneof![Just(Edition::V1), Just(Edition::V2)],
            obstacles in prop::collection::vec(obstacle(), 0..4),
            src in source(),
            is_delegated_too: bool,
            (ipa, count) in (0..700_u64, 0..600_u64),
            flags in 0..3_u64,
            is_active: bool,
        ) {
            let mut world = scene(edition);
            world.host_show(SRC, &image(), 0, 600).expect("the Host's memory");
            for i in (0..600).filter(|_| !is_delegated_too) {
                let pa = DATA + i * GRANULE_SIZE;
                let range = Pa(pa)..Pa(pa + GRANULE_SIZE);
                let _ = world.execute(Command::delegate_range(edition, range));
            }
            for obstacle in obstacles {
                place(&mut world, obstacle);
            }
            if is_active && ipa == 0 {
                let _ = world.execute(Command::RealmActivate { rd: RD });
            }
            let ipa = Ipa(ipa * GRANULE_SIZE);
            let row = DataRow { is_delegated_too, ipa, count, flags, ..row(src) };
            let before = world.clone();
            let done = world.create_data_row(&row);
            prop_assert!(done <= count);
            let mut single = one_by_one(before, &row, done);
            prop_assert!(world == single);
            prop_assert_eq!(tallies(&world), tallies(&single));
            prop_assert_eq!(world.rim(RD), single.rim(RD));
        }
    }
}
