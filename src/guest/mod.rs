//! Runs a scripted Realm: carries out a REC's program until the REC exits.
//!
//! The interpreter is the processor: it translates addresses by the RTTs, takes aborts, and hands
//! exceptions to the RMM's handlers ([`exception`]) as the hardware would. One PE is simulated;
//! other PEs are seen only through `hostsmc`.

mod exception;
mod memory;
mod planes;

use crate::abi::esr;
use crate::abi::plane_run::plane_flags;
use crate::abi::rec_run::{ExitReason, RecExit, enter_flags};
use crate::model::granule::Granule;
use crate::model::plane_context::sysreg;
use crate::model::program::{GuestAction, GuestEvent, Program, Progress, Queued};
use crate::model::rec::{LastExit, Rec};
use crate::model::world::World;
use crate::rsi;
pub(crate) use exception::inject_sea;
pub(crate) use planes::was_left;

/// Most RECs that can be inside REC_ENTER at one time: each was entered by a call that the one
/// before made. A REC entered deeper leaves at once with an FIQ, so that a program can not exhaust
/// the stack.
const MAX_NESTING: usize = 16;

/// What happens after an action.
enum Next {
    /// The action is done; the Realm goes on.
    Done,
    /// The REC exits; the action is done.
    ExitDone(RecExit),
    /// The REC exits; the action goes on at the next entry.
    ExitAgain(RecExit, Progress),
    /// Another plane runs.
    Switched,
}

/// What the Host's answer to the last exit has done to the access that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing; it is tried again.
    None,
    /// The access was emulated.
    Emulated,
    /// The Realm takes an exception.
    Exception,
}

/// Runs the REC in granule `rec` until it exits.
pub(crate) fn run(world: &mut World, rec: Granule, flags: u64, answer: Answer) -> RecExit {
    let pa = world.granules.pa(rec).0;
    let mut runner = Runner { world, rec, pa, flags, log: Vec::new() };
    runner.enter(answer);
    let exit = runner.until_exit();
    let Runner { world, log, .. } = runner;
    world.programs.entry(pa).or_default().log = log;
    exit
}

/// Notes that the REC was entered and left before its software saw anything.
pub(crate) fn did_not_run(world: &mut World, rec: Granule) {
    let pa = world.granules.pa(rec).0;
    world.programs.entry(pa).or_default().log.clear();
}

struct Runner<'w> {
    world: &'w mut World,
    rec: Granule,
    pa: u64,
    flags: u64,
    log: Vec<GuestEvent>,
}

impl Runner<'_> {
    fn rec(&self) -> &Rec {
        &self.world.recs[&self.rec]
    }

    fn rec_mut(&mut self) -> &mut Rec {
        self.world.rec_mut(self.rec)
    }

    /// Logs the entry, and what became of an access that waited.
    fn enter(&mut self, answer: Answer) {
        let rec = self.rec();
        let gprs = std::array::from_fn(|i| rec.gprs[i]);
        let event = GuestEvent::In { pc: rec.pc, gprs };
        self.log.push(event);
        if answer == Answer::None {
            return;
        }
        let waits = |queued: &&Queued| queued.progress == Progress::Aborted;
        let Some(waiting) = self.front().filter(waits).cloned() else { return };
        let rt = match waiting.action {
            GuestAction::Load { rt, .. } | GuestAction::Store { rt, .. } => Some(rt),
            _ => None,
        };
        match (answer, rt) {
            (Answer::Emulated, Some(rt)) => {
                let value = self.rec().operand(rt);
                self.log.push(GuestEvent::Emulated { id: waiting.id, value });
            }
            (Answer::Exception, _) => self.log_exception(waiting.id),
            _ => return,
        }
        self.pop();
    }

    fn until_exit(&mut self) -> RecExit {
        let running = self.world.recs.values().filter(|rec| rec.running).count();
        let fiq = RecExit { exit_reason: ExitReason::Fiq, ..RecExit::default() };
        if running > MAX_NESTING {
            return fiq;
        }
        loop {
            let Some(queued) = self.front().cloned() else { return fiq };
            match self.act(&queued) {
                Next::Done => self.pop(),
                Next::ExitDone(exit) => {
                    self.pop();
                    return exit;
                }
                Next::ExitAgain(exit, progress) => {
                    self.set_progress(self.rec().active_plane(), progress);
                    return exit;
                }
                Next::Switched => {}
            }
        }
    }

    fn front(&self) -> Option<&Queued> {
        let plane = self.rec().active_plane();
        self.world.programs.get(&self.pa)?.queue(plane).front()
    }

    fn pop(&mut self) {
        let plane = self.rec().active_plane();
        self.program().queue_mut(plane).pop_front();
    }

    fn program(&mut self) -> &mut Program {
        self.world.programs.entry(self.pa).or_default()
    }

    fn set_progress(&mut self, plane: usize, progress: Progress) {
        if let Some(front) = self.program().queue_mut(plane).front_mut() {
            front.progress = progress;
        }
    }

    fn act(&mut self, queued: &Queued) -> Next {
        let id = queued.id;
        match &queued.action {
            GuestAction::Smc(regs) => self.smc(id, regs, queued.progress),
            GuestAction::Load { ipa, size_bytes, rt } => self.load(id, *ipa, *size_bytes, *rt),
            GuestAction::Store { ipa, size_bytes, rt } => self.store(id, *ipa, *size_bytes, *rt),
            GuestAction::LoadBytes { ipa, len_bytes } => self.load_bytes(id, *ipa, *len_bytes),
            GuestAction::StoreBytes { ipa, bytes } => self.store_bytes(id, *ipa, bytes),
            GuestAction::Exec { ipa } => self.exec(id, *ipa),
            GuestAction::Wfx { wfe } => self.wfx(id, *wfe),
            GuestAction::Hvc => {
                self.sync(id, LastExit { esr: esr::ec::HVC | esr::IL, far: 0, hpfar: 0 })
            }
            GuestAction::Irq => Next::ExitDone(reason(ExitReason::Irq)),
            GuestAction::Fiq => Next::ExitDone(reason(ExitReason::Fiq)),
            GuestAction::Serror { esr } => self.serror(*esr),
            GuestAction::Sync { .. } if queued.action.is_smc() => {
                self.smc(id, &[], queued.progress)
            }
            GuestAction::Sync { esr, far, hpfar } => {
                self.sync(id, LastExit { esr: *esr, far: *far, hpfar: *hpfar })
            }
            GuestAction::SetReg { n, value } => {
                self.rec_mut().set_operand(*n, *value);
                Next::Done
            }
            GuestAction::SysReg { esr } => {
                let syndrome = LastExit { esr: esr::ec::SYSREG | esr, far: 0, hpfar: 0 };
                self.sync(id, syndrome)
            }
            GuestAction::HostSmc(regs) => self.host_smc(id, regs),
        }
    }

    fn smc(&mut self, id: u64, regs: &[u64], progress: Progress) -> Next {
        if progress == Progress::AwaitsResult {
            return self.smc_result(id);
        }
        if progress == Progress::Fresh {
            for (n, value) in regs.iter().enumerate() {
                if let Some(gpr) = self.rec_mut().gprs.get_mut(n) {
                    *gpr = *value;
                }
            }
        }
        let syndrome = LastExit { esr: esr::ec::SMC | esr::IL, far: 0, hpfar: 0 };
        match rsi::call(self.world, self.rec) {
            rsi::Outcome::Return => {
                self.rec_mut().advance();
                self.smc_result(id)
            }
            rsi::Outcome::Exit(exit) => {
                let rec = self.rec_mut();
                rec.advance();
                rec.last_exit = syndrome;
                Next::ExitAgain(exit, Progress::AwaitsResult)
            }
            rsi::Outcome::Abort(exit) => {
                self.rec_mut().last_exit = syndrome;
                Next::ExitAgain(exit, Progress::Aborted)
            }
            rsi::Outcome::Entered => self.entered_plane(),
            rsi::Outcome::ToPlane0 => self.leave_plane(syndrome, false),
        }
    }

    fn smc_result(&mut self, id: u64) -> Next {
        let rec = self.rec();
        let gprs = std::array::from_fn(|i| rec.gprs[i]);
        self.log.push(GuestEvent::Smc { id, gprs });
        Next::Done
    }

    fn wfx(&mut self, id: u64, wfe: bool) -> Next {
        if !self.traps_wfx(wfe) {
            self.rec_mut().advance();
            return Next::Done;
        }
        let ti = if wfe { esr::WFX_TI } else { 0 };
        self.sync(id, LastExit { esr: esr::ec::WFX | esr::IL | ti, far: 0, hpfar: 0 })
    }

    /// Whether WFI or WFE is an exception; else it ends at once.
    fn traps_wfx(&self, wfe: bool) -> bool {
        let planes = &self.rec().planes;
        if planes.active() > 0 {
            return planes.traps(if wfe { plane_flags::TRAP_WFE } else { plane_flags::TRAP_WFI });
        }
        let flag = if wfe { enter_flags::TRAP_WFE } else { enter_flags::TRAP_WFI };
        self.flags & flag != 0 || self.world.profile().wfx_always_exits()
    }

    fn serror(&mut self, syndrome: u64) -> Next {
        self.rec_mut().last_exit = LastExit { esr: syndrome, far: 0, hpfar: 0 };
        let exit = reason(ExitReason::Serror);
        Next::ExitDone(RecExit { esr: syndrome & esr::SERROR_MASK, ..exit })
    }

    fn host_smc(&mut self, id: u64, regs: &[u64]) -> Next {
        let mut call = [0; 7];
        for (reg, value) in call.iter_mut().zip(regs) {
            *reg = *value;
        }
        let outcome = self.world.call(&call);
        self.log.push(GuestEvent::Host { id, regs: *outcome.regs() });
        Next::Done
    }

    /// A synchronous exception with a syndrome given by the script.
    fn sync(&mut self, id: u64, syndrome: LastExit) -> Next {
        match exception::handle(self.world, self.rec, syndrome) {
            exception::Handled::Exit(exit) => {
                self.rec_mut().last_exit = syndrome;
                Next::ExitDone(exit)
            }
            exception::Handled::Injected => {
                self.log_exception(id);
                Next::Done
            }
            exception::Handled::Resume => Next::Done,
            exception::Handled::ToPlane0 { done } => self.leave_plane(syndrome, done),
        }
    }

    fn log_exception(&mut self, id: u64) {
        let rec = self.rec();
        let [esr, far] = [sysreg::ESR_EL1, sysreg::FAR_EL1].map(|number| rec.sysregs().get(number));
        let event = GuestEvent::Exception { id, pc: rec.pc, esr, far };
        self.log.push(event);
    }
}

fn reason(exit_reason: ExitReason) -> RecExit {
    RecExit { exit_reason, ..RecExit::default() }
}
