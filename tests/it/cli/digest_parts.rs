//! `rimsim digests --range` and `--join`: one image, many machines.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use crate::cli::images::noise;
use crate::cli::{Folder, stdout};

/// Granules in the image of [`image`], the last of which has one byte.
const GRANULES: u64 = 42;

/// An image with noise, granules of zeros, and a hole.
fn image(folder: &Folder) {
    let file = File::create(folder.path("image")).expect("a file");
    file.set_len((GRANULES - 1) * 4096 + 1).expect("room");
    let mut bytes = noise(17 * 4096);
    bytes[2 * 4096..5 * 4096].fill(0);
    file.write_all_at(&bytes, 0).expect("written");
    file.write_all_at(&noise(4097), 30 * 4096).expect("written");
}

fn good(folder: &Folder, args: &[&str]) -> String {
    let output = folder.rimsim(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

/// Makes the part of granules `start..end`.
fn part(folder: &Folder, name: &str, (start, end): (u64, u64), more: &[&str]) -> String {
    let range = format!("{}..{}", start * 4096, end * 4096);
    good(folder, &[&["digests", "image", "--range", &range, "-o", name], more].concat())
}

/// Whatever the parts are, also where they cut runs of zeros and holes, and in whatever order they
/// are named.
#[test]
fn parts_join_to_the_file_of_the_whole() {
    let folder = Folder::new("digest_parts");
    image(&folder);
    let rows: [(&[u64], &[&str]); 6] = [
        (&[0, 42], &[]),
        (&[0, 3, 4, 20, 50], &[]),
        (&[0, 1, 2, 16, 17, 29, 31, 32, 41, 42], &["--algo", "sha256"]),
        (&[0, 21, 42], &["--algo", "sha384"]),
        (&[0, 4, 8, 12, 40, 44], &["--granule", "16k"]),
        (&[0, 16, 32, 64], &["--granule", "64k", "--algo", "sha512", "--copy"]),
    ];
    for (cuts, more) in rows {
        good(&folder, &[&["digests", "image", "-o", "whole.rimd"], more].concat());
        let mut names: Vec<_> = (1..cuts.len()).map(|i| format!("part{i}")).collect();
        for (name, ends) in names.iter().zip(cuts.windows(2)) {
            part(&folder, name, (ends[0], ends[1]), more);
        }
        names.rotate_left(1);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let joined = [&["digests", "-o", "joined.rimd", "--join"], &names[..]].concat();
        let said = good(&folder, &joined);
        let [joined, whole] =
            ["joined.rimd", "whole.rimd"].map(|name| fs::read(folder.path(name)).expect("a file"));
        assert!(joined == whole, "{cuts:?} {more:?}");
        assert_eq!(said, good(&folder, &["digests", "--show", "whole.rimd"]));
    }
}

#[test]
fn a_part_says_what_it_is() {
    let folder = Folder::new("digest_part");
    image(&folder);
    let line = "sha256 17 granules, 15 zero, bytes 102400..167937 of an image of 167937 bytes\n";
    assert_eq!(part(&folder, "part", (25, 42), &["--algo", "sha256"]), line);
    assert_eq!(good(&folder, &["digests", "--show", "part"]), line);
    let shown = good(&folder, &["digests", "--show", "part", "--format", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["lists"][0]["part"], serde_json::json!({"start": 102_400, "end": 167_937}));
    folder.file("a.rmi", crate::cli::images::script("digests \"part\"", "sha256"));
    folder.fails(&["run", "a.rmi"], 2, "has the digests of a part of an image");
}

#[test]
fn bad_ranges_are_refused() {
    let folder = Folder::new("digest_ranges");
    image(&folder);
    for (range, text) in [
        ("0..4095", "image: --range byte 4095 is inside of a granule of 4096 bytes"),
        ("1..", "byte 1 is inside of a granule"),
        ("48K..", "inside of a granule of 65536 bytes"),
        ("167937..", "begins at byte 167937; the image has 167937"),
        ("1TiB..", "begins at byte 1099511627776"),
        ("8192..4096", "it ends at 4096 and begins at 8192"),
        ("8192", "it is A..B"),
        ("0..3GB", "`GB` is none of"),
    ] {
        let granule = if range.starts_with("48K") { "64k" } else { "4k" };
        let args = ["digests", "image", "--granule", granule, "--range", range, "-o", "part"];
        folder.fails(&args, 2, text);
    }
    folder.fails(&["digests", "image", "image", "-o", "part"], 2, "several files are for --join");
    folder.fails(&["digests", "--show", "--join", "image"], 2, "cannot be used with");
    assert!(!folder.path("part").exists());
}

#[test]
fn parts_that_are_no_image_are_refused() {
    let folder = Folder::new("digest_joins");
    image(&folder);
    part(&folder, "a", (0, 10), &[]);
    part(&folder, "b", (10, 20), &[]);
    part(&folder, "c", (20, 42), &[]);
    part(&folder, "over", (9, 20), &[]);
    part(&folder, "sha256", (10, 20), &["--algo", "sha256"]);
    part(&folder, "sixteen", (12, 20), &["--granule", "16k"]);
    good(&folder, &["digests", "image", "-o", "whole"]);
    let join = |names: &[&str], text: &str| {
        folder.fails(&[&["digests", "--join", "-o", "made"], names].concat(), 2, text);
    };
    join(&["a", "c"], "no part has bytes 40960..81920 of the image");
    join(&["c", "b"], "no part has bytes 0..40960 of the image");
    join(&["a", "b"], "no part has bytes 81920..167937 of the image");
    join(&["a", "over", "c"], "over: has bytes 36864..40960 of the image, and so has a");
    join(&["a", "b", "b", "c"], "b: has bytes 40960..81920 of the image, and so has b");
    join(&["a", "sha256", "c"], "sha256: has digests by sha256 of granules of 4096 bytes; a has");
    join(&["a", "sixteen", "c"], "granules of 16384 bytes");
    join(&["a", "whole"], "whole: has the digests of a whole image, not of a part");
    join(&["a", "image"], "image: is no file of digests");
    let mut bytes = fs::read(folder.path("b")).expect("a file");
    bytes[0x70] ^= 1;
    folder.file("torn", bytes);
    join(&["a", "torn", "c"], "torn: is damaged");
    folder.fails(&["digests", "--join", "a", "nothing", "-o", "made"], 1, "nothing");
    folder.fails(&["digests", "--join", "a", "b", "c", "-o", "a"], 1, "would be overwritten");
    // Another image in the same place, of the same length, and of another one.
    let file = File::options().write(true).open(folder.path("image")).expect("the file");
    file.write_all_at(&[9; 4096], 30 * 4096).expect("written");
    part(&folder, "b", (10, 20), &[]);
    join(&["a", "b", "c"], "b: is of another image than a");
    file.set_len(41 * 4096).expect("shorter");
    part(&folder, "b", (10, 20), &[]);
    join(&["a", "b", "c"], "b: is of an image of 167936 bytes; a is of one of 167937");
    assert!(!folder.path("made").exists());
}
