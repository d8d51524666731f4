//! What the kernel does with the RMM before there is a VM: agrees on a version, and where the RMM
//! waits for it, configures it, makes it active and sees to the memory (series v13 and v14,
//! `arm64_init_rmi`).

use std::ops::Range;

use super::rmi::by_rmm;
use super::{Kvm, refused};
use crate::abi::addr::{Hex, align_down};
use crate::abi::command::Command;
use crate::abi::edition::Edition;
use crate::abi::granule_size::GranuleSize;
use crate::abi::layout;
use crate::abi::status::Status;
use crate::caller::Pieces;
use crate::host::vm::Refusal;

/// Feature registers that Linux reads at most.
const FEATURES_READ: u64 = 2;
/// Memory that one table of the granule protection tables covers; feature register 1 says so.
const L1_GPT_BYTES: u64 = 1 << 30;
/// RmiMemCategory and RmiTrackingState of memory that can be delegated granule by granule.
const CONVENTIONAL: u64 = 0;
const FINE: u64 = 2;

/// RmiRmmConfig with granules of a size.
fn config(granule: GranuleSize) -> Pieces {
    let field = layout::RMM_CONFIG.field("rmi_granule_size").expect("a field of the structure");
    let offset = u16::try_from(field.offset).expect("inside a granule");
    let bytes = granule.code().to_le_bytes()[..field.width_bytes].to_vec();
    if granule == GranuleSize::K4 { Vec::new() } else { vec![(offset, bytes)] }
}

impl Kvm<'_, '_> {
    /// Begins to talk with the RMM; the kernel speaks `edition`.
    pub(super) fn begin(&mut self, edition: Edition) -> Result<(), Refusal> {
        let place = "the kernel's boot";
        self.must(Command::Version { req: edition.rmi_revision() }, place)?;
        for index in 0..FEATURES_READ.min(edition.feature_registers()) {
            self.must(Command::Features { index }, place)?;
        }
        if !edition.host_activates() {
            return Ok(());
        }
        // The granules are as large as the kernel's pages; the RMM's own tracking regions will do.
        let config_ptr = self.write_page(config(self.caps.host_page_size), place)?.addr();
        self.must(Command::RmmConfigSet { config_ptr }, place)?;
        self.must(Command::RmmActivate {}, place)?;
        let ranges: Vec<_> =
            self.session.world().platform().dram.iter().map(|d| d.range()).collect();
        for range in ranges {
            self.check_tracking(&range, place)?;
            self.create_gpts(&range, place)?;
        }
        Ok(())
    }

    /// Sees that all of a range can be delegated granule by granule (`rmi_verify_memory_tracking`).
    fn check_tracking(&mut self, range: &Range<u64>, place: &str) -> Result<(), Refusal> {
        let end = range.end;
        let mut start = range.start;
        while start < end {
            let command = Command::GranuleTrackingGet { start, end };
            let outcome = self.must(command, place)?;
            let [_, category, state, top, _] = *outcome.regs();
            if category != CONVENTIONAL || state != FINE || top <= start {
                let start = Hex(start);
                let why = format!("memory from {start} is not tracked finely (ENODEV): {command}");
                return Err(refused(place, why));
            }
            start = top;
        }
        Ok(())
    }

    /// Asks for a table of the granule protection tables for each part of a range; that there is
    /// one already is no error (`rmi_create_gpts`).
    fn create_gpts(&mut self, range: &Range<u64>, place: &str) -> Result<(), Refusal> {
        let mut addr = align_down(range.start, L1_GPT_BYTES);
        while addr < range.end {
            let command = Command::GptL1Create { addr };
            let outcome = self.call(command);
            let exists = outcome.code().is_some_and(|code| code.status == Status::Gpt);
            if !outcome.is_success() && !exists {
                return Err(by_rmm(place, command, &outcome));
            }
            addr += L1_GPT_BYTES;
        }
        Ok(())
    }
}
