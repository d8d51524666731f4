//! Logs and saved events.

use rimsim::abi::profile::RemReading;
use rimsim::explain::{compare, read_events};
use rimsim::measure::rim::HashAlgo;
use rimsim::{event_log, rmm_log};

use crate::Case;
use crate::inputs::*;
use crate::readers::*;

fn imported(bytes: &[u8]) {
    let log = rmm_log::read(bytes).expect("a log");
    let at = |i: u64| rmm_log::At { ipa: i << 20, name: format!("file {i}"), len_bytes: 4096 };
    let at = (0..256).map(at).collect();
    let options = rmm_log::Options { at, realm: 1, ..rmm_log::Options::default() };
    rmm_log::import(&log, &options).expect("a script");
}

fn rebuilt(bytes: &[u8]) {
    let log = event_log::read(bytes).expect("a log");
    drop(event_log::wrong_digests(&log));
    let (registers, _) = event_log::numbering(&log);
    let reading = RemReading::Concatenated;
    drop(event_log::rems(&log, HashAlgo::Sha256, registers, reading));
    let _ = event_log::rebuild(&log, &[]);
}

fn explained(events: &[u8]) {
    let half = events.len() / 2;
    let (a, b) = (read_events(&events[..half]), read_events(&events[half..]));
    assert!(!compare(&a.expect("events"), &b.expect("events")).is_equal());
}

pub(crate) const LOGS: &[Case] = &[
    Case {
        name: "an RMM's log with contents and torn lines",
        readers: &[RMM_LOG, IMPORT],
        make: |n| {
            let before = |i| format!("SMC_RMI_GRANULE_DELEGATE {:x} > RMI_SUCCESS\n", i << 12);
            let after = |i: u64| {
                format!(
                    "SMC_RMI_DATA_CREATE 88000000 {:x} {:x} 1000 1 > RMI_SUCCESS\n\
                     SMC_RMI_DATA_CREATE 8800\n[cpu{i}] SMC_RMI_DATA_CREATE 88000000 1\n",
                    i << 12,
                    0x8000_0000 + (i << 13)
                )
            };
            rmm_log(&lines(n, before), &lines(n, after))
        },
        run: imported,
        count: 25,
        most_memory: 60,
    },
    Case {
        name: "an RMM's log with long lines",
        readers: &[RMM_LOG, IMPORT],
        make: |n| rmm_log("", &format!("{}\n{}\n", "SMC_RMI_".repeat(n), "x".repeat(9 * n))),
        run: imported,
        count: 1000,
        most_memory: 20,
    },
    Case {
        name: "an RMM's log with calls in pieces",
        readers: &[RMM_LOG, IMPORT],
        make: |n| {
            rmm_log("", &format!("SMC_RMI_DATA_CREATE 88000000\n{}", "0\n".repeat(100)).repeat(n))
        },
        run: imported,
        count: 10,
        most_memory: 40,
    },
    Case {
        name: "a console whose VMM gives contents to the same IPAs again and again",
        readers: &[RMM_LOG, IMPORT],
        make: |n| {
            let line = |i: u64| {
                let (base, size) = (0x1000_0000, (i + 1) << 13);
                let top = base + size;
                format!("Populated Realm memory area : {base:x} - {top:x} (size {size} bytes)\n")
            };
            rmm_log("", &(lines(n, line) + "SMC_RMI_REALM_ACTIVATE 88000000 > RMI_SUCCESS\n"))
        },
        run: imported,
        count: 200,
        most_memory: 60,
    },
    Case {
        name: "an RMM's log with ranges that overlap",
        readers: &[RMM_LOG, IMPORT],
        make: |n| {
            let one = |i: u64| {
                let (base, top) = (0x9000_0000 + (i << 20), 0x9000_0000 + (i << 20) + (3 << 19));
                let (ipa, end) = (0x8000_0000 + (i << 21), 0x8000_0000 + (i << 21) + (1 << 20));
                format!(
                    "SMC_RMI_GRANULE_RANGE_DELEGATE {base:x} {top:x} > RMI_SUCCESS {top:x}\n\
                     SMC_RMI_RTT_DATA_MAP 88000000 {ipa:x} {end:x} 1 {:x} > RMI_SUCCESS {end:x}\n",
                    base | 0x100 << 2 | 1
                )
            };
            rmm_log("SMC_RMI_RMM_ACTIVATE > RMI_SUCCESS\n", &lines(n, one))
        },
        run: imported,
        count: 25,
        most_memory: 60,
    },
    Case {
        name: "a kernel's trace",
        readers: &[RMM_LOG, IMPORT],
        make: |n| {
            let one = |i: u64| {
                let (data, ipa) = (i << 12, 0x8000_0000 + (i << 12));
                format!(
                    "t-{i} [0] 1: arm_smccc_start: fn=c4000153 args={{88000000 {data:x} {ipa:x} 0 \
                     1 0 0}}\nt-{i} [0] 1: arm_smccc_end: fn=c4000153 res={{0 0 0 0}}\n"
                )
            };
            rmm_log("", &lines(n, one))
        },
        run: imported,
        count: 50,
        most_memory: 40,
    },
    Case {
        name: "a measurement log with events",
        readers: &[EVENT_LOG, REMS, REBUILD],
        make: |n| {
            measurement_log((0..n).map(|i| (1, 13, [1; 32], format!("hello {i}").into_bytes())))
        },
        run: rebuilt,
        count: 100,
        most_memory: 20,
    },
    Case {
        name: "a table CCEL, with something behind it",
        readers: &[EVENT_LOG],
        make: |n| format!("CCEL{}", "x".repeat(n)).into_bytes(),
        run: |bytes| assert!(event_log::read(bytes).is_err()),
        count: 500,
        most_memory: 20,
    },
    Case {
        name: "a measurement log with device trees, and images that they may be",
        readers: &[EVENT_LOG, REBUILD],
        make: |n| {
            let tree = |i: usize| {
                let data = format!("DTB\0\0\0\0\0\0\0\0\0\0\0\0\0{i}").into_bytes();
                (0, 3, [0; 32], data)
            };
            let image = |i: usize| image_event((i as u64) << 30, 270 << 20);
            let events = std::iter::once(realm_event());
            measurement_log(events.chain((0..12 * n).map(tree)).chain((0..n).map(image)))
        },
        run: |bytes| {
            // To hash 270 MiB for one is more than may be tried.
            let log = event_log::read(bytes).expect("a log");
            let made = event_log::rebuild(&log, &[]).expect("a script");
            assert!(!made.needs.is_empty());
        },
        count: 8,
        most_memory: 60,
    },
];

pub(crate) const SAVED: &[Case] = &[
    Case {
        name: "saved events with an origin of their own",
        readers: &[SAVED_EVENTS, COMPARE],
        make: |n| {
            let side = |name: char, digest: u64| {
                saved(n, |i| saved_data(i << 12, digest, &format!("{name}{i:09}+0x0")))
            };
            [side('a', 1), side('b', 2)].concat()
        },
        run: explained,
        count: 80,
        most_memory: 30,
    },
    Case {
        name: "saved events whose order is another",
        readers: &[SAVED_EVENTS, COMPARE],
        make: |n| {
            let rec = |i: u64| {
                format!(
                    "{{\"command\":\"RMI_RTT_INIT_RIPAS\",\"base\":\"{:#x}\",\"top\":\"{:#x}\",\
                     \"entry\":\"0x1000\"}}\n",
                    0x1_0000_0000 + (i << 13),
                    0x1_0000_0000 + (i << 13) + 4096
                )
            };
            let up = saved(n, |i| rec(i) + &saved_data((1 << 28) + (i << 12), 1, "a"));
            let top = n as u64;
            let down = saved(n, |i| rec(top - 1 - i) + &saved_data((1 << 28) + (i << 12), 1, "a"));
            [up, down].concat()
        },
        run: explained,
        count: 80,
        most_memory: 30,
    },
];
