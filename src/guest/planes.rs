//! Planes as the processor sees them: RSI_PLANE_ENTER goes on in another program, and exceptions of
//! an auxiliary plane come back to plane 0's.

use super::{Answer, Next, Runner};
use crate::abi::plane_run::PlaneExitReason;
use crate::model::granule::Granule;
use crate::model::program::{GuestEvent, Progress};
use crate::model::rec::{LastExit, next_pc};
use crate::model::world::World;
use crate::rsi::{self, PlaneLeft};

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
                if front.action.is_smc() {
                    self.smc_result(front.id);
                }
                self.pop();
            }
        }
        Next::Switched
    }

    /// Plane 0 takes an exception of an auxiliary plane. `done` says that nobody tries the
    /// instruction again.
    pub(super) fn leave_plane(&mut self, syndrome: LastExit, done: bool) -> Next {
        let (plane, pc) = (self.rec().active_plane(), self.rec().pc);
        let left = PlaneLeft {
            reason: PlaneExitReason::Sync,
            pc: if done { next_pc(pc) } else { pc },
            syndrome,
        };
        match rsi::leave_plane(self.world, self.rec, left) {
            Ok(()) if done => {
                self.program().queue_mut(plane).pop_front();
                Next::Switched
            }
            Ok(()) => {
                self.set_progress(plane, Progress::Trapped(pc));
                Next::Switched
            }
            Err(exit) => {
                // The Host can not emulate it: plane 0 takes only accesses to Protected memory.
                self.rec_mut().last_exit = syndrome;
                Next::ExitAgain(exit, Progress::Aborted)
            }
        }
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
