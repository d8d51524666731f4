//! Simulated commands, without hashing.

use crate::abi::addr::{GRANULE_LEN, GRANULE_SIZE, Ipa, Level, Pa};
use crate::abi::args::{Data, Rd, Src};
use crate::abi::command::Command;
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::DATA_MEASURE;
use crate::abi::platform::Platform;
use crate::abi::profile::Profile;
use crate::measure::page::Page;
use crate::model::world::World;
use crate::rmi::{DataRow, RowSource};
use crate::session::Session;

/// A NEW Realm with all tables that so many granules of contents need, and memory for them.
#[derive(Debug)]
struct Realm {
    world: World,
    rd: u64,
    /// A granule of the Host.
    src: u64,
    /// The first of the granules that become contents.
    data: u64,
    granules: u64,
}

impl Realm {
    fn new(granules: u64) -> Self {
        let mut world = World::new(Platform::default(), Profile::TF_RMM);
        let ranges = world.platform().dram.iter().map(|dram| dram.range());
        let dram = ranges.max_by_key(|range| range.end - range.start).expect("there is memory");
        let mut free = (0..).map(|i| dram.start + i * GRANULE_SIZE);
        let mut next = || free.next().expect("without end");
        let (rd, root, params_ptr, src) = (next(), next(), next(), next());
        let mut params = [0; GRANULE_LEN];
        params[0x008] = 36;
        params[0x018] = 1;
        params[0x020] = 1;
        params[0x808..0x810].copy_from_slice(&root.to_le_bytes());
        params[0x810] = 1;
        params[0x818] = 1;
        world.host_write_page(params_ptr, &params).expect("the Host's memory");
        let mut setup = vec![
            Command::GranuleDelegate { addr: rd },
            Command::GranuleDelegate { addr: root },
            Command::RealmCreate { rd, params_ptr },
        ];
        let size = GranuleSize::K4;
        let pages = granules.div_ceil(size.rtt_entries() as u64);
        let tables = [(2, pages.div_ceil(size.rtt_entries() as u64)), (3, pages)];
        for (level, i) in tables.into_iter().flat_map(|(level, n)| (0..n).map(move |i| (level, i)))
        {
            let parent = Level::from_register(level - 1).expect("1 or 2");
            let (rtt, ipa) = (next(), i * size.entry_bytes(parent));
            setup.push(Command::GranuleDelegate { addr: rtt });
            setup.push(Command::RttCreate { rd, rtt, ipa, level });
        }
        for command in setup {
            let outcome = world.execute(command);
            assert!(outcome.is_success(), "{command}: {outcome}");
        }
        Self { world, rd, src, data: next(), granules }
    }
}

/// A Realm that is given memory: GRANULE_DELEGATE and DATA_CREATE for every granule.
#[derive(Debug)]
pub(crate) struct Commands {
    world: World,
    commands: Vec<Command>,
}

impl Commands {
    /// Most granules of contents: 256 MiB.
    pub(super) const MOST_GRANULES: u64 = 1 << 16;

    pub(super) fn new(granules: u64) -> Self {
        let Realm { world, rd, src, data, granules } = Realm::new(granules);
        let commands = (0..granules).map(|i| i * GRANULE_SIZE).flat_map(|ipa| {
            let data = data + ipa;
            let create = Command::DataCreate { rd, data, ipa, src, flags: DATA_MEASURE };
            [Command::GranuleDelegate { addr: data }, create]
        });
        let commands = commands.collect();
        Self { world, commands }
    }

    pub(crate) fn count(&self) -> u64 {
        self.commands.len() as u64
    }

    /// The same by way of a session, which is where commands are told of.
    pub(super) fn carry_out_in_session(self) -> World {
        let mut session = Session::new(self.world);
        for command in &self.commands {
            let place = || unreachable!("nobody observes");
            let outcome = session.call(&command.encode(), place).expect("all contents are known");
            assert!(outcome.is_success(), "{command}: {outcome}");
        }
        session.into_world()
    }

    pub(crate) fn carry_out(mut self) -> World {
        for command in &self.commands {
            let outcome = self.world.execute(*command);
            assert!(outcome.is_success(), "{command}: {outcome}");
        }
        self.world
    }
}

/// A Realm that is given as much by one counted command: a stream, in the place of an image.
#[derive(Debug)]
pub(super) struct Counted {
    world: World,
    row: DataRow,
}

impl Counted {
    /// Most granules of contents: 16 GiB.
    pub(super) const MOST_GRANULES: u64 = 1 << 22;

    pub(super) fn new(granules: u64) -> Self {
        let Realm { world, rd, src, data, granules } = Realm::new(granules);
        let row = DataRow {
            rd: Rd(Pa(rd)),
            data: Data(Pa(data)),
            is_delegated_too: true,
            ipa: Ipa(0),
            src: RowSource::Shown { window: Src(Pa(src)), first: Page::stream(1, 0) },
            flags: DATA_MEASURE,
            count: granules,
        };
        Self { world, row }
    }

    pub(super) fn count(&self) -> u64 {
        self.row.count
    }

    pub(super) fn carry_out(self) -> World {
        let (mut session, mut row) = (Session::new(self.world), self.row);
        while row.count > 0 {
            one_by_itself(session.world_mut(), &row);
            let done = 1 + session.create_data_row(&after(&row, 1));
            row = after(&row, done);
        }
        session.into_world()
    }
}

/// The first granule of a row, by single commands, as whoever counts makes it.
fn one_by_itself(world: &mut World, row: &DataRow) {
    let RowSource::Shown { window, first } = &row.src else { unreachable!("a stream is shown") };
    world.host_set_page(window.addr(), first.clone()).expect("the Host's memory");
    let DataRow { rd, data, ipa, flags, .. } = *row;
    let delegate = Command::GranuleDelegate { addr: data.addr() };
    let create = Command::data_create(world.profile().edition(), rd, data, ipa, *window, flags);
    for command in [delegate, create] {
        let outcome = world.execute(command);
        assert!(outcome.is_success(), "{command}: {outcome}");
    }
}

/// What is left of a row after some granules.
fn after(row: &DataRow, done: u64) -> DataRow {
    let done_bytes = done * GRANULE_SIZE;
    let mut rest = row.clone();
    rest.data = Data(Pa(row.data.addr() + done_bytes));
    rest.ipa = Ipa(row.ipa.0 + done_bytes);
    rest.count -= done;
    if let RowSource::Shown { first, .. } = &mut rest.src {
        *first = first.following(done);
    }
    rest
}
