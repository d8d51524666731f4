//! Commands a second, on one core, without hashing.
//!
//! `cargo bench --bench commands` prints items a second: an item is one RMI command.

use divan::Bencher;
use divan::counter::ItemsCount;
use rimsim::{Command, Platform, Profile, World};

fn main() {
    divan::main();
}

/// Granules of contents that one iteration adds to a Realm: 64 MiB.
const GRANULES: u64 = 16384;
const GRANULE: u64 = 4096;
const DRAM: u64 = 0x8000_0000;

/// Addresses of the scene, from the beginning of memory.
const RD: u64 = DRAM;
const ROOT: u64 = DRAM + GRANULE;
const PARAMS: u64 = DRAM + 2 * GRANULE;
const SRC: u64 = DRAM + 3 * GRANULE;
const TABLES: u64 = DRAM + 16 * GRANULE;
const DATA: u64 = DRAM + (16 << 20);
const IPA: u64 = 0x8000_0000;

fn ok(world: &mut World, command: Command) {
    let outcome = world.execute(command);
    assert!(outcome.is_success(), "{command}: {outcome}");
}

fn delegate(world: &mut World, addr: u64) {
    ok(world, Command::GranuleDelegate { addr });
}

/// A NEW Realm with all tables that the contents need.
fn scene() -> World {
    let mut world = World::new(Platform::default(), Profile::TF_RMM);
    let mut params = [0; 4096];
    params[0x008] = 36;
    params[0x018] = 1;
    params[0x020] = 1;
    params[0x808..0x810].copy_from_slice(&ROOT.to_le_bytes());
    params[0x810] = 1;
    params[0x818] = 1;
    world.host_write_page(PARAMS, &params).expect("the Host's memory");
    delegate(&mut world, RD);
    delegate(&mut world, ROOT);
    ok(&mut world, Command::RealmCreate { rd: RD, params_ptr: PARAMS });
    let mut table = |ipa, level, rtt| {
        delegate(&mut world, rtt);
        ok(&mut world, Command::RttCreate { rd: RD, rtt, ipa, level });
    };
    table(IPA, 2, TABLES);
    for i in 0..GRANULES / 512 {
        table(IPA + i * (2 << 20), 3, TABLES + (1 + i) * GRANULE);
    }
    world
}

/// GRANULE_DELEGATE and DATA_CREATE of every granule.
#[divan::bench(sample_count = 20)]
fn delegate_and_data_create(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(2 * GRANULES)).with_inputs(scene).bench_local_values(
        |mut world| {
            for i in 0..GRANULES {
                let (data, ipa) = (DATA + i * GRANULE, IPA + i * GRANULE);
                delegate(&mut world, data);
                ok(&mut world, Command::DataCreate { rd: RD, data, ipa, src: SRC, flags: 1 });
            }
            world
        },
    );
}

/// RTT_INIT_RIPAS over the same memory, a table a command: an item is one RTT entry.
#[divan::bench(sample_count = 20)]
fn init_ripas_entries(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(GRANULES)).with_inputs(scene).bench_local_values(
        |mut world| {
            for i in 0..GRANULES / 512 {
                let base = IPA + i * (2 << 20);
                ok(&mut world, Command::RttInitRipas { rd: RD, base, top: base + (2 << 20) });
            }
            world
        },
    );
}

/// A command that fails at its last condition: the price of an explanation.
#[divan::bench(sample_count = 20)]
fn refused_data_create(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(GRANULES)).with_inputs(scene).bench_local_values(
        |mut world| {
            delegate(&mut world, DATA);
            for _ in 0..GRANULES {
                let command =
                    Command::DataCreate { rd: RD, data: DATA, ipa: 0, src: SRC, flags: 1 };
                divan::black_box(world.execute(command));
            }
            world
        },
    );
}
