//! Where TF-RMM departs from the text, as a table: what each does, and what a Host can see of it.
//!
//! The code asks `profile` and the failure tables; this says in words what they decide.

use super::edition::Edition;

/// One departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Its name.
    pub id: &'static str,
    /// The editions in which TF-RMM departs from the text. In others the two agree, or no public
    /// source says what the text is.
    pub editions: &'static [Edition],
    /// What TF-RMM does.
    pub tf_rmm: &'static str,
    /// What the text asks, as the profiles `spec-…` do it.
    pub text: &'static str,
    /// What a Host or a Realm can see of it.
    pub seen: &'static str,
    /// Where it is known from, and how well.
    pub source: &'static str,
}

const V1: &[Edition] = &[Edition::V1];
const V2: &[Edition] = &[Edition::V2];
const BOTH: &[Edition] = &Edition::ALL;

const RECORDED: &str = "recorded, rmm-1.0/f_deviations";
const TEXT_OF_1: &str = "recorded in 1.0; 2.0 read, its text inferred from that of 1.0";

macro_rules! deviations {
    ($( $id:literal $editions:ident $tf_rmm:literal, $text:literal, $seen:literal,
        $source:expr; )+) => {
        /// All that are known.
        pub const DEVIATIONS: &[Deviation] = &[ $( Deviation {
            id: $id,
            editions: $editions,
            tf_rmm: $tf_rmm,
            text: $text,
            seen: $seen,
            source: $source,
        }, )+ ];
    };
}

deviations! {
    "D-INIT-BASE-ALIGN" V1 "an unaligned base is RMI_ERROR_INPUT", "it is RMI_ERROR_RTT",
        "status of RTT_INIT_RIPAS", RECORDED;
    "D-INIT-STOPS-EARLY" V1 "RTT_INIT_RIPAS stops at ASSIGNED and at DESTROYED entries",
        "it goes on to a TABLE", "out_top, RIPAS, the RIM", RECORDED;
    "D-INIT-DESTROYED" V1 "a first entry that is DESTROYED is RMI_ERROR_RTT", "it becomes RAM",
        "status of RTT_INIT_RIPAS, the RIM", RECORDED;
    "D-SET-TOP-ALIGN" V1 "an unaligned top is rounded down", "it is RMI_ERROR_INPUT",
        "status of RTT_SET_RIPAS", RECORDED;
    "D-SET-SAME-RIPAS" BOTH "no progress is a failure even if the RIPAS is what was asked for",
        "it is success then", "status of RTT_SET_RIPAS",
        "recorded; the text of 2.0: read, in a public transcription";
    "D-READ-ASSIGNED-DESTROYED" V1 "RTT_READ_ENTRY tells no address", "it tells it", "X3",
        RECORDED;
    "D-REALM-RTT-ALIGN" V1 "rtt_base is aligned to a granule", "to all tables of the level",
        "status of REALM_CREATE", RECORDED;
    "D-REALM-PARAM-WIDTH" V1 "s2sz, num_bps, num_wps, sve_vl and pmu_num_ctrs have 32 bits",
        "they have eight", "status of REALM_CREATE, the RIM",
        "recorded; the text of 2.0 is not known, and is done as TF-RMM does it";
    "D-REC-NUM-AUX-WIDTH" V1 "num_aux has 32 bits", "it has 64", "status of REC_CREATE", RECORDED;
    "D-DATA-FLAGS-SBZ" V1 "reserved flags are RMI_ERROR_INPUT", "they do not count",
        "status of DATA_CREATE", RECORDED;
    "D-FOLD-L1-INDEX" BOTH "a full level 1 table is refused with the parent's level",
        "with its own", "index of RTT_FOLD's RMI_ERROR_RTT", TEXT_OF_1;
    "D-PSCI-DENY-ALREADY-ON" BOTH "a refused denial completes the request all the same",
        "it changes nothing", "the next REC_ENTER", TEXT_OF_1;
    "D-CPU-ON-GPRS" BOTH "CPU_ON sets X0 alone", "X1 to X30 are zero",
        "registers of the started REC", TEXT_OF_1;
    "D-ENTER-SEA-FLAG" V1 "inject_sea without its abort is RMI_ERROR_REC", "it is ignored",
        "status of REC_ENTER", RECORDED;
    "D-ENTER-EMUL-PROTECTED" V1 "an access at a Protected IPA can be emulated", "RMI_ERROR_REC",
        "status of REC_ENTER; the Realm takes a value of the Host's", RECORDED;
    "D-UNPROT-LEVEL-BELOW-START" V1 "crashes at level 1 of a Realm that starts at level 2",
        "RMI_ERROR_INPUT, which both profiles answer", "nothing: TF-RMM is gone", RECORDED;
    "D-REALM-PMU-PRESENT" V1 "takes a PMU for granted", "looks for one",
        "status of REALM_CREATE with FEAT_HPMN0 and no PMU",
        "read: realm.c; the text of 2.0 is not known, and is done as TF-RMM does it";
    "D-PSCI-MPIDR" BOTH "reads the affinities of an MPIDR and ignores the rest",
        "compares all of it", "status of PSCI_COMPLETE", "read: psci.c; 2.0 inferred";
    "D-PSCI-SVE-HINT" BOTH "knows no PSCI function with the SVE hint", "knows them",
        "a Realm's PSCI calls", "read: psci.c; 2.0 inferred";
    "D-RSI-RIPAS-WIDTH" BOTH "the RIPAS of RSI_IPA_STATE_SET has 32 bits", "it has eight",
        "a Realm's status", "read: memory.c; 2.0: mended in tf-rmm-next (@90f19e44)";
    "D-RSI-FLAGS-WIDTH" BOTH "its flags have 32 bits", "64 in 1.0; in 2.0 bit 0 alone counts",
        "whether RTT_SET_RIPAS changes DESTROYED", "read: memory.c; 2.0: @90f19e44";
    "R1" V2 "SHA-384 is taken, is no feature, and RSI_REALM_CONFIG calls it SHA-512",
        "it is a feature and called by its name", "feature register 1, a Realm's configuration",
        "recorded; the feature is named in tf-rmm-next (@75bfe0cb)";
    "R-INIT-RIPAS-STOPS" V2
        "RTT_INIT_RIPAS takes entries that are EMPTY or RAM, with contents or without, and stops \
         at a TABLE and at DESTROYED",
        "not known where entries have contents; done as TF-RMM does it",
        "nothing: both profiles answer alike", "recorded; the text of 1.0 differs";
    "R-INIT-RIPAS-MEASURED" V2 "RTT_INIT_RIPAS is not measured", "it is not either",
        "nothing: both agree; 1.0 measures it", "recorded; the text: B4.5.46.4";
    "R-REALM-IN-STEPS" V2
        "REALM_CREATE and REALM_DESTROY are one call; in tf-rmm-next each is an operation, for \
         which the RD is given auxiliary granules, and parameters are read at its end",
        "any RMM may make operations of them; the profiles make them one call",
        "statuses, handles, granules in the state RD_AUX; not the RIM",
        "0.9 recorded; next read: its tests; how many granules an RD takes is assumed, two";
    "R-REC-ORDER" V2
        "the MPIDR of a REC is that of the next index; in tf-rmm-next any that no REC has",
        "not known; that of the next index", "status of REC_CREATE's end",
        "0.9 recorded; next read: rec.c";
    "R-DEACTIVATE" V2 "there is no RMM_DEACTIVATE; in tf-rmm-next there is",
        "bet3 has it: no granule may be delegated; bet1 and bet2 are not known to",
        "a status in place of -1",
        "0.9 recorded; next read: activate.c (@b8ac6d26); bet3: its header, and a transcription";
    "R5" V2 "RTT_CREATE over a block that is being unmapped loses a reference",
        "nothing is lost", "RTT_DESTROY of the table above is RMI_ERROR_RTT for ever",
        "seen run, in builds that yield";
    "R6" V2 "REC_CREATE knows its Realm by the address of the RD, from call to call",
        "not known; done as TF-RMM does it",
        "nothing: both profiles let a REC join a Realm that was made in the place of another",
        "seen run";
    "R7" V2 "RSI_MEASUREMENT_READ leaves the registers behind a shorter digest as they were",
        "they are zero", "X5 to X7 of a Realm", "recorded";
    "R-AUX-TABLE-TWICE" V2 "RTT_AUX_MAP_UNPROTECTED of a TABLE that is mapped counts it twice",
        "it is counted once", "REALM_DESTROY is RMI_ERROR_REALM for ever", "read: rtt.c";
    "R-AUX-BLOCK-PART" V2
        "RTT_AUX_MAP_PROTECTED of a page of a block maps the first page of the block",
        "it maps the page", "what a plane finds there; which RTT_DATA_UNMAP is RMI_ERROR_RTT_AUX",
        "read: rtt.c (realign_pa)";
    "R-AUX-COMMANDS" V2
        "RTT_AUX_MAP_PROTECTED and its like (0x180 to 0x184) take one entry a call",
        "RTT_AUX_PROT_MAP and its like (0x1fd to 0x200) take ranges; not simulated, and TF-RMM's \
         are there in their place",
        "function identifiers", "recorded; the text: its header, and a public transcription";
    "R-PLANE-PSTATE" V2 "RSI_PLANE_ENTER refuses AArch32",
        "it refuses PSTATE.M[3], that is EL2 and EL3",
        "a Realm's status", "read: planes.c; the text: B5.4.13.2";
    "R-PLANE-LRS" V2 "RSI_PLANE_ENTER refuses list registers with HW set or an INTID twice",
        "no such condition", "a Realm's status", "read: planes.c; the text: B5.4.13.2";
    "R-ENTER-LRS" V2 "REC_ENTER refuses valid list registers with HW set or an INTID twice",
        "it refuses HW in any list register", "status of REC_ENTER",
        "read: gic.c; the text: B3.35";
    "R-ENTER-PENDING" V2
        "a list register that is not zero takes a REC from a plane without the GIC",
        "one whose state is Pending does", "what plane 0 takes",
        "read: gic.c, run.c; the text: A10.4";
    "R-PLANE-STALE-ABORT" V2
        "an abort of a plane that the Host took the REC from can be emulated or followed by a SEA, \
         when a plane is interrupted later; a read of a system register likewise",
        "only the last exit can be answered", "registers and PC of a plane; status of REC_ENTER",
        "read: run.c, planes.c, exit.c";
    "R-PLANE-WFX" V2
        "after a REC_ENTER that goes on in an auxiliary plane the Host's flags say whether WFI and \
         WFE trap",
        "those of RSI_PLANE_ENTER do until the plane is left", "what plane 0 takes",
        "read: run.c; the text: A10.2.3.1";
    "R-PLANE-FORCED" V2 "a REC that is taken from a plane by force_p0 is a synchronous exit",
        "an exit due to the Host", "RsiPlaneExit.reason", "read: run.c; the text: A10.2.3.3";
    "R-RIM-START" V2 "the RIM begins with the digest of the parameters (tf-rmm-next: with zeros)",
        "it begins with zeros", "the RIM",
        "recorded; the text: B4.5.46.4; tf-rmm-next: read, inferred to be so for bet3";
    "R-REM" V2 "a REM is extended by digest and value", "by a buffer of 128 bytes", "REMs",
        "recorded; the text: read";
    "R-PSCI-TARGET" V2
        "PSCI_COMPLETE has the target in X2 and the status in X3; tf-rmm-next remembers the target \
         and has the status in X2",
        "as TF-RMM 0.9; in bet3 there is no target, which is done as tf-rmm-next does it",
        "registers and status of PSCI_COMPLETE",
        "0.9 recorded; next read: rec.c; bet3: its header, and KVM v16";
    "R-TRACKING-WHOLE" V2
        "GRANULE_TRACKING_GET answers for the whole range what holds of its first granule, and \
         takes no range that ends with the last address; tf-rmm-next stops where memory ends or \
         begins, and has a category for none",
        "it stops there; the category is in bet3",
        "X1 to X3 and status of GRANULE_TRACKING_GET",
        "0.9 recorded; next read: granule.c, tracking_region.c; the text: read, in a public \
         transcription; bet3: its header";
    "R-TRACKING-SIZES" V2
        "tracking regions have 1 GiB; in tf-rmm-next 2 MiB as well, by a code that is not known",
        "with granules of 16 KiB 32 MiB or 64 GiB, of 64 KiB 512 MiB or 4 TiB",
        "RMM_CONFIG_SET, RMM_CONFIG_GET", "recorded; next read: granule.c; the text: B4.6.78";
    "R-GRANULE-SIZES" V2 "granules have 4 KiB", "16 and 64 KiB where the platform has them",
        "RMM_CONFIG_SET", "recorded; the text: read";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deviation_has_a_name_of_its_own_and_says_everything() {
        for (i, one) in DEVIATIONS.iter().enumerate() {
            assert!(DEVIATIONS[..i].iter().all(|other| other.id != one.id), "{} twice", one.id);
            let texts = [one.tf_rmm, one.text, one.seen, one.source];
            assert!(!one.editions.is_empty() && texts.iter().all(|text| !text.is_empty()));
        }
    }
}
