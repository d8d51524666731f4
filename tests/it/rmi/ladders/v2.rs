//! The ladders of RMM 2.0, as those of 1.0 in `v1`. REC_CREATE is carried on to its end.

use rimsim::Profile;
use rimsim::abi::platform::{DramRange, PlatformFile};
use rimsim::{Command, Platform, Status, World};

use crate::rmi::ladders::aux_and_devices;
use crate::rmi::ladders::v1::{check_lines, climb, ladders};
use crate::small_machine::{GRANULE, page, realm_fields, realm_values};

pub(crate) const PROFILES: [Profile; 2] = [Profile::TF_RMM_2, Profile::SPEC_2];

/// Rows that no ladder reaches, by command and text.
pub(crate) const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("FEATURES", "RMI_FEATURES does not fail", "stands for an empty table"),
    ("RMM_ACTIVATE", "RMI_RMM_ACTIVATE does not fail in itself", "stands for an empty table"),
    ("RMM_CONFIG_SET", "`config_ptr` is delegated", "nothing is before RMI_RMM_ACTIVATE"),
    ("REALM_CREATE", "the RMM has no VMID left", "needs 256 Realms: see `vmids_run_out`"),
    ("REALM_CREATE", "the RMM has no memory encryption context left", "needs 65534 Realms"),
    ("RTT_DATA_MAP", "a block passes `top`", "the first fits, and later ones only end the call"),
    ("RTT_UNPROT_MAP", "a block passes `top`", "the first fits, and later ones only end the call"),
    ("RTT_UNPROT_MAP", "the state of the memory is not looked at", "is never looked at"),
    ("RTT_DATA_UNMAP", "the first entry is a TABLE", "the walk goes down into every table"),
    ("RTT_UNPROT_UNMAP", "the first entry is a TABLE", "the walk goes down into every table"),
    ("RTT_UNPROT_UNMAP", "an auxiliary tree maps", "trees share Unprotected entries"),
    ("RTT_DEV_UNMAP", "an auxiliary tree maps", "no device's memory is mapped"),
    ("REC_CREATE", "the parameters are not in Non-secure memory", "see `operations`"),
];

ladders! {
    LADDERS, PROFILES;
    version "VERSION" "
        req       condition  code
        0x2_0001  revision   INPUT
        revision  -          SUCCESS
    ";
    features "FEATURES" "
        index  condition  code
        4      -          SUCCESS
    ";
    rmm_activate "RMM_ACTIVATE" "
        condition  code
        -          SUCCESS
    ";
    rmm_config_set "RMM_CONFIG_SET" "
        config_ptr  region  condition     code
        0           1       config_ptr    INPUT
        odd         1       config_align  INPUT
        outside     1       config_bound  INPUT
        secure      1       config_pas    INPUT
        host        1       config_supp   INPUT
        host        0       -             SUCCESS
    ";
    rmm_config_get "RMM_CONFIG_GET" "
        config_ptr  condition     code
        0           config_ptr    INPUT
        odd         config_align  INPUT
        outside     config_bound  INPUT
        free        config_pas    INPUT
        secure      config_pas    INPUT
        host        -             SUCCESS
    ";
    granule_tracking_get "GRANULE_TRACKING_GET" "
        start                   end                     condition    code
        0x10_0000_0000_0001     0x10_0000_0000_0001     range_bound  INPUT
        0x801                   0x1001                  size_valid   INPUT
        0x801                   0x2801                  start_align  INPUT
        0x1000                  0x2801                  end_align    INPUT
        0x1000                  0x2000                  -            SUCCESS
    ";
    gpt_l1_create "GPT_L1_CREATE" "
        addr    condition   code
        0x1000  addr_align  INPUT
        0       gpt_state   GPT
    ";
    granule_range_delegate "GRANULE_RANGE_DELEGATE" "
        base     top            condition   code
        odd      0x800          base_align  INPUT
        outside  0x800          top_align   INPUT
        outside  0x1000         size_valid  INPUT
        outside  0x2000         gran_bound  INPUT
        free     free+0x1000    gran_state  INPUT
        secure   secure+0x1000  gran_gpt    INPUT
        host     host+0x1000    -           SUCCESS
    ";
    granule_range_undelegate "GRANULE_RANGE_UNDELEGATE" "
        base     top          condition   code
        odd      0x800        base_align  INPUT
        outside  0x800        top_align   INPUT
        outside  0x1000       size_valid  INPUT
        outside  0x2000       gran_bound  INPUT
        rd       rd+0x1000    gran_state  INPUT
        free     free+0x1000  -           SUCCESS
    ";
    realm_create "REALM_CREATE" "
        rd         params_ptr  s2sz  hash_algo  rtt_base   condition      code
        run+0x801  odd         31    3          run+0x800  params_align   INPUT
        run+0x801  outside     31    3          run+0x800  params_bound   INPUT
        run+0x801  free        31    3          run+0x800  params_pas     INPUT
        run+0x801  .           31    3          run+0x800  params_supp    INPUT
        run+0x801  .           44    3          run+0x800  rtt_num_level  INPUT
        run+0x801  .           .     3          run+0x800  params_valid   INPUT
        run+0x801  .           .     .          run+0x800  rtt_align      INPUT
        run+0x801  .           .     .          .          alias          INPUT
        odd        .           .     .          host_pair  rd_align       INPUT
        outside    .           .     .          host_pair  rd_bound       INPUT
        host       .           .     .          host_pair  rd_state       INPUT
        .          .           .     .          host_pair  rtt_state      INPUT
        free       params      40    2          run        -              SUCCESS
    ";
    realm_activate "REALM_ACTIVATE" "
        rd       condition    code
        odd      rd_align     INPUT
        outside  rd_bound     INPUT
        free     rd_state     INPUT
        dead     realm_state  REALM
        rd       -            SUCCESS
    ";
    realm_terminate "REALM_TERMINATE" "
        rd       condition  code
        odd      rd_align   INPUT
        outside  rd_bound   INPUT
        free     rd_state   INPUT
        busy     rec_state  REALM
        dead     -          SUCCESS
    ";
    realm_destroy "REALM_DESTROY" "
        rd           condition    code
        odd          rd_align     INPUT
        outside      rd_bound     INPUT
        free         rd_state     INPUT
        rd           realm_live   REALM
        tables       realm_state  REALM
        dead_tables  realm_live   REALM
        dead         -            SUCCESS
    ";
    rec_create "REC_CREATE" "
        contexts  rd       rec      params_ptr  aux    mpidr  condition       code
        1         odd      odd      odd         host   0x10   rec_align       INPUT
        1         odd      outside  odd         host   0x10   rec_bound       INPUT
        1         odd      rec      odd         host   0x10   rec_gran_state  INPUT
        1         odd      .        odd         host   0x10   sro_context     BLOCKED
        .         odd      .        odd         host   0x10   aux_state       INPUT
        .         odd      .        odd         .      0x10   params_align    INPUT
        .         odd      .        outside     .      0x10   params_bound    INPUT
        .         odd      .        free        .      0x10   params_pas      INPUT
        .         odd      .        .           .      0x10   rd_align        INPUT
        .         outside  .        .           .      0x10   rd_bound        INPUT
        .         free3    .        .           .      0x10   rd_state        INPUT
        .         full     .        .           .      0x10   num_recs        REALM
        .         active   .        .           .      0x10   realm_state     REALM
        .         .        .        .           .      0x10   mpidr_index     INPUT
        .         .        .        .           .      0      mpidr_index     INPUT
        0         rd       free     params      free1  1      -               SUCCESS
    ";
    rec_destroy "REC_DESTROY" "
        contexts  rec      condition       code
        1         odd      sro_context     BLOCKED
        .         odd      rec_align       INPUT
        .         outside  rec_bound       INPUT
        .         rd       rec_gran_state  INPUT
        .         running  rec_state       REC
        0         rec      -               INCOMPLETE(reclaim)
    ";
    rec_enter "REC_ENTER" "
        run_ptr  rec         flags  lr0                    condition         code
        odd      odd         3      0x6000_0000_0000_0020  run_align         INPUT
        outside  odd         3      0x6000_0000_0000_0020  run_bound         INPUT
        free     odd         3      0x6000_0000_0000_0020  run_pas           INPUT
        secure   odd         3      0x6000_0000_0000_0020  rec_align         INPUT
        secure   outside     3      0x6000_0000_0000_0020  rec_bound         INPUT
        secure   rd          3      0x6000_0000_0000_0020  rec_gran_state    INPUT
        secure   running     3      0x6000_0000_0000_0020  rec_state         REC
        secure   rec         3      0x6000_0000_0000_0020  run_pas           INPUT
        .        rec         3      0x6000_0000_0000_0020  realm_state       REALM
        .        stopped     3      0x6000_0000_0000_0020  system_off        REALM
        .        zombie_rec  3      0x6000_0000_0000_0020  realm_state       REALM
        .        idle_rec    3      0x6000_0000_0000_0020  rec_runnable      REC
        .        asks        3      0x6000_0000_0000_0020  rec_psci_pending  REC
        .        robbed      3      0x6000_0000_0000_0020  rec_gicv3         REC
        .        robbed      3      .                      inject_sea        REC
        .        robbed      1      .                      rec_mmio          REC
        .        away        0x80   .                      plane_run         INPUT
        .        robbed      .      .                      run_pas           INPUT
        host     active_rec  0      0                      -                 SUCCESS
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
        running      active_rec  1       pending        INPUT
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
        dead     high     0x2_0000_0001  1      level_bound  INPUT
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
        planes   ns             .      aux_ref      RTT(2)
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
        planes   ns             .      aux_ref      RTT(2)
        rd       0              .      rtt_homo     RTT(3)
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
    rtt_init_ripas "RTT_INIT_RIPAS" "
        rd       base           top            condition       code
        odd      0x2_0000_0801  0x2_0000_0801  size_valid      INPUT
        odd      0x1_0000_0801  0x2_0000_0801  rd_align        INPUT
        outside  0x1_0000_0801  0x2_0000_0801  rd_bound        INPUT
        free     0x1_0000_0801  0x2_0000_0801  rd_state        INPUT
        active   0x1_0000_0801  0x2_0000_0801  base_align      INPUT
        active   0x1_0000_0000  0x2_0000_0801  top_gran_align  INPUT
        active   0x1_0000_0000  0x2_0000_0000  top_bound       INPUT
        active   0x1000         0x2000         realm_state     REALM
        .        0x20_1000      0x20_2000      base_align      RTT(2)
        .        0x5000         0x6000         rtte_state      RTT(3)
        .        0x20_0000      0x20_1000      no_progress     RTT(2)
        rd       0              0x2000         -               SUCCESS
    ";
    rtt_set_ripas "RTT_SET_RIPAS" "
        rd       rec         base       top        condition       code
        odd      odd         0x1801     0x1801     size_valid      INPUT
        odd      odd         0x1801     0x2801     top_gran_align  INPUT
        odd      odd         0x1801     0x8000     rd_align        INPUT
        outside  odd         0x1801     0x8000     rd_bound        INPUT
        free     odd         0x1801     0x8000     rd_state        INPUT
        rd       odd         0x1801     0x8000     rec_align       INPUT
        rd       outside     0x1801     0x8000     rec_bound       INPUT
        rd       rd          0x1801     0x8000     rec_gran_state  INPUT
        rd       running     0x1801     0x8000     rec_state       REC
        rd       active_rec  0x1801     0x8000     rec_owner       REC
        changes  inside      0x1801     0x8000     base_bound      INPUT
        changes  inside      0x20_1000  0x20_5000  top_bound       INPUT
        changes  inside      0x20_1000  0x20_2000  base_align      RTT(2)
        changes  less        0x40_0000  0x40_2000  no_progress     RTT(2)
        planes   empties     0x1000     0x2000     aux_live        RTT_AUX
        changes  pages       0x1000     0x3000     -               SUCCESS
    ";
    rtt_set_s2ap "RTT_SET_S2AP" "
        rd       rec         base    top     condition       code
        odd      odd         0x1801  0x1801  size_valid      INPUT
        odd      odd         0x1801  0x2801  top_gran_align  INPUT
        odd      odd         0x1801  0x8000  rd_align        INPUT
        outside  odd         0x1801  0x8000  rd_bound        INPUT
        free     odd         0x1801  0x8000  rd_state        INPUT
        rd       odd         0x1801  0x8000  rec_align       INPUT
        rd       outside     0x1801  0x8000  rec_bound       INPUT
        rd       rd          0x1801  0x8000  rec_gran_state  INPUT
        rd       running     0x1801  0x8000  rec_state       REC
        rd       active_rec  0x1801  0x8000  rec_owner       REC
        perms    perm_inside 0x1801  0x8000  base_bound      INPUT
        perms    perm_inside 0x20_1000  0x20_5000  top_bound  INPUT
        perms    perm_inside 0x20_1000  0x20_2000  base_align  RTT(2)
        perms    perm_less   0x40_0000  0x40_1000  rtte_top   RTT(2)
        planes   aux_inside  0x60_1000  0x60_2000  base_align  RTT_AUX(2)
        planes   aux_less    0x60_0000  0x60_1000  rtte_top   RTT_AUX(2)
        perms    perm_pages  0x1000  0x3000  -               SUCCESS
    ";
    rtt_data_map_init "RTT_DATA_MAP_INIT" "
        rd       data     ipa            src      flags  condition     code
        odd      odd      0x1_0000_0001  odd      3      flags         INPUT
        odd      odd      0x1_0000_0001  odd      .      alias         INPUT
        odd      outside  0x1_0000_0001  odd      .      src_align     INPUT
        odd      outside  0x1_0000_0001  outside  .      src_bound     INPUT
        odd      outside  0x1_0000_0001  free     .      src_pas       INPUT
        odd      high     0x1_0000_0001  secure   .      rd_align      INPUT
        outside  high     0x1_0000_0001  secure   .      rd_bound      INPUT
        free     high     0x1_0000_0001  secure   .      rd_state      INPUT
        active   high     0x1_0000_0001  secure   .      realm_state   REALM
        .        high     0x1_0000_0001  secure   .      ipa_bound     INPUT
        .        high     0x8000_0001    secure   .      ipa_align     INPUT
        .        high     0x8000_0000    secure   .      data_bound2   INPUT
        .        odd      0x8000_0000    secure   .      rtt_walk      RTT(1)
        .        odd      0              secure   .      rtte_state    RTT(3)
        .        odd      0x7000         secure   .      rtte_pending  BUSY
        .        odd      .              secure   .      data_align    INPUT
        .        outside  .              secure   .      data_bound    INPUT
        .        host     .              secure   .      data_state    INPUT
        .        .        .              secure   .      src_pas       INPUT
        rd       free     0x1000         aap      1      -             SUCCESS
    ";
    rtt_data_map "RTT_DATA_MAP" "
        contexts rd      base          top           flags oaddr        condition      code
        1        odd     0x2_0000_0800 0x800         3     lists+1      sro_context    BLOCKED
        .        odd     0x2_0000_0800 0x800         3     lists+1      rd_align       INPUT
        .        outside 0x2_0000_0800 0x800         3     lists+1      rd_bound       INPUT
        .        free    0x2_0000_0800 0x800         3     lists+1      rd_state       INPUT
        .        off     0x2_0000_0800 0x800         3     lists+1      realm_state    REALM
        .        dead    0x2_0000_0800 0x800         3     lists+1      realm_state    REALM
        .        .       0x2_0000_0800 0x800         3     lists+1      size_valid     INPUT
        .        .       0x2_0000_0800 0x4_0000_0800 3     lists+1      addr_type      INPUT
        .        .       0x2_0000_0800 0x4_0000_0800 2     lists+1      list_align     INPUT
        .        .       0x2_0000_0800 0x4_0000_0800 2     outside      list_count     INPUT
        .        .       0x2_0000_0800 0x4_0000_0800 6     outside      list_bound     INPUT
        .        .       0x2_0000_0800 0x4_0000_0800 6     free         list_pas       INPUT
        .        .       0x2_0000_0800 0x4_0000_0800 6     secure       list_pas       INPUT
        .        .       0x2_0000_0800 0x4_0000_0800 6     ns_range     range_state    INPUT
        .        .       0x2_0000_0800 0x4_0000_0800 6     level_0      level_bound    INPUT
        .        .       0x2_0000_0800 0x4_0000_0800 6     level_2      base_align     INPUT
        .        .       0x2_0000_0000 0x4_0000_0800 6     level_2      base_bound     INPUT
        .        .       0x1_0000_0000 0x4_0000_0800 6     level_2      top_align      INPUT
        .        .       0x1_0000_0000 0x4_0000_0000 6     level_2      top_bound      INPUT
        .        .       0x1_0000_0000 0x1_0000_1000 6     level_2      ipa_bound      INPUT
        .        .       0x8000_0000   0x8000_1000   6     level_2      range_size     RTT(2)
        .        .       0x8000_0000   0xC000_0000   6     level_2      rtt_walk       RTT(1)
        .        .       0             0x2000        6     empty_range  list_exhausted INPUT
        .        .       0             0x2000        10    then_ns      block_state    INPUT
        .        .       0             0x2000        10    then_level_2 block_level    RTT(3)
        .        .       0x20_0000     0x40_0000     1     free+5       block_align    INPUT
        .        .       0             0x1000        1     high+4       block_bound    INPUT
        .        .       0             0x1000        1     host+4       rtte_state     RTT(3)
        .        .       0x7000        0x8000        1     host+4       rtte_pending   BUSY
        .        .       .             .             1     host+4       data_state     INPUT
        0        rd      0x1000        0x2000        1     free+4       -              SUCCESS
    ";
    rtt_data_unmap "RTT_DATA_UNMAP" "
        contexts  rd       base           top            flags  oaddr    condition    code
        1         odd      0x2_0000_0800  0x800          3      lists+1  sro_context  BLOCKED
        .         odd      0x2_0000_0800  0x800          3      lists+1  rd_align     INPUT
        .         outside  0x2_0000_0800  0x800          3      lists+1  rd_bound     INPUT
        .         free     0x2_0000_0800  0x800          3      lists+1  rd_state     INPUT
        .         dead     0x2_0000_0800  0x800          3      lists+1  base_align   INPUT
        .         .        0x2_0000_0000  0x800          3      lists+1  top_align    INPUT
        .         .        0x2_0000_0000  0x1000         3      lists+1  size_valid   INPUT
        .         .        0x2_0000_0000  0x4_0000_0000  3      lists+1  base_bound   INPUT
        .         .        0x1_0000_0000  0x4_0000_0000  3      lists+1  top_bound    INPUT
        .         .        0x1_0000_0000  0x1_0000_1000  3      lists+1  ipa_bound    INPUT
        .         .        0x20_1000      0x20_2000      3      lists+1  addr_type    INPUT
        .         .        0x20_1000      0x20_2000      1      lists+1  oaddr        INPUT
        .         .        0x20_1000      0x20_2000      2      lists+1  list_count   INPUT
        .         .        0x20_1000      0x20_2000      6      lists+1  list_align   INPUT
        .         .        0x20_1000      0x20_2000      6      outside  list_bound   INPUT
        .         .        0x20_1000      0x20_2000      6      free     list_pas     INPUT
        .         .        0x20_1000      0x20_2000      .      .        base_align   RTT(2)
        .         .        0x20_0000      0x20_1000      .      .        rtte_top     RTT(2)
        .         planes   0x1000         0x2000         .      .        aux_live     RTT_AUX
        0         rd       0              0x1000         6      lists    -            SUCCESS
    ";
    rtt_unprot_map "RTT_UNPROT_MAP" "
        rd       base            top             flags      oaddr         condition       code
        odd      0x2_0000_0800   0x800           0x24_0003  lists+1       rd_align        INPUT
        outside  0x2_0000_0800   0x800           0x24_0003  lists+1       rd_bound        INPUT
        free     0x2_0000_0800   0x800           0x24_0003  lists+1       rd_state        INPUT
        off      0x2_0000_0800   0x800           0x24_0003  lists+1       realm_state     REALM
        .        0x2_0000_0800   0x800           0x24_0003  lists+1       size_valid      INPUT
        .        0x2_0000_0800   0x4_0000_0800   0x24_0003  lists+1       addr_type       INPUT
        .        0x2_0000_0800   0x4_0000_0800   0x24_0002  lists+1       list_align      INPUT
        .        0x2_0000_0800   0x4_0000_0800   0x24_0002  outside       list_count      INPUT
        .        0x2_0000_0800   0x4_0000_0800   0x24_0006  outside       list_bound      INPUT
        .        0x2_0000_0800   0x4_0000_0800   0x24_0006  free          list_pas        INPUT
        .        0x2_0000_0800   0x4_0000_0800   0x24_0006  secure        list_pas        INPUT
        .        0x2_0000_0800   0x4_0000_0800   0x24_0006  level_0       level_bound     INPUT
        .        0x2_0000_0800   0x4_0000_0800   0x24_0006  level_2       base_align      INPUT
        .        0x2_0000_0000   0x4_0000_0800   0x24_0006  level_2       base_bound      INPUT
        .        0               0x4_0000_0800   0x24_0006  level_2       top_align       INPUT
        .        0               0x4_0000_0000   0x24_0006  level_2       top_bound       INPUT
        .        0               0x1000          0x24_0006  level_2       ipa_bound       INPUT
        .        ns+0x4000_0000  ns+0x4000_1000  0x24_0006  level_2       range_size      RTT(2)
        .        ns+0x4000_0000  ns+0x8000_0000  0x24_0006  level_2       attr_valid      INPUT
        .        ns+0x4000_0000  ns+0x8000_0000  0x4_0006   level_2       rtt_walk        RTT(1)
        .        ns              ns+0x1000       0x4_0006   empty_range   list_exhausted  INPUT
        .        ns              ns+0x1000       0x4_000A   then_level_2  block_level     RTT(3)
        .        ns+0x20_0000    ns+0x40_0000    0x4_0001   free+5        block_align     INPUT
        .        ns              ns+0x1000       0x4_0001   high+4        block_bound     INPUT
        .        ns              ns+0x1000       0x4_0001   free+4        mem_attr        INPUT
        .        ns              ns+0x1000       .          free+4        rtte_state      RTT(3)
        rd       ns+0x1000       ns+0x2000       1          host+4        -               SUCCESS
    ";
    rtt_unprot_unmap "RTT_UNPROT_UNMAP" "
        contexts  rd       base           top            flags  oaddr    condition    code
        1         odd      0x2_0000_0800  0x800          3      lists+1  sro_context  BLOCKED
        .         odd      0x2_0000_0800  0x800          3      lists+1  rd_align     INPUT
        .         outside  0x2_0000_0800  0x800          3      lists+1  rd_bound     INPUT
        .         free     0x2_0000_0800  0x800          3      lists+1  rd_state     INPUT
        .         dead     0x2_0000_0800  0x800          3      lists+1  base_align   INPUT
        .         .        0x2_0000_0000  0x800          3      lists+1  top_align    INPUT
        .         .        0x2_0000_0000  0x1000         3      lists+1  size_valid   INPUT
        .         .        0x2_0000_0000  0x4_0000_0000  3      lists+1  base_bound   INPUT
        .         .        0              0x4_0000_0000  3      lists+1  top_bound    INPUT
        .         .        0              0x1000         3      lists+1  ipa_bound    INPUT
        .         .        ns+0x20_1000   ns+0x20_2000   3      lists+1  addr_type    INPUT
        .         .        ns+0x20_1000   ns+0x20_2000   1      lists+1  oaddr        INPUT
        .         .        ns+0x20_1000   ns+0x20_2000   2      lists+1  list_count   INPUT
        .         .        ns+0x20_1000   ns+0x20_2000   6      lists+1  list_align   INPUT
        .         .        ns+0x20_1000   ns+0x20_2000   6      outside  list_bound   INPUT
        .         .        ns+0x20_1000   ns+0x20_2000   6      free     list_pas     INPUT
        .         .        ns+0x20_1000   ns+0x20_2000   .      .        base_align   RTT(2)
        .         .        ns+0x20_0000   ns+0x20_1000   .      .        rtte_top     RTT(2)
        0         rd       ns             ns+0x1000      6      lists    -            SUCCESS
    ";
    op_continue "OP_CONTINUE" "
        handle    flags  condition  code
        99        7      handle     INPUT
        donating  7      op_state   INPUT
        ready     7      -          SUCCESS
    ";
    op_mem_donate "OP_MEM_DONATE" "
        handle    list_ptr  list_count  condition    code
        99        outside+1 1           handle       INPUT
        ready     outside+1 1           op_state     INPUT
        donating  outside+1 1           list_align   INPUT
        donating  outside   1           list_bound   INPUT
        donating  free      1           list_pas     INPUT
        donating  secure    1           list_pas     INPUT
        donating  odd_ns    1           range_align  INPUT
        donating  ns_range  1           range_state  INPUT
        donating  large     1           donate_size  INPUT
        donating  lists     1           -            INCOMPLETE
    ";
    op_mem_reclaim "OP_MEM_RECLAIM" "
        handle    list_ptr  list_count  condition   code
        99        secure+1  1           handle      INPUT
        ready     secure+1  1           list_align  INPUT
        ready     secure    1           op_state    INPUT
        reclaims  secure    1           list_pas    INPUT
        reclaims  lists     1           -           INCOMPLETE(reclaim)
    ";
    op_cancel "OP_CANCEL" "
        handle    condition   code
        99        handle      INPUT
        donating  can_cancel  INPUT
    ";
}

/// The ladders of all commands of 2.0.
pub(crate) fn all() -> Vec<(&'static str, &'static str)> {
    [LADDERS, aux_and_devices::LADDERS].concat()
}

#[test]
fn every_row_of_2_0_has_a_line() {
    check_lines(&all(), EXCEPTIONS, PROFILES);
}

/// RMI_PSCI_COMPLETE of RMMs that remember whom a request is about.
#[test]
fn psci_complete_without_a_target() {
    const LADDER: &str = "
        calling_rec  target_rec  status  condition      code
        odd          odd         1       calling_align  INPUT
        outside      odd         1       calling_bound  INPUT
        rd           odd         1       calling_state  INPUT
        running      odd         1       pending        INPUT
        rec          odd         1       pending        INPUT
        asks_gone    odd         1       target         INPUT
        asks         odd         1       status         INPUT
        asks_on      odd         -3      status         INPUT
        asks         odd         0       -              SUCCESS
    ";
    climb("PSCI_COMPLETE", LADDER, Profile::SPEC_2_BET3);
}

/// The RMM chooses VMIDs, the lowest that is free, until there are none.
#[test]
fn vmids_run_out() {
    let base = 0x8000_0000;
    let file = PlatformFile {
        name: "many Realms".into(),
        dram: vec![DramRange { base, size: 4 << 20 }],
        vmid_bits: 8,
        ..Platform::preset("small").expect("a preset").into()
    };
    let platform = Platform::try_from(file).expect("a machine that can be");
    let mut world = World::new(platform, Profile::TF_RMM_2);
    let must = |world: &mut World, command: Command| {
        let outcome = world.execute(command);
        assert!(outcome.is_success(), "{command}: {outcome}");
    };
    must(&mut world, Command::RmmActivate {});
    let params_ptr = base;
    let create = |world: &mut World, i: u64| {
        let rd = base + (1 + 2 * i) * GRANULE;
        let mut values = realm_values(0, rd + GRANULE);
        values.remove("vmid");
        values.extend([("num_bps", 1), ("num_wps", 1)]);
        let bytes = page(realm_fields(world.profile().edition()), &values);
        world.host_write_page(params_ptr, &bytes).expect("the Host's");
        for base in [rd, rd + GRANULE] {
            let _ = world.execute(Command::GranuleRangeDelegate { base, top: base + GRANULE });
        }
        (rd, world.execute(Command::RealmCreate { rd, params_ptr }))
    };
    for i in 0..256 {
        let (rd, outcome) = create(&mut world, i);
        assert!(outcome.is_success(), "{i}: {outcome}");
        assert_eq!(u64::from(world.realm(rd).unwrap().vmid()), i);
    }
    let (_, outcome) = create(&mut world, 256);
    assert_eq!(outcome.status(), Some(Status::Global), "{outcome}");
    assert_eq!(outcome.failure().map(|failure| failure.condition()), Some("vmid_free"));
    // One is free again.
    let rd = base + (1 + 2 * 77) * GRANULE;
    must(&mut world, Command::RealmTerminate { rd });
    must(&mut world, Command::RealmDestroy { rd });
    let (rd, outcome) = create(&mut world, 256);
    assert!(outcome.is_success(), "{outcome}");
    assert_eq!(world.realm(rd).unwrap().vmid(), 77);
}
