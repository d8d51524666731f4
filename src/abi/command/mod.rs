//! The RMI commands: function identifiers, names, arguments and outputs, and in which editions of
//! the specification they are.
//!
//! One table makes the [`Command`] type, its coding in registers, and the names that scripts,
//! vectors and messages use. Arguments are plain 64-bit register values: whether they make sense
//! is for the command's failure conditions to say.

pub mod devices;
mod typed;

use super::addr::Hex;
use super::edition::Edition;

/// General-purpose registers of a call: X0 (the function identifier) to X6.
pub type CallRegs = [u64; 7];
/// Registers that a command may write: X0 to X4.
pub type ResultRegs = [u64; 5];

/// One row of the command table.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandInfo {
    /// Function identifier (SMC64).
    pub fid: u64,
    /// Name without the `RMI_` prefix.
    pub name: &'static str,
    /// The editions that have the command.
    pub editions: Editions,
    /// Names of the inputs, X1 first.
    pub inputs: &'static [&'static str],
    /// Names of the outputs, X1 first. A command that has `top` in X2 only names X1 first.
    pub outputs: &'static [&'static str],
}

/// A set of editions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Editions {
    /// 1.0 and 2.0.
    All,
    /// 1.0 alone.
    V1,
    /// 2.0 alone.
    V2,
}

impl Editions {
    /// Whether an edition is one of them.
    #[must_use]
    pub const fn contain(self, edition: Edition) -> bool {
        match self {
            Self::All => true,
            Self::V1 => matches!(edition, Edition::V1),
            Self::V2 => matches!(edition, Edition::V2),
        }
    }
}

macro_rules! commands {
    ($( $(#[$doc:meta])* $variant:ident $name:literal $fid:literal $editions:ident
        ($($input:ident),*) -> ($($output:literal),*); )+) => {
        /// An RMI command with its arguments (DEN0137 B4.3 of 1.0, B4.5 of 2.0, under the name of
        /// the command).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "arguments carry the names of the specification")]
        pub enum Command { $( $(#[$doc])* $variant { $($input: u64),* }, )+ }

        /// Every command, in the order of the function identifiers. Where two editions have
        /// different commands of one identifier, the older stands first.
        pub const COMMANDS: &[CommandInfo] = &[ $( CommandInfo {
            fid: $fid, name: $name, editions: Editions::$editions,
            inputs: &[$(stringify!($input)),*], outputs: &[$($output),*],
        }, )+ ];

        impl Command {
            /// Takes a call's registers apart; `None` if the edition has no command of this
            /// function identifier.
            ///
            /// As TF-RMM does, only the low 32 bits of X0 count, and the SVE hint (bit 16) is
            /// dropped.
            #[must_use]
            pub fn decode(regs: &CallRegs, edition: Edition) -> Option<Self> {
                let [fid, args @ ..] = regs;
                let mut args = args.iter().copied();
                let mut next = || args.next().expect("no command has more inputs than registers");
                match fid & 0xFFFF_FFFF & !SVE_HINT {
                    $( $fid if Editions::$editions.contain(edition) => {
                        $( let $input = next(); )*
                        Some(Self::$variant { $($input),* })
                    } )+
                    _ => { let _ = next(); None }
                }
            }

            /// The registers of the call; those that the command does not define are zero.
            #[must_use]
            pub fn encode(&self) -> CallRegs {
                match *self {
                    $( Self::$variant { $($input),* } => padded([$fid, $($input),*]), )+
                }
            }

            /// The command's row in [`COMMANDS`].
            #[must_use]
            pub fn info(&self) -> &'static CommandInfo {
                #[derive(Clone, Copy)]
                enum Index { $($variant),+ }
                let index = match self { $( Self::$variant { .. } => Index::$variant, )+ };
                &COMMANDS[index as usize]
            }
        }
    };
}

/// Registers of which the first have values, and the others none.
#[inline(always)]
fn padded<const N: usize>(values: [u64; N]) -> CallRegs {
    let mut regs = [0; 7];
    regs[..N].copy_from_slice(&values);
    regs
}

/// SMCCC hint that the caller has no live SVE state.
const SVE_HINT: u64 = 1 << 16;

commands! {
    /// Which revision of the interface is spoken.
    Version "VERSION" 0xC400_0150 All (req) -> ("lower", "higher");
    /// Gives a granule to the Realm world.
    GranuleDelegate "GRANULE_DELEGATE" 0xC400_0151 V1 (addr) -> ();
    /// Takes a granule back from the Realm world.
    GranuleUndelegate "GRANULE_UNDELEGATE" 0xC400_0152 V1 (addr) -> ();
    /// Adds a granule with contents to a NEW Realm; measured.
    DataCreate "DATA_CREATE" 0xC400_0153 V1 (rd, data, ipa, src, flags) -> ();
    /// Adds a granule with contents to a NEW Realm; measured.
    RttDataMapInit "RTT_DATA_MAP_INIT" 0xC400_0153 V2 (rd, data, ipa, src, flags) -> ();
    /// Adds a granule with unknown contents to a Realm.
    DataCreateUnknown "DATA_CREATE_UNKNOWN" 0xC400_0154 V1 (rd, data, ipa) -> ();
    /// Removes a granule from a Realm.
    DataDestroy "DATA_DESTROY" 0xC400_0155 V1 (rd, ipa) -> ("data", "top");
    /// Ends a Realm's construction.
    RealmActivate "REALM_ACTIVATE" 0xC400_0157 All (rd) -> ();
    /// Makes a Realm; measured.
    RealmCreate "REALM_CREATE" 0xC400_0158 All (rd, params_ptr) -> ();
    /// Destroys a Realm that holds nothing any more.
    RealmDestroy "REALM_DESTROY" 0xC400_0159 All (rd) -> ();
    /// Makes a REC; measured if it is runnable.
    RecCreate "REC_CREATE" 0xC400_015A V1 (rd, rec, params_ptr) -> ();
    /// Begins to make a REC: an operation that takes granules first. Measured at its end if the REC
    /// is runnable.
    RecCreateBegin "REC_CREATE" 0xC400_015A V2 (rd, rec, params_ptr) -> ("handle", "donate_req");
    /// Destroys a REC.
    RecDestroy "REC_DESTROY" 0xC400_015B V1 (rec) -> ();
    /// Begins to destroy a REC: an operation that gives granules back.
    RecDestroyBegin "REC_DESTROY" 0xC400_015B V2 (rec) -> ("handle");
    /// Runs a REC until it exits.
    RecEnter "REC_ENTER" 0xC400_015C All (rec, run_ptr) -> ();
    /// Makes an RTT, splitting the parent's entry.
    RttCreate "RTT_CREATE" 0xC400_015D All (rd, rtt, ipa, level) -> ();
    /// Destroys an RTT without live entries.
    RttDestroy "RTT_DESTROY" 0xC400_015E All (rd, ipa, level) -> ("rtt", "top");
    /// Maps Non-secure memory at an Unprotected IPA.
    RttMapUnprotected "RTT_MAP_UNPROTECTED" 0xC400_015F V1 (rd, ipa, level, desc) -> ();
    /// Reads an RTT entry.
    RttReadEntry "RTT_READ_ENTRY" 0xC400_0161 All (rd, ipa, level)
        -> ("walk_level", "state", "desc", "ripas");
    /// Unmaps Non-secure memory at an Unprotected IPA.
    RttUnmapUnprotected "RTT_UNMAP_UNPROTECTED" 0xC400_0162 V1 (rd, ipa, level) -> ("top");
    /// Completes what a REC asked for of a device's memory.
    RttDevValidate "RTT_DEV_VALIDATE" 0xC400_0163 V2 (rd, rec, base, top) -> ("out_top");
    /// Completes a PSCI request that a REC waits for. RMMs that remember which REC it is about are
    /// not told: X2 is the status then, and `target_rec` is the RMM's own.
    PsciComplete "PSCI_COMPLETE" 0xC400_0164 All (calling_rec, target_rec, status) -> ();
    /// Reads a feature register.
    Features "FEATURES" 0xC400_0165 All (index) -> ("value");
    /// Replaces a homogeneous RTT by an entry of its parent.
    RttFold "RTT_FOLD" 0xC400_0166 All (rd, ipa, level) -> ("rtt");
    /// How many auxiliary granules a REC of this Realm needs.
    RecAuxCount "REC_AUX_COUNT" 0xC400_0167 V1 (rd) -> ("aux_count");
    /// Sets RIPAS to RAM in a NEW Realm; measured.
    RttInitRipas "RTT_INIT_RIPAS" 0xC400_0168 All (rd, base, top) -> ("out_top");
    /// Completes a RIPAS change that a REC asked for.
    RttSetRipas "RTT_SET_RIPAS" 0xC400_0169 All (rd, rec, base, top) -> ("out_top");
    /// Sets the RMM's configuration before it is active.
    RmmConfigSet "RMM_CONFIG_SET" 0xC400_016E V2 (config_ptr) -> ();
    /// Makes an RTT of an auxiliary tree.
    RttAuxCreate "RTT_AUX_CREATE" 0xC400_017D V2 (rd, rtt, ipa, level, index) -> ();
    /// Destroys an RTT of an auxiliary tree.
    RttAuxDestroy "RTT_AUX_DESTROY" 0xC400_017E V2 (rd, ipa, level, index) -> ("rtt", "top");
    /// Replaces a homogeneous RTT of an auxiliary tree by an entry of its parent.
    RttAuxFold "RTT_AUX_FOLD" 0xC400_017F V2 (rd, ipa, level, index) -> ("rtt");
    /// Maps in an auxiliary tree what the primary one maps at a Protected IPA.
    RttAuxMapProtected "RTT_AUX_MAP_PROTECTED" 0xC400_0180 V2 (rd, ipa, index) -> ();
    /// Shares with an auxiliary tree what the primary one has at an Unprotected IPA.
    RttAuxMapUnprotected "RTT_AUX_MAP_UNPROTECTED" 0xC400_0181 V2 (rd, ipa, index) -> ();
    /// Takes a Protected IPA away from an auxiliary tree.
    RttAuxUnmapProtected "RTT_AUX_UNMAP_PROTECTED" 0xC400_0183 V2 (rd, ipa, index) -> ("top");
    /// Takes an Unprotected IPA away from an auxiliary tree.
    RttAuxUnmapUnprotected "RTT_AUX_UNMAP_UNPROTECTED" 0xC400_0184 V2 (rd, ipa, index) -> ("top");
    /// Changes the permissions of memory, as a REC asked for.
    RttSetS2ap "RTT_SET_S2AP" 0xC400_018B V2 (rd, rec, base, top) -> ("out_top");
    /// How finely the RMM tracks a range of memory.
    GranuleTrackingGet "GRANULE_TRACKING_GET" 0xC400_01E1 V2 (start, end)
        -> ("category", "state", "top");
    /// Reads the RMM's configuration.
    RmmConfigGet "RMM_CONFIG_GET" 0xC400_01EC V2 (config_ptr) -> ();
    /// Gives a range of granules to the Realm world.
    GranuleRangeDelegate "GRANULE_RANGE_DELEGATE" 0xC400_01F1 V2 (base, top) -> ("out_top");
    /// Takes a range of granules back from the Realm world.
    GranuleRangeUndelegate "GRANULE_RANGE_UNDELEGATE" 0xC400_01F2 V2 (base, top) -> ("out_top");
    /// Makes a table of the granule protection tables.
    GptL1Create "GPT_L1_CREATE" 0xC400_01F3 V2 (addr) -> ();
    /// Maps delegated memory with unknown contents at Protected IPAs.
    RttDataMap "RTT_DATA_MAP" 0xC400_01F5 V2 (rd, base, top, flags, oaddr) -> ("out_top");
    /// Takes memory away from Protected IPAs.
    RttDataUnmap "RTT_DATA_UNMAP" 0xC400_01F6 V2 (rd, base, top, flags, oaddr)
        -> ("out_top", "range", "count");
    /// Maps memory of a device at Protected IPAs.
    RttDevMap "RTT_DEV_MAP" 0xC400_01F7 V2 (rd, vdev, base, top, flags, oaddr) -> ("out_top");
    /// Takes memory of a device away from Protected IPAs.
    RttDevUnmap "RTT_DEV_UNMAP" 0xC400_01F8 V2 (rd, base, top, flags, oaddr)
        -> ("out_top", "range", "count");
    /// Maps Non-secure memory at Unprotected IPAs.
    RttUnprotMap "RTT_UNPROT_MAP" 0xC400_01FB V2 (rd, base, top, flags, oaddr) -> ("out_top");
    /// Unmaps Non-secure memory at Unprotected IPAs.
    RttUnprotUnmap "RTT_UNPROT_UNMAP" 0xC400_01FC V2 (rd, base, top, flags, oaddr)
        -> ("out_top", "range", "count");
    /// Ends a Realm's life, whatever it was doing.
    RealmTerminate "REALM_TERMINATE" 0xC400_0201 V2 (rd) -> ();
    /// Makes the RMM active.
    RmmActivate "RMM_ACTIVATE" 0xC400_0202 V2 () -> ();
    /// Goes on with a stateful operation.
    OpContinue "OP_CONTINUE" 0xC400_0203 V2 (handle, flags) -> ("out_top", "donate_req", "count");
    /// Gives granules to a stateful operation.
    OpMemDonate "OP_MEM_DONATE" 0xC400_0208 V2 (handle, list_ptr, list_count)
        -> ("donated", "donate_req");
    /// Takes granules back from a stateful operation.
    OpMemReclaim "OP_MEM_RECLAIM" 0xC400_0209 V2 (handle, list_ptr, list_count) -> ("count");
    /// Gives up a stateful operation.
    OpCancel "OP_CANCEL" 0xC400_020A V2 (handle) -> ();
    /// Makes the RMM inactive again: TF-RMM behind 9a7f8ef4, and the text of 2.0-bet3.
    RmmDeactivate "RMM_DEACTIVATE" 0xC400_020F V2 () -> ();
}

impl Command {
    /// The function identifier of RMI_RMM_DEACTIVATE, which not every RMM of 2.0 has.
    pub(crate) const RMM_DEACTIVATE: u64 = 0xC400_020F;
    /// The function identifier of RMI_PSCI_COMPLETE, whose inputs are not the same in every RMM.
    pub(crate) const PSCI_COMPLETE: u64 = 0xC400_0164;
}

impl std::fmt::Display for Command {
    /// The name and the arguments: `RTT_DESTROY rd=0x8000_0000 ipa=0x0 level=0x3`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let info = self.info();
        f.write_str(info.name)?;
        let args = &self.encode()[1..];
        info.inputs
            .iter()
            .zip(args)
            .try_for_each(|(name, value)| write!(f, " {name}={}", Hex(*value)))
    }
}

impl CommandInfo {
    /// The command with this name; a leading `RMI_` is optional. A name that two editions have
    /// means one function identifier and the same inputs; this is the older edition's.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        let name = name.strip_prefix("RMI_").unwrap_or(name);
        COMMANDS.iter().find(|info| info.name == name)
    }

    /// The command of an edition with this name; a leading `RMI_` is optional.
    #[must_use]
    pub fn of_name(name: &str, edition: Edition) -> Option<&'static Self> {
        let name = name.strip_prefix("RMI_").unwrap_or(name);
        Self::of_edition(edition).find(|info| info.name == name)
    }

    /// The command of an edition with this function identifier (as [`Command::decode`] reads it).
    #[must_use]
    pub fn by_fid(fid: u64, edition: Edition) -> Option<&'static Self> {
        let fid = fid & 0xFFFF_FFFF & !SVE_HINT;
        Self::of_edition(edition).find(|info| info.fid == fid)
    }

    /// The commands of an edition, in the order of the function identifiers.
    pub fn of_edition(edition: Edition) -> impl Iterator<Item = &'static Self> {
        COMMANDS.iter().filter(move |info| info.editions.contain(edition))
    }

    /// Which input is the handle of a stateful operation, from 0.
    #[must_use]
    pub fn handle_input(&self) -> Option<usize> {
        self.inputs.iter().position(|input| *input == "handle")
    }

    /// An edition that has the command: the newer, if both do.
    #[must_use]
    pub const fn edition(&self) -> Edition {
        match self.editions {
            Editions::V1 => Edition::V1,
            Editions::All | Editions::V2 => Edition::V2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_round_trips() {
        for edition in Edition::ALL {
            for info in CommandInfo::of_edition(edition) {
                let regs = [info.fid, 11, 12, 13, 14, 15, 16];
                let command = Command::decode(&regs, edition).unwrap();
                assert_eq!(command.info(), info);
                let encoded = command.encode();
                let used = info.inputs.len();
                assert_eq!(encoded[..=used], regs[..=used]);
                assert!(encoded[used + 1..].iter().all(|x| *x == 0));
                assert_eq!(CommandInfo::of_name(info.name, edition), Some(info));
                let long = format!("RMI_{}", info.name);
                assert_eq!(CommandInfo::of_name(&long, edition), Some(info));
            }
        }
        assert_eq!(CommandInfo::of_edition(Edition::V1).count(), 23);
        assert_eq!(CommandInfo::of_edition(Edition::V2).count(), 44);
        assert!(COMMANDS.is_sorted_by_key(|info| info.fid));
    }

    #[test]
    fn a_name_of_two_editions_is_one_identifier_and_the_same_inputs() {
        for info in COMMANDS {
            let first = CommandInfo::by_name(info.name).unwrap();
            assert_eq!((first.fid, first.inputs), (info.fid, info.inputs));
        }
    }

    #[test]
    fn rtt_create_takes_the_table_before_the_ipa() {
        let regs = [0xC400_015D, 1, 2, 3, 4, 0, 0];
        assert_eq!(
            Command::decode(&regs, Edition::V1),
            Some(Command::RttCreate { rd: 1, rtt: 2, ipa: 3, level: 4 })
        );
    }

    #[test]
    fn hint_and_upper_half_of_the_fid_do_not_count() {
        let decode = |regs| Command::decode(&regs, Edition::V1);
        let version = Some(Command::Version { req: 7 });
        assert_eq!(decode([0xC401_0150, 7, 0, 0, 0, 0, 0]), version);
        assert_eq!(decode([0x1_C400_0150, 7, 0, 0, 0, 0, 0]), version);
        for unknown in [0xC400_0156, 0xC400_0160, 0xC400_0163, 0xC400_016A, 0x8400_0150, 0] {
            assert_eq!(decode([unknown, 0, 0, 0, 0, 0, 0]), None);
        }
        assert_eq!(decode([0xC400_0202, 0, 0, 0, 0, 0, 0]), None, "a command of 2.0");
    }
}
