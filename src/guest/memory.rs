//! The Realm's memory accesses: stage 2 translation by HIPAS and RIPAS, with stage 1 off.

use super::{Next, Runner, exception};
use crate::abi::addr::{Ipa, Level, PAGE_LEN, page_pieces};
use crate::abi::esr::{self, fsc};
use crate::model::granule::Granule;
use crate::model::planes::Access;
use crate::model::program::{GuestEvent, Progress};
use crate::model::rec::{INSTRUCTION_BYTES, LastExit};
use crate::model::rtt::{Ripas, Rtte};

/// S2AP bits of an RTT entry.
const S2AP_READ: u8 = 1 << 6;
const S2AP_WRITE: u8 = 1 << 7;

/// Bits of the largest IPA, with LPA2.
const MAX_IPA_BITS: u32 = 52;

/// A fault of stage 2: where, and the fault status code.
struct Fault {
    ipa: u64,
    fsc: u64,
}

/// A piece of an access that lies in one page: granule, offset in the granule, length.
type Piece = (Granule, usize, usize);

impl Runner<'_> {
    pub(super) fn load(&mut self, id: u64, ipa: u64, size_bytes: u8, rt: u8) -> Next {
        let pieces = match self.pieces(ipa, size_bytes.into(), Access::Read) {
            Ok(pieces) => pieces,
            Err(fault) => {
                return self.data_abort(id, &fault, valid_syndrome(size_bytes, rt, false));
            }
        };
        let mut value = [0; 8];
        let bytes = self.read(&pieces);
        value[..bytes.len()].copy_from_slice(&bytes);
        let value = u64::from_le_bytes(value);
        self.rec_mut().set_operand(rt, value);
        self.log.push(GuestEvent::Load { id, value });
        self.rec_mut().advance();
        Next::Done
    }

    pub(super) fn store(&mut self, id: u64, ipa: u64, size_bytes: u8, rt: u8) -> Next {
        let pieces = match self.pieces(ipa, size_bytes.into(), Access::Write) {
            Ok(pieces) => pieces,
            Err(fault) => return self.data_abort(id, &fault, valid_syndrome(size_bytes, rt, true)),
        };
        let value = self.rec().operand(rt).to_le_bytes();
        self.write(&pieces, &value[..size_bytes.into()]);
        self.log.push(GuestEvent::Store { id });
        self.rec_mut().advance();
        Next::Done
    }

    pub(super) fn load_bytes(&mut self, id: u64, ipa: u64, len_bytes: u64) -> Next {
        let pieces = match self.pieces(ipa, len_bytes, Access::Read) {
            Ok(pieces) => pieces,
            Err(fault) => return self.data_abort(id, &fault, 0),
        };
        let bytes = self.read(&pieces);
        self.log.push(GuestEvent::LoadBytes { id, bytes });
        self.rec_mut().advance();
        Next::Done
    }

    pub(super) fn store_bytes(&mut self, id: u64, ipa: u64, bytes: &[u8]) -> Next {
        let pieces = match self.pieces(ipa, bytes.len() as u64, Access::Write) {
            Ok(pieces) => pieces,
            Err(fault) => return self.data_abort(id, &fault, esr::WNR),
        };
        self.write(&pieces, bytes);
        self.log.push(GuestEvent::StoreBytes { id });
        self.rec_mut().advance();
        Next::Done
    }

    pub(super) fn exec(&mut self, id: u64, ipa: u64) -> Next {
        let privileged = !self.rec().planes.at_el0();
        match self.pieces(ipa, INSTRUCTION_BYTES, Access::Fetch { privileged }) {
            Ok(_) => {
                self.log.push(GuestEvent::Exec { id });
                self.rec_mut().advance();
                Next::Done
            }
            Err(fault) => self.abort(id, &fault, esr::ec::INST_ABORT),
        }
    }

    fn data_abort(&mut self, id: u64, fault: &Fault, iss: u64) -> Next {
        self.abort(id, fault, esr::ec::DATA_ABORT | iss)
    }

    /// Takes an abort to the RMM, as the hardware reports it. An address that has more bits than
    /// any IPA does not get as far as stage 2: stage 1 refuses it, and the RMM sees nothing.
    fn abort(&mut self, id: u64, fault: &Fault, class_and_iss: u64) -> Next {
        if fault.ipa >> MAX_IPA_BITS != 0 {
            let seen = class_and_iss & (esr::ec::MASK | esr::WNR) | esr::IL;
            exception::inject_abort(self.rec_mut(), seen | fsc::ADDRESS_SIZE_L0, fault.ipa);
            self.log_exception(id);
            return Next::Done;
        }
        let syndrome = LastExit {
            esr: class_and_iss | esr::IL | fault.fsc,
            far: fault.ipa,
            hpfar: esr::hpfar(fault.ipa),
        };
        match exception::handle(self.world, self.rec, syndrome) {
            exception::Handled::Exit(exit) => {
                self.rec_mut().last_exit = syndrome;
                Next::ExitAgain(exit, Progress::Aborted)
            }
            exception::Handled::Injected | exception::Handled::Resume => {
                self.log_exception(id);
                Next::Done
            }
            exception::Handled::ToPlane0 { done } => self.leave_plane(syndrome, done),
        }
    }

    /// Translates an access, cut at page borders. Nothing is accessed if any part faults.
    fn pieces(&self, ipa: u64, len_bytes: u64, access: Access) -> Result<Vec<Piece>, Fault> {
        let piece = |(at, _, len)| match self.translate(at, access) {
            Ok((granule, offset)) => Ok((granule, offset, len)),
            Err(fsc) => Err(Fault { ipa: at, fsc }),
        };
        page_pieces(ipa, len_bytes).map(piece).collect()
    }

    /// The granule behind an IPA and where in it that is, or a fault status code.
    fn translate(&self, ipa: u64, access: Access) -> Result<(Granule, usize), u64> {
        let world = &*self.world;
        let realm = &world.realms[&self.rec().owner];
        if ipa >= realm.rtt.ipa_top() {
            return Err(fsc::ADDRESS_SIZE_L0);
        }
        let plane = self.rec().active_plane();
        let walk = world.walk_tree(realm, realm.planes.tree_of(plane), Ipa(ipa), Level::PAGE);
        let level = u64::from(walk.level.number().unsigned_abs());
        let translation_fault = fsc::translation(walk.level);
        let offset = ipa & (walk.entry_bytes() - 1);
        let place = |pa: u64| world.place(pa + offset);
        match world.tables.entry(walk) {
            Rtte::Assigned { pa, ripas: Ripas::Ram } => {
                if !world.permission(realm, plane, walk).permits(access) {
                    return Err(fsc::PERMISSION_L0 + level);
                }
                place(pa.0).ok_or(translation_fault)
            }
            Rtte::AssignedNs { pa, attr } => {
                let permitted = match access {
                    Access::Read => attr & S2AP_READ != 0,
                    Access::Write => attr & S2AP_WRITE != 0,
                    Access::Fetch { .. } => false,
                };
                if !permitted {
                    return Err(fsc::PERMISSION_L0 + level);
                }
                place(pa.0).filter(|(granule, _)| world.permits_ns(*granule)).ok_or(fsc::GPF)
            }
            _ => Err(translation_fault),
        }
    }

    fn read(&self, pieces: &[Piece]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (granule, offset, len) in pieces {
            let page = self.world.memory.page_at(*granule, *offset);
            let start = offset % PAGE_LEN;
            page.with_bytes(|page| bytes.extend_from_slice(&page[start..start + len]));
        }
        bytes
    }

    fn write(&mut self, pieces: &[Piece], bytes: &[u8]) {
        let mut rest = bytes;
        for (granule, offset, len) in pieces {
            let (piece, tail) = rest.split_at(*len);
            self.world.memory.store(*granule, *offset, piece);
            rest = tail;
        }
    }
}

/// ISS of a data abort whose syndrome is valid.
fn valid_syndrome(size_bytes: u8, rt: u8, write: bool) -> u64 {
    let sf = if size_bytes == 8 { esr::SF } else { 0 };
    let wnr = if write { esr::WNR } else { 0 };
    let sas = u64::from(size_bytes.trailing_zeros()) << esr::SAS_SHIFT;
    esr::ISV | sas | u64::from(rt) << esr::SRT_SHIFT | sf | wnr
}
