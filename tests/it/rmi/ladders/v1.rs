//! One ladder a command: every line repairs the highest failure of the line above.
//!
//! So each line proves that its condition outranks those below it. `.` stands for the value of the
//! last line, which succeeds. Lines that only one RMM has say so in the last column.

use std::collections::BTreeSet;

use rimsim::abi::command::CommandInfo;
use rimsim::rmi::{FailureRow, rows};
use rimsim::{Edition, Profile};

use crate::rmi::call_lines::{Line, Stage};

/// Rows that no ladder reaches, by command and text.
pub(crate) const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("FEATURES", "RMI_FEATURES does not fail", "stands for an empty table"),
    ("REC_DESTROY", "the REC is running", "needs a second PE: see `running_recs`"),
    ("REC_ENTER", "the REC is running", "needs a second PE: see `running_recs`"),
    ("RTT_SET_RIPAS", "the REC is running", "needs a second PE: see `running_recs`"),
    ("PSCI_COMPLETE", "the calling REC is running", "needs a second PE: see `running_recs`"),
];

/// One line of a ladder that applies to the profile.
pub(crate) struct Rung<'t> {
    pub(crate) values: Line<'t>,
    condition: &'t str,
    code: &'t str,
}

pub(crate) fn rungs(text: &'static str, profile: Profile) -> Vec<Rung<'static>> {
    let cells = |line: &'static str| line.split_whitespace().collect::<Vec<_>>();
    let mut lines = text.lines().map(cells).filter(|line| !line.is_empty());
    let heads = lines.next().expect("a head line");
    let lines: Vec<_> = lines.collect();
    let last = lines.last().expect("at least one line");
    let args = heads.len() - 2;
    let of_profile = lines
        .iter()
        .filter(|line| line.get(args + 2).is_none_or(|only| profile.name().starts_with(only)));
    let rung = |line: &Vec<&'static str>| {
        assert!(line.len() >= heads.len(), "{line:?}");
        let cell = |i: usize| if line[i] == "." { last[i] } else { line[i] };
        let values = (0..args).map(|i| (heads[i], cell(i))).collect();
        Rung { values, condition: line[args], code: line[args + 1] }
    };
    of_profile.map(rung).collect()
}

/// Climbs a command's ladder and answers the rows that it met. At its end the command succeeds,
/// or an operation goes on.
pub(crate) fn climb(name: &str, text: &'static str, profile: Profile) -> Vec<&'static FailureRow> {
    let info = CommandInfo::of_name(name, profile.edition()).expect("a command");
    let stage = Stage::new(profile);
    let mut met: Vec<&FailureRow> = Vec::new();
    let mut succeeded = false;
    for rung in rungs(text, profile) {
        let (command, outcome) = stage.play(info, &rung.values);
        let shown = format!("{profile}: {command:x?}: {outcome}");
        assert!(!succeeded, "nothing comes after success: {shown}");
        let code = outcome.code().expect("a known command").to_string();
        let code = code.trim_start_matches("RMI_").trim_start_matches("ERROR_");
        assert_eq!(code, rung.code, "{shown}");
        succeeded = outcome.is_success() || outcome.awaits().is_some();
        let Some(failure) = outcome.failure() else {
            assert_eq!(rung.condition, "-", "{shown}");
            continue;
        };
        assert_eq!(failure.condition(), rung.condition, "{shown}");
        let place = |row: &FailureRow| rows(info).iter().position(|other| other == row);
        if let Some(above) = met.last() {
            assert!(place(above) <= place(failure.row()), "not the order of the table: {shown}");
        }
        met.push(failure.row());
    }
    assert!(succeeded || NEVER_SUCCEED.contains(&name), "{name} never succeeds");
    met
}

/// Commands for what this machine does not have.
pub(crate) const NEVER_SUCCEED: &[&str] =
    &["GPT_L1_CREATE", "OP_CANCEL", "RTT_DEV_MAP", "RTT_DEV_VALIDATE"];

/// Declares ladders: a test for each, and the list of all.
macro_rules! ladders {
    ($list:ident, $profiles:expr; $( $test:ident $name:literal $text:literal; )+) => {
        pub(crate) const $list: &[(&str, &str)] = &[ $( ($name, $text) ),+ ];
        $( #[test] fn $test() {
            for profile in $profiles {
                $crate::rmi::ladders::v1::climb($name, $text, profile);
            }
        } )+
    };
}
pub(crate) use ladders;

ladders! {
    LADDERS, Profile::ALL_1_0;
    version "VERSION" "
        req       condition  code
        0x1_0001  revision   INPUT
        revision  -          SUCCESS
    ";
    features "FEATURES" "
        index  condition  code
        1      -          SUCCESS
    ";
    granule_delegate "GRANULE_DELEGATE" "
        addr     condition   code
        odd      gran_align  INPUT
        outside  gran_bound  INPUT
        free     gran_state  INPUT
        secure   gran_gpt    INPUT
        host     -           SUCCESS
    ";
    granule_undelegate "GRANULE_UNDELEGATE" "
        addr     condition   code
        odd      gran_align  INPUT
        outside  gran_bound  INPUT
        rd       gran_state  INPUT
        free     -           SUCCESS
    ";
    realm_create "REALM_CREATE" "
        rd         params_ptr  s2sz  hash_algo  vmid  rtt_base    condition      code
        run+0x801  odd         31    2          1     run+0x800   params_align   INPUT
        run+0x801  outside     31    2          1     run+0x800   params_bound   INPUT
        run+0x801  free        31    2          1     run+0x800   params_pas     INPUT
        run+0x801  .           31    2          1     run+0x800   params_supp    INPUT
        run+0x801  .           44    2          1     run+0x800   rtt_num_level  INPUT
        run+0x801  .           .     2          1     run+0x800   params_valid   INPUT
        run+0x801  .           .     .          1     run+0x800   vmid_valid     INPUT
        run+0x801  .           .     .          .     run+0x800   alias          INPUT
        odd        .           .     .          .     run+0x800   rd_align       INPUT
        outside    .           .     .          .     run+0x800   rd_bound       INPUT
        host       .           .     .          .     run+0x800   rd_state       INPUT
        .          .           .     .          .     run+0x800   rtt_align      INPUT
        .          .           .     .          .     run+0x1000  rtt_align      INPUT    spec
        .          .           .     .          .     host_pair   rtt_state      INPUT
        free       params      40    1          99    run         -              SUCCESS
    ";
    realm_activate "REALM_ACTIVATE" "
        rd       condition    code
        odd      rd_align     INPUT
        outside  rd_bound     INPUT
        free     rd_state     INPUT
        active   realm_state  REALM
        rd       -            SUCCESS
    ";
    realm_destroy "REALM_DESTROY" "
        rd       condition   code
        odd      rd_align    INPUT
        outside  rd_bound    INPUT
        free     rd_state    INPUT
        rd       realm_live  REALM
        tables   realm_live  REALM
        empty    -           SUCCESS
    ";
    rec_aux_count "REC_AUX_COUNT" "
        rd       condition  code
        odd      rd_align   INPUT
        outside  rd_bound   INPUT
        free     rd_state   INPUT
        rd       -          SUCCESS
    ";
    rec_create "REC_CREATE" "
        rd       rec      params_ptr  num_aux  aux0   aux1   mpidr  condition       code
        odd      odd      odd         17       odd    host   0x10   params_align    INPUT
        odd      odd      outside     17       odd    host   0x10   params_bound    INPUT
        odd      odd      free        17       odd    host   0x10   params_pas      INPUT
        odd      odd      .           17       odd    host   0x10   num_aux         INPUT
        odd      odd      .           3        odd    host   0x10   aux_align       INPUT
        odd      odd      .           3        free2  host   0x10   aux_state       INPUT
        odd      odd      .           3        free2  .      0x10   aux_alias       INPUT
        odd      odd      .           3        .      .      0x10   rec_align       INPUT
        odd      outside  .           3        .      .      0x10   rec_bound       INPUT
        odd      rec      .           3        .      .      0x10   rec_gran_state  INPUT
        odd      .        .           3        .      .      0x10   rd_align        INPUT
        outside  .        .           3        .      .      0x10   rd_bound        INPUT
        free     .        .           3        .      .      0x10   rd_state        INPUT
        full     .        .           3        .      .      0x10   num_recs        REALM
        active   .        .           3        .      .      0x10   realm_state     REALM
        .        .        .           3        .      .      0x10   mpidr_index     INPUT
        .        .        .           3        .      .      0      mpidr_index     INPUT
        .        .        .           3        .      .      .      num_aux         INPUT
        rd       free     params      2        free1  free2  1      -               SUCCESS
    ";
    rec_destroy "REC_DESTROY" "
        rec      condition       code
        odd      rec_align       INPUT
        outside  rec_bound       INPUT
        rd       rec_gran_state  INPUT
        rec      -               SUCCESS
    ";
    rec_enter "REC_ENTER" "
        run_ptr  rec         flags  gicv3_hcr  condition         code
        odd      odd         3      1          run_align         INPUT
        outside  odd         3      1          run_bound         INPUT
        free     odd         3      1          run_pas           INPUT
        secure   odd         3      1          rec_align         INPUT
        secure   outside     3      1          rec_bound         INPUT
        secure   rd          3      1          rec_gran_state    INPUT
        secure   rec         3      1          run_pas           INPUT
        .        rec         3      1          realm_state       REALM
        .        stopped     3      1          system_off        REALM(1)
        .        idle_rec    3      1          rec_runnable      REC
        .        asks        3      1          rec_psci_pending  REC
        .        robbed      3      1          rec_gicv3         REC
        .        robbed      3      .          inject_sea        REC       tf-rmm
        .        robbed      1      .          rec_mmio          REC
        .        robbed      .      .          run_pas           INPUT
        host     active_rec  0      0          -                 SUCCESS
    ";
    psci_complete "PSCI_COMPLETE" "
        calling_rec  target_rec  status  condition      code
        odd          odd         1       calling_align  INPUT
        outside      odd         1       target_align   INPUT
        outside      outside     1       calling_bound  INPUT
        rd           outside     1       calling_state  INPUT
        rec          outside     1       target_bound   INPUT
        rec          rd          1       target_state   INPUT
        rec          rec         1       alias          INPUT
        rec          active_rec  1       pending        INPUT
        asks         active_rec  1       owner          INPUT
        asks         other_rec   1       target         INPUT
        asks         .           1       status         INPUT
        asks_on      on_rec      -3      status         INPUT
        asks         off_rec     0       -              SUCCESS
    ";
    rtt_create "RTT_CREATE" "
        rd       rtt      ipa            level  condition    code
        odd      odd      0x2_0000_0001  1      rtt_align    INPUT
        odd      outside  0x2_0000_0001  1      rtt_bound    INPUT
        odd      host     0x2_0000_0001  1      rtt_state    INPUT
        odd      high     0x2_0000_0001  1      rd_align     INPUT
        outside  high     0x2_0000_0001  1      rd_bound     INPUT
        free     high     0x2_0000_0001  1      rd_state     INPUT
        .        high     0x2_0000_0001  1      level_bound  INPUT
        .        high     0x2_0000_0001  4      level_bound  INPUT
        .        high     0x2_0000_0001  .      ipa_bound    INPUT
        .        high     0x8000_1000    .      ipa_align    INPUT
        .        high     0x8000_0000    .      rtt_bound2   INPUT
        .        .        0x8000_0000    .      rtt_walk     RTT(1)
        .        .        0              .      rtte_state   RTT(2)
        rd       free     0x20_0000      3      -            SUCCESS
    ";
    rtt_destroy "RTT_DESTROY" "
        rd       ipa            level  condition    code
        odd      0x2_0000_0001  1      rd_align     INPUT
        outside  0x2_0000_0001  1      rd_bound     INPUT
        free     0x2_0000_0001  1      rd_state     INPUT
        .        0x2_0000_0001  1      level_bound  INPUT
        .        0x2_0000_0001  .      ipa_bound    INPUT
        .        0x1000         .      ipa_align    INPUT
        .        0x8000_0000    .      rtt_walk     RTT(1)
        .        0x20_0000      .      rtte_state   RTT(2)
        .        0              .      rtt_live     RTT(3)
        rd       0x40_0000      3      -            SUCCESS
    ";
    rtt_fold "RTT_FOLD" "
        rd       ipa            level  condition    code
        odd      0x2_0000_0001  1      rd_align     INPUT
        outside  0x2_0000_0001  1      rd_bound     INPUT
        free     0x2_0000_0001  1      rd_state     INPUT
        .        0x2_0000_0001  1      level_bound  INPUT
        .        0x2_0000_0001  .      ipa_bound    INPUT
        .        0x1000         .      ipa_align    INPUT
        .        0x8000_0000    .      rtt_walk     RTT(1)
        .        0x20_0000      .      rtte_state   RTT(2)
        .        0              .      rtt_homo     RTT(3)
        rd       0x40_0000      3      -            SUCCESS
    ";
    rtt_read_entry "RTT_READ_ENTRY" "
        rd       ipa            level  condition    code
        odd      0x2_0000_0001  0      rd_align     INPUT
        outside  0x2_0000_0001  0      rd_bound     INPUT
        free     0x2_0000_0001  0      rd_state     INPUT
        .        0x2_0000_0001  0      level_bound  INPUT
        .        0x2_0000_0001  -1     level_bound  INPUT
        .        0x2_0000_0001  4      level_bound  INPUT
        .        0x2_0000_0001  .      ipa_bound    INPUT
        .        0x1000         .      ipa_align    INPUT
        rd       0              2      -            SUCCESS
    ";
    rtt_map_unprotected "RTT_MAP_UNPROTECTED" "
        rd       ipa             level  desc                condition    code
        odd      0x1000          0      0x1_0000_0000_1001  level_bound  INPUT
        odd      0x1000          1      0x1_0000_0000_1001  rd_align     INPUT
        outside  0x1000          1      0x1_0000_0000_1001  rd_bound     INPUT
        free     0x1000          1      0x1_0000_0000_1001  rd_state     INPUT
        low      0x1000          1      0x1_0000_0000_1001  level_bound  INPUT
        .        0x1000          1      0x1_0000_0000_1001  attr_valid   INPUT
        .        0x1000          1      0x1_0000_0000_1010  attr_valid   INPUT
        .        0x1000          1      0x1_0000_0000_1000  addr_bound   INPUT
        .        0x1000          .      free                addr_align   INPUT
        .        0x1000          .      .                   ipa_bound    INPUT
        .        0x2_0000_1000   .      .                   ipa_bound    INPUT
        .        ns+0x1000       .      .                   ipa_align    INPUT
        .        ns+0x4000_0000  .      .                   rtt_walk     RTT(1)
        .        ns              .      .                   rtte_state   RTT(2)
        rd       ns+0x20_0000    2      0xC4                -            SUCCESS
    ";
    rtt_unmap_unprotected "RTT_UNMAP_UNPROTECTED" "
        rd       ipa             level  condition    code
        odd      0x1001          0      level_bound  INPUT
        odd      0x1001          1      rd_align     INPUT
        outside  0x1001          1      rd_bound     INPUT
        free     0x1001          1      rd_state     INPUT
        low      0x1001          1      level_bound  INPUT
        .        0x1001          1      ipa_bound    INPUT
        .        ns+0x1001       1      ipa_align    INPUT
        .        ns+0x4000_0000  .      rtt_walk     RTT(1)
        .        ns+0x1000       .      rtte_state   RTT(3)
        rd       ns              3      -            SUCCESS
    ";
    rtt_init_ripas "RTT_INIT_RIPAS" "
        rd       base           top            condition       code
        odd      0x2_0000_0801  0x2_0000_0801  size_valid      INPUT
        odd      0x1_0000_0801  0x2_0000_0801  rd_align        INPUT
        outside  0x1_0000_0801  0x2_0000_0801  rd_bound        INPUT
        free     0x1_0000_0801  0x2_0000_0801  rd_state        INPUT
        active   0x1_0000_0801  0x2_0000_0801  base_align      INPUT    tf-rmm
        active   0x1_0000_0000  0x2_0000_0801  top_gran_align  INPUT
        active   0x1_0000_0000  0x2_0000_0000  top_bound       INPUT
        active   0x1000         0x2000         realm_state     REALM
        .        0x20_1000      0x20_2000      base_align      RTT(2)
        .        0              0x1000         rtte_state      RTT(3)
        .        0x20_0000      0x20_1000      no_progress     RTT(2)
        rd       0x1000         0x2000         -               SUCCESS
    ";
    rtt_set_ripas "RTT_SET_RIPAS" "
        rd       rec         base       top        condition       code
        odd      odd         0x1801     0x1801     size_valid      INPUT
        odd      odd         0x1801     0x2801     rd_align        INPUT
        outside  odd         0x1801     0x2801     rd_bound        INPUT
        free     odd         0x1801     0x2801     rd_state        INPUT
        rd       odd         0x1801     0x2801     rec_align       INPUT
        rd       outside     0x1801     0x2801     rec_bound       INPUT
        rd       rd          0x1801     0x2801     rec_gran_state  INPUT
        rd       active_rec  0x1801     0x2801     rec_owner       REC
        changes  inside      0x1801     0x2801     base_bound      INPUT
        changes  inside      0x20_1000  0x20_4801  top_bound       INPUT
        changes  inside      0x20_1000  0x20_1801  top_gran_align  INPUT    spec
        changes  inside      0x20_1000  0x20_2000  base_align      RTT(2)
        changes  less        0x40_0000  0x40_2000  no_progress     RTT(2)
        changes  pages       0x1000     0x3000     -               SUCCESS
    ";
    data_create "DATA_CREATE" "
        rd       data     ipa            src      flags  condition    code
        odd      odd      0x1_0000_0001  odd      3      flags        INPUT    tf-rmm
        odd      odd      0x1_0000_0001  odd      .      src_align    INPUT
        odd      odd      0x1_0000_0001  outside  .      src_bound    INPUT
        odd      odd      0x1_0000_0001  free     .      src_pas      INPUT
        odd      odd      0x1_0000_0001  secure   .      data_align   INPUT
        odd      outside  0x1_0000_0001  secure   .      data_bound   INPUT
        odd      host     0x1_0000_0001  secure   .      data_state   INPUT
        odd      high     0x1_0000_0001  secure   .      rd_align     INPUT
        outside  high     0x1_0000_0001  secure   .      rd_bound     INPUT
        free     high     0x1_0000_0001  secure   .      rd_state     INPUT
        active   high     0x1_0000_0001  secure   .      realm_state  REALM
        .        high     0x1_0000_0001  secure   .      ipa_bound    INPUT
        .        high     0x8000_0001    secure   .      ipa_align    INPUT
        .        high     0x8000_0000    secure   .      data_bound2  INPUT
        .        .        0x8000_0000    secure   .      rtt_walk     RTT(1)
        .        .        0              secure   .      rtte_state   RTT(3)
        .        .        .              secure   .      src_pas      INPUT
        .        .        .              host     2      -            SUCCESS  spec
        rd       free     0x1000         aap      1      -            SUCCESS  tf-rmm
    ";
    data_create_unknown "DATA_CREATE_UNKNOWN" "
        rd       data     ipa            condition    code
        odd      odd      0x1_0000_0001  data_align   INPUT
        odd      outside  0x1_0000_0001  data_bound   INPUT
        odd      host     0x1_0000_0001  data_state   INPUT
        odd      high     0x1_0000_0001  rd_align     INPUT
        outside  high     0x1_0000_0001  rd_bound     INPUT
        free     high     0x1_0000_0001  rd_state     INPUT
        .        high     0x1_0000_0001  ipa_bound    INPUT
        .        high     0x8000_0001    ipa_align    INPUT
        .        high     0x8000_0000    data_bound2  INPUT
        .        .        0x8000_0000    rtt_walk     RTT(1)
        .        .        0              rtte_state   RTT(3)
        rd       free     0x1000         -            SUCCESS
    ";
    data_destroy "DATA_DESTROY" "
        rd       ipa            condition   code
        odd      0x1_0000_0001  rd_align    INPUT
        outside  0x1_0000_0001  rd_bound    INPUT
        free     0x1_0000_0001  rd_state    INPUT
        .        0x1_0000_0001  ipa_bound   INPUT
        .        0x8000_0001    ipa_align   INPUT
        .        0x8000_0000    rtt_walk    RTT(1)
        .        0x1000         rtte_state  RTT(3)
        rd       0              -           SUCCESS
    ";
}

/// A row without a line is a row that nobody has seen fail. Rows that none meets have a reason.
pub(crate) fn check_lines(
    ladders: &[(&'static str, &'static str)],
    exceptions: &[(&str, &str, &str)],
    profiles: [Profile; 2],
) {
    for info in profiles[0].commands() {
        let ladder = ladders.iter().find(|(name, _)| *name == info.name);
        let (name, text) = ladder.unwrap_or_else(|| panic!("{} has no ladder", info.name));
        for profile in profiles {
            let met: BTreeSet<_> = climb(name, text, profile).iter().map(|row| row.text).collect();
            let excused = |row: &FailureRow| {
                exceptions.iter().any(|(of, text, _)| of == name && row.text.starts_with(text))
            };
            for row in rows(info).iter().filter(|row| row.applies(profile)) {
                let seen = met.contains(row.text);
                assert!(seen != excused(row), "{name} ({profile}): {} is seen: {seen}", row.text);
            }
        }
    }
}

#[test]
fn every_row_has_a_line() {
    check_lines(LADDERS, EXCEPTIONS, Profile::ALL_1_0);
}

/// The order of checks is one that the specification's partial order allows.
#[test]
fn tables_are_linear_extensions() {
    for info in Edition::ALL.into_iter().flat_map(CommandInfo::of_edition) {
        let table = rows(info);
        for (i, row) in table.iter().enumerate() {
            for name in row.after {
                let above = table[..i].iter().any(|other| other.id == *name);
                assert!(above, "{}: {} stands before {name}", info.name, row.id);
            }
        }
    }
}
