//! The RMI commands of RMM 1.0: function identifiers, names, arguments and outputs.
//!
//! One table makes the [`Command`] type, its coding in registers, and the names that scripts,
//! vectors and messages use. Arguments are plain 64-bit register values: whether they make sense
//! is for the command's failure conditions to say.

use super::addr::Hex;

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
    /// Names of the inputs, X1 first.
    pub inputs: &'static [&'static str],
    /// Names of the outputs, X1 first. A command that has `top` in X2 only names X1 first.
    pub outputs: &'static [&'static str],
}

macro_rules! commands {
    ($( $(#[$doc:meta])* $variant:ident $name:literal $fid:literal
        ($($input:ident),*) -> ($($output:literal),*); )+) => {
        /// An RMI command with its arguments (DEN0137 1.0 B4.3, under the name of the command).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "arguments carry the names of the specification")]
        pub enum Command { $( $(#[$doc])* $variant { $($input: u64),* }, )+ }

        /// Every command of RMM 1.0, in the order of the function identifiers.
        pub const COMMANDS: &[CommandInfo] = &[ $( CommandInfo {
            fid: $fid, name: $name,
            inputs: &[$(stringify!($input)),*], outputs: &[$($output),*],
        }, )+ ];

        impl Command {
            /// Takes a call's registers apart; `None` if the function identifier is unknown.
            ///
            /// As TF-RMM does, only the low 32 bits of X0 count, and the SVE hint (bit 16) is
            /// dropped.
            #[must_use]
            pub fn decode(regs: &CallRegs) -> Option<Self> {
                let [fid, args @ ..] = regs;
                let mut args = args.iter().copied();
                let mut next = || args.next().expect("no command has more inputs than registers");
                match fid & 0xFFFF_FFFF & !SVE_HINT {
                    $( $fid => {
                        $( let $input = next(); )*
                        Some(Self::$variant { $($input),* })
                    } )+
                    _ => { let _ = next(); None }
                }
            }

            /// The registers of the call; those that the command does not define are zero.
            #[must_use]
            pub fn encode(&self) -> CallRegs {
                let mut regs = [0; 7];
                regs[0] = self.info().fid;
                match *self { $( Self::$variant { $($input),* } => {
                    let args: &[u64] = &[$($input),*];
                    regs[1..=args.len()].copy_from_slice(args);
                } )+ }
                regs
            }

            /// The command's row in [`COMMANDS`].
            #[must_use]
            pub fn info(&self) -> &'static CommandInfo {
                #[derive(Clone, Copy)]
                enum Row { $($variant),+ }
                let row = match self { $( Self::$variant { .. } => Row::$variant, )+ };
                &COMMANDS[row as usize]
            }
        }
    };
}

/// SMCCC hint that the caller has no live SVE state.
const SVE_HINT: u64 = 1 << 16;

commands! {
    /// Which revision of the interface is spoken.
    Version "VERSION" 0xC400_0150 (req) -> ("lower", "higher");
    /// Gives a granule to the Realm world.
    GranuleDelegate "GRANULE_DELEGATE" 0xC400_0151 (addr) -> ();
    /// Takes a granule back from the Realm world.
    GranuleUndelegate "GRANULE_UNDELEGATE" 0xC400_0152 (addr) -> ();
    /// Adds a granule with contents to a NEW Realm; measured.
    DataCreate "DATA_CREATE" 0xC400_0153 (rd, data, ipa, src, flags) -> ();
    /// Adds a granule with unknown contents to a Realm.
    DataCreateUnknown "DATA_CREATE_UNKNOWN" 0xC400_0154 (rd, data, ipa) -> ();
    /// Removes a granule from a Realm.
    DataDestroy "DATA_DESTROY" 0xC400_0155 (rd, ipa) -> ("data", "top");
    /// Ends a Realm's construction.
    RealmActivate "REALM_ACTIVATE" 0xC400_0157 (rd) -> ();
    /// Makes a Realm; measured.
    RealmCreate "REALM_CREATE" 0xC400_0158 (rd, params_ptr) -> ();
    /// Destroys a Realm that holds nothing any more.
    RealmDestroy "REALM_DESTROY" 0xC400_0159 (rd) -> ();
    /// Makes a REC; measured if it is runnable.
    RecCreate "REC_CREATE" 0xC400_015A (rd, rec, params_ptr) -> ();
    /// Destroys a REC.
    RecDestroy "REC_DESTROY" 0xC400_015B (rec) -> ();
    /// Runs a REC until it exits.
    RecEnter "REC_ENTER" 0xC400_015C (rec, run_ptr) -> ();
    /// Makes an RTT, splitting the parent's entry.
    RttCreate "RTT_CREATE" 0xC400_015D (rd, rtt, ipa, level) -> ();
    /// Destroys an RTT without live entries.
    RttDestroy "RTT_DESTROY" 0xC400_015E (rd, ipa, level) -> ("rtt", "top");
    /// Maps Non-secure memory at an Unprotected IPA.
    RttMapUnprotected "RTT_MAP_UNPROTECTED" 0xC400_015F (rd, ipa, level, desc) -> ();
    /// Reads an RTT entry.
    RttReadEntry "RTT_READ_ENTRY" 0xC400_0161 (rd, ipa, level)
        -> ("walk_level", "state", "desc", "ripas");
    /// Unmaps Non-secure memory at an Unprotected IPA.
    RttUnmapUnprotected "RTT_UNMAP_UNPROTECTED" 0xC400_0162 (rd, ipa, level) -> ("top");
    /// Completes a PSCI request that a REC waits for.
    PsciComplete "PSCI_COMPLETE" 0xC400_0164 (calling_rec, target_rec, status) -> ();
    /// Reads a feature register.
    Features "FEATURES" 0xC400_0165 (index) -> ("value");
    /// Replaces a homogeneous RTT by an entry of its parent.
    RttFold "RTT_FOLD" 0xC400_0166 (rd, ipa, level) -> ("rtt");
    /// How many auxiliary granules a REC of this Realm needs.
    RecAuxCount "REC_AUX_COUNT" 0xC400_0167 (rd) -> ("aux_count");
    /// Sets RIPAS to RAM in a NEW Realm; measured.
    RttInitRipas "RTT_INIT_RIPAS" 0xC400_0168 (rd, base, top) -> ("out_top");
    /// Completes a RIPAS change that a REC asked for.
    RttSetRipas "RTT_SET_RIPAS" 0xC400_0169 (rd, rec, base, top) -> ("out_top");
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
    /// The command with this name; a leading `RMI_` is optional.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        let name = name.strip_prefix("RMI_").unwrap_or(name);
        COMMANDS.iter().find(|info| info.name == name)
    }

    /// The command with this function identifier (as [`Command::decode`] reads it).
    #[must_use]
    pub fn by_fid(fid: u64) -> Option<&'static Self> {
        let fid = fid & 0xFFFF_FFFF & !SVE_HINT;
        COMMANDS.iter().find(|info| info.fid == fid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_round_trips() {
        for info in COMMANDS {
            let regs = [info.fid, 11, 12, 13, 14, 15, 16];
            let command = Command::decode(&regs).unwrap();
            assert_eq!(command.info(), info);
            let encoded = command.encode();
            let used = info.inputs.len();
            assert_eq!(encoded[..=used], regs[..=used]);
            assert!(encoded[used + 1..].iter().all(|x| *x == 0));
            assert_eq!(CommandInfo::by_name(info.name), Some(info));
            assert_eq!(CommandInfo::by_name(&format!("RMI_{}", info.name)), Some(info));
        }
        assert_eq!(COMMANDS.len(), 23);
        assert!(COMMANDS.is_sorted_by_key(|info| info.fid));
    }

    #[test]
    fn rtt_create_takes_the_table_before_the_ipa() {
        let regs = [0xC400_015D, 1, 2, 3, 4, 0, 0];
        assert_eq!(
            Command::decode(&regs),
            Some(Command::RttCreate { rd: 1, rtt: 2, ipa: 3, level: 4 })
        );
    }

    #[test]
    fn hint_and_upper_half_of_the_fid_do_not_count() {
        let version = Some(Command::Version { req: 7 });
        assert_eq!(Command::decode(&[0xC401_0150, 7, 0, 0, 0, 0, 0]), version);
        assert_eq!(Command::decode(&[0x1_C400_0150, 7, 0, 0, 0, 0, 0]), version);
        for unknown in [0xC400_0156, 0xC400_0160, 0xC400_0163, 0xC400_016A, 0x8400_0150, 0] {
            assert_eq!(Command::decode(&[unknown, 0, 0, 0, 0, 0, 0]), None);
        }
    }
}
