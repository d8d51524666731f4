//! The ladders of RMM 2.0's commands for auxiliary trees and for memory of devices.

use crate::rmi::ladders::v1::ladders;
use crate::rmi::ladders::v2::PROFILES;

ladders! {
    LADDERS, PROFILES;
    rtt_dev_map "RTT_DEV_MAP" "
        contexts rd      vdev  base          top           flags oaddr        condition      code
        1        odd     odd   0x2_0000_0800 0x800         3     lists+1      sro_context    BLOCKED
        0        odd     odd   0x2_0000_0800 0x800         3     lists+1      rd_align       INPUT
        0        outside odd   0x2_0000_0800 0x800         3     lists+1      rd_bound       INPUT
        0        free    odd   0x2_0000_0800 0x800         3     lists+1      rd_state       INPUT
        0        off     odd   0x2_0000_0800 0x800         3     lists+1      realm_state    REALM
        0        dead    odd   0x2_0000_0800 0x800         3     lists+1      realm_state    REALM
        0        rd      odd   0x2_0000_0800 0x800         3     lists+1      size_valid     INPUT
        0        rd      odd   0x2_0000_0800 0x4_0000_0800 3     lists+1      addr_type      INPUT
        0        rd      odd   0x2_0000_0800 0x4_0000_0800 2     lists+1      list_align     INPUT
        0        rd      odd   0x2_0000_0800 0x4_0000_0800 2     outside      list_count     INPUT
        0        rd      odd   0x2_0000_0800 0x4_0000_0800 6     outside      list_bound     INPUT
        0        rd      odd   0x2_0000_0800 0x4_0000_0800 6     free         list_pas       INPUT
        0        rd      odd   0x2_0000_0800 0x4_0000_0800 6     secure       list_pas       INPUT
        0        rd      odd   0x2_0000_0800 0x4_0000_0800 6     ns_range     range_state    INPUT
        0        rd      odd   0x2_0000_0800 0x4_0000_0800 6     level_0      level_bound    INPUT
        0        rd      odd   0x2_0000_0800 0x4_0000_0800 6     level_2      base_align     INPUT
        0        rd      odd   0x2_0000_0000 0x4_0000_0800 6     level_2      base_bound     INPUT
        0        rd      odd   0x1_0000_0000 0x4_0000_0800 6     level_2      top_align      INPUT
        0        rd      odd   0x1_0000_0000 0x4_0000_0000 6     level_2      top_bound      INPUT
        0        rd      odd   0x1_0000_0000 0x1_0000_1000 6     level_2      ipa_bound      INPUT
        0        rd      odd   0x8000_0000   0x8000_1000   6     level_2      range_size     RTT(2)
        0        rd      odd   0x8000_0000   0x8020_0000   6     level_2      vdev_state     INPUT
    ";
    rtt_dev_unmap "RTT_DEV_UNMAP" "
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
        .         .        0              0x1000         .      .        rtte_state   RTT(3)
        0         rd       0x1000         0x2000         6      lists    -            SUCCESS
    ";
    rtt_dev_validate "RTT_DEV_VALIDATE" "
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
        rd       rec         0       0x8000  top_bound       INPUT
    ";
    rtt_aux_create "RTT_AUX_CREATE" "
        rd       rtt      ipa            level  index  condition    code
        odd      odd      0x2_0000_0001  1      9      rtt_align    INPUT
        odd      outside  0x2_0000_0001  1      9      rtt_bound    INPUT
        odd      host     0x2_0000_0001  1      9      rtt_state    INPUT
        odd      high     0x2_0000_0001  1      9      rd_align     INPUT
        outside  high     0x2_0000_0001  1      9      rd_bound     INPUT
        free     high     0x2_0000_0001  1      9      rd_state     INPUT
        dead     high     0x2_0000_0001  1      9      level_bound  INPUT
        .        high     0x2_0000_0001  3      9      ipa_bound    INPUT
        .        high     0x8000_1000    .      9      ipa_align    INPUT
        .        high     ns             .      9      ipa_bound    INPUT
        rd       high     0x8000_0000    .      1      index_bound  INPUT
        .        high     0x8000_0000    .      0      index_bound  INPUT
        .        high     0x8000_0000    .      3      index_bound  INPUT
        .        high     0x8000_0000    .      .      rtt_bound2   INPUT
        .        .        0x8000_0000    .      .      rtt_walk     RTT_AUX(1)
        .        .        0              .      .      rtte_state   RTT_AUX(2)
        planes   free     0x60_0000      3      1      -            SUCCESS
    ";
    rtt_aux_destroy "RTT_AUX_DESTROY" "
        rd       ipa            level  index  condition    code
        odd      0x2_0000_0001  1      9      rd_align     INPUT
        outside  0x2_0000_0001  1      9      rd_bound     INPUT
        free     0x2_0000_0001  1      9      rd_state     INPUT
        .        0x2_0000_0001  1      9      level_bound  INPUT
        .        0x2_0000_0001  .      9      ipa_bound    INPUT
        .        0x1000         .      9      ipa_align    INPUT
        .        ns             .      9      ipa_bound    INPUT
        .        0x8000_0000    .      9      index_bound  INPUT
        .        0x8000_0000    .      .      rtt_walk     RTT_AUX(1)
        .        0x60_0000      .      .      rtte_state   RTT_AUX(2)
        .        0              .      .      rtt_live     RTT_AUX(3)
        planes   0x20_0000      3      1      -            SUCCESS
    ";
    rtt_aux_fold "RTT_AUX_FOLD" "
        rd       ipa            level  index  condition    code
        odd      0x2_0000_0001  1      9      rd_align     INPUT
        outside  0x2_0000_0001  1      9      rd_bound     INPUT
        free     0x2_0000_0001  1      9      rd_state     INPUT
        .        0x2_0000_0001  1      9      level_bound  INPUT
        .        0x2_0000_0001  .      9      ipa_bound    INPUT
        .        0x1000         .      9      ipa_align    INPUT
        .        ns             .      9      ipa_bound    INPUT
        .        0x8000_0000    .      9      index_bound  INPUT
        .        0x8000_0000    .      .      rtt_walk     RTT_AUX(1)
        .        0x60_0000      .      .      rtte_state   RTT_AUX(2)
        .        0              .      .      rtt_homo     RTT_AUX(3)
        planes   0x40_0000      3      1      -            SUCCESS
    ";
    rtt_aux_map_protected "RTT_AUX_MAP_PROTECTED" "
        rd       ipa            index  condition      code
        odd      0x2_0000_0001  9      rd_align       INPUT
        outside  0x2_0000_0001  9      rd_bound       INPUT
        free     0x2_0000_0001  9      rd_state       INPUT
        off      0x2_0000_0001  9      realm_state    REALM
        dead     0x2_0000_0001  9      realm_state    REALM
        .        0x2_0000_0001  9      ipa_bound      INPUT
        .        0x1_0000_0800  9      ipa_align      INPUT
        .        ns             9      index_bound    INPUT
        .        ns             .      ipa_bound      INPUT
        .        0x5000         .      rtte_state     RTT(3)
        .        0x60_0000      .      rtt_walk       RTT_AUX(2)
        .        0x40_0000      .      aux_destroyed  RTT_AUX(3)
        planes   0x2000         1      -              SUCCESS
    ";
    rtt_aux_unmap_protected "RTT_AUX_UNMAP_PROTECTED" "
        rd       ipa            index  condition    code
        odd      0x2_0000_0001  9      rd_align     INPUT
        outside  0x2_0000_0001  9      rd_bound     INPUT
        free     0x2_0000_0001  9      rd_state     INPUT
        .        0x2_0000_0001  9      ipa_bound    INPUT
        .        0x1_0000_0800  9      ipa_align    INPUT
        .        ns             9      index_bound  INPUT
        .        ns             .      ipa_bound    INPUT
        .        0x2000         .      rtte_state   RTT_AUX(3)
        planes   0x1000         1      -            SUCCESS
    ";
    rtt_aux_map_unprotected "RTT_AUX_MAP_UNPROTECTED" "
        rd       ipa             index  condition    code
        odd      0x2_0000_0001   9      rd_align     INPUT
        outside  0x2_0000_0001   9      rd_bound     INPUT
        free     0x2_0000_0001   9      rd_state     INPUT
        off      0x2_0000_0001   9      realm_state  REALM
        .        0x2_0000_0001   9      ipa_bound    INPUT
        .        0x1000          9      ipa_align    INPUT
        .        0               9      ipa_bound    INPUT
        .        ns+0x4000_0000  9      index_bound  INPUT
        .        ns+0x4000_0000  .      rtte_state   RTT(1)
        planes   ns              2      -            SUCCESS
    ";
    rtt_aux_unmap_unprotected "RTT_AUX_UNMAP_UNPROTECTED" "
        rd       ipa             index  condition    code
        odd      0x2_0000_0001   9      rd_align     INPUT
        outside  0x2_0000_0001   9      rd_bound     INPUT
        free     0x2_0000_0001   9      rd_state     INPUT
        .        0x2_0000_0001   9      index_bound  INPUT
        .        0x2_0000_0001   .      ipa_bound    INPUT
        .        0x1000          .      ipa_align    INPUT
        .        0               .      ipa_bound    INPUT
        planes   ns              1      -            SUCCESS
    ";
}
