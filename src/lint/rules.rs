//! The rules: ids, severities and what to do instead.

use super::finding::Severity;

/// A rule, with all that is said of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name that findings carry.
    pub id: &'static str,
    /// How bad a finding is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub summary: &'static str,
    /// What it does, and what to do instead.
    pub explanation: &'static str,
}

impl Rule {
    /// The rule of this name.
    #[must_use]
    pub fn by_id(id: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.id == id)
    }
}

/// The rule of a name that stands in this module.
pub(super) fn rule(id: &str) -> &'static Rule {
    Rule::by_id(id).expect("rules report under names of the table")
}

macro_rules! rules {
    ($($id:literal $severity:ident $summary:literal $explanation:literal;)+) => {
        /// Every rule, by severity and name.
        pub const RULES: &[Rule] = &[ $( Rule {
            id: $id,
            severity: Severity::$severity,
            summary: $summary,
            explanation: $explanation,
        }, )+ ];
    };
}

rules! {
    "rmi-failure" Error "The RMM refuses a command"
        "The message names the condition that holds and what the usual way out is. A refusal that \
         the Host's next step answers is no finding: a walk that ends early, if the missing table \
         is made and the command then succeeds (so KVM finds out which tables to make), \
         RMI_BUSY and RMI_BLOCKED, if the command is called again and is taken, and \
         RTT_INIT_RIPAS at contents, if the Host goes on behind them (so KVM v12 gets past what it \
         populated). Nor is one that a script writes down (`=> RMI_ERROR_INPUT`): it is meant. A \
         recording does not say what was meant; in vectors and logs each refusal is a finding.";
    "activate-incomplete" Rim "The Realm is activated before it is built"
        "REALM_ACTIVATE ends the construction: RTT_INIT_RIPAS and DATA_CREATE (RTT_DATA_MAP_INIT \
         of RMM 2.0) are refused from then on, and so is the end of a REC_CREATE that is still \
         under way; the RIM is that of half a Realm although it looks like any other. Activate \
         after the last granule and the last REC.";
    "boot-rec-not-runnable" Rim "The boot vCPU's REC is not runnable"
        "Only runnable RECs are measured and can be entered. Create the REC of index 0 with the \
         flag runnable; the others are started by PSCI CPU_ON.";
    "data-before-ripas" Rim "Some contents come before RTT_INIT_RIPAS of the same memory"
        "RTT_INIT_RIPAS stops at a granule that has contents, and other entries are measured than \
         if RIPAS came first. Either order is good for a whole Realm: RIPAS of all RAM, then \
         contents (KVM up to v11); or all contents, then RIPAS of what lies between them (KVM \
         v12). It is a mistake to mix them, or not to go on behind the contents. RMM 2.0 does not \
         measure RIPAS, and goes over contents: there every order is good.";
    "data-not-ascending" Rim "Granules of one image are not in ascending order"
        "Each DATA_CREATE (RTT_DATA_MAP_INIT) extends the RIM, so the order of granules is part \
         of it. Populate from the lowest IPA up, in one thread.";
    "data-recreated" Rim "A measured granule is destroyed and made again"
        "Both creations stay in the RIM. To mend a granule, destroy the Realm and build it anew.";
    "dirty-page-tail" Rim "The last granule of a file has old bytes after the file's end"
        "A whole granule is measured. Zero the buffer before the file is copied into it, or the \
         RIM depends on what was there.";
    "fold-between-ripas" Rim "A table is folded between two RTT_INIT_RIPAS"
        "RIPAS is measured one RTT entry at a time: after RTT_FOLD one entry stands where 512 \
         did. Fold after the last RTT_INIT_RIPAS, or not at all. RMM 2.0 does not measure RIPAS.";
    "rec-before-data" Rim "A runnable REC comes before contents"
        "The REC is measured where it stands in the order. Reference values are made with all \
         measured contents first; create RECs after the last DATA_CREATE (RTT_DATA_MAP_INIT).";
    "rec-in-other-realm" Rim "A REC joins another Realm than its creation began for"
        "REC_CREATE of RMM 2.0 takes several calls, and TF-RMM looks at rd only in the last: if \
         the Realm was destroyed meanwhile and another made with the same RD, the REC is measured \
         into that. End the operations of a Realm before it is destroyed.";
    "rec-params-changed" Rim "The parameters of a REC change while it is created"
        "REC_CREATE of RMM 2.0 takes several calls, and TF-RMM reads the parameters in the last; \
         what they say then is in the RIM. Leave the page alone until the command has ended, and \
         give each operation a page of its own.";
    "rec-recreated" Rim "A runnable REC is destroyed and another is made"
        "Both are in the RIM, and the second has the next index. To mend a vCPU, destroy the \
         Realm and build it anew.";
    "reserved-flag-bits" Rim "Reserved bits of flags are set"
        "TF-RMM accepts them and they are hashed. Zero the structure before it is filled in.";
    "ripas-after-tables" Rim "RIPAS is set after tables were made"
        "RTT_INIT_RIPAS measures each entry at the level where its walk ends. With a table made \
         before, 512 small entries are measured where one would do. Set RIPAS first and make \
         only the tables that it asks for. RMM 2.0 does not measure RIPAS.";
    "ripas-out-top-ignored" Rim "out_top of RTT_INIT_RIPAS is not looked at"
        "The command may stop early and succeed. Call it again with base=out_top until out_top \
         is the top that was asked for; else the rest stays EMPTY and is not measured. Of RMM 2.0 \
         see out-top-ignored.";
    "ripas-twice" Rim "RIPAS of the same memory is set twice"
        "Each call measures its entries again, also those that are RAM already. Retry from \
         out_top, not from the beginning. RMM 2.0 does not measure RIPAS.";
    "secondary-rec-runnable" Rim "A secondary vCPU's REC is runnable"
        "It is measured as well, and can be entered without PSCI CPU_ON. Clear the flag of all \
         RECs but the first.";
    "unknown-data-in-image" Rim "A granule of an image has unknown contents"
        "DATA_CREATE_UNKNOWN measures nothing and does not copy; nor does RTT_DATA_MAP of RMM \
         2.0. Use DATA_CREATE (RTT_DATA_MAP_INIT) for every granule of an image, also for those \
         that are zero.";
    "unused-feature-value" Rim "A number is set for a feature that is off"
        "sve_vl and pmu_num_ctrs are measured also where the flags sve and pmu are clear. Write \
         zero.";
    "activate-without-rec" Risk "The Realm is activated without a REC"
        "RECs are only made while the Realm is NEW. Create them before REALM_ACTIVATE.";
    "activate-without-runnable-rec" Risk "The Realm is activated without a runnable REC"
        "Nothing can be entered, and nothing can start another REC. Create the boot vCPU's REC \
         with the flag runnable.";
    "destroyed-after-measure" Risk "Measured contents are destroyed before the Realm starts"
        "The RIM still says that they are there, and the Host can put unknown contents in their \
         place. Destroy nothing of a Realm that will be activated.";
    "operation-left-open" Risk "A stateful operation is not carried out to its end"
        "RMI_INCOMPLETE means that the command has not ended: until OP_CONTINUE answers its result \
         there is no REC, or the granules are not given back. The handle and what was donated \
         stay with the RMM. Call what the answer asks for (OP_CONTINUE, OP_MEM_DONATE, \
         OP_MEM_RECLAIM) until it is no more RMI_INCOMPLETE.";
    "out-top-ignored" Risk "out_top of a command is not looked at"
        "A command of RMM 2.0 with a range may stop early and succeed; TF-RMM delegates one \
         granule a call, and goes over one table. Call it again with base=out_top until out_top is \
         the top that was asked for; else the rest is as it was before.";
    "realm-params-changed" Risk "The parameters of a Realm change while it is created"
        "REALM_CREATE of newer RMMs takes several calls, and TF-RMM reads the parameters in the \
         last: the Realm is another than the command began. Leave the page alone until the command \
         has ended.";
    "rtt-destroyed-after-ripas" Risk "A table is destroyed after its RIPAS was set"
        "What was RAM, and in RMM 1.0 is RAM for the RIM, has RIPAS DESTROYED: the first access is \
         an abort. Keep the tables, or fold them after the last RTT_INIT_RIPAS.";
    "unmeasured-image-page" Risk "Contents are not measured"
        "Without the flag measure only the IPA is in the RIM: the Host can put other contents \
         there under the same RIM. Set the flag, unless the contents are checked otherwise.";
    "rpv-not-measured" Note "The personalization value is not in the RIM"
        "Two Realms that differ only in it have one RIM. It is a claim of its own in the token: \
         compare that one. VMID and MPIDR are not measured either.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_ordered() {
        let key = |rule: &Rule| (std::cmp::Reverse(rule.severity), rule.id);
        assert!(RULES.is_sorted_by(|a, b| key(a) < key(b)));
        assert!(RULES.iter().all(|rule| Rule::by_id(rule.id) == Some(rule)));
    }
}
