//! RMI_RTT_DATA_UNMAP, RMI_RTT_DEV_UNMAP and RMI_RTT_UNPROT_UNMAP (2.0): take memory away from a
//! range of IPAs (TF-RMM `runtime/rmi/rtt_unmap.c`). No memory of a device is ever mapped.
//!
//! A call sweeps one table. Its entries are pending until their translations are invalidated and
//! their granules given back; where the RMM looks for interrupts, that can take several calls.

use super::conditions::wrong_entry;
use super::gate::{Answer, Checked, Gate, NO_OUTPUTS, Outputs, failures};
use super::range_blocks::{self, Form, addr_type};
use super::{Plan, Rmi};
use crate::abi::addr::{Hex, Ipa, Level, Pa, align_down, is_aligned};
use crate::abi::address_range::{AddressRange, DESC_BYTES, max_list, push_block};
use crate::abi::status::MemReq;
use crate::model::granule::{Granule, GranuleState};
use crate::model::operation::{Handle, Operation, Told, UnmapOperation};
use crate::model::realm::Realm;
use crate::model::rtt::{Ripas, Rtte, Walk};
use crate::model::world::World;

/// The arguments of the commands.
pub(super) struct Arguments {
    pub(super) rd: u64,
    pub(super) base: u64,
    pub(super) top: u64,
    pub(super) flags: u64,
    pub(super) oaddr: u64,
}

pub(super) struct DataUnmap(pub(super) Arguments);

pub(super) struct DevUnmap(pub(super) Arguments);

pub(super) struct UnprotUnmap(pub(super) Arguments);

/// Whose memory a command takes away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Realm,
    Device,
    Host,
}

failures! {
    /// RMI_RTT_DATA_UNMAP, RMI_RTT_DEV_UNMAP and RMI_RTT_UNPROT_UNMAP.
    UnmapRows {
        Context "sro_context" Blocked All [] "there are as many operations as there can be";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        BaseAlign "base_align" Input All [] "`base` is not granule aligned";
        TopAlign "top_align" Input All [] "`top` is not granule aligned";
        SizeValid "size_valid" Input All [] "`top` is not above `base`";
        BaseBound "base_bound" Input All [] "`base` is outside the Realm's IPA space";
        TopBound "top_bound" Input All [] "`top` is outside the Realm's IPA space";
        Half "ipa_bound" Input All [] "the range is not in the command's half of the IPA space";
        AddrType "addr_type" Input All [] "`flags` has a reserved form";
        Sbz "oaddr" Input All [] "`oaddr` or `list_count` is given, and the form is no list";
        ListEmpty "list_count" Input All [] "the list has no room";
        ListAlign "list_align" Input All [] "the list is not aligned to 8 bytes";
        ListBound "list_bound" Input All [] "the list is not in delegable memory";
        ListState "list_pas" Input All [] "the list is in delegated memory";
        EntryAlign "base_align" Rtt All [] "`base` lies inside an entry where the walk stops";
        EntryTop "rtte_top" Rtt All [] "the first entry passes `top`";
        RtteState "rtte_state" Rtt All [] "the first entry is a TABLE, or maps other memory";
        AuxLive "aux_live" RttAux All [] "an auxiliary tree maps memory of the first entry";
    }
}

pub(super) struct UnmapPlan {
    handle: Handle,
    walk: Walk,
    entries: Vec<usize>,
    reached: Ipa,
    unmapped: Vec<AddressRange>,
    told: Told,
    /// Whether granules have to be given back.
    gives_back: bool,
}

impl Rmi for DataUnmap {
    type Rows = UnmapRows;
    type Plan = UnmapPlan;

    fn check(&self, world: &World, gate: Gate<'_>) -> Checked<UnmapPlan> {
        check(&self.0, world, gate, Owner::Realm)
    }
}

impl Rmi for DevUnmap {
    type Rows = UnmapRows;
    type Plan = UnmapPlan;

    fn check(&self, world: &World, gate: Gate<'_>) -> Checked<UnmapPlan> {
        check(&self.0, world, gate, Owner::Device)
    }
}

impl Rmi for UnprotUnmap {
    type Rows = UnmapRows;
    type Plan = UnmapPlan;

    fn check(&self, world: &World, gate: Gate<'_>) -> Checked<UnmapPlan> {
        check(&self.0, world, gate, Owner::Host)
    }
}

fn check(
    arguments: &Arguments,
    world: &World,
    mut gate: Gate<'_>,
    owner: Owner,
) -> Checked<UnmapPlan> {
    use UnmapRows as F;
    let protected = owner != Owner::Host;
    let Arguments { base, top, flags, oaddr, .. } = *arguments;
    let handle = gate.context(F::Context, world)?;
    let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, arguments.rd)?;
    gate.granule_aligned(F::BaseAlign, base)?;
    gate.granule_aligned(F::TopAlign, top)?;
    gate.ensure(F::SizeValid, top > base, || {
        format!("top {} is not above base {}", Hex(top), Hex(base))
    })?;
    let rtt = &rd.realm.rtt;
    let base = gate.ipa_in_space(F::BaseBound, base, rtt)?;
    let last = top.saturating_sub(gate.granule_size().bytes());
    gate.ipa_in_space(F::TopBound, last, rtt)?;
    let inside = [base.0, last].map(|ipa| rtt.is_protected(ipa) == protected);
    gate.ensure(F::Half, inside == [true; 2], || {
        let half = if protected { "below" } else { "from" };
        format!("{base}..{} is not {half} {}", Hex(top), Hex(rtt.protected_top()))
    })?;
    let told = gate.told(world, Form::of(flags), oaddr)?;
    let walk = world.walk(rd.realm, base, Level::PAGE);
    let level = walk.level;
    gate.ensure_at(
        F::EntryAlign,
        is_aligned(base.0, walk.entry_bytes()),
        level.to_index(),
        || format!("the walk for IPA {base} stops at level {level}, inside an entry"),
    )?;
    let mut sweep = Sweep::new((world, rd.realm), walk, base, top, told, owner);
    let first = sweep.until_stopped();
    let size = Hex(walk.entry_bytes());
    gate.ensure_at(F::EntryTop, first != Stop::Top, level.to_index(), || {
        format!("the entry for IPA {base} covers {size} and passes {}", Hex(top))
    })?;
    gate.ensure_at(F::RtteState, first != Stop::Other, level.to_index(), || {
        wrong_entry(base, walk, world.tables.entry(walk), "memory that the command unmaps")
    })?;
    gate.ensure(F::AuxLive, first != Stop::AuxLive, || {
        format!("an auxiliary tree maps memory of the entry for IPA {base}")
    })?;
    let Sweep { entries, unmapped, at, .. } = sweep;
    let gives_back = protected;
    let plan = UnmapPlan { handle, walk, entries, reached: at, unmapped, told, gives_back };
    gate.pass::<F, _>(plan)
}

impl Gate<'_> {
    /// `addr_type`, `oaddr`, `list_count`, `list_align`, `list_bound`, `list_pas`: how the Host
    /// wants to be told.
    fn told(&mut self, world: &World, form: Form, oaddr: u64) -> Checked<Told> {
        use UnmapRows as F;
        let is_list = form.kind == addr_type::LIST;
        let known = is_list || [addr_type::NONE, addr_type::SINGLE].contains(&form.kind);
        self.ensure(F::AddrType, known, || format!("oaddr_type is {}", form.kind))?;
        self.ensure(F::Sbz, is_list || (oaddr, form.list_count) == (0, 0), || {
            format!(
                "oaddr is {} and list_count {}; both are for lists",
                Hex(oaddr),
                form.list_count
            )
        })?;
        self.ensure(F::ListEmpty, !is_list || form.list_count > 0, || "list_count is 0".into())?;
        self.ensure(F::ListAlign, !is_list || is_aligned(oaddr, DESC_BYTES), || {
            format!("the list at {} is not a multiple of {DESC_BYTES}", Hex(oaddr))
        })?;
        if is_list {
            let size = self.granule_size();
            let first_byte = align_down(oaddr, size.bytes());
            let rows = [F::ListBound, F::ListState];
            self.aligned_granule_in(rows, world, first_byte, GranuleState::Undelegated)?;
            let most = range_blocks::clipped(oaddr, form.list_count, size);
            let most = usize::try_from(most).expect("at most a granule of descriptors");
            return Ok(Told::List { pa: oaddr, most });
        }
        self.ensure(F::ListBound, true, String::new)?;
        self.ensure(F::ListState, true, String::new)?;
        Ok(if form.kind == addr_type::SINGLE { Told::Single } else { Told::Nothing })
    }
}

/// Why a sweep ended, if that was at its first entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The first entry was swept.
    Later,
    /// It passes the end of the range.
    Top,
    /// It is a table, or maps memory of another owner.
    Other,
    /// An auxiliary tree maps it as well.
    AuxLive,
}

/// A walk over the entries of one table.
struct Sweep<'w> {
    world: &'w World,
    realm: &'w Realm,
    walk: Walk,
    top: u64,
    told: Told,
    owner: Owner,
    at: Ipa,
    entries: Vec<usize>,
    unmapped: Vec<AddressRange>,
}

impl<'w> Sweep<'w> {
    fn new(
        (world, realm): (&'w World, &'w Realm),
        walk: Walk,
        base: Ipa,
        top: u64,
        told: Told,
        owner: Owner,
    ) -> Self {
        let (entries, unmapped) = (Vec::new(), Vec::new());
        Self { world, realm, walk, top, told, owner, at: base, entries, unmapped }
    }

    fn until_stopped(&mut self) -> Stop {
        let size = self.walk.entry_bytes();
        let table = self.world.tables.get(self.walk.table);
        for index in self.walk.index..table.entries().len() {
            let first = index == self.walk.index;
            let entry = table.entries()[index];
            if matches!(entry, Rtte::Table(_)) {
                return if first { Stop::Other } else { Stop::Later };
            }
            if self.at.0 + size > self.top {
                return if first { Stop::Top } else { Stop::Later };
            }
            if let Rtte::Assigned { pa, .. } | Rtte::AssignedNs { pa, .. } = entry {
                if self.owner == Owner::Device {
                    return if first { Stop::Other } else { Stop::Later };
                }
                let data = self.owner == Owner::Realm;
                if data && self.realm.first_aux_mapped(pa.0..pa.0 + size).is_some() {
                    return if first { Stop::AuxLive } else { Stop::Later };
                }
                if !self.can_tell(pa) {
                    return Stop::Later;
                }
                self.entries.push(index);
            }
            self.at = Ipa(self.at.0 + size);
        }
        Stop::Later
    }

    /// Whether the Host can be told of one more block.
    fn can_tell(&mut self, pa: Pa) -> bool {
        let size = self.world.granule_size();
        let most = match self.told {
            Told::Nothing => usize::try_from(max_list(size)).expect("a granule of descriptors"),
            Told::Single => 1,
            Told::List { most, .. } => most,
        };
        let next = self.unmapped.last().map(|range| range.base.0 + range.len_bytes());
        if self.told == Told::Single && next.is_some_and(|next| next != pa.0) {
            return false;
        }
        let (level, undelegated) = (self.walk.level, self.owner == Owner::Host);
        let block = AddressRange { base: pa, level, count: 1, undelegated, size };
        push_block(&mut self.unmapped, block, most)
    }
}

impl Plan for UnmapPlan {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        let Self { handle, walk, entries, reached, unmapped, told, gives_back } = self;
        for index in entries {
            let before = world.tables.get(walk.table).entries()[index];
            world.tables.set_entry(walk.table, index, pending(before, handle));
        }
        let granules = if gives_back { granules(world, &unmapped) } else { Vec::new() };
        let operation = UnmapOperation {
            table: walk.table,
            granules,
            done_granules: 0,
            reached,
            unmapped,
            told,
        };
        match clean_up(world, handle, operation) {
            Some(outputs) => Answer::Success(outputs),
            None => Answer::Incomplete(MemReq::None, [handle.to_register(), 0, 0, 0]),
        }
    }
}

/// What becomes of an entry that is unmapped.
fn pending(entry: Rtte, handle: Handle) -> Rtte {
    match entry {
        Rtte::Assigned { ripas: Ripas::Empty, .. } => Rtte::Pending { ripas: Ripas::Empty, handle },
        Rtte::Assigned { .. } => Rtte::Pending { ripas: Ripas::Destroyed, handle },
        _ => Rtte::PendingNs(handle),
    }
}

fn granules(world: &World, ranges: &[AddressRange]) -> Vec<Granule> {
    let all = ranges.iter().flat_map(AddressRange::granules);
    all.map(|pa| world.granules.find(pa.0).expect("DATA is delegable memory")).collect()
}

/// Invalidates translations, gives granules back and frees the entries, as far as no interrupt
/// comes. Answers X1 to X4 when all is done; else the operation waits.
fn clean_up(world: &mut World, handle: Handle, mut operation: UnmapOperation) -> Option<Outputs> {
    // TF-RMM looks at every entry of the table when it goes on, each time for an interrupt too.
    let entries = world.granule_size().rtt_entries();
    for _ in 0..entries {
        if world.interrupt.poll() {
            world.operations.put(handle, Operation::Unmap(operation));
            return None;
        }
    }
    while let Some(granule) = operation.granules.get(operation.done_granules) {
        if world.interrupt.poll() {
            world.operations.put(handle, Operation::Unmap(operation));
            return None;
        }
        world.release(*granule);
        operation.done_granules += 1;
    }
    for index in 0..entries {
        let Some(entry) = world.tables.entry_if_there(operation.table, index) else { break };
        let ours = match entry {
            Rtte::Pending { handle: found, .. } | Rtte::PendingNs(found) => found == handle,
            _ => false,
        };
        if ours {
            world.tables.set_entry(operation.table, index, entry.settled());
        }
    }
    Some(told(world, &operation))
}

/// Tells the Host what was unmapped. A list that can not be written any more is lost.
fn told(world: &mut World, operation: &UnmapOperation) -> Outputs {
    let UnmapOperation { reached, unmapped, .. } = operation;
    match operation.told {
        Told::Nothing => [reached.0, 0, 0, 0],
        Told::Single => {
            // The register does not say whose the memory is.
            let range = unmapped.first().map(|range| AddressRange { undelegated: false, ..*range });
            [reached.0, range.map_or(0, |range| range.encode()), 0, 0]
        }
        Told::List { pa, .. } => {
            let written = !unmapped.is_empty() && range_blocks::write_list(world, pa, unmapped);
            [reached.0, 0, if written { unmapped.len() as u64 } else { 0 }, 0]
        }
    }
}

/// Goes on cleaning up, by RMI_OP_CONTINUE.
pub(super) fn go_on(world: &mut World, handle: Handle) -> Answer {
    let Operation::Unmap(operation) = world.operations.take(handle) else {
        unreachable!("the check found an operation that unmaps")
    };
    match clean_up(world, handle, operation) {
        Some(outputs) => Answer::Success(outputs),
        None => Answer::Incomplete(MemReq::None, NO_OUTPUTS),
    }
}
