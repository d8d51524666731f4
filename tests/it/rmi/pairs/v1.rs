//! All pairs of failures of a command: which of the two is answered.
//!
//! A breaker makes one row of the table fail in a call that otherwise succeeds, the last line of
//! the command's ladder. Two breakers of different arguments together have to give the failure that
//! the specification's partial order permits, and that the table has first.

use rimsim::Profile;
use rimsim::abi::command::CommandInfo;
use rimsim::rmi::{FailureRow, rows};

use crate::call_laws::ranked;
use crate::rmi::call_lines::{Line, Stage};
use crate::rmi::ladders::v1::{EXCEPTIONS, LADDERS, rungs};

/// Changes of arguments that make one row fail.
struct Breaker<'t> {
    condition: &'t str,
    changes: Line<'t>,
}

/// Per command the breakers in the order of the table: the condition, what to change, and the RMM
/// that has the row if it is not both.
const BREAKERS: &[(&str, &str)] = &[
    ("VERSION", "revision req=0x2_0000"),
    (
        "GRANULE_DELEGATE",
        "gran_align addr=odd; gran_bound addr=outside; gran_state addr=free; gran_gpt addr=secure",
    ),
    ("GRANULE_UNDELEGATE", "gran_align addr=odd; gran_bound addr=outside; gran_state addr=host"),
    (
        "REALM_CREATE",
        "params_align params_ptr=odd; params_bound params_ptr=outside; params_pas params_ptr=secure;
         params_supp num_bps=0; rtt_num_level rtt_num_start=3; params_valid hash_algo=2;
         vmid_valid vmid=1; alias rd=run+0x1000; rd_align rd=odd; rd_bound rd=outside;
         rd_state rd=host; rtt_align rtt_base=run+0x800; rtt_state rtt_base=host_pair",
    ),
    (
        "REALM_ACTIVATE",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=rec; realm_state rd=active",
    ),
    (
        "REALM_DESTROY",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=rec; realm_live rd=full;
         realm_live rd=tables",
    ),
    ("REC_AUX_COUNT", "rd_align rd=odd; rd_bound rd=outside; rd_state rd=rec"),
    (
        "REC_CREATE",
        "params_align params_ptr=odd; params_bound params_ptr=outside; params_pas params_ptr=secure;
         num_aux num_aux=17; aux_align aux0=odd; aux_state aux0=host; aux_alias aux0=free2;
         rec_align rec=odd; rec_bound rec=outside; rec_gran_state rec=host; rd_align rd=odd;
         rd_bound rd=outside; rd_state rd=host; num_recs rd=full; realm_state rd=active;
         mpidr_index mpidr=7; num_aux num_aux=3",
    ),
    ("REC_DESTROY", "rec_align rec=odd; rec_bound rec=outside; rec_gran_state rec=rd"),
    (
        "RTT_CREATE",
        "rtt_align rtt=odd; rtt_bound rtt=outside; rtt_state rtt=host; rd_align rd=odd;
         rd_bound rd=outside; rd_state rd=host; level_bound level=4; ipa_bound ipa=0x2_0000_0000;
         ipa_align ipa=0x20_1000; rtt_bound2 rtt=high; rtt_walk ipa=0x8000_0000; rtte_state ipa=0",
    ),
    (
        "RTT_DESTROY",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; level_bound level=4;
         ipa_bound ipa=0x2_0000_0000; ipa_align ipa=0x20_1000; rtt_walk ipa=0x8000_0000;
         rtte_state ipa=0x20_0000; rtt_live ipa=0",
    ),
    (
        "RTT_FOLD",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; level_bound level=4;
         ipa_bound ipa=0x2_0000_0000; ipa_align ipa=0x20_1000; rtt_walk ipa=0x8000_0000;
         rtte_state ipa=0x20_0000; rtt_homo ipa=0",
    ),
    (
        "RTT_READ_ENTRY",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; level_bound level=4;
         ipa_bound ipa=0x2_0000_0000; ipa_align ipa=0x1000",
    ),
    (
        "RTT_MAP_UNPROTECTED",
        "level_bound level=0; rd_align rd=odd; rd_bound rd=outside; rd_state rd=host;
         level_bound rd=low level=1 ipa=0xC000_0000; attr_valid desc=1;
         addr_bound desc=0x1_0000_0000_0000; addr_align desc=0x1000; ipa_bound ipa=0;
         ipa_align ipa=ns+0x1000; rtt_walk ipa=ns+0x4000_0000; rtte_state ipa=ns",
    ),
    (
        "RTT_UNMAP_UNPROTECTED",
        "level_bound level=0; rd_align rd=odd; rd_bound rd=outside; rd_state rd=host;
         level_bound rd=low level=1 ipa=0xC000_0000; ipa_bound ipa=0; ipa_align ipa=ns+0x800;
         rtt_walk ipa=ns+0x4000_0000; rtte_state ipa=ns+0x1000",
    ),
    (
        "RTT_INIT_RIPAS",
        "size_valid top=0; rd_align rd=odd; rd_bound rd=outside; rd_state rd=host;
         base_align base=0x1800 tf-rmm; top_gran_align top=0x2800; top_bound top=0x1_0000_1000;
         realm_state rd=active; base_align base=0x20_1000 top=0x20_2000; rtte_state base=0;
         no_progress base=0x20_0000 top=0x20_1000",
    ),
    (
        "RTT_SET_RIPAS",
        "size_valid top=0; rd_align rd=odd; rd_bound rd=outside; rd_state rd=host;
         rec_align rec=odd; rec_bound rec=outside; rec_gran_state rec=host; rec_owner rd=active;
         base_bound base=0x800; top_bound top=0x4000; top_gran_align top=0x2800 spec;
         base_align rec=inside base=0x20_1000 top=0x20_2000;
         no_progress rec=less base=0x40_0000 top=0x40_1000",
    ),
    (
        "REC_ENTER",
        "run_align run_ptr=odd; run_bound run_ptr=outside; run_pas run_ptr=free; rec_align rec=odd;
         rec_bound rec=outside; rec_gran_state rec=rd; run_pas run_ptr=secure; realm_state rec=rec;
         system_off rec=stopped; rec_runnable rec=idle_rec; rec_psci_pending rec=asks;
         rec_gicv3 gicv3_hcr=1; inject_sea flags=2 tf-rmm; rec_mmio flags=1; run_pas rec=robbed",
    ),
    (
        "PSCI_COMPLETE",
        "calling_align calling_rec=odd; target_align target_rec=odd;
         calling_bound calling_rec=outside; calling_state calling_rec=rd;
         target_bound target_rec=outside; target_state target_rec=rd; alias target_rec=asks;
         pending calling_rec=on_rec; owner target_rec=active_rec; target target_rec=other_rec;
         status status=1; status calling_rec=asks_on target_rec=on_rec status=-3",
    ),
    (
        "DATA_CREATE",
        "flags flags=2 tf-rmm; src_align src=odd; src_bound src=outside; src_pas src=free;
         data_align data=odd; data_bound data=outside; data_state data=host; rd_align rd=odd;
         rd_bound rd=outside; rd_state rd=host; realm_state rd=active; ipa_bound ipa=ns;
         ipa_align ipa=0x1800; data_bound2 data=high; rtt_walk ipa=0x8000_0000; rtte_state ipa=0;
         src_pas src=secure",
    ),
    (
        "DATA_CREATE_UNKNOWN",
        "data_align data=odd; data_bound data=outside; data_state data=host; rd_align rd=odd;
         rd_bound rd=outside; rd_state rd=host; ipa_bound ipa=ns; ipa_align ipa=0x1800;
         data_bound2 data=high; rtt_walk ipa=0x8000_0000; rtte_state ipa=0",
    ),
    (
        "DATA_DESTROY",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; ipa_bound ipa=ns;
         ipa_align ipa=0x800; rtt_walk ipa=0x8000_0000; rtte_state ipa=0x1000",
    ),
];

/// A pair in which one breaker undoes the other, by command and condition.
pub(crate) type Undone<'t> = (&'t str, &'t str, &'t str);

const UNDONE: &[Undone<'_>] =
    &[("REALM_CREATE", "alias", "rtt_state"), ("PSCI_COMPLETE", "alias", "pending")];

/// Before it is seen, an access may have been emulated and a host call completed; here none was.
const AWAY: &str = "plane 0 is to run again, and the page of its RSI_PLANE_ENTER is gone";

/// Rows that can be answered after the command had its effect, where a survey does not see them.
const LATE: &[(&str, &str)] = &[
    ("REC_ENTER", AWAY),
    ("REC_ENTER", "`run_ptr` was taken away while the REC ran"),
    ("PSCI_COMPLETE", "CPU_ON is denied, and the target is on already"),
    ("OP_MEM_RECLAIM", "the list is not in Non-secure memory"),
];

fn breakers(text: &'static str, profile: Profile) -> Vec<Breaker<'static>> {
    let parse = |text: &'static str| {
        let mut words = text.split_whitespace();
        let condition = words.next().expect("a condition");
        let (changes, only): (Vec<_>, Vec<_>) = words.partition(|word| word.contains('='));
        let changes = changes.into_iter().filter_map(|change| change.split_once('=')).collect();
        let applies = only.first().is_none_or(|only| profile.name().starts_with(only));
        applies.then_some(Breaker { condition, changes })
    };
    text.split(';').filter_map(parse).collect()
}

/// Executes a line and checks its outcome against the survey; the row that failed.
fn play(
    stage: &Stage,
    info: &CommandInfo,
    line: &Line<'_>,
) -> (Option<&'static FailureRow>, Vec<&'static FailureRow>) {
    let mut stage = stage.clone();
    let command = stage.command(info, line);
    let before = stage.world.clone();
    let survey = stage.world.survey(command);
    assert!(stage.world == before, "a survey changes nothing");
    let outcome = stage.world.execute(command);
    let failing = survey.iter().filter(|(_, good)| !good).map(|(row, _)| *row).collect::<Vec<_>>();
    if failing.is_empty()
        && let Some(failure) = outcome.failure()
    {
        let row = failure.row();
        assert!(LATE.contains(&(info.name, row.text)), "{command:x?}: {outcome}");
        assert!(stage.world != before || row.text == AWAY, "it had its effect");
        return (Some(row), failing);
    }
    let went_on = outcome.is_success() || outcome.awaits().is_some();
    assert_eq!(failing.is_empty(), went_on, "{command:x?}: {outcome}");
    assert!(went_on || stage.world == before, "a failure changes nothing");
    ranked(&outcome, &survey);
    (outcome.failure().map(|failure| failure.row()), failing)
}

fn with<'t>(line: &Line<'t>, changes: &[&Line<'t>]) -> Line<'t> {
    let mut line = line.clone();
    changes.iter().for_each(|changes| line.extend(changes.iter().map(|(k, v)| (*k, *v))));
    line
}

/// Tries all pairs of a command's breakers; how many there were.
fn pairs(
    info: &CommandInfo,
    breakers: &[Breaker<'_>],
    valid: &Line<'_>,
    stage: &Stage,
    undone: &[Undone<'_>],
) -> usize {
    let mut tried = 0;
    for (i, first) in breakers.iter().enumerate() {
        for second in &breakers[i + 1..] {
            if first.changes.keys().any(|column| second.changes.contains_key(column)) {
                continue;
            }
            let line = with(valid, &[&first.changes, &second.changes]);
            let (row, failing) = play(stage, info, &line);
            let row = row.unwrap_or_else(|| panic!("{}: {line:?} succeeds", info.name));
            let shown = format!("{}: {} and {}", info.name, first.condition, second.condition);
            assert!(!row.after.contains(&second.condition), "{shown}: {}", row.id);
            let pair = (info.name, first.condition, second.condition);
            let expected = if undone.contains(&pair) { second } else { first };
            assert_eq!(row.id, expected.condition, "{shown}: {failing:?}");
            tried += 1;
        }
    }
    tried
}

/// What there is to try of some profiles.
pub(crate) struct Tables<'t> {
    pub(crate) breakers: &'static [(&'static str, &'static str)],
    pub(crate) ladders: &'t [(&'static str, &'static str)],
    /// Rows without a breaker, by command and text.
    pub(crate) exceptions: &'t [(&'t str, &'t str, &'t str)],
    pub(crate) undone: &'t [Undone<'t>],
}

/// Tries all breakers and all their pairs; how many pairs there were.
pub(crate) fn try_all(tables: &Tables<'_>, profiles: [Profile; 2]) -> usize {
    let mut tried = 0;
    for profile in profiles {
        let stage = Stage::new(profile);
        for (name, text) in tables.breakers {
            let info = CommandInfo::of_name(name, profile.edition()).expect("a command");
            let (_, ladder) = tables.ladders.iter().find(|(of, _)| of == name).expect("a ladder");
            let valid = rungs(ladder, profile).pop().expect("a last line").values;
            assert_eq!(play(&stage, info, &valid).0, None, "{name} is valid");
            let breakers = breakers(text, profile);
            let applying = rows(info).iter().filter(|row| row.applies(profile));
            let excused = |row: &FailureRow| {
                let mut exceptions = tables.exceptions.iter();
                exceptions.any(|(of, text, _)| of == name && row.text.starts_with(text))
            };
            let mut applying = applying.filter(|row| !excused(row));
            for breaker in &breakers {
                let line = with(&valid, &[&breaker.changes]);
                let row = play(&stage, info, &line).0;
                assert_eq!(row.map(|row| row.id), Some(breaker.condition), "{name}: {line:?}");
                assert_eq!(row, applying.next(), "{name} ({profile}): a breaker a row");
            }
            assert_eq!(applying.next(), None, "{name} ({profile}): a row without a breaker");
            tried += pairs(info, &breakers, &valid, &stage, tables.undone);
        }
    }
    tried
}

#[test]
fn of_two_failures_the_first_of_the_table_is_answered() {
    let tables =
        Tables { breakers: BREAKERS, ladders: LADDERS, exceptions: EXCEPTIONS, undone: UNDONE };
    let tried = try_all(&tables, Profile::ALL_1_0);
    println!("{tried} pairs");
    assert!(tried > 500, "only {tried} pairs");
}

#[test]
fn every_command_with_two_rows_has_breakers() {
    for (name, _) in LADDERS {
        assert!(*name == "FEATURES" || BREAKERS.iter().any(|(of, _)| of == name), "{name}");
    }
}
