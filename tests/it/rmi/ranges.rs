//! Laws of commands that take ranges (RMM 2.0): neither interrupts, nor how a range is split, nor
//! the form in which memory is described changes what comes of it.

use proptest::prelude::*;
use rimsim::model::granule::Gpt;
use rimsim::{Command, Profile, Status, World};

use crate::rmi::operations::machine;
use crate::small_machine::{BLOCK, GRANULE, SmallMachine, pages};
use crate::unwind::unwind;

/// Sizes of an entry at level 2, and first IPA of the Unprotected half.
const BLOCK_BYTES: u64 = 0x20_0000;
const NS: u64 = 1 << 32;
/// Where entries of level 2 are: no table lies over them.
const BLOCK_IPA: u64 = 4 * BLOCK_BYTES;
/// Pages of the play, at the end of a table and the beginning of the next.
const PAGES: u64 = 24;
const PAGES_IPA: u64 = BLOCK_BYTES - 12 * GRANULE;

/// RmiAddrType, and the place of list_count.
const NONE: u64 = 0;
const SINGLE: u64 = 1;
const LIST: u64 = 2;
const COUNT: u32 = 2;
/// Normal memory, to be read and written.
const MEMORY: u64 = 1 << 16 | 3 << 19;

/// A Realm with two tables of pages in each half, and memory for it.
#[derive(Clone)]
struct Stage {
    scene: SmallMachine,
    rd: u64,
    /// DELEGATED granules in a row.
    free: u64,
    /// A page for lists.
    list: u64,
}

fn stage() -> Stage {
    let mut scene = SmallMachine::on(machine(), Profile::TF_RMM_2);
    let rd = scene.realm(&[("num_bps", 1), ("num_wps", 1)]);
    for ipa in [0, BLOCK_BYTES, NS, NS + BLOCK_BYTES] {
        scene.tables(rd, ipa, 3);
    }
    let free = scene.delegated_run(64);
    let list = scene.host();
    for i in 0..512 {
        let base = BLOCK + i * GRANULE;
        scene.must(Command::GranuleRangeDelegate { base, top: base + GRANULE });
    }
    Stage { scene, rd, free, list }
}

/// What a Host wants done with a range.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Map { page: u64, count: u64, data: u64 },
    MapBlock { data: u64 },
    Unmap { page: u64, count: u64, form: u64 },
    UnmapBlock { form: u64 },
    MapHost { page: u64, count: u64, pa: u64 },
    UnmapHost { page: u64, count: u64, form: u64 },
}

fn wish() -> impl Strategy<Value = Wish> {
    let range = || (0..PAGES).prop_flat_map(|page| (Just(page), 1..=PAGES - page));
    prop_oneof![
        4 => (range(), 0_u64..40).prop_map(|((page, count), data)| Wish::Map { page, count, data }),
        1 => (0_u64..2).prop_map(|data| Wish::MapBlock { data }),
        3 => (range(), 0_u64..3)
            .prop_map(|((page, count), form)| Wish::Unmap { page, count, form }),
        1 => (0_u64..3).prop_map(|form| Wish::UnmapBlock { form }),
        2 => (range(), 0_u64..9).prop_map(|((page, count), pa)| Wish::MapHost { page, count, pa }),
        2 => (range(), 0_u64..3)
            .prop_map(|((page, count), form)| Wish::UnmapHost { page, count, form }),
    ]
}

impl Wish {
    fn range(self) -> (u64, u64) {
        let pages = |page, count| {
            let base = PAGES_IPA + page * GRANULE;
            (base, base + count * GRANULE)
        };
        match self {
            Self::Map { page, count, .. } | Self::Unmap { page, count, .. } => pages(page, count),
            Self::MapBlock { .. } | Self::UnmapBlock { .. } => (BLOCK_IPA, BLOCK_IPA + BLOCK_BYTES),
            Self::MapHost { page, count, .. } | Self::UnmapHost { page, count, .. } => {
                let (base, top) = pages(page, count);
                (NS + base, NS + top)
            }
        }
    }

    /// The command for what is left of the range from `at` on.
    fn command(self, stage: &Stage, at: u64) -> Command {
        let rd = stage.rd;
        let (base, top) = self.range();
        let left = (top - at) / GRANULE;
        let done = at - base;
        let tell = |form| match form {
            LIST => (LIST | 3 << COUNT, stage.list),
            form => (form, 0),
        };
        match self {
            Self::Map { data, .. } => {
                let oaddr = pages(stage.free + data * GRANULE + done, left);
                Command::RttDataMap { rd, base: at, top, flags: SINGLE, oaddr }
            }
            Self::MapBlock { data } => {
                let oaddr = (BLOCK + data * GRANULE) | 1 << 2 | 1;
                Command::RttDataMap { rd, base: at, top, flags: SINGLE, oaddr }
            }
            Self::Unmap { form, .. } | Self::UnmapBlock { form } => {
                let (flags, oaddr) = tell(form);
                Command::RttDataUnmap { rd, base: at, top, flags, oaddr }
            }
            Self::MapHost { pa, .. } => {
                let oaddr = pages(stage.list + pa * GRANULE + done, left);
                Command::RttUnprotMap { rd, base: at, top, flags: SINGLE | MEMORY, oaddr }
            }
            Self::UnmapHost { form, .. } => {
                let (flags, oaddr) = tell(form);
                Command::RttUnprotUnmap { rd, base: at, top, flags, oaddr }
            }
        }
    }

    fn is_told(self) -> bool {
        use Wish::{Unmap, UnmapBlock, UnmapHost};
        matches!(self, Unmap { form, .. } | UnmapBlock { form } | UnmapHost { form, .. }
            if form != NONE)
    }
}

/// What came of a wish: how far it came, what stopped it, and which memory the Host got back.
#[derive(Debug, Default, PartialEq, Eq)]
struct End {
    reached: u64,
    stopped: Option<(Option<Status>, u64, &'static str)>,
    /// In order; Host memory that is mapped twice is told of twice.
    told: Vec<u64>,
}

/// Calls until the whole range is done or something is in the way, as a Host does. Before each call
/// the next of `interrupts` is set, while there are some.
fn carry_out(stage: &mut Stage, wish: Wish, interrupts: &mut impl Iterator<Item = u64>) -> End {
    let (base, top) = wish.range();
    let mut end = End { reached: base, ..End::default() };
    for calls in 0.. {
        assert!(calls < 2000, "{wish:?} has no end");
        if end.reached >= top {
            break;
        }
        let mut call = |world: &mut World, command| {
            world.set_interrupt(interrupts.next());
            world.execute(command)
        };
        let command = wish.command(stage, end.reached);
        let world = &mut stage.scene.world;
        let mut outcome = call(world, command);
        let handle = outcome.regs()[1];
        while outcome.awaits().is_some() {
            world.invariants().expect("the laws hold");
            outcome = call(world, Command::OpContinue { handle, flags: 0 });
        }
        world.set_interrupt(None);
        let [x0, x1, x2, x3, _] = *outcome.regs();
        if !outcome.is_success() {
            let condition = outcome.failure().map_or("-", |failure| failure.condition());
            end.stopped = Some((outcome.status(), x0, condition));
            break;
        }
        assert!(x1 >= end.reached, "{command}: {outcome}");
        end.reached = x1;
        if wish.is_told() {
            let list = world.host_read(stage.list, 8 * x3).expect("the Host's");
            let words = list.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
            for desc in words.chain((x2 != 0).then_some(x2)) {
                let (size, count) = (GRANULE << (9 * (desc & 3)), desc >> 2 & 0x3FF);
                for i in 0..count * size / GRANULE {
                    end.told.push((desc & 0xF_FFFF_FFFF_F000) + i * GRANULE);
                }
            }
        }
    }
    end.told.sort_unstable();
    end
}

/// Executes a command until it has passed `top`; the command takes what is left from where the last
/// call ended.
fn until(world: &mut World, base: u64, top: u64, command: impl Fn(u64) -> Command) {
    let mut at = base;
    while at < top {
        let outcome = world.execute(command(at));
        assert!(outcome.is_success(), "{}: {outcome}", command(at));
        assert!(outcome.regs()[1] > at, "{}: no progress", command(at));
        at = outcome.regs()[1];
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::cases(48), ..ProptestConfig::default() })]

    /// Whenever interrupts come, the Host that goes on ends where the other does: the same tables,
    /// granules and contents, the same memory back, the same obstacles.
    #[test]
    fn interrupts_change_nothing_in_the_end(
        wishes in prop::collection::vec(wish(), 1..14),
        interrupts in prop::collection::vec(prop_oneof![0_u64..3, 0_u64..40, 400_u64..600], 0..200),
    ) {
        let mut calm = stage();
        let mut disturbed = calm.clone();
        let mut interrupts = interrupts.into_iter();
        for wish in wishes {
            let expected = carry_out(&mut calm, wish, &mut std::iter::empty());
            let found = carry_out(&mut disturbed, wish, &mut interrupts);
            prop_assert_eq!(found, expected, "{:?}", wish);
            for stage in [&mut calm, &mut disturbed] {
                // How memory is told of depends on where calls ended.
                stage.scene.put(stage.list, &[0; 4096]);
            }
            prop_assert!(calm.scene.world == disturbed.scene.world, "{:?}", wish);
        }
        unwind(&mut disturbed.scene.world, disturbed.list);
    }

    /// A list of ranges, in any order and with empty ones among them, is the granules one by one.
    #[test]
    fn a_list_is_its_granules_one_by_one(
        order in Just((0..PAGES).collect::<Vec<_>>()).prop_shuffle(),
        sorted in any::<bool>(),
        counts in prop::collection::vec(0_u64..5, 64),
        offset in 0_u64..500,
    ) {
        let mut listed = stage();
        let order = if sorted { (0..PAGES).collect() } else { order };
        let mut rest: &[u64] = &order;
        let mut list = Vec::new();
        for count in counts {
            let first = rest.first().copied().unwrap_or_default();
            let row = rest.iter().zip(0..).take_while(|(n, i)| **n == first + i).count() as u64;
            let count = count.min(row);
            list.push(pages(listed.free + first * GRANULE, count));
            rest = &rest[usize::try_from(count).unwrap()..];
        }
        prop_assume!(rest.is_empty() && list.iter().any(|desc| desc >> 2 & 0x3FF != 0));
        let clipped = 512 - offset.min(512 - list.len() as u64);
        let place = listed.list + 8 * (512 - clipped);
        listed.scene.write_list(place, &list);
        let mut single = listed.clone();
        let (rd, base, top) = (listed.rd, PAGES_IPA, PAGES_IPA + PAGES * GRANULE);
        // The list begins anew with each call, so a call for each table gets its own part.
        let half = order.len() / 2;
        let flags = LIST | clipped << COUNT;
        let outcome = listed.scene.world.execute(
            Command::RttDataMap { rd, base, top, flags, oaddr: place });
        prop_assert!(outcome.is_success(), "{}", outcome);
        prop_assert_eq!(outcome.regs()[1], BLOCK_BYTES, "the end of the table");
        for (page, granule) in (0..).zip(&order[..half]) {
            let base = base + page * GRANULE;
            let (top, oaddr) = (base + GRANULE, pages(single.free + granule * GRANULE, 1));
            let [reached, ..] =
                single.scene.must(Command::RttDataMap { rd, base, top, flags: SINGLE, oaddr });
            prop_assert_eq!(reached, top);
        }
        prop_assert!(listed.scene.world == single.scene.world);
    }

    /// A range in one call or in many gives the same state.
    #[test]
    fn ranges_can_be_split_anywhere(
        cuts in prop::collection::btree_set(1..PAGES, 0..8),
        form in 0_u64..3,
    ) {
        let whole = stage();
        let mut split = whole.clone();
        let mut whole = whole;
        let (rd, free, list) = (whole.rd, whole.free, whole.list);
        let (flags, oaddr) = if form == LIST { (LIST | 9 << COUNT, list) } else { (form, 0) };
        let left = |base: u64, at: u64, top: u64| (at - base, (top - at) / GRANULE);
        let ranges: Vec<u64> = [0].into_iter().chain(cuts).chain([PAGES]).collect();
        for step in 0..5 {
            let base = if step < 3 { PAGES_IPA } else { NS + PAGES_IPA };
            let command = |at: u64, top: u64| {
                let (done, count) = left(base, at, top);
                match step {
                    0 => Command::RttDataMap {
                        rd, base: at, top, flags: SINGLE, oaddr: pages(free + done, count),
                    },
                    1 => Command::RttInitRipas { rd, base: at, top },
                    2 => Command::RttDataUnmap { rd, base: at, top, flags, oaddr },
                    3 => Command::RttUnprotMap {
                        rd, base: at, top, flags: SINGLE | MEMORY, oaddr: pages(free + done, count),
                    },
                    _ => Command::RttUnprotUnmap { rd, base: at, top, flags, oaddr },
                }
            };
            let top = base + PAGES * GRANULE;
            until(&mut whole.scene.world, base, top, |at| command(at, top));
            for cut in ranges.windows(2) {
                let top = base + cut[1] * GRANULE;
                let from = base + cut[0] * GRANULE;
                until(&mut split.scene.world, from, top, |at| command(at, top));
            }
            for stage in [&mut whole, &mut split] {
                stage.scene.put(list, &[0; 4096]);
            }
            prop_assert!(whole.scene.world == split.scene.world, "step {}", step);
        }
    }

    /// Delegation goes granule by granule, whatever range the Host names.
    #[test]
    fn ranges_are_delegated_one_granule_a_call(
        cuts in prop::collection::btree_set(1..PAGES, 0..8),
    ) {
        let mut whole = stage();
        let base = whole.scene.host();
        for _ in 1..PAGES {
            whole.scene.host();
        }
        let mut split = whole.clone();
        let before = whole.scene.world.clone();
        let top = base + PAGES * GRANULE;
        let ranges: Vec<u64> = [0].into_iter().chain(cuts).chain([PAGES]).collect();
        for back in [false, true] {
            let command = |base: u64, top: u64| match back {
                false => Command::GranuleRangeDelegate { base, top },
                true => Command::GranuleRangeUndelegate { base, top },
            };
            until(&mut whole.scene.world, base, top, |at| command(at, top));
            for cut in ranges.windows(2) {
                let [from, to] = [cut[0], cut[1]].map(|page| base + page * GRANULE);
                until(&mut split.scene.world, from, to, |at| command(at, to));
            }
            prop_assert!(whole.scene.world == split.scene.world);
        }
        prop_assert!(whole.scene.world == before);
    }
}

/// Interrupts really come in the middle of a block, forwards, backwards and while cleaning up.
#[test]
fn interrupts_are_met_in_every_part_of_a_command() {
    let mut stage = stage();
    let map = Wish::MapBlock { data: 0 };
    let step = |stage: &mut Stage, polls: u64, command| {
        stage.scene.world.set_interrupt(Some(polls));
        let outcome = stage.scene.world.execute(command);
        assert_eq!(outcome.regs()[0], 0x00D, "{command}: {outcome}");
        stage.scene.world.invariants().expect("the laws hold");
        outcome.regs()[1]
    };
    // Forwards, and then the last granule is gone.
    let command = map.command(&stage, BLOCK_IPA);
    let handle = step(&mut stage, 10, command);
    let held = stage.scene.world.granules().delegated();
    assert_eq!(held.filter(|(_, state)| state.name() == "DATA").count(), 9);
    let base = BLOCK + BLOCK_BYTES - GRANULE;
    stage.scene.must(Command::GranuleRangeUndelegate { base, top: base + GRANULE });
    let goes_on = Command::OpContinue { handle, flags: 0 };
    // 502 more are taken; two of the 511 are given back.
    step(&mut stage, 505, goes_on);
    let held = stage.scene.world.granules().delegated();
    assert_eq!(held.filter(|(_, state)| state.name() == "DATA").count(), 509);
    stage.scene.world.set_interrupt(None);
    let ended = stage.scene.world.execute(goes_on);
    assert_eq!(ended.failure().map(|failure| failure.condition()), Some("data_state"));
    stage.scene.must(Command::GranuleRangeDelegate { base, top: base + GRANULE });

    // Unmapping: among the table's entries, and among the granules.
    assert_eq!(carry_out(&mut stage, map, &mut std::iter::empty()).stopped, None);
    let command = Wish::UnmapBlock { form: SINGLE }.command(&stage, BLOCK_IPA);
    let handle = step(&mut stage, 100, command);
    step(&mut stage, 512 + 100, Command::OpContinue { handle, flags: 0 });
    let held = stage.scene.world.granules().delegated();
    assert_eq!(held.filter(|(_, state)| state.name() == "DATA").count(), 412);
    stage.scene.world.set_interrupt(None);
    let ended = stage.scene.must(Command::OpContinue { handle, flags: 0 });
    assert_eq!(ended, [BLOCK_IPA + BLOCK_BYTES, BLOCK | 1 << 2 | 1, 0, 0]);
    unwind(&mut stage.scene.world, stage.list);
}

/// How the Host is told of memory that comes back: one range in a register, a list whose ranges
/// join at either end, or nothing; Host memory is undelegated in a list alone.
#[test]
fn memory_is_told_of_in_the_form_that_was_asked_for() {
    let undelegated = 1 << 63;
    for (half, mine) in [(0, true), (NS, false)] {
        let mut stage = stage();
        let (rd, list, free) = (stage.rd, stage.list, stage.free);
        let map = |stage: &mut Stage, page: u64, granule: u64| {
            let base = half + page * GRANULE;
            let (top, oaddr) = (base + GRANULE, pages(free + granule * GRANULE, 1));
            stage.scene.must(match mine {
                true => Command::RttDataMap { rd, base, top, flags: SINGLE, oaddr },
                false => Command::RttUnprotMap { rd, base, top, flags: SINGLE | MEMORY, oaddr },
            });
        };
        let unmap = |stage: &mut Stage, form: u64, count: u64| {
            let (base, top) = (half, half + 8 * GRANULE);
            let (flags, oaddr) = (form | count << COUNT, if form == LIST { list } else { 0 });
            let [reached, range, written, _] = stage.scene.must(match mine {
                true => Command::RttDataUnmap { rd, base, top, flags, oaddr },
                false => Command::RttUnprotUnmap { rd, base, top, flags, oaddr },
            });
            ((reached - half) / GRANULE, range, written)
        };
        // Three pages that descend, one that goes on at the other end, one elsewhere.
        let place = |stage: &mut Stage| {
            for (page, granule) in [(1, 12), (2, 11), (3, 10), (4, 13), (6, 20)] {
                map(stage, page, granule);
            }
        };
        let joined = pages(free + 10 * GRANULE, 4);
        let single = pages(free + 20 * GRANULE, 1);

        place(&mut stage);
        assert_eq!(unmap(&mut stage, NONE, 0), (8, 0, 0));
        place(&mut stage);
        // A register takes what ascends, to the first page that does not.
        assert_eq!(unmap(&mut stage, SINGLE, 0), (2, pages(free + 12 * GRANULE, 1), 0));
        assert_eq!(unmap(&mut stage, NONE, 0), (8, 0, 0));
        place(&mut stage);
        assert_eq!(unmap(&mut stage, LIST, 1), (6, 0, 1), "there is room for one range");
        let read = |stage: &Stage| {
            let bytes = stage.scene.world.host_read(list, 8).expect("the Host's");
            u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
        };
        let marked = |desc: u64| if mine { desc } else { desc | undelegated };
        assert_eq!(read(&stage), marked(joined));
        assert_eq!(unmap(&mut stage, LIST, 1), (8, 0, 1));
        assert_eq!(read(&stage), marked(single));
        assert_eq!(unmap(&mut stage, LIST, 1), (8, 0, 0), "nothing is left");
        assert_eq!(read(&stage), marked(single), "nothing is written");

        // A list that can not be written is lost; the memory comes back all the same.
        place(&mut stage);
        stage.scene.world.set_gpt(list, Gpt::Secure).expect("the Host's");
        assert_eq!(unmap(&mut stage, LIST, 9), (8, 0, 0));
        let state = |stage: &Stage, n: u64| {
            let granules = stage.scene.world.granules();
            granules.state(granules.find(free + n * GRANULE).expect("memory")).name()
        };
        assert!([10, 11, 12, 13, 20].iter().all(|n| state(&stage, *n) == "DELEGATED"));
        stage.scene.world.set_gpt(list, Gpt::Ns).expect("not delegated");
        unwind(&mut stage.scene.world, list);
    }
}

/// What is mapped already is done; what is in the way is told of only by the call that meets it
/// first.
#[test]
fn mapping_again_is_no_failure_and_progress_hides_one() {
    let mut stage = stage();
    let (rd, free) = (stage.rd, stage.free);
    let map = |stage: &mut Stage, page: u64, count: u64, granule: u64| {
        let base = page * GRANULE;
        let (top, oaddr) = (base + count * GRANULE, pages(free + granule * GRANULE, count));
        let command = Command::RttDataMap { rd, base, top, flags: SINGLE, oaddr };
        let outcome = stage.scene.world.execute(command);
        let condition = outcome.failure().map_or("-", |failure| failure.condition());
        (condition, outcome.regs()[1] / GRANULE)
    };
    assert_eq!(map(&mut stage, 2, 2, 12), ("-", 4));
    let before = stage.scene.world.clone();
    assert_eq!(map(&mut stage, 2, 2, 12), ("-", 4), "the same again");
    assert!(stage.scene.world == before);
    assert_eq!(map(&mut stage, 0, 6, 10), ("-", 6), "part of it is there");
    assert_eq!(map(&mut stage, 5, 3, 30), ("rtte_state", 0), "other memory is");
    // The page after the two that can be had is mapped elsewhere.
    assert_eq!(map(&mut stage, 8, 4, 8), ("-", 10));
    assert_eq!(map(&mut stage, 10, 2, 10), ("data_state", 0));
    unwind(&mut stage.scene.world, stage.list);
}
