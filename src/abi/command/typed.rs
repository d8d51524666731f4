//! Commands of typed arguments, so that one address can not stand where another is meant; and for
//! what the editions do by different commands, the edition's own.

use std::ops::Range;

use super::{Command, CommandInfo};
use crate::abi::addr::{Ipa, Level, Pa};
use crate::abi::args::{CallingRec, Data, ParamsPtr, Rd, Rec, Rtt, RunPtr, Src, TargetRec};
use crate::abi::edition::Edition;
use crate::abi::granule_size::GranuleSize;

/// RmiAddrType of one range, and the count of one block in a range (2.0).
const ADDR_SINGLE: u64 = 1;
const ONE_BLOCK: u64 = 1 << 2;

/// Commands that both editions have.
impl Command {
    /// Makes a Realm at `rd`.
    #[must_use]
    pub const fn realm_create(rd: Rd, params_ptr: ParamsPtr) -> Self {
        Self::RealmCreate { rd: rd.addr(), params_ptr: params_ptr.addr() }
    }

    /// Ends a Realm's construction.
    #[must_use]
    pub const fn realm_activate(rd: Rd) -> Self {
        Self::RealmActivate { rd: rd.addr() }
    }

    /// Destroys a Realm that holds nothing any more.
    #[must_use]
    pub const fn realm_destroy(rd: Rd) -> Self {
        Self::RealmDestroy { rd: rd.addr() }
    }

    /// Runs a REC until it exits.
    #[must_use]
    pub const fn rec_enter(rec: Rec, run_ptr: RunPtr) -> Self {
        Self::RecEnter { rec: rec.addr(), run_ptr: run_ptr.addr() }
    }

    /// Makes an RTT of `level`, splitting the parent's entry.
    #[must_use]
    pub fn rtt_create(rd: Rd, rtt: Rtt, ipa: Ipa, level: Level) -> Self {
        let (rd, rtt, level) = (rd.addr(), rtt.addr(), level.to_register());
        Self::RttCreate { rd, rtt, ipa: ipa.0, level }
    }

    /// Destroys an RTT of `level` without live entries.
    #[must_use]
    pub fn rtt_destroy(rd: Rd, ipa: Ipa, level: Level) -> Self {
        Self::RttDestroy { rd: rd.addr(), ipa: ipa.0, level: level.to_register() }
    }

    /// Replaces a homogeneous RTT of `level` by an entry of its parent.
    #[must_use]
    pub fn rtt_fold(rd: Rd, ipa: Ipa, level: Level) -> Self {
        Self::RttFold { rd: rd.addr(), ipa: ipa.0, level: level.to_register() }
    }

    /// Reads the entry of an RTT of `level`, or where the walk ends before it.
    #[must_use]
    pub fn rtt_read_entry(rd: Rd, ipa: Ipa, level: Level) -> Self {
        Self::RttReadEntry { rd: rd.addr(), ipa: ipa.0, level: level.to_register() }
    }

    /// Sets RIPAS of a range, or of its first part, to RAM in a NEW Realm.
    #[must_use]
    pub const fn rtt_init_ripas(rd: Rd, ipas: Range<Ipa>) -> Self {
        Self::RttInitRipas { rd: rd.addr(), base: ipas.start.0, top: ipas.end.0 }
    }

    /// Completes a RIPAS change of a range, or of its first part, that a REC asked for.
    #[must_use]
    pub const fn rtt_set_ripas(rd: Rd, rec: Rec, ipas: Range<Ipa>) -> Self {
        let (base, top) = (ipas.start.0, ipas.end.0);
        Self::RttSetRipas { rd: rd.addr(), rec: rec.addr(), base, top }
    }

    /// Completes a PSCI request with a PSCI status.
    #[must_use]
    pub const fn psci_complete(calling: CallingRec, target: TargetRec, status: u64) -> Self {
        let (calling_rec, target_rec) = (calling.addr(), target.addr());
        Self::PsciComplete { calling_rec, target_rec, status }
    }
}

/// Commands that an edition has of its own. Granules have 4 KiB where a name does not say `sized`.
impl Command {
    /// The command that gives one granule to the Realm world.
    #[must_use]
    pub const fn delegate(edition: Edition, granule: Pa) -> Self {
        Self::delegate_sized(edition, granule, GranuleSize::K4)
    }

    /// The command that gives one granule of `size` to the Realm world.
    #[must_use]
    pub const fn delegate_sized(edition: Edition, granule: Pa, size: GranuleSize) -> Self {
        let Pa(base) = granule;
        match edition {
            Edition::V1 => Self::GranuleDelegate { addr: base },
            Edition::V2 => {
                Self::GranuleRangeDelegate { base, top: base.wrapping_add(size.bytes()) }
            }
        }
    }

    /// The command that gives the granules of a range to the Realm world, or its first; its output,
    /// if it has one, is where it stopped.
    #[must_use]
    pub const fn delegate_range(edition: Edition, range: Range<Pa>) -> Self {
        let (Pa(base), Pa(top)) = (range.start, range.end);
        match edition {
            Edition::V1 => Self::GranuleDelegate { addr: base },
            Edition::V2 => Self::GranuleRangeDelegate { base, top },
        }
    }

    /// The command that takes one granule back from the Realm world.
    #[must_use]
    pub const fn undelegate(edition: Edition, granule: Pa) -> Self {
        let Pa(base) = granule;
        match edition {
            Edition::V1 => Self::GranuleUndelegate { addr: base },
            Edition::V2 => {
                let top = base.wrapping_add(GranuleSize::K4.bytes());
                Self::GranuleRangeUndelegate { base, top }
            }
        }
    }

    /// The command that says how many auxiliary granules the Host names to make a REC; where the
    /// RMM asks for them itself there is none.
    #[must_use]
    pub const fn rec_aux_count(edition: Edition, rd: Rd) -> Option<Self> {
        match edition {
            Edition::V1 => Some(Self::RecAuxCount { rd: rd.addr() }),
            Edition::V2 => None,
        }
    }

    /// The command that makes a REC, or begins to.
    #[must_use]
    pub const fn rec_create(edition: Edition, rd: Rd, rec: Rec, params_ptr: ParamsPtr) -> Self {
        let (rd, rec, params_ptr) = (rd.addr(), rec.addr(), params_ptr.addr());
        match edition {
            Edition::V1 => Self::RecCreate { rd, rec, params_ptr },
            Edition::V2 => Self::RecCreateBegin { rd, rec, params_ptr },
        }
    }

    /// The command that destroys a REC, or begins to.
    #[must_use]
    pub const fn rec_destroy(edition: Edition, rec: Rec) -> Self {
        match edition {
            Edition::V1 => Self::RecDestroy { rec: rec.addr() },
            Edition::V2 => Self::RecDestroyBegin { rec: rec.addr() },
        }
    }

    /// The command that gives a NEW Realm one granule with the contents of `src`. `flags` is
    /// RmiDataFlags: [`DATA_MEASURE`](crate::abi::params::DATA_MEASURE) or zero.
    #[must_use]
    pub const fn data_create(
        edition: Edition,
        rd: Rd,
        data: Data,
        ipa: Ipa,
        src: Src,
        flags: u64,
    ) -> Self {
        let (rd, data, Ipa(ipa), src) = (rd.addr(), data.addr(), ipa, src.addr());
        match edition {
            Edition::V1 => Self::DataCreate { rd, data, ipa, src, flags },
            Edition::V2 => Self::RttDataMapInit { rd, data, ipa, src, flags },
        }
    }

    /// The command that gives a Realm one granule with unknown contents.
    #[must_use]
    pub const fn map_unknown(edition: Edition, rd: Rd, data: Data, ipa: Ipa) -> Self {
        Self::map_unknown_sized(edition, rd, data, ipa, GranuleSize::K4)
    }

    /// The command that gives a Realm one granule of `size` with unknown contents.
    #[must_use]
    pub const fn map_unknown_sized(
        edition: Edition,
        rd: Rd,
        data: Data,
        ipa: Ipa,
        size: GranuleSize,
    ) -> Self {
        let (rd, data, Ipa(ipa)) = (rd.addr(), data.addr(), ipa);
        match edition {
            Edition::V1 => Self::DataCreateUnknown { rd, data, ipa },
            Edition::V2 => {
                let top = ipa.wrapping_add(size.bytes());
                let (flags, oaddr) = (ADDR_SINGLE, data | ONE_BLOCK);
                Self::RttDataMap { rd, base: ipa, top, flags, oaddr }
            }
        }
    }

    /// The command that takes one granule away from a Realm.
    #[must_use]
    pub const fn data_destroy(edition: Edition, rd: Rd, ipa: Ipa) -> Self {
        let (rd, Ipa(base)) = (rd.addr(), ipa);
        match edition {
            Edition::V1 => Self::DataDestroy { rd, ipa: base },
            Edition::V2 => {
                let top = base.wrapping_add(GranuleSize::K4.bytes());
                Self::RttDataUnmap { rd, base, top, flags: 0, oaddr: 0 }
            }
        }
    }
}

impl CommandInfo {
    /// The row of the command that gives a NEW Realm one granule with contents.
    #[must_use]
    pub fn data_create(edition: Edition) -> &'static Self {
        let command = Command::data_create(edition, Rd(Pa(0)), Data(Pa(0)), Ipa(0), Src(Pa(0)), 0);
        command.info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each argument where the specification has it, X1 first.
    #[test]
    fn arguments_go_into_their_registers() {
        let [v1, v2] = Edition::ALL;
        let (rd, rec, rtt) = (Rd(Pa(0x1000)), Rec(Pa(0x2000)), Rtt(Pa(0x3000)));
        let (data, src, ipa) = (Data(Pa(0x4000)), Src(Pa(0x5000)), Ipa(0x20_0000));
        let (params, run) = (ParamsPtr(Pa(0x6000)), RunPtr(Pa(0x7000)));
        let other = Rec(Pa(0x8000));
        let ipas = || ipa..Ipa(0x40_0000);
        let page = Level::PAGE;
        for (command, fid, args) in [
            (Command::realm_create(rd, params), 0x158, &[0x1000, 0x6000][..]),
            (Command::realm_activate(rd), 0x157, &[0x1000]),
            (Command::realm_destroy(rd), 0x159, &[0x1000]),
            (Command::rec_enter(rec, run), 0x15C, &[0x2000, 0x7000]),
            (Command::rtt_create(rd, rtt, ipa, page), 0x15D, &[0x1000, 0x3000, 0x20_0000, 3]),
            (Command::rtt_destroy(rd, ipa, page), 0x15E, &[0x1000, 0x20_0000, 3]),
            (Command::rtt_fold(rd, ipa, page), 0x166, &[0x1000, 0x20_0000, 3]),
            (Command::rtt_read_entry(rd, ipa, page), 0x161, &[0x1000, 0x20_0000, 3]),
            (Command::rtt_init_ripas(rd, ipas()), 0x168, &[0x1000, 0x20_0000, 0x40_0000]),
            (
                Command::rtt_set_ripas(rd, rec, ipas()),
                0x169,
                &[0x1000, 0x2000, 0x20_0000, 0x40_0000],
            ),
            (Command::psci_complete(rec.into(), other.into(), 7), 0x164, &[0x2000, 0x8000, 7]),
            (Command::delegate(v1, Pa(0x9000)), 0x151, &[0x9000]),
            (Command::delegate(v2, Pa(0x9000)), 0x1F1, &[0x9000, 0xA000]),
            (Command::undelegate(v1, Pa(0x9000)), 0x152, &[0x9000]),
            (Command::undelegate(v2, Pa(0x9000)), 0x1F2, &[0x9000, 0xA000]),
            (Command::delegate_range(v1, Pa(0x9000)..Pa(0xC000)), 0x151, &[0x9000]),
            (Command::delegate_range(v2, Pa(0x9000)..Pa(0xC000)), 0x1F1, &[0x9000, 0xC000]),
            (Command::rec_aux_count(v1, rd).unwrap(), 0x167, &[0x1000]),
            (Command::rec_create(v1, rd, rec, params), 0x15A, &[0x1000, 0x2000, 0x6000]),
            (Command::rec_create(v2, rd, rec, params), 0x15A, &[0x1000, 0x2000, 0x6000]),
            (Command::rec_destroy(v1, rec), 0x15B, &[0x2000]),
            (Command::rec_destroy(v2, rec), 0x15B, &[0x2000]),
            (
                Command::data_create(v1, rd, data, ipa, src, 1),
                0x153,
                &[0x1000, 0x4000, 0x20_0000, 0x5000, 1],
            ),
            (
                Command::data_create(v2, rd, data, ipa, src, 1),
                0x153,
                &[0x1000, 0x4000, 0x20_0000, 0x5000, 1],
            ),
            (Command::map_unknown(v1, rd, data, ipa), 0x154, &[0x1000, 0x4000, 0x20_0000]),
            (
                Command::map_unknown(v2, rd, data, ipa),
                0x1F5,
                &[0x1000, 0x20_0000, 0x20_1000, 1, 0x4004],
            ),
            (Command::data_destroy(v1, rd, ipa), 0x155, &[0x1000, 0x20_0000]),
            (Command::data_destroy(v2, rd, ipa), 0x1F6, &[0x1000, 0x20_0000, 0x20_1000]),
        ] {
            let mut regs = [0; 7];
            regs[0] = 0xC400_0000 | fid;
            regs[1..=args.len()].copy_from_slice(args);
            assert_eq!(command.encode(), regs, "{command}");
        }
        assert_eq!(Command::rec_aux_count(v2, rd), None);
    }
}
