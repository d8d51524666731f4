//! All pairs of failures of the commands of RMM 2.0, as `v1` has them of 1.0.

use crate::rmi::ladders::v1::NEVER_SUCCEED;
use crate::rmi::ladders::v2::{EXCEPTIONS, PROFILES, all};
use crate::rmi::pairs::v1::{Tables, Undone, try_all};

const BREAKERS: &[(&str, &str)] = &[
    ("VERSION", "revision req=0x1_0000"),
    (
        "RMM_CONFIG_SET",
        "config_ptr config_ptr=0; config_align config_ptr=odd; config_bound config_ptr=outside;
         config_pas config_ptr=secure;
         config_supp region=1",
    ),
    (
        "RMM_CONFIG_GET",
        "config_ptr config_ptr=0; config_align config_ptr=odd; config_bound config_ptr=outside;
         config_pas config_ptr=free;
         config_pas config_ptr=secure",
    ),
    (
        "GRANULE_TRACKING_GET",
        "range_bound end=0x10_0000_0000_1000; size_valid end=0x1000; start_align start=0x801;
         end_align end=0x2801",
    ),
    (
        "GRANULE_RANGE_DELEGATE",
        "base_align base=odd; top_align top=host+0x800; size_valid top=0; gran_bound base=outside;
         gran_state base=free top=free+0x1000; gran_gpt base=secure top=secure+0x1000",
    ),
    (
        "GRANULE_RANGE_UNDELEGATE",
        "base_align base=odd; top_align top=free+0x800; size_valid top=0; gran_bound base=outside;
         gran_state base=rd top=rd+0x1000",
    ),
    (
        "REALM_CREATE",
        "params_align params_ptr=odd; params_bound params_ptr=outside; params_pas params_ptr=secure;
         params_supp num_bps=0; rtt_num_level rtt_num_start=3; params_valid hash_algo=3;
         rtt_align rtt_base=run+0x800; alias rd=run+0x1000; rd_align rd=odd; rd_bound rd=outside;
         rd_state rd=host; rtt_state rtt_base=host_pair",
    ),
    (
        "REALM_ACTIVATE",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=rec; realm_state rd=dead",
    ),
    (
        "REALM_TERMINATE",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=rec; rec_state rd=busy",
    ),
    (
        "REALM_DESTROY",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=rec; realm_live rd=rd;
         realm_state rd=tables; realm_live rd=dead_tables",
    ),
    (
        "REC_CREATE",
        "rec_align rec=odd; rec_bound rec=outside; rec_gran_state rec=host; sro_context contexts=1",
    ),
    (
        "REC_DESTROY",
        "sro_context contexts=1; rec_align rec=odd; rec_bound rec=outside; rec_gran_state rec=rd;
         rec_state rec=running",
    ),
    (
        "REC_ENTER",
        "run_align run_ptr=odd; run_bound run_ptr=outside; run_pas run_ptr=free; rec_align rec=odd;
         rec_bound rec=outside; rec_gran_state rec=rd; rec_state rec=running;
         run_pas run_ptr=secure; realm_state rec=rec; system_off rec=stopped;
         realm_state rec=zombie_rec; rec_runnable rec=idle_rec; rec_psci_pending rec=asks;
         rec_gicv3 lr0=0x6000_0000_0000_0020; inject_sea flags=2; rec_mmio flags=1;
         plane_run rec=away flags=0x80;
         run_pas rec=robbed",
    ),
    (
        "PSCI_COMPLETE",
        "calling_align calling_rec=odd; target_align target_rec=odd;
         calling_bound calling_rec=outside; calling_state calling_rec=rd;
         target_bound target_rec=outside; target_state target_rec=rd; alias target_rec=asks;
         pending calling_rec=running; pending calling_rec=on_rec; owner target_rec=active_rec;
         target target_rec=other_rec; status status=1;
         status calling_rec=asks_on target_rec=on_rec status=-3",
    ),
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
         rtte_state ipa=0x20_0000; rtt_live ipa=0; aux_ref rd=planes ipa=ns",
    ),
    (
        "RTT_FOLD",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; level_bound level=4;
         ipa_bound ipa=0x2_0000_0000; ipa_align ipa=0x20_1000; rtt_walk ipa=0x8000_0000;
         rtte_state ipa=0x20_0000; aux_ref rd=planes ipa=ns; rtt_homo ipa=0",
    ),
    (
        "RTT_READ_ENTRY",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; level_bound level=4;
         ipa_bound ipa=0x2_0000_0000; ipa_align ipa=0x1000",
    ),
    (
        "RTT_INIT_RIPAS",
        "size_valid top=0; rd_align rd=odd; rd_bound rd=outside; rd_state rd=host;
         base_align base=0x800; top_gran_align top=0x2800; top_bound top=0x1_0000_1000;
         realm_state rd=active; base_align base=0x20_1000 top=0x20_2000;
         rtte_state base=0x5000 top=0x6000; no_progress base=0x20_0000 top=0x20_1000",
    ),
    (
        "RTT_SET_RIPAS",
        "size_valid top=0; top_gran_align top=0x2800; rd_align rd=odd; rd_bound rd=outside;
         rd_state rd=host; rec_align rec=odd; rec_bound rec=outside; rec_gran_state rec=host;
         rec_state rec=running; rec_owner rd=active; base_bound base=0x800; top_bound top=0x4000;
         base_align rec=inside base=0x20_1000 top=0x20_2000;
         no_progress rec=less base=0x40_0000 top=0x40_1000;
         aux_live rd=planes rec=empties base=0x1000 top=0x2000",
    ),
    (
        "RTT_DATA_MAP_INIT",
        "flags flags=2; alias data=rd; src_align src=odd; src_bound src=outside; src_pas src=free2;
         rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; realm_state rd=active;
         ipa_bound ipa=ns; ipa_align ipa=0x1800; data_bound2 data=high; rtt_walk ipa=0x8000_0000;
         rtte_state ipa=0; rtte_pending ipa=0x7000; data_align data=odd+0x1000;
         data_bound data=outside+0x1000; data_state data=params; src_pas src=secure",
    ),
    (
        "RTT_DATA_MAP",
        "sro_context contexts=1; rd_align rd=odd; rd_bound rd=outside; rd_state rd=host;
         realm_state rd=dead; size_valid top=0x1000; addr_type flags=3;
         list_align flags=6 oaddr=lists+1; list_count flags=2 oaddr=lists;
         list_bound flags=6 oaddr=outside; list_pas flags=6 oaddr=free;
         list_pas flags=6 oaddr=secure; range_state flags=6 oaddr=ns_range;
         level_bound flags=6 oaddr=level_0; base_align base=0x1800;
         base_bound base=0x2_0000_0000 top=0x2_0000_1000; top_align top=0x2800;
         top_bound top=0x4_0000_0000; ipa_bound base=0x1_0000_0000 top=0x1_0000_1000;
         range_size flags=6 oaddr=level_2 base=0x8000_0000 top=0x8000_1000;
         rtt_walk base=0x8000_0000 top=0x8000_1000; list_exhausted flags=6 oaddr=empty_range;
         block_state flags=10 oaddr=then_ns; block_level flags=10 oaddr=then_level_2;
         block_align base=0x20_0000 top=0x40_0000 oaddr=free+5; block_bound oaddr=high+4;
         rtte_state base=0 top=0x1000; rtte_pending base=0x7000 top=0x8000;
         data_state oaddr=host+4",
    ),
    (
        "RTT_DATA_UNMAP",
        "sro_context contexts=1; rd_align rd=odd; rd_bound rd=outside; rd_state rd=host;
         base_align base=0x800; top_align top=0x1800; size_valid top=0;
         base_bound base=0x2_0000_0000 top=0x2_0000_1000; top_bound top=0x4_0000_0000;
         ipa_bound base=ns top=ns+0x1000; addr_type flags=3; oaddr flags=1; list_count flags=2;
         list_align oaddr=lists+1; list_bound oaddr=outside; list_pas oaddr=free;
         base_align base=0x20_1000 top=0x20_2000; rtte_top base=0x20_0000 top=0x20_1000;
         aux_live rd=planes base=0x1000 top=0x2000",
    ),
    (
        "RTT_UNPROT_MAP",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; realm_state rd=dead;
         size_valid top=ns+0x1000; addr_type flags=3; list_align flags=6 oaddr=lists+1;
         list_count flags=2 oaddr=lists; list_bound flags=6 oaddr=outside;
         list_pas flags=6 oaddr=free; list_pas flags=6 oaddr=secure;
         level_bound flags=6 oaddr=level_0; base_align base=ns+0x1800;
         base_bound base=0x2_0000_0000 top=0x2_0000_1000; top_align top=ns+0x2800;
         top_bound top=0x4_0000_0000; ipa_bound base=0 top=0x1000;
         range_size flags=6 oaddr=level_2 base=ns+0x4000_0000 top=ns+0x4000_1000;
         attr_valid flags=0x20_0001; rtt_walk base=ns+0x4000_0000 top=ns+0x4000_1000;
         list_exhausted flags=6 oaddr=empty_range; block_level flags=10 oaddr=then_level_2;
         block_align base=ns+0x20_0000 top=ns+0x40_0000 oaddr=free+5; block_bound oaddr=high+4;
         mem_attr flags=0x4_0001; rtte_state base=ns top=ns+0x1000",
    ),
    (
        "RTT_UNPROT_UNMAP",
        "sro_context contexts=1; rd_align rd=odd; rd_bound rd=outside; rd_state rd=host;
         base_align base=ns+0x800; top_align top=ns+0x1800; size_valid top=0;
         base_bound base=0x2_0000_0000 top=0x2_0000_1000; top_bound top=0x4_0000_0000;
         ipa_bound base=0 top=0x1000; addr_type flags=3; oaddr flags=1; list_count flags=2;
         list_align oaddr=lists+1; list_bound oaddr=outside; list_pas oaddr=free;
         base_align base=ns+0x20_1000 top=ns+0x20_2000;
         rtte_top base=ns+0x20_0000 top=ns+0x20_1000",
    ),
    (
        "RTT_DEV_UNMAP",
        "sro_context contexts=1; rd_align rd=odd; rd_bound rd=outside; rd_state rd=host;
         base_align base=0x800; top_align top=0x1800; size_valid top=0;
         base_bound base=0x2_0000_0000 top=0x2_0000_1000; top_bound top=0x4_0000_0000;
         ipa_bound base=ns top=ns+0x1000; addr_type flags=3; oaddr flags=1; list_count flags=2;
         list_align oaddr=lists+1; list_bound oaddr=outside; list_pas oaddr=free;
         base_align base=0x20_1000 top=0x20_2000; rtte_top base=0x20_0000 top=0x20_1000;
         rtte_state base=0 top=0x1000",
    ),
    (
        "RTT_SET_S2AP",
        "size_valid top=0; top_gran_align top=0x2800; rd_align rd=odd; rd_bound rd=outside;
         rd_state rd=host; rec_align rec=odd; rec_bound rec=outside; rec_gran_state rec=host;
         rec_state rec=running; rec_owner rd=active; base_bound base=0x800; top_bound top=0x4000;
         base_align rec=perm_inside base=0x20_1000 top=0x20_2000;
         rtte_top rec=perm_less base=0x40_0000 top=0x40_1000;
         base_align rd=planes rec=aux_inside base=0x60_1000 top=0x60_2000;
         rtte_top rd=planes rec=aux_less base=0x60_0000 top=0x60_1000",
    ),
    (
        "RTT_AUX_CREATE",
        "rtt_align rtt=odd; rtt_bound rtt=outside; rtt_state rtt=host; rd_align rd=odd;
         rd_bound rd=outside; rd_state rd=host; level_bound level=4; ipa_bound ipa=0x2_0000_0000;
         ipa_align ipa=0x20_1000; ipa_bound ipa=ns; index_bound index=3; rtt_bound2 rtt=high;
         rtt_walk ipa=0x8000_0000; rtte_state ipa=0",
    ),
    (
        "RTT_AUX_DESTROY",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; level_bound level=4;
         ipa_bound ipa=0x2_0000_0000; ipa_align ipa=0x20_1000; ipa_bound ipa=ns;
         index_bound index=3; rtt_walk ipa=0x8000_0000; rtte_state ipa=0x60_0000; rtt_live ipa=0",
    ),
    (
        "RTT_AUX_FOLD",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; level_bound level=4;
         ipa_bound ipa=0x2_0000_0000; ipa_align ipa=0x20_1000; ipa_bound ipa=ns;
         index_bound index=3; rtt_walk ipa=0x8000_0000; rtte_state ipa=0x60_0000; rtt_homo ipa=0",
    ),
    (
        "RTT_AUX_MAP_PROTECTED",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; realm_state rd=dead;
         ipa_bound ipa=0x2_0000_0000; ipa_align ipa=0x1800; index_bound index=3; ipa_bound ipa=ns;
         rtte_state ipa=0x5000; rtt_walk ipa=0x60_0000; aux_destroyed ipa=0x40_0000",
    ),
    (
        "RTT_AUX_UNMAP_PROTECTED",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; ipa_bound ipa=0x2_0000_0000;
         ipa_align ipa=0x1800; index_bound index=3; ipa_bound ipa=ns; rtte_state ipa=0x2000",
    ),
    (
        "RTT_AUX_MAP_UNPROTECTED",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; realm_state rd=dead;
         ipa_bound ipa=0x2_0000_0000; ipa_align ipa=ns+0x1000; ipa_bound ipa=0; index_bound index=3;
         rtte_state ipa=ns+0x4000_0000",
    ),
    (
        "RTT_AUX_UNMAP_UNPROTECTED",
        "rd_align rd=odd; rd_bound rd=outside; rd_state rd=host; index_bound index=3;
         ipa_bound ipa=0x2_0000_0000; ipa_align ipa=ns+0x1000; ipa_bound ipa=0",
    ),
    ("OP_CONTINUE", "handle handle=99; op_state handle=donating"),
    (
        "OP_MEM_DONATE",
        "handle handle=99; op_state handle=ready; list_align list_ptr=lists+1;
         list_bound list_ptr=outside; list_pas list_ptr=free; list_pas list_ptr=secure;
         range_align list_ptr=odd_ns; range_state list_ptr=ns_range; donate_size list_ptr=large",
    ),
    (
        "OP_MEM_RECLAIM",
        "handle handle=99; list_align list_ptr=lists+1; op_state handle=ready;
         list_pas list_ptr=secure",
    ),
];

/// Pairs in which one breaker undoes the other, by command and condition.
const UNDONE: &[Undone<'_>] = &[
    ("REALM_CREATE", "alias", "rtt_state"),
    ("PSCI_COMPLETE", "alias", "pending"),
    ("RTT_DATA_MAP_INIT", "alias", "rd_align"),
    ("RTT_DATA_MAP_INIT", "alias", "rd_bound"),
    ("RTT_DATA_MAP_INIT", "alias", "rd_state"),
    ("RTT_DATA_MAP_INIT", "alias", "realm_state"),
];

/// Rows of a creation's later steps, which one call does not meet.
const LATER: &[&str] = &[
    "no granule of the first list",
    "`params_ptr`",
    "the parameters",
    "`rd`",
    "the Realm",
    "the MPIDR",
];

#[test]
fn of_two_failures_of_2_0_the_first_of_the_table_is_answered() {
    let later = LATER.iter().map(|text| ("REC_CREATE", *text, "a later step"));
    let exceptions: Vec<_> = EXCEPTIONS.iter().copied().chain(later).collect();
    let ladders = all();
    let tables =
        Tables { breakers: BREAKERS, ladders: &ladders, exceptions: &exceptions, undone: UNDONE };
    let tried = try_all(&tables, PROFILES);
    println!("{tried} pairs");
    assert!(tried > 1000, "only {tried} pairs");
}

#[test]
fn every_command_of_2_0_with_two_rows_has_breakers() {
    let none = [NEVER_SUCCEED, &["FEATURES", "RMM_ACTIVATE"]].concat();
    for (name, _) in &all() {
        assert!(none.contains(name) != BREAKERS.iter().any(|(of, _)| of == name), "{name}");
    }
}
