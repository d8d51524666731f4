//! Inputs of any size.

/// `line` with every number from 0 on.
pub(crate) fn lines(count: usize, line: impl Fn(u64) -> String) -> String {
    (0..count as u64).map(line).collect()
}

/// A script that makes one Realm, of RMM 1.0.
pub(crate) fn one_realm(rest: &str) -> Vec<u8> {
    format!("platform \"fvp\"\nrtt auto\n{}{rest}", realm("rd", 1)).into_bytes()
}

/// Statements that make a Realm.
pub(crate) fn realm(rd: &str, vmid: u64) -> String {
    format!(
        "let {rd} = auto\nREALM_CREATE rd={rd} params_ptr=RealmParams {{ s2sz=40, num_bps=1, \
         num_wps=1, vmid={vmid}, rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }}\n"
    )
}

/// A script that makes one Realm, of RMM 2.0.
pub(crate) fn one_realm_2(rest: &str) -> Vec<u8> {
    format!(
        "spec \"2.0\"\nplatform \"fvp\"\nRMM_ACTIVATE\nrtt auto\nlet rd = auto\nREALM_CREATE rd=rd \
         params_ptr=RealmParams {{ s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, \
         rtt_level_start=1, rtt_num_start=2 }}\n{rest}"
    )
    .into_bytes()
}

/// A REC of a Realm; `number` has its own MPIDR.
pub(crate) fn rec(rd: &str, rec: &str, number: u64) -> String {
    let mpidr = number & 15 | number >> 4 << 8;
    format!(
        "let {rec} = auto\nREC_CREATE rd={rd} rec={rec} params_ptr=RecParams {{ flags=runnable, \
         mpidr={mpidr}, pc=0x8000_0000, aux=auto }}\n"
    )
}

/// Saved events: what `events` write down of each number.
pub(crate) fn saved(count: usize, event: impl Fn(u64) -> String) -> Vec<u8> {
    let head = "{\"schema\":\"rimsim/1\",\"kind\":\"events\",\"name\":\"rd\",\
                \"hash_algo\":\"sha256\",\"rim_rule\":\"rmm-1.0\"}\n";
    format!("{head}{}", lines(count, event)).into_bytes()
}

/// A saved event of contents.
pub(crate) fn saved_data(ipa: u64, digest: u64, from: &str) -> String {
    format!(
        "{{\"command\":\"RMI_DATA_CREATE\",\"ipa\":\"{ipa:#x}\",\"flags\":\"0x1\",\
         \"digest\":\"{digest:064x}\",\"from\":\"{from}\"}}\n"
    )
}

/// The log of an RMM that makes a Realm.
pub(crate) fn rmm_log(before: &str, after: &str) -> Vec<u8> {
    format!("{before}SMC_RMI_REALM_CREATE 88000000 88001000 > RMI_SUCCESS\n{after}").into_bytes()
}

/// A measurement log with one bank: register, type, digest, data.
pub(crate) fn measurement_log(
    events: impl Iterator<Item = (u32, u32, [u8; 32], Vec<u8>)>,
) -> Vec<u8> {
    let mut head = b"Spec ID Event03\0".to_vec();
    head.extend([0, 0, 0, 0, 0, 2, 0, 2, 1, 0, 0, 0, 0x0B, 0, 32, 0, 0]);
    let mut log = [0_u32, 3].map(u32::to_le_bytes).concat();
    log.extend([0; 20]);
    log.extend(u32::try_from(head.len()).expect("short").to_le_bytes());
    log.extend(head);
    for (register, kind, digest, data) in events {
        log.extend([register, kind, 1].map(u32::to_le_bytes).concat());
        log.extend([0x0B, 0]);
        log.extend(digest);
        log.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
        log.extend(data);
    }
    log
}

/// The data of an event of a Realm's VMM.
pub(crate) fn tagged(tag: u32, data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).expect("short");
    [&tag.to_le_bytes()[..], &len.to_le_bytes(), data].concat()
}

/// REALM_CREATE in a measurement log.
pub(crate) fn realm_event() -> (u32, u32, [u8; 32], Vec<u8>) {
    (0, 6, [1; 32], tagged(1, &[0, 0, 0, 0, 0, 0, 0, 0, 40, 0, 1, 1, 0, 0]))
}

/// Contents of memory in a measurement log.
pub(crate) fn image_event(base: u64, len: u64) -> (u32, u32, [u8; 32], Vec<u8>) {
    let data = [&b"\x01x"[..], &base.to_le_bytes(), &len.to_le_bytes()].concat();
    (0, 0x8000_000A, [2; 32], data)
}

/// A device tree with so many properties below nodes of long names, or so many nodes.
pub(crate) fn device_tree(depth: usize, properties: usize, nodes: usize) -> Vec<u8> {
    let mut structure: Vec<u8> = vec![0, 0, 0, 1, 0, 0, 0, 0];
    for _ in 0..depth {
        structure.extend([0, 0, 0, 1]);
        structure.extend([b'n'; 27]);
        structure.push(0);
    }
    for i in 0..properties {
        structure.extend([0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0]);
        structure.extend(u32::try_from(i).expect("few").to_be_bytes());
    }
    for i in 0..nodes {
        structure.extend([0, 0, 0, 1]);
        structure.extend(format!("n{i:010}\0").bytes());
        structure.extend([0, 0, 0, 2]);
    }
    (0..=depth).for_each(|_| structure.extend([0, 0, 0, 2]));
    structure.extend([0, 0, 0, 9]);
    let end = 40 + structure.len();
    let head = [0xD00D_FEED, end + 4, 40, end, 40, 17, 16, 0, 4, structure.len()];
    let head = head.map(|word| u32::try_from(word).expect("short").to_be_bytes());
    [head.as_flattened(), &structure, b"reg\0"].concat()
}

/// A CBOR head of a type and a number.
pub(crate) fn head(major: u8, number: usize) -> Vec<u8> {
    let number = u32::try_from(number).expect("short").to_be_bytes();
    match number {
        [0, 0, 0, small] if small < 24 => vec![major << 5 | small],
        [0, 0, 0, small] => vec![major << 5 | 24, small],
        [0, 0, high, low] => vec![major << 5 | 25, high, low],
        _ => [&[major << 5 | 26][..], &number].concat(),
    }
}

/// A vector whose Host asks for features again and again, and delegates granules.
pub(crate) fn vector(count: usize) -> Vec<u8> {
    let platform = "{\"config\":\"stock\",\"feature_register_0\":\"0x283fc104130\",\"s2sz\":48,\
         \"lpa2\":1,\"sve\":0,\"sve_vl\":0,\"num_bps\":1,\"num_wps\":1,\"pmu\":1,\
         \"pmu_num_ctrs\":31,\"sha256\":1,\"sha512\":1,\"gicv3_num_lrs\":0,\
         \"max_recs_order\":10,\"rec_aux_count\":16,\
         \"vmid_bits\":8,\"feat_hpmn0\":0,\"pa_bits\":48,\"ich_vtr_pribits\":1,\
         \"max_vintid\":65535,\"ext_intid\":0,\"dram\":[\"0x80000000\",\"0x40000000\"]}";
    let step = |i: u64| {
        let pa = 0x8000_0000 + ((i & 0x3FFF) << 12);
        format!(
            "{{\"op\":\"smc\",\"name\":\"RMI_GRANULE_DELEGATE\",\"fid\":\"0xc4000151\",\
             \"args\":[\"{pa:#x}\"],\"ret\":[\"0x0\"],\"cmp\":[0]}},\n"
        )
    };
    let steps = lines(count, step);
    let steps = steps.trim_end_matches(",\n");
    let head = "\"name\":\"a\",\"spec\":\"1.0-rel0\",\"impl\":\"none\"";
    format!("{{{head},\n\"platform\":{platform},\"steps\":[\n{steps}\n]}}").into_bytes()
}
