//! Scripts, and what plays them.

use rimsim::lint::Linter;
use rimsim::report::{RealmReport, Report, write};
use rimsim::script::{MemoryFiles, PlayError, Player, load_from};
use rimsim::session::{Observer, Session};
use rimsim::{World, script};

use crate::Case;
use crate::inputs::*;
use crate::readers::*;

/// Plays a script; what it expects is met.
fn play<'o>(text: &[u8], observers: impl IntoIterator<Item = &'o mut dyn Observer>) -> World {
    let kernel = ("kernel".to_owned(), vec![7; 4096]);
    let mut files = MemoryFiles([("a.rmi".to_owned(), text.to_vec()), kernel].into());
    let mut player = Player::new(load_from("a.rmi", &mut files).expect("a script"));
    let (platform, profile) = player.setup();
    let mut session = Session::new(World::new(platform, profile));
    observers.into_iter().for_each(|observer| session.observe(observer));
    match player.play(&mut session) {
        Ok(()) | Err(PlayError::Mismatch(..)) => session.into_world(),
        Err(error) => panic!("{error}"),
    }
}

fn played(text: &[u8]) {
    play(text, []);
}

fn linted(text: &[u8]) {
    let mut linter = Linter::new();
    play(text, [&mut linter as _]);
    drop(linter.finish());
}

fn reported(text: &[u8]) {
    let world = play(text, []);
    let realms = world.realms().map(|(rd, _)| rd.0);
    let realms = realms.filter_map(|rd| RealmReport::new(&world, rd, "rd")).collect();
    assert!(write(&Report { realms, ..Report::default() }).ends_with("</html>\n"));
}

fn refused_script(text: &[u8]) {
    assert!(script::parse_bytes("a.rmi", text).is_err());
}

pub(crate) const SCRIPTS: &[Case] = &[
    Case {
        name: "a script with names",
        readers: &[LOAD, PLAY],
        make: |n| one_realm(&lines(n, |i| format!("let name_{i} = {i}\n"))),
        run: played,
        count: 200,
        most_memory: 40,
    },
    Case {
        name: "a script with the shortest lines",
        readers: &[PARSE],
        make: |n| "#\n".repeat(n).into_bytes(),
        run: |text| drop(script::parse_bytes("a.rmi", text).expect("a script")),
        count: 500,
        most_memory: 140,
    },
    Case {
        name: "a script whose mistake stands far to the right",
        readers: &[PARSE],
        make: |n| format!("note \"{}\" bad\n", "x".repeat(n)).into_bytes(),
        run: refused_script,
        count: 2000,
        most_memory: 20,
    },
    Case {
        name: "a script whose last name is not known",
        readers: &[PARSE, LOAD],
        make: |n| one_realm(&(lines(n, |i| format!("let n{i} = {i}\n")) + "let a = n\n")),
        run: |text| {
            let mut files = MemoryFiles([("a.rmi".to_owned(), text.to_vec())].into());
            assert!(load_from("a.rmi", &mut files).is_err());
        },
        count: 250,
        most_memory: 60,
    },
    Case {
        name: "a script with images, and a RIM after them for each",
        readers: &[LOAD, PLAY],
        make: |n| {
            let images = lines(n, |i| format!("image k{i} = \"kernel\"\n"));
            one_realm(&(images + &"print rim\n".repeat(n)))
        },
        run: played,
        count: 40,
        most_memory: 60,
    },
    Case {
        name: "a script with Realms that come and go",
        readers: &[PLAY, LINT],
        make: |n| {
            let one = |i| {
                let (rd, rec_name) = (format!("rd{i}"), format!("rec{i}"));
                let rec = rec(&rd, &rec_name, 0);
                realm(&rd, 1)
                    + &rec
                    + &format!("REC_DESTROY rec={rec_name}\nREALM_DESTROY rd={rd}\n")
            };
            format!("platform \"fvp\"\nrtt auto\n{}", lines(n, one)).into_bytes()
        },
        run: linted,
        count: 10,
        most_memory: 400,
    },
    Case {
        name: "a script with contents, linted",
        readers: &[PLAY, LINT],
        make: |n| {
            let one = |i| {
                let ipa = 0x8000_0000 + i * 8192;
                format!("DATA_CREATE rd=rd ipa={ipa:#x} image=a flags=measure\n")
            };
            one_realm(&("image a = fill 4KiB seed=1\n".to_owned() + &lines(n, one)))
        },
        run: linted,
        count: 50,
        most_memory: 200,
    },
    Case {
        name: "a script with contents from many images, on a page",
        readers: &[PLAY, REPORT, PAGE],
        make: |n| {
            let one = |i| {
                let ipa = 0x8000_0000 + i * 8192;
                format!(
                    "image a{i} = fill 4KiB seed={i}\n\
                     DATA_CREATE rd=rd ipa={ipa:#x} image=a{i} flags=measure\n"
                )
            };
            one_realm(&lines(n, one))
        },
        run: reported,
        count: 30,
        most_memory: 200,
    },
    Case {
        name: "a script that unmaps again what is gone",
        readers: &[PLAY, LINT],
        make: |n| {
            let data = |i| {
                let ipa = 0x8000_0000 + i * 4096;
                format!("RTT_DATA_MAP_INIT rd=rd ipa={ipa:#x} image=a flags=measure\n")
            };
            let gone = "RTT_DATA_UNMAP rd=rd base=0x8000_0000 top=0x8020_0000 flags=0 oaddr=0\n";
            let data = "image a = fill 4KiB seed=1\n".to_owned() + &lines(n, data);
            one_realm_2(&(data + &gone.repeat(n)))
        },
        run: linted,
        count: 50,
        most_memory: 300,
    },
    Case {
        name: "a script whose Realm does much that is expected",
        readers: &[PLAY],
        make: |n| {
            let boot = rec("rd", "rec", 0) + "REALM_ACTIVATE rd=rd\n";
            let acts = "    setreg 1 1\n    smc 0xc4000190 0x10000\n".repeat(n);
            let heard = |i| format!("expect guest rec \"smc {} 0x0\"\n", 2 * i + 1);
            let text = boot + "guest rec {\n" + &acts + "}\nserve rec=rec\n" + &lines(n, heard);
            one_realm(&text)
        },
        run: |text| {
            let mut files = MemoryFiles([("a.rmi".to_owned(), text.to_vec())].into());
            let mut player = Player::new(load_from("a.rmi", &mut files).expect("a script"));
            player.keep_going(true);
            let (platform, profile) = player.setup();
            let mut session = Session::new(World::new(platform, profile));
            // What it hears differs from what is expected in the result.
            assert!(player.play(&mut session).is_err());
        },
        count: 40,
        most_memory: 400,
    },
];
