//! Planes as the processor sees them: RSI_PLANE_ENTER goes on in another program, and exceptions of
//! an auxiliary plane come back to plane 0's.

use super::{Answer, INSTRUCTION_BYTES, Next, Runner};
use crate::abi::esr;
use crate::abi::plane_run::{PlaneExitReason, plane_flags};
use crate::model::granule::Granule;
use crate::model::program::{GuestAction, GuestEvent, Progress};
use crate::model::rec::LastExit;
use crate::model::world::World;
use crate::rsi;

impl Runner<'_> {
    /// An auxiliary plane begins where plane 0 wants: at the instruction that went to plane 0,
    /// which is tried again, or anywhere else, and then it is done.
    pub(super) fn entered_plane(&mut self) -> Next {
        self.set_progress(0, Progress::AwaitsResult);
        let (plane, pc) = (self.rec().active_plane(), self.rec().pc);
        let gprs = std::array::from_fn(|i| self.rec().gprs[i]);
        self.log.push(GuestEvent::Plane { plane, pc, gprs });
        let Some(front) = self.front().cloned() else { return Next::Switched };
        if let Progress::Trapped(at) = front.progress {
            if at == pc {
                self.set_progress(plane, Progress::Fresh);
            } else {
                if let GuestAction::Smc(_) = front.action {
                    self.smc_result(front.id);
                }
                self.pop();
            }
        }
        Next::Switched
    }

    /// Plane 0 takes an exception of an auxiliary plane. `done` says that the PC is past the
    /// instruction, so nobody tries it again.
    pub(super) fn leave_plane(&mut self, syndrome: LastExit, done: bool) -> Next {
        let (plane, pc) = (self.rec().active_plane(), self.rec().pc);
        match rsi::leave_plane(self.world, self.rec, PlaneExitReason::Sync, syndrome) {
            Ok(()) if done => {
                self.program().queue_mut(plane).pop_front();
                Next::Switched
            }
            Ok(()) => {
                self.set_progress(plane, Progress::Trapped(pc));
                Next::Switched
            }
            Err(exit) => {
                let rec = self.rec_mut();
                if done {
                    rec.pc = rec.pc.wrapping_sub(INSTRUCTION_BYTES);
                }
                // What the Host sees is no access that it could emulate.
                rec.last_exit = LastExit { esr: syndrome.esr & !esr::ISV, ..syndrome };
                Next::ExitAgain(exit, Progress::Aborted)
            }
        }
    }

    /// WFI and WFE of an auxiliary plane end at once, unless they trap.
    pub(super) fn wfx_of_plane(&mut self, wfe: bool) -> Next {
        let flag = if wfe { plane_flags::TRAP_WFE } else { plane_flags::TRAP_WFI };
        self.advance();
        if !self.rec().planes.traps(flag) {
            return Next::Done;
        }
        let ti = if wfe { esr::WFX_TI } else { 0 };
        let syndrome = LastExit { esr: esr::ec::WFX | esr::IL | ti, far: 0, hpfar: 0 };
        self.leave_plane(syndrome, true)
    }
}

/// Notes that the Host took a REC from an auxiliary plane, at `pc`. An access that it has answered
/// is over; one that waits is tried again if plane 0 wants that.
pub(crate) fn was_left(world: &mut World, rec: Granule, plane: usize, pc: u64, answer: Answer) {
    let pa = world.granules.pa(rec).0;
    let queue = world.programs.entry(pa).or_default().queue_mut(plane);
    match queue.front_mut() {
        Some(front) if front.progress != Progress::Aborted => {}
        Some(front) if answer == Answer::None => front.progress = Progress::Trapped(pc),
        _ => {
            queue.pop_front();
        }
    }
}
