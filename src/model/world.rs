//! The whole simulated machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;

use super::granule::{Gpt, Granule, GranuleState, Granules};
use super::memory::Memory;
use super::operation::{Interrupt, Object, Operations};
use super::planes::{MAX_AUX_PLANES, Permission};
use super::program::{GuestAction, GuestActionError, MAX_QUEUED, Program, Progress, Queued};
use super::realm::Realm;
use super::rec::Rec;
use super::rtt::{Tables, Walk};
use super::tally::Tally;
use crate::abi::addr::{
    Hex, Ipa, Level, PAGE_LEN, PAGE_SIZE, Pa, PageBytes, align_down, is_aligned, page_pieces,
};
use crate::abi::gic::{CpuInterface, NUM_LRS};
use crate::abi::granule_size::GranuleSize;
use crate::abi::platform::Platform;
use crate::abi::profile::Profile;
use crate::measure::claims::{Claims, Maker, TokenMaker};
use crate::measure::contents::Contents;
use crate::measure::hasher::Hasher;
use crate::measure::image::Image;
use crate::measure::page::Page;
use crate::measure::rim::Measurement;

/// A machine with an RMM: memory, granules, Realms and RECs.
///
/// The Host acts on it through [`World::host_write`] and its like, and through RMI commands
/// ([`World::execute`](crate::rmi)).
///
/// ```
/// use rimsim::{Command, Platform, Profile, Status, World};
///
/// let mut world = World::new(Platform::preset("fvp").unwrap(), Profile::TF_RMM);
/// let outcome = world.execute(Command::GranuleDelegate { addr: 0x8000_0000 });
/// assert_eq!(outcome.status(), Some(Status::Success));
///
/// let again = world.execute(Command::GranuleDelegate { addr: 0x8000_0000 });
/// assert_eq!(again.status(), Some(Status::Input));
/// assert_eq!(again.failure().unwrap().condition(), "gran_state");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    platform: Platform,
    profile: Profile,
    pub(crate) granules: Granules,
    pub(crate) memory: Memory,
    pub(crate) tables: Tables,
    pub(crate) realms: BTreeMap<Granule, Realm>,
    pub(crate) recs: BTreeMap<Granule, Rec>,
    pub(crate) vmids: BTreeSet<u16>,
    /// Memory encryption contexts that are a Realm's own.
    pub(crate) private_mecs: BTreeSet<u16>,
    pub(crate) realm_tally: Tally<5>,
    pub(crate) programs: BTreeMap<u64, Program>,
    pub(crate) operations: Operations,
    pub(crate) interrupt: Interrupt,
    /// The virtual CPU interface of the PE that calls, as the Host has programmed it (2.0).
    pub(crate) cpu_interface: CpuInterface,
    pub(crate) active: bool,
    /// The size of tracking regions, as it is coded in RmiRmmConfig (2.0).
    pub(crate) tracking_region: u64,
    hasher: Hasher,
    token_maker: Maker,
    has_unknown_contents: bool,
}

/// A part of a page: the granule, offset in the granule and length, in bytes.
type Piece = (Granule, usize, usize);

/// The Host touched memory that is not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HostFault {
    /// The granule protection check refuses the access.
    #[error("granule protection fault at {pa}: the granule is in the {} PAS", gpt.name())]
    Gpf {
        /// The granule.
        pa: Pa,
        /// What the GPT says of it.
        gpt: Gpt,
    },
    /// Only digests are known of what is there, so it can be neither read nor changed in part.
    #[error(
        "of the contents at {0} only digests are known: they can not be read, nor changed in part"
    )]
    Unknown(Pa),
    /// The address is not that of a granule, and only whole granules have a GPT entry.
    #[error("{0} is inside a granule; only whole granules are in a PAS")]
    Unaligned(Pa),
    /// There is no REC at the address.
    #[error("there is no REC at {0}")]
    NoRec(Pa),
    /// There is no memory at the address.
    #[error("no memory at {0}: it is outside the platform's DRAM")]
    NoMemory(Pa),
}

impl World {
    /// A machine after boot: all memory is the Host's and zero. Its Realms get tokens if the
    /// feature `evidence` is there.
    #[cfg(not(feature = "evidence"))]
    #[must_use]
    pub fn new(platform: Platform, profile: Profile) -> Self {
        Self::without_tokens(platform, profile)
    }

    /// A machine after boot: all memory is the Host's and zero. A Realm that asks for a token gets
    /// RSI_ERROR_UNKNOWN, as if the RMM could not make one.
    #[must_use]
    pub fn without_tokens(platform: Platform, profile: Profile) -> Self {
        Self::booted(platform, profile, Maker::default())
    }

    /// A machine after boot: all memory is the Host's and zero. Its Realms get tokens of this
    /// maker.
    #[must_use]
    pub fn with_token_maker(
        platform: Platform,
        profile: Profile,
        maker: Arc<dyn TokenMaker>,
    ) -> Self {
        Self::booted(platform, profile, Maker(Some(maker)))
    }

    fn booted(platform: Platform, profile: Profile, token_maker: Maker) -> Self {
        let size = GranuleSize::default();
        let granules = Granules::new(&platform, size);
        let memory = Memory::new(&granules);
        let operations = Operations::new(platform.sro_contexts);
        Self {
            platform,
            active: !profile.boots_inactive(),
            tracking_region: 0,
            profile,
            granules,
            memory,
            tables: Tables::new(size),
            realms: BTreeMap::new(),
            recs: BTreeMap::new(),
            vmids: BTreeSet::new(),
            private_mecs: BTreeSet::new(),
            realm_tally: Tally::default(),
            programs: BTreeMap::new(),
            operations,
            interrupt: Interrupt::default(),
            cpu_interface: CpuInterface::default(),
            hasher: Hasher::default(),
            token_maker,
            has_unknown_contents: false,
        }
    }

    /// Lets Realms get tokens of another maker.
    pub fn set_token_maker(&mut self, maker: Arc<dyn TokenMaker>) {
        self.token_maker = Maker(Some(maker));
    }

    /// The attestation token of these claims, if there is who makes it.
    pub(crate) fn token_of(&self, claims: &Claims) -> Option<Vec<u8>> {
        Some(self.token_maker.0.as_ref()?.token(claims, self.platform.rak()))
    }

    /// Hashes what Realms that are created from now on measure as `hasher` says.
    pub fn set_hasher(&mut self, hasher: Hasher) {
        self.hasher = hasher;
    }

    /// How what Realms measure is hashed.
    #[must_use]
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// The machine's features and limits.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The rules that the RMM follows.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Makes the RMM follow other rules from now on. Its state stays.
    pub fn set_profile(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// The size of the RMM's granules.
    #[must_use]
    pub fn granule_size(&self) -> GranuleSize {
        self.granules.size()
    }

    /// Gives the RMM granules of another size, before it is active: nothing is delegated.
    pub(crate) fn set_granule_size(&mut self, size: GranuleSize) {
        debug_assert!(self.granules.delegated().next().is_none(), "the RMM is not active");
        if size != self.granule_size() {
            self.granules = self.granules.resized(&self.platform, size);
            self.memory.resize(size);
            self.tables = Tables::new(size);
        }
    }

    /// Whether the RMM does more than to tell of itself: always in 1.0, from RMI_RMM_ACTIVATE on in
    /// 2.0.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// The stateful operations that are under way (2.0).
    #[must_use]
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Lets an interrupt come: the next `polls` times that the RMM looks for one it finds none,
    /// then there is one; `None` is never. The RMM looks only while it maps and unmaps (2.0).
    pub fn set_interrupt(&mut self, polls: Option<u64>) {
        self.interrupt = Interrupt::after(polls);
    }

    /// Says that another PE runs a REC, or that it left it.
    ///
    /// # Errors
    /// If there is no REC at `rec`.
    pub fn set_running(&mut self, rec: u64, running: bool) -> Result<(), HostFault> {
        let found = self.granules.find(rec).and_then(|granule| self.recs.get_mut(&granule));
        found.ok_or(HostFault::NoRec(Pa(rec)))?.running = running;
        Ok(())
    }

    /// Programs the virtual CPU interface of the PE that calls: ICH_HCR_EL2, and as many list
    /// registers as the machine has (2.0; in 1.0 they stand in RmiRecEnter).
    pub fn set_cpu_interface(&mut self, hcr: u64, lrs: &[u64; NUM_LRS]) {
        self.cpu_interface = CpuInterface::of(&self.platform, hcr, lrs);
    }

    /// The virtual CPU interface of the PE that calls (2.0). RMI_REC_ENTER leaves in it what the
    /// Realm did, and switches it off.
    #[must_use]
    pub fn cpu_interface(&self) -> &CpuInterface {
        &self.cpu_interface
    }

    /// The states of all granules.
    #[must_use]
    pub fn granules(&self) -> &Granules {
        &self.granules
    }

    /// All RTTs.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// How often Realms went from one state to another: 0 is none, then NEW, ACTIVE,
    /// SYSTEM_OFF, ZOMBIE.
    #[must_use]
    pub fn realm_tally(&self) -> &Tally<5> {
        &self.realm_tally
    }

    /// The Realms by the address of their RD.
    pub fn realms(&self) -> impl Iterator<Item = (Pa, &Realm)> {
        self.realms.iter().map(|(rd, realm)| (self.granules.pa(*rd), realm))
    }

    /// The Realm whose RD is at `rd`; `None` if no RD granule begins there: there never was a
    /// Realm, or it was destroyed.
    #[must_use]
    pub fn realm(&self, rd: u64) -> Option<&Realm> {
        self.realms.get(&self.granules.find(rd)?)
    }

    /// The REC at `rec`; `None` if no REC granule begins there.
    #[must_use]
    pub fn rec(&self, rec: u64) -> Option<&Rec> {
        self.recs.get(&self.granules.find(rec)?)
    }

    /// The Realm Initial Measurement of the Realm whose RD is at `rd`, over what was measured so
    /// far; `None` where [`World::realm`] is. It is the reference value once the Realm is ACTIVE:
    /// nothing is measured after that. Takes `&mut` because it remembers how far it has folded.
    pub fn rim(&mut self, rd: u64) -> Option<Measurement> {
        let rd = self.granules.find(rd)?;
        Some(self.realms.get_mut(&rd)?.log.rim())
    }

    /// The bytes of a page as the Host reads them. `pa` is rounded down to the page.
    ///
    /// # Errors
    /// If there is no memory, or it is not the Host's.
    pub fn host_page(&self, pa: u64) -> Result<Page, HostFault> {
        let granule = self.host_granule(pa)?;
        Ok(self.memory.page_at(granule, self.offset(pa)))
    }

    /// The contents of a granule as the Host reads them. `pa` is rounded down to the granule.
    ///
    /// # Errors
    /// If there is no memory, or it is not the Host's.
    pub fn host_contents(&self, pa: u64) -> Result<Contents, HostFault> {
        self.host_granule(pa).map(|granule| self.memory.contents(granule))
    }

    /// Writes `bytes` from `pa` on, as the Host. Nothing is written if any granule refuses.
    ///
    /// # Errors
    /// If there is no memory somewhere, or it is not the Host's.
    pub fn host_write(&mut self, pa: u64, bytes: &[u8]) -> Result<(), HostFault> {
        let pieces = self.pieces(pa, bytes.len() as u64)?;
        self.are_known(pieces.iter().filter(|(_, _, len)| *len < PAGE_LEN))?;
        let mut rest = bytes;
        for (granule, offset, len) in pieces {
            let (piece, tail) = rest.split_at(len);
            self.memory.store(granule, offset, piece);
            rest = tail;
        }
        Ok(())
    }

    /// Replaces one page's bytes, as the Host.
    ///
    /// # Errors
    /// If there is no memory, or it is not the Host's.
    pub fn host_write_page(&mut self, pa: u64, bytes: &PageBytes) -> Result<(), HostFault> {
        self.host_set_page(pa, Page::from_bytes(bytes))
    }

    /// Makes a page of memory show `page`, as the Host. Images are put into memory this way,
    /// without a copy. `pa` is rounded down to the page.
    ///
    /// # Errors
    /// If there is no memory, or it is not the Host's.
    pub fn host_set_page(&mut self, pa: u64, page: Page) -> Result<(), HostFault> {
        let granule = self.host_granule(pa)?;
        self.has_unknown_contents |= !page.is_known();
        self.memory.set_page_at(granule, self.offset(pa), page);
        Ok(())
    }

    /// Makes pages of memory from `pa` on show those of an image, as the Host. If one refuses,
    /// those before it show them.
    ///
    /// # Errors
    /// If there is no memory somewhere, or it is not the Host's.
    pub fn host_show(
        &mut self,
        pa: u64,
        image: &Arc<Image>,
        offset: u64,
        count_pages: u64,
    ) -> Result<(), HostFault> {
        let page = |offset| Page::Image { image: Arc::clone(image), offset };
        let in_row = self.granules.find(pa).filter(|first| {
            let hosts =
                |most| self.granules.count_in(*first, GranuleState::Undelegated, Gpt::Ns, most);
            self.granule_size() == GranuleSize::K4 && hosts(count_pages) == count_pages
        });
        if let Some(first) = in_row.filter(|_| count_pages > 0) {
            self.has_unknown_contents |= !image.is_known();
            self.memory.set_in_row(first, count_pages, &page(offset).into());
            return Ok(());
        }
        (0..count_pages).try_for_each(|i| {
            let distance = i * PAGE_SIZE;
            self.host_set_page(pa.wrapping_add(distance), page(offset + distance))
        })
    }

    /// Reads `len_bytes` from `pa` on, as the Host.
    ///
    /// # Errors
    /// If there is no memory somewhere, or it is not the Host's.
    pub fn host_read(&self, pa: u64, len_bytes: u64) -> Result<Vec<u8>, HostFault> {
        let mut bytes = Vec::new();
        let pieces = self.pieces(pa, len_bytes)?;
        self.are_known(&pieces)?;
        for (granule, offset, len) in pieces {
            let page = self.memory.page_at(granule, offset);
            let start = offset % PAGE_LEN;
            page.with_bytes(|page| bytes.extend_from_slice(&page[start..start + len]));
        }
        Ok(bytes)
    }

    /// Sets what the GPT says of an UNDELEGATED granule, as EL3 or the SPM would.
    ///
    /// # Errors
    /// If no granule begins at `pa`, there is no memory, the granule is delegated, or the new entry
    /// is `Realm`, which only RMI_GRANULE_DELEGATE makes.
    pub fn set_gpt(&mut self, pa: u64, gpt: Gpt) -> Result<(), HostFault> {
        if !is_aligned(pa, self.granule_size().bytes()) {
            return Err(HostFault::Unaligned(Pa(pa)));
        }
        let granule = self.granules.find(pa).ok_or(HostFault::NoMemory(Pa(pa)))?;
        let now = self.granules.gpt(granule);
        if now == Gpt::Realm || gpt == Gpt::Realm {
            return Err(HostFault::Gpf { pa: Pa(pa), gpt: now });
        }
        self.granules.undelegate(granule, gpt);
        Ok(())
    }

    /// Queues an action for the software that runs on the REC at `rec`. `id` names it in the log.
    ///
    /// # Errors
    /// If there is no such instruction, or [`MAX_QUEUED`] actions wait for the REC already.
    pub fn queue_guest(
        &mut self,
        rec: u64,
        id: u64,
        action: GuestAction,
    ) -> Result<(), GuestActionError> {
        self.queue_guest_of_plane(rec, 0, id, action)
    }

    /// The same for a plane by its number; plane 0 is what a Realm has without planes.
    ///
    /// # Errors
    /// As [`World::queue_guest`], or if no Realm has such a plane.
    pub fn queue_guest_of_plane(
        &mut self,
        rec: u64,
        plane: u64,
        id: u64,
        action: GuestAction,
    ) -> Result<(), GuestActionError> {
        action.check()?;
        let number = usize::try_from(plane).ok().filter(|number| *number <= MAX_AUX_PLANES);
        let number = number.ok_or(GuestActionError::Plane(plane))?;
        let program = self.programs.entry(rec).or_default();
        if program.pending_count() >= MAX_QUEUED {
            return Err(GuestActionError::QueueFull);
        }
        program.queue_mut(number).push_back(Queued { id, action, progress: Progress::Fresh });
        Ok(())
    }

    /// Drops everything that waits for the REC at `rec`, tried or not.
    pub fn clear_guest(&mut self, rec: u64) {
        self.programs.entry(rec).or_default().clear();
    }

    /// The software of the REC at `rec`: what waits, and what it saw in the last REC_ENTER.
    #[must_use]
    pub fn guest(&self, rec: u64) -> Option<&Program> {
        self.programs.get(&rec)
    }

    /// Whether the Host ever put something into memory of which only digests are known.
    #[must_use]
    pub fn has_unknown_contents(&self) -> bool {
        self.has_unknown_contents
    }

    fn are_known<'p>(&self, pieces: impl IntoIterator<Item = &'p Piece>) -> Result<(), HostFault> {
        if !self.has_unknown_contents {
            return Ok(());
        }
        let unknown =
            |(granule, offset, _): &&Piece| !self.memory.page_at(*granule, *offset).is_known();
        match pieces.into_iter().find(unknown) {
            Some((granule, ..)) => Err(HostFault::Unknown(self.granules.pa(*granule))),
            None => Ok(()),
        }
    }

    /// Whether the host may read a granule: the GPT permits it.
    #[inline]
    pub(crate) fn permits_ns(&self, granule: Granule) -> bool {
        self.granules.gpt(granule).permits_ns()
    }

    /// Walks a Realm's RTTs. `ipa` is below the top of its IPA space, `target` not above its
    /// starting level.
    #[inline(always)]
    pub(crate) fn walk(&self, realm: &Realm, ipa: Ipa, target: Level) -> Walk {
        self.tables.walk(realm.roots[realm.rtt.root_index(ipa)], ipa, target)
    }

    /// As [`World::walk`], in a tree of the Realm: 0 is the primary one.
    pub(crate) fn walk_tree(&self, realm: &Realm, tree: usize, ipa: Ipa, target: Level) -> Walk {
        self.tables.walk(realm.tree(tree)[realm.rtt.root_index(ipa)], ipa, target)
    }

    /// What a plane may do with Protected memory where a walk of its tree ended. An entry holds
    /// what was set for it; else it is of overlay index 0, whose permissions do not change.
    pub(crate) fn permission(&self, realm: &Realm, plane: usize, walk: Walk) -> Permission {
        let held = self.tables.permission(walk);
        held.unwrap_or_else(|| realm.planes.entry_permission(plane, 0))
    }

    /// The REC in a granule that a check has found to be one. While it runs it is not destroyed.
    pub(crate) fn rec_mut(&mut self, granule: Granule) -> &mut Rec {
        self.recs.get_mut(&granule).expect("the granule is a REC")
    }

    /// Puts a granule to use.
    #[inline(always)]
    pub(crate) fn claim(&mut self, granule: Granule, state: GranuleState) {
        self.granules.set_state(granule, state);
    }

    /// How many auxiliary granules an object needs.
    pub(crate) fn aux_count(&self, object: Object) -> u64 {
        match object {
            Object::Rec => self.platform().rec_aux_count.into(),
            Object::Rd if self.profile().makes_realms_in_steps() => {
                self.platform().rd_aux_count.into()
            }
            Object::Rd => 0,
        }
    }

    /// Gives a granule back to DELEGATED, wiped.
    #[inline(always)]
    pub(crate) fn release(&mut self, granule: Granule) {
        self.granules.set_state(granule, GranuleState::Delegated);
        self.memory.wipe(granule);
    }

    /// The granule that has the byte at `pa`, and where in the granule it is.
    pub(crate) fn place(&self, pa: u64) -> Option<(Granule, usize)> {
        let granule = self.granules.find(align_down(pa, self.granule_size().bytes()))?;
        Some((granule, self.offset(pa)))
    }

    /// Where in its granule an address is.
    fn offset(&self, addr: u64) -> usize {
        usize::try_from(addr & (self.granule_size().bytes() - 1)).expect("less than a granule")
    }

    fn host_granule(&self, pa: u64) -> Result<Granule, HostFault> {
        let pa = align_down(pa, self.granule_size().bytes());
        let granule = self.granules.find(pa).ok_or(HostFault::NoMemory(Pa(pa)))?;
        let gpt = self.granules.gpt(granule);
        if gpt.permits_ns() { Ok(granule) } else { Err(HostFault::Gpf { pa: Pa(pa), gpt }) }
    }

    /// Cuts a range of Host memory at page borders.
    fn pieces(&self, pa: u64, len_bytes: u64) -> Result<Vec<Piece>, HostFault> {
        let beyond = || HostFault::NoMemory(Pa(pa));
        pa.checked_add(len_bytes).ok_or_else(beyond)?;
        // Refused before anything is allocated: no platform has this much.
        if len_bytes > self.platform.page_count() * PAGE_SIZE {
            return Err(beyond());
        }
        let piece = |(at, _, len)| Ok((self.host_granule(at)?, self.offset(at), len));
        page_pieces(pa, len_bytes).map(piece).collect()
    }
}

impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {} Realms, memory ", self.platform.name, self.realms.len())?;
        let ranges = self.platform.dram.iter().map(|dram| dram.range());
        let shown: Vec<_> = ranges.map(|r| format!("{}..{}", Hex(r.start), Hex(r.end))).collect();
        f.write_str(&shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_end_and_take_only_what_can_be() {
        let mut world = World::new(Platform::default(), Profile::TF_RMM);
        let wide = GuestAction::Load { ipa: 0, size_bytes: 16, rt: 0 };
        assert!(matches!(
            world.queue_guest(0, 0, wide),
            Err(GuestActionError::Operands { kind, .. }) if kind == "load"
        ));
        for _ in 0..MAX_QUEUED {
            world.queue_guest(0, 0, GuestAction::Hvc).unwrap();
        }
        let full = world.queue_guest(0, 0, GuestAction::Hvc).unwrap_err();
        assert!(full.to_string().starts_with("65536 guest actions"), "{full}");
        assert_eq!(world.guest(0).unwrap().pending_count(), MAX_QUEUED);
        world.queue_guest(1, 0, GuestAction::Hvc).unwrap();
    }
}
