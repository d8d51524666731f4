//! Counted commands over an image, which are made at once as long as nobody looks on: everything is
//! as when somebody does.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rimsim::World;
use rimsim::script::{LoadedScript, MemoryFiles, Player, load, load_from};
use rimsim::session::{Observer, Record, Session, Step};

/// Somebody who looks on, so that every step is made by itself.
struct Watcher;

impl Observer for Watcher {
    fn observe(&mut self, _: &Step, _: &Record, _: &World) {}
}

/// What came of a play, as far as a user can tell.
struct Played {
    world: World,
    rims: Vec<String>,
    printed: Vec<String>,
    result: Result<(), String>,
    steps: u64,
}

fn play(script: LoadedScript, watcher: Option<&mut Watcher>) -> Played {
    let mut player = Player::new(script);
    let (platform, profile) = player.setup();
    let mut session = Session::new(World::new(platform, profile));
    if let Some(watcher) = watcher {
        session.observe(watcher);
    }
    let result = player.play(&mut session).map_err(|error| error.to_string());
    let (printed, steps) = (player.printed().to_vec(), session.steps());
    let mut world = session.into_world();
    let rds: Vec<_> = world.realms().map(|(rd, _)| rd.0).collect();
    let rims = rds.iter().map(|rd| format!("{:?}", world.rim(*rd))).collect();
    Played { world, rims, printed, result, steps }
}

/// Plays a script twice; gives how the play ended.
fn holds(name: &str, script: impl Fn() -> LoadedScript) -> Result<(), String> {
    let alone = play(script(), None);
    let seen = play(script(), Some(&mut Watcher));
    assert_eq!(alone.result, seen.result, "{name}");
    assert_eq!(alone.printed, seen.printed, "{name}");
    assert_eq!(alone.steps, seen.steps, "{name}");
    assert_eq!(alone.rims, seen.rims, "{name}");
    assert!(alone.world == seen.world, "{name}: the machines differ");
    alone.result
}

fn from_text(text: &str) -> LoadedScript {
    let mut files = MemoryFiles([("rows.rmi".to_owned(), text.into())].into());
    load_from("rows.rmi", &mut files).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn scripts_end_alike_whether_somebody_looks_on_or_not() {
    let folder = Path::new("spec-vectors/scripts");
    let entries = std::fs::read_dir(folder).expect("the folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let mut count = 0;
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "rmi")) {
        let script = || load(path).unwrap_or_else(|error| panic!("{error}"));
        let _ = holds(&path.display().to_string(), script);
        count += 1;
    }
    assert!(count > 20, "{count} scripts");
}

/// Where an image is given to a Realm, and what is in its way.
#[derive(Clone, Debug)]
struct Scene {
    is_v2: bool,
    /// The image, and what it is.
    image: &'static str,
    pages: u64,
    rest_bytes: u64,
    /// Granules before the image.
    ipa: u64,
    makes_tables: bool,
    /// A granule of the Realm that is taken already.
    taken: Option<u64>,
    /// Granules that the script names, and one of them that it takes back.
    named: Option<Option<u64>>,
    answer: &'static str,
    flags: &'static str,
}

impl Scene {
    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |words: &str| writeln!(text, "{words}").expect("memory");
        if self.is_v2 {
            line("spec \"2.0\"\nRMM_ACTIVATE");
        }
        if self.makes_tables {
            line("rtt auto");
        }
        let len_bytes = self.pages * 4096 + self.rest_bytes;
        line(&format!("let ram = 0x8000_0000 + {} * 4KiB", self.ipa));
        line(&match self.image {
            "slice" => {
                let end = len_bytes + 4096;
                format!("image whole = fill {} seed=9\nimage image = whole[4KiB..{end}]", end + 512)
            }
            "zeros" => format!("image image = zeros {len_bytes}"),
            _ => format!("image image = fill {len_bytes} seed=9"),
        });
        line("image one = fill 4KiB seed=2\nlet rd = auto");
        line(
            "REALM_CREATE rd=rd params_ptr=RealmParams { s2sz=40, num_bps=1, num_wps=1,
                rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }",
        );
        let create = if self.is_v2 { "RTT_DATA_MAP_INIT" } else { "DATA_CREATE" };
        if let Some(at) = self.taken {
            line("rtt auto");
            line(&format!("{create} rd=rd ipa=ram + {at} * 4KiB image=one flags=measure"));
        }
        let mut data = String::new();
        if let Some(given_back) = self.named {
            let count = self.pages + 1;
            let (base, top) = (0x8800_0000_u64, 0x8800_0000 + count * 4096);
            match self.is_v2 {
                true => line(&format!("GRANULE_RANGE_DELEGATE base={base:#x} top={top:#x} all")),
                false => line(&format!("GRANULE_DELEGATE addr={base:#x} count={count}")),
            }
            if let Some(granule) = given_back.filter(|granule| *granule < count) {
                let pa = base + granule * 4096;
                match self.is_v2 {
                    true => line(&format!(
                        "GRANULE_RANGE_UNDELEGATE base={pa:#x} top={:#x} all",
                        pa + 4096
                    )),
                    false => line(&format!("GRANULE_UNDELEGATE addr={pa:#x}")),
                }
            }
            data = format!("data={base:#x} ");
        }
        let Self { flags, answer, .. } = self;
        line(&format!("{create} rd=rd {data}ipa=ram image=image flags={flags} {answer}"));
        line("print rim\nprint realm rd");
        text
    }
}

fn scene() -> impl Strategy<Value = Scene> {
    let image = prop_oneof![Just("fill"), Just("zeros"), Just("slice")];
    let rest_bytes = prop_oneof![Just(0), Just(8_u64), 1..512_u64];
    let at = 0..1200_u64;
    let taken = prop::option::weighted(0.4, at.clone());
    let named = prop::option::weighted(0.4, prop::option::of(at));
    let answer = prop_oneof![
        4 => Just(""),
        1 => Just("=> RMI_SUCCESS"),
        1 => Just("=> RMI_ERROR_RTT"),
    ];
    let flags = prop_oneof![Just("measure"), Just("no_measure")];
    let place = (any::<bool>(), image, 1..1100_u64, rest_bytes, 0..700_u64);
    let rest = (prop::bool::weighted(0.8), taken, named, answer, flags);
    (place, rest).prop_map(
        |((is_v2, image, pages, rest_bytes, ipa), (makes_tables, taken, named, answer, flags))| {
            Scene {
                is_v2,
                image,
                pages,
                // A slice of a stream begins and ends anywhere; a fill has whole words.
                rest_bytes,
                ipa,
                makes_tables,
                taken,
                named,
                answer,
                flags,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn images_are_given_alike_whatever_is_in_their_way(scene in scene()) {
        let text = scene.text();
        let _ = holds(&text, || from_text(&text));
    }
}

/// Not all scenes end early, or the law would say little.
#[test]
fn an_image_without_obstacles_is_given_whole() {
    let scene = Scene {
        is_v2: false,
        image: "fill",
        pages: 1030,
        rest_bytes: 9,
        ipa: 500,
        makes_tables: true,
        taken: None,
        named: None,
        answer: "=> RMI_SUCCESS",
        flags: "measure",
    };
    for scene in [Scene { is_v2: true, ..scene.clone() }, scene] {
        let text = scene.text();
        assert_eq!(holds(&text, || from_text(&text)), Ok(()));
    }
}
