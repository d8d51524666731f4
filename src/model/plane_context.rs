//! What a REC keeps of its planes (2.0; TF-RMM `runtime/include/rec.h`): which one runs, plane 0's
//! registers while another does, and system registers of each.

use std::collections::BTreeMap;

use super::planes::MAX_AUX_PLANES;
use super::rec::{LastExit, Rec, next_pc};
use crate::abi::gic::CpuInterface;
use crate::abi::plane_run::{PlaneEnter, plane_flags, pstate};

/// System registers, by op0, op1, CRn, CRm and op2 as KVM numbers them.
pub(crate) mod sysreg {
    pub(crate) const fn number(op0: u64, op1: u64, crn: u64, crm: u64, op2: u64) -> u64 {
        op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2
    }

    pub(crate) const SCTLR_EL1: u64 = number(3, 0, 1, 0, 0);
    pub(crate) const MDSCR_EL1: u64 = number(2, 0, 0, 2, 2);
    pub(crate) const SPSR_EL1: u64 = number(3, 0, 4, 0, 0);
    pub(crate) const ELR_EL1: u64 = number(3, 0, 4, 0, 1);
    pub(crate) const ESR_EL1: u64 = number(3, 0, 5, 2, 0);
    pub(crate) const FAR_EL1: u64 = number(3, 0, 6, 0, 0);
    pub(crate) const VBAR_EL1: u64 = number(3, 0, 12, 0, 0);
    pub(crate) const PMCR_EL0: u64 = number(3, 3, 9, 12, 0);
    /// PMEVCNTR0_EL0 and PMEVTYPER0_EL0; the number of the counter is in CRm\[1:0\] and op2.
    pub(crate) const PMEVCNTR: u64 = number(3, 3, 14, 8, 0);
    pub(crate) const PMEVTYPER: u64 = number(3, 3, 14, 12, 0);
    /// The bits that hold the number of a counter.
    pub(crate) const COUNTER: u64 = 0x1F;
    /// How many counters there are, PMCCNTR_EL0 besides.
    pub(crate) const COUNTERS: u64 = 31;
}

/// SPAN, EIS, nTWE, nTWI, EOS, nAA, CP15BEN, SA0 and SA.
const SCTLR_EL1_AT_FIRST: u64 = 0x00C5_0878;
/// TDCC.
const MDSCR_EL1_AT_FIRST: u64 = 1 << 12;
/// LC and DP; with a PMU P and C besides.
const PMCR_EL0_AT_FIRST: [u64; 2] = [0x60, 0x66];

/// System registers of one plane; those that are not named are zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SystemRegisters(BTreeMap<u64, u64>);

impl SystemRegisters {
    fn new(has_pmu: bool) -> Self {
        Self(BTreeMap::from([
            (sysreg::SCTLR_EL1, SCTLR_EL1_AT_FIRST),
            (sysreg::MDSCR_EL1, MDSCR_EL1_AT_FIRST),
            (sysreg::PMCR_EL0, PMCR_EL0_AT_FIRST[usize::from(has_pmu)]),
        ]))
    }

    pub(crate) fn get(&self, number: u64) -> u64 {
        self.0.get(&number).copied().unwrap_or(0)
    }

    pub(crate) fn set(&mut self, number: u64, value: u64) {
        self.0.insert(number, value);
    }
}

/// General registers of a plane that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    pc: u64,
    pstate: u64,
    gprs: [u64; 31],
}

/// The planes of a REC. What [`Rec`] has of registers belongs to the one that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlaneContexts {
    /// The plane that runs, or will when the REC is entered.
    active: usize,
    /// RsiPlaneEnterFlags of the active plane.
    flags: u64,
    /// PSTATE of the active plane.
    pub(crate) pstate: u64,
    /// The virtual CPU interface of an active plane that does not own the GIC.
    gic: CpuInterface,
    plane_0: Option<Box<Waiting>>,
    /// What TF-RMM remembers of the last exit of an auxiliary plane.
    last_exit: LastExit,
    sysregs: [SystemRegisters; MAX_AUX_PLANES + 1],
}

impl PlaneContexts {
    /// Plane 0 runs, at EL1 with everything masked.
    pub(crate) fn new(has_pmu: bool) -> Self {
        Self {
            active: 0,
            flags: 0,
            pstate: pstate::EL1H | pstate::DAIF,
            gic: CpuInterface::default(),
            plane_0: None,
            last_exit: LastExit::default(),
            sysregs: std::array::from_fn(|_| SystemRegisters::new(has_pmu)),
        }
    }

    pub(crate) fn active(&self) -> usize {
        self.active
    }

    /// Whether the plane that runs was entered with a flag of RsiPlaneEnterFlags.
    pub(crate) fn traps(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// Whether the plane that runs is at EL0.
    pub(crate) fn at_el0(&self) -> bool {
        self.pstate & pstate::MODE == pstate::EL0T
    }

    /// Replaces what WFI and WFE of an auxiliary plane do.
    pub(crate) fn set_wfx_traps(&mut self, flags: u64) {
        let wfx = plane_flags::TRAP_WFI | plane_flags::TRAP_WFE;
        self.flags = self.flags & !wfx | flags & wfx;
    }

    /// The virtual CPU interface that the active plane has by itself; none if it owns the GIC.
    pub(crate) fn own_gic(&self) -> Option<&CpuInterface> {
        (self.active > 0 && !self.traps(plane_flags::OWN_GIC)).then_some(&self.gic)
    }

    pub(crate) fn sysregs(&self, plane: usize) -> &SystemRegisters {
        &self.sysregs[plane]
    }

    pub(crate) fn sysregs_mut(&mut self, plane: usize) -> &mut SystemRegisters {
        &mut self.sysregs[plane]
    }
}

impl Rec {
    /// The plane that runs, or will when the REC is entered (2.0); else 0.
    #[must_use]
    pub fn active_plane(&self) -> usize {
        self.planes.active
    }

    /// System registers of the plane that runs.
    pub(crate) fn sysregs(&self) -> &SystemRegisters {
        self.planes.sysregs(self.planes.active)
    }

    pub(crate) fn sysregs_mut(&mut self) -> &mut SystemRegisters {
        let active = self.planes.active;
        self.planes.sysregs_mut(active)
    }

    /// A register of plane 0, whether or not it runs.
    pub(crate) fn plane_0_gpr(&self, n: usize) -> u64 {
        self.planes.plane_0.as_ref().map_or(self.gprs[n], |waiting| waiting.gprs[n])
    }

    /// Puts an auxiliary plane in the place of plane 0, which waits.
    pub(crate) fn enter_plane(&mut self, plane: usize, enter: &PlaneEnter, gic: CpuInterface) {
        let waiting = Waiting { pc: self.pc, pstate: self.planes.pstate, gprs: self.gprs };
        self.planes.plane_0 = Some(Box::new(waiting));
        self.planes.active = plane;
        self.planes.flags = enter.flags;
        self.planes.pstate = enter.pstate;
        self.planes.gic = gic;
        self.pc = enter.pc;
        self.gprs = enter.gprs;
        self.last_exit = self.planes.last_exit;
        self.sysregs_mut().set(sysreg::ELR_EL1, enter.elr_el1);
    }

    /// Puts plane 0 in its place again, with the result of RSI_PLANE_ENTER in X0. `keeps_abort`
    /// says that the exit which the Host has not answered is that of the next auxiliary plane.
    pub(crate) fn leave_plane(&mut self, x0: u64, keeps_abort: bool) {
        let Some(waiting) = self.planes.plane_0.take() else { return };
        let Waiting { pc, pstate, gprs } = *waiting;
        (self.pc, self.planes.pstate, self.gprs) = (next_pc(pc), pstate, gprs);
        self.gprs[..4].copy_from_slice(&[x0, 0, 0, 0]);
        (self.planes.active, self.planes.flags) = (0, 0);
        let last_exit = std::mem::take(&mut self.last_exit);
        self.planes.last_exit = if keeps_abort { last_exit } else { LastExit::default() };
    }
}
