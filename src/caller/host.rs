//! A Host for tests of VMMs.

use std::collections::BTreeMap;

use super::{Caller, HostError, Memory, Pieces, map_level, walk_level};
use crate::abi::addr::{GRANULE_LEN, GRANULE_SIZE, Ipa, Level, Pa};
use crate::abi::args::{Data, ParamsPtr, Rd, Rec, Src};
use crate::abi::command::{CallRegs, Command};
use crate::abi::edition::Edition;
use crate::abi::mpidr::mpidr_of_index;
use crate::abi::params::{
    DATA_MEASURE, DEFAULT_VMID, RealmParams, RealmParamsBuilder, RecParams, RecParamsBuilder,
};
use crate::measure::rim::Measurement;
use crate::model::world::World;
use crate::rmi::Outcome;
use crate::session::{Action, Observer, Session};

/// A Host that builds Realms: it knows where memory begins, hands out granules, delegates them,
/// writes structures, makes the tables that a walk lacks, and carries operations to their end. What
/// it knows of the RMM is what the registers say.
///
/// Methods that make something answer `Err` if the RMM refuses: [`HostError::condition`] names the
/// condition, and [`HostError::outcome`] has the registers. [`Host::call`] issues any command and
/// takes every answer.
///
/// Granules have 4 KiB. They are taken upwards from the beginning of memory, and what was taken is
/// not taken back; so equal tests see equal addresses.
#[allow(missing_debug_implementations, reason = "observers have no form to print")]
pub struct Host<'o> {
    session: Session<'o>,
    memory: Memory,
    /// How many RECs were made for each Realm.
    recs: BTreeMap<Rd, u64>,
    next_vmid: u16,
    /// The granule from which contents are copied.
    src: Option<Src>,
}

impl<'o> Host<'o> {
    /// A Host on a machine that has just booted. An RMM that waits for it (2.0) is made active.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self::on(Session::new(world))
    }

    /// A Host whose steps are made in a session, which observers may look at. It takes all memory
    /// for its own: nothing should have been done in the session before.
    #[must_use]
    pub fn on(session: Session<'o>) -> Self {
        let memory = Memory::new(session.world().platform(), "host");
        let (recs, next_vmid, src) = (BTreeMap::new(), DEFAULT_VMID, None);
        let mut host = Self { session, memory, recs, next_vmid, src };
        if host.edition().host_activates() {
            // One that is active already says so, and nothing is lost.
            let _ = host.call(Command::RmmActivate {});
        }
        host
    }

    /// The edition that the RMM speaks.
    #[must_use]
    pub fn edition(&self) -> Edition {
        self.session.world().profile().edition()
    }

    /// The machine as it is now.
    #[must_use]
    pub fn world(&self) -> &World {
        self.session.world()
    }

    /// The session, for steps that this Host has no word for.
    pub fn session(&mut self) -> &mut Session<'o> {
        &mut self.session
    }

    /// Adds somebody who sees every step from now on.
    pub fn observe(&mut self, observer: &'o mut dyn Observer) {
        self.session.observe(observer);
    }

    /// Issues a command, and gives whatever the RMM answers.
    ///
    /// # Errors
    /// If the RMM would read contents of which only digests are known.
    pub fn call(&mut self, command: Command) -> Result<Outcome, HostError> {
        self.caller().call(command)
    }

    /// Makes a call with these registers, whatever they say.
    ///
    /// # Errors
    /// As [`Host::call`].
    pub fn call_regs(&mut self, regs: &CallRegs) -> Result<Outcome, HostError> {
        let place = || self.memory.place.clone();
        Ok(self.session.call(regs, place)?)
    }

    /// Issues a command that has to succeed.
    ///
    /// # Errors
    /// If it does not.
    pub fn must(&mut self, command: Command) -> Result<Outcome, HostError> {
        self.caller().must(command)
    }

    /// As [`Host::must`], and goes on with the operation that the command may begin (2.0): gives
    /// the granules that the RMM asks for, takes back what it gives.
    ///
    /// # Errors
    /// If the RMM refuses it at last.
    pub fn must_end(&mut self, command: Command) -> Result<Outcome, HostError> {
        self.caller().must_end(command)
    }

    /// A granule of the Host.
    ///
    /// # Errors
    /// If none is left.
    pub fn granule(&mut self) -> Result<Pa, HostError> {
        self.granules(1)
    }

    /// The first of `count` granules of the Host in a row; aligned to the size of all if `count` is
    /// a power of two.
    ///
    /// # Errors
    /// If there are not so many left.
    pub fn granules(&mut self, count: u64) -> Result<Pa, HostError> {
        self.caller().granules(count)
    }

    /// A granule that was given to the RMM.
    ///
    /// # Errors
    /// If none is left.
    pub fn delegated(&mut self) -> Result<Pa, HostError> {
        self.caller().delegated()
    }

    /// As [`Host::granules`], given to the RMM.
    ///
    /// # Errors
    /// If there are not so many left.
    pub fn delegated_run(&mut self, count: u64) -> Result<Pa, HostError> {
        self.caller().delegated_run(count)
    }

    /// Writes bytes into the Host's memory.
    ///
    /// # Errors
    /// If the memory is not the Host's.
    pub fn write(&mut self, pa: Pa, bytes: &[u8]) -> Result<(), HostError> {
        self.caller().act(Action::Write { pa: pa.0, bytes: bytes.to_vec() })
    }

    /// Begins RmiRealmParams of the RMM's edition.
    pub fn realm_params(&self) -> RealmParamsBuilder {
        RealmParams::builder(self.edition())
    }

    /// Begins RmiRecParams of the RMM's edition.
    pub fn rec_params(&self) -> RecParamsBuilder {
        RecParams::builder(self.edition())
    }

    /// Makes a Realm. Starting-level RTTs and a VMID that `params` does not name are the Host's.
    ///
    /// # Errors
    /// If a parameter does not fit into its field, or the RMM refuses it.
    pub fn create_realm(&mut self, params: &RealmParamsBuilder) -> Result<Rd, HostError> {
        let mut params = params.clone();
        let rd = Rd(self.delegated()?);
        if !params.is_set("rtt_base") {
            // More than 16 are refused in any case.
            let (_, tables) = params.start();
            params = params.rtt_base(self.delegated_run(tables.clamp(1, 16))?);
        }
        if params.has("vmid") && !params.is_set("vmid") {
            params = params.vmid(self.next_vmid);
            self.next_vmid = self.next_vmid.wrapping_add(1);
        }
        let params_ptr = self.write_page(params.pieces()?)?;
        self.must_end(Command::realm_create(rd, params_ptr))?;
        self.recs.insert(rd, 0);
        Ok(rd)
    }

    /// Makes memory of a NEW Realm RAM, in the largest entries that fit, as KVM does.
    ///
    /// # Errors
    /// If the RMM refuses it.
    pub fn init_ripas(&mut self, rd: Rd, ipas: std::ops::Range<Ipa>) -> Result<(), HostError> {
        let mut caller = self.caller();
        let Ipa(top) = ipas.end;
        let mut next = ipas.start;
        loop {
            let command = Command::rtt_init_ripas(rd, next..ipas.end);
            let outcome = caller.call(command)?;
            let wanted = map_level(next.0, top, Level::MIN);
            match walk_level(&outcome).filter(|walked| *walked < wanted) {
                Some(walked) => caller.create_tables(rd, next, walked, wanted)?,
                None if outcome.is_success() && outcome.regs()[1] >= top => return Ok(()),
                None if outcome.is_success() && outcome.regs()[1] > next.0 => {
                    next = Ipa(outcome.regs()[1]);
                }
                None => return Err(super::Refused::error(command, outcome)),
            }
        }
    }

    /// Gives a NEW Realm contents that are measured, from `ipa` on. The last granule is filled with
    /// zeros at its end.
    ///
    /// # Errors
    /// If the RMM refuses it.
    pub fn populate(&mut self, rd: Rd, ipa: Ipa, contents: &[u8]) -> Result<(), HostError> {
        self.populate_with(rd, ipa, contents, DATA_MEASURE)
    }

    /// As [`Host::populate`]; only where the contents lie is measured, not what they are.
    ///
    /// # Errors
    /// If the RMM refuses it.
    pub fn populate_unmeasured(
        &mut self,
        rd: Rd,
        ipa: Ipa,
        contents: &[u8],
    ) -> Result<(), HostError> {
        self.populate_with(rd, ipa, contents, 0)
    }

    /// Makes a REC. An MPIDR and auxiliary granules that `params` does not name are the Host's: the
    /// next of the Realm, and as many as the RMM asks for.
    ///
    /// # Errors
    /// If a parameter does not fit into its field, or the RMM refuses it.
    pub fn create_rec(&mut self, rd: Rd, params: &RecParamsBuilder) -> Result<Rec, HostError> {
        let edition = self.edition();
        let mut params = params.clone();
        let index = self.recs.get(&rd).copied().unwrap_or(0);
        if !params.is_set("mpidr") {
            params = params.mpidr(mpidr_of_index(index).unwrap_or(0));
        }
        let asked = Command::rec_aux_count(edition, rd).filter(|_| !params.is_set("aux"));
        if let Some(command) = asked.filter(|_| !params.is_set("num_aux")) {
            let count = self.must(command)?.regs()[1];
            let aux: Vec<_> = (0..count).map(|_| self.delegated()).collect::<Result<_, _>>()?;
            params = params.aux(&aux);
        }
        let rec = Rec(self.delegated()?);
        let params_ptr = self.write_page(params.pieces()?)?;
        self.must_end(Command::rec_create(edition, rd, rec, params_ptr))?;
        self.recs.insert(rd, index + 1);
        Ok(rec)
    }

    /// Ends a Realm's construction.
    ///
    /// # Errors
    /// If the RMM refuses it.
    pub fn activate(&mut self, rd: Rd) -> Result<(), HostError> {
        self.must(Command::realm_activate(rd)).map(drop)
    }

    /// The RIM of a Realm over what was measured so far, which a Host can not ask an RMM for;
    /// `None` if there is no Realm at `rd`.
    pub fn rim(&mut self, rd: Rd) -> Option<Measurement> {
        self.session.world_mut().rim(rd.addr())
    }

    /// Puts contents into the Host's one granule for contents, and gives its address. Zeros follow
    /// the last byte; what passes the end of the granule is cut off.
    ///
    /// # Errors
    /// If no memory is left.
    pub fn src(&mut self, contents: &[u8]) -> Result<Src, HostError> {
        let src = match self.src {
            Some(src) => src,
            None => Src(self.granule()?),
        };
        self.src = Some(src);
        let most = contents.len().min(GRANULE_LEN);
        let data = vec![(0, contents[..most].to_vec())];
        self.caller().act(Action::Page { pa: src.addr(), data })?;
        Ok(src)
    }

    fn populate_with(
        &mut self,
        rd: Rd,
        ipa: Ipa,
        contents: &[u8],
        flags: u64,
    ) -> Result<(), HostError> {
        let mut ipa = ipa.0;
        for granule in contents.chunks(GRANULE_LEN) {
            let (src, data) = (self.src(granule)?, Data(self.delegated()?));
            let command = Command::data_create(self.edition(), rd, data, Ipa(ipa), src, flags);
            let outcome = self.call(command)?;
            match walk_level(&outcome).filter(|walked| *walked < Level::PAGE) {
                Some(walked) => {
                    self.caller().create_tables(rd, Ipa(ipa), walked, Level::PAGE)?;
                    self.must(command)?;
                }
                None if outcome.is_success() => {}
                None => return Err(super::Refused::error(command, outcome)),
            }
            ipa = ipa.wrapping_add(GRANULE_SIZE);
        }
        Ok(())
    }

    fn write_page(&mut self, data: Pieces) -> Result<ParamsPtr, HostError> {
        self.caller().write_page(data).map(ParamsPtr)
    }

    fn caller(&mut self) -> Caller<'_, 'o> {
        Caller { session: &mut self.session, memory: &mut self.memory }
    }
}
