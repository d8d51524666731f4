//! Digest caches and copies: what is believed, what is refused, and that the RIM is always right.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::SystemTime;

use rimsim::digest_cache::{Belief, DigestCache};
use rimsim::measure::digests::{Cut, DigestFile, DigestSource as _};
use rimsim::measure::hasher::{Hasher, digest};
use rimsim::measure::image::Image;
use rimsim::measure::rim::HashAlgo;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use sha2::{Digest as _, Sha256};

use crate::cli::images::{age, noise, rim, script};
use crate::cli::{Folder, stdout};
use crate::skipped;

/// Runs with these words, and says what the cache had to say of the image.
fn cached(folder: &Folder, words: &[&str]) -> (String, String) {
    let output = folder.rimsim(&[&["run", "-v", "--digest-cache", "cache"], words].concat());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let remarks = stderr.lines().filter_map(|line| line.split_once("digest cache: "));
    let remarks = remarks.map(|(_, remark)| remark.to_owned());
    (stdout(&output), remarks.collect::<Vec<_>>().join("; "))
}

fn trusting(folder: &Folder, script: &str) -> (String, String) {
    cached(folder, &["--trust-mtime", script])
}

fn entries(folder: &Folder) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.path("cache")) else { return Vec::new() };
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries
}

#[test]
fn what_is_hinted_is_used_on_demand_and_looked_at() {
    let folder = Folder::new("cache");
    folder.file("kernel", noise(2_000_003));
    folder.file("a.rmi", script("\"kernel\"", "sha256"));
    folder.file("b.rmi", script("\"kernel\"", "sha512"));
    let expected = rim(&folder, &["run", "a.rmi"]);
    let expected_512 = rim(&folder, &["run", "b.rmi"]);

    // Times alone are not believed, and nothing is written.
    let (found, remark) = cached(&folder, &["a.rmi"]);
    assert_eq!(found, expected);
    assert!(remark.contains("the kernel does not vouch"), "{remark}");
    assert_eq!(entries(&folder).len(), 0);

    assert_eq!(trusting(&folder, "a.rmi"), (expected.clone(), "no sha256 digests yet".into()));
    // The image may have changed in the tick in which the entry was written; a later one is sure.
    entries(&folder).iter().for_each(|entry| age(entry, 10));
    assert_eq!(trusting(&folder, "a.rmi"), (expected.clone(), "sha256 digests found".into()));
    assert_eq!(trusting(&folder, "b.rmi"), (expected_512, "no sha512 digests yet".into()));
    assert_eq!(entries(&folder).len(), 2);
    fs::remove_dir_all(folder.path("cache")).expect("removed");

    // An entry that was written before the image was changed.
    trusting(&folder, "a.rmi");
    let [entry] = &entries(&folder)[..] else { panic!("one entry") };
    let file = File::options().write(true).open(entry).expect("the entry");
    file.set_modified(SystemTime::UNIX_EPOCH).expect("old");
    assert!(trusting(&folder, "a.rmi").1.contains("before the image was last changed"));

    // Another image under the same name, as long as the first, its time set back.
    let modified = fs::metadata(folder.path("kernel")).expect("it").modified().expect("time");
    let mut bytes = noise(2_000_003);
    bytes[1_234_567] ^= 1;
    folder.file("kernel", &bytes);
    let file = File::options().write(true).open(folder.path("kernel")).expect("the image");
    file.set_modified(modified).expect("set back");
    let (other, remarks) = trusting(&folder, "a.rmi");
    assert_ne!(other, expected);
    assert_eq!(remarks, "no sha256 digests yet");
    assert_eq!(other, rim(&folder, &["run", "a.rmi"]));
}

/// The checksum that a file of digests should have.
fn with_right_checksum(mut file: Vec<u8>) -> Vec<u8> {
    file[0x38..0x58].fill(0);
    let checksum = Sha256::new_with_prefix(&file[0x58..]).chain_update(&file[..0x58]).finalize();
    file[0x38..0x58].copy_from_slice(&checksum);
    file
}

#[test]
fn entries_that_are_not_this_users_are_made_anew() {
    let folder = Folder::new("cache-forged");
    folder.file("kernel", noise(2_000_003)).file("a.rmi", script("\"kernel\"", "sha256"));
    let expected = rim(&folder, &["run", "a.rmi"]);
    trusting(&folder, "a.rmi");
    let [entry] = &entries(&folder)[..] else { panic!("one entry") };
    let good = fs::read(entry).expect("the entry");
    let mut flipped = good.clone();
    flipped[0x100] ^= 1;
    // One digest is another's, and the checksum is right for it.
    let mut body = good[32..].to_vec();
    let (first, second) = body[0x58..].split_at_mut(32);
    first.swap_with_slice(&mut second[..32]);
    let forged = [&good[..32], &with_right_checksum(body)].concat();
    let code = "it was not written with this user's key";
    for (bytes, why) in [
        (flipped, code),
        (forged, code),
        (good[..good.len() - 7].to_vec(), code),
        (good[..20].to_vec(), code),
        (Vec::new(), code),
        ([&good[..], &[0; 20_000]].concat(), "more than one of this image can have"),
    ] {
        fs::write(entry, bytes).expect("written");
        age(entry, 10);
        let (rim, remarks) = trusting(&folder, "a.rmi");
        assert_eq!(rim, expected);
        assert!(remarks.contains(why), "{remarks}: {why}");
        assert_eq!(fs::read(entry).expect("the entry"), good);
    }

    // No memory for what is not there, no waiting for what never comes, no way out of the folder.
    let file = File::create(entry).expect("a file");
    file.set_len(1 << 40).expect("a long hole");
    assert!(trusting(&folder, "a.rmi").1.contains("1099511627776 bytes"));
    fs::remove_file(entry).expect("removed");
    let other = folder.path("other");
    folder.file("other", "mine");
    std::os::unix::fs::symlink(&other, entry).expect("a link");
    let (rim, remarks) = trusting(&folder, "a.rmi");
    assert!(rim == expected && remarks.contains("no regular file"), "{remarks}");
    assert_eq!(fs::read(other).expect("it"), b"mine");
    fs::remove_file(entry).expect("removed");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        entry,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("a FIFO");
    let (rim, remarks) = trusting(&folder, "a.rmi");
    assert!(rim == expected && remarks.contains("no regular file"), "{remarks}");

    // With another user's key everything is another's.
    fs::remove_file(entry).expect("removed");
    trusting(&folder, "a.rmi");
    age(entry, 10);
    fs::remove_file(folder.path(".user/rimsim/digest-cache.key")).expect("removed");
    assert!(trusting(&folder, "a.rmi").1.contains(code));
}

#[test]
fn folders_and_keys_of_others_are_refused() {
    let folder = Folder::new("cache-folders");
    folder.file("kernel", noise(1 << 20)).file("a.rmi", script("\"kernel\"", "sha256"));
    let run = ["run", "--digest-cache", "cache", "a.rmi"];
    let expected = rim(&folder, &run);
    let mode = |path: &str| fs::metadata(folder.path(path)).expect(path).permissions().mode();
    let key = ".user/rimsim/digest-cache.key";
    assert_eq!(mode(key) & 0o7777, 0o600);
    assert_eq!((mode("cache") & 0o7777, mode(".user/rimsim") & 0o7777), (0o700, 0o700));
    let first = fs::read(folder.path(key)).expect("the key");
    assert_eq!(first.len(), 32);
    assert_eq!(rim(&folder, &run), expected);
    assert_eq!(fs::read(folder.path(key)).expect("the key"), first, "it is kept");

    let set = |path: &str, mode| {
        fs::set_permissions(folder.path(path), Permissions::from_mode(mode)).expect("set");
    };
    for shared in [0o777, 0o770, 0o702, 0o1777] {
        set("cache", shared);
        folder.fails(&run, 1, &format!("others can write to it (mode {shared:04o})"));
    }
    set("cache", 0o755);
    assert_eq!(rim(&folder, &run), expected);
    set(".user/rimsim", 0o775);
    folder.fails(&run, 1, "others can write to it (mode 0775)");
    set(".user/rimsim", 0o700);
    set(key, 0o640);
    folder.fails(&run, 1, "others can read or write it");
    set(key, 0o600);
    folder.file(key, "short");
    folder.fails(&run, 1, "is no file of 32 bytes");
    fs::remove_file(folder.path(key)).expect("removed");
    std::os::unix::fs::symlink("/dev/urandom", folder.path(key)).expect("a link");
    folder.fails(&run, 1, "digest-cache.key: ");
    fs::remove_file(folder.path(key)).expect("removed");
    folder.file("file", "");
    folder.fails(&["run", "--digest-cache", "file", "a.rmi"], 1, "--digest-cache file");
    folder.fails(&["run", "--trust-mtime", "a.rmi"], 2, "--digest-cache");
    folder.fails(&["run", "--copy", "--digest-cache", "cache", "a.rmi"], 2, "--copy");
}

/// A process that has a file mapped, and writes bytes to it: `OFFSET VALUE` a line.
struct Mapper(Child);

impl Mapper {
    fn new(path: &Path) -> Option<Self> {
        let program = "import mmap, sys
with open(sys.argv[1], 'r+b') as file:
    m = mmap.mmap(file.fileno(), 0)
for line in sys.stdin:
    at, value = map(int, line.split())
    m[at] = value
    print('done', flush=True)
";
        let mut command = Command::new("python3");
        command.args(["-c", program]).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().ok().map(Self)
    }

    fn write(&mut self, at: usize, value: u8) {
        let stdin = self.0.stdin.as_mut().expect("piped");
        writeln!(stdin, "{at} {value}").and_then(|()| stdin.flush()).expect("it listens");
        let mut line = String::new();
        let stdout = self.0.stdout.as_mut().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("it answers");
        assert_eq!(line, "done\n");
    }
}

impl Drop for Mapper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A write through a mapping to a page that is dirty already moves no time.
#[test]
fn writes_through_mappings_do_not_hide() {
    let folder = Folder::new("cache-mapping");
    let activated = script("\"kernel\"", "sha256") + "REALM_ACTIVATE rd=rd\n";
    folder.file("kernel", noise(2 << 20)).file("a.rmi", activated);
    let Some(mut mapper) = Mapper::new(&folder.path("kernel")) else {
        return skipped("cli::digest_cache::writes_through_mappings_do_not_hide", "no python3");
    };
    // The granule is measured, and is none of those that are looked at.
    let at = 1_234_567;
    mapper.write(at, 1);
    folder.rimsim(&["lock", "--script", "a.rmi", "--digest-cache", "cache"]);
    let before = trusting(&folder, "a.rmi").0;
    entries(&folder).iter().for_each(|entry| age(entry, 10));
    mapper.write(at, 2);
    let now = rim(&folder, &["run", "a.rmi"]);
    assert_ne!(now, before);
    // What others rely on is right; only who says so believes the times.
    assert_eq!(cached(&folder, &["a.rmi"]).0, now);
    folder.fails(&["check", "--digest-cache", "cache"], 3, "");
    folder.fails(&["check", "--digest-cache", "cache", "--trust-mtime"], 2, "--trust-mtime");
    folder.fails(&["lock", "--update", "--digest-cache", "cache", "--trust-mtime"], 2, "--trust");
    let reference = |words: &[&str]| {
        let words = [&["run", "--format", "trustee", "a.rmi"], words].concat();
        let output = folder.rimsim(&words);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        (output.stdout, stderr)
    };
    let (values, remark) = reference(&["--digest-cache", "cache", "--trust-mtime"]);
    assert_eq!(values, reference(&[]).0);
    assert!(remark.contains("the kernel does not vouch"), "{remark}");

    // An open image that changes in a page that is looked at, as the first is.
    let image = Image::open(&folder.path("kernel")).expect("an image");
    assert!(image.check_unchanged().is_ok());
    mapper.write(0, image.bytes_from(0)[0] ^ 1);
    let error = image.check_unchanged().expect_err("changed").to_string();
    assert!(error.contains("changed while it was measured"), "{error}");

    // A copy does not change.
    let copy = Image::open_copy(&folder.path("kernel")).expect("a copy");
    let first = copy.bytes_from(0)[0];
    mapper.write(0, first ^ 1);
    assert_eq!(copy.bytes_from(0)[0], first);
    assert!(copy.check_unchanged().is_ok());
}

/// Two writes in one second on a file system that counts whole seconds: the times are the same.
#[test]
fn writes_in_one_second_do_not_hide() {
    let folder = Folder::new("cache-second");
    folder.file("kernel", noise(2 << 20)).file("a.rmi", script("\"kernel\"", "sha256"));
    let whole = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let kernel = || File::options().write(true).open(folder.path("kernel")).expect("it");
    kernel().set_modified(whole).expect("set");
    let before = trusting(&folder, "a.rmi").0;
    entries(&folder).iter().for_each(|entry| age(entry, 10));
    kernel().write_all_at(&[7; 4096], 1 << 20).expect("written");
    kernel().set_modified(whole).expect("set");
    let now = rim(&folder, &["run", "a.rmi"]);
    assert_ne!(now, before);
    assert_eq!(cached(&folder, &["a.rmi"]).0, now);
    // Here the time of the attributes tells; on such a file system nothing would.
    assert_eq!(trusting(&folder, "a.rmi").0, now);
}

/// Digests in memory stay what they are, whatever becomes of the file.
#[test]
fn files_that_are_cut_while_they_are_used() {
    let folder = Folder::new("cache-cut");
    let bytes = noise(3 << 20);
    folder.file("kernel", &bytes);
    let expected: Vec<_> =
        bytes.as_chunks::<4096>().0.iter().map(|page| digest(HashAlgo::Sha256, page)).collect();
    let image = Arc::new(Image::open(&folder.path("kernel")).expect("an image"));
    let open = || {
        DigestCache::open(&folder.path("cache"), [9; 32], Belief::Times, Hasher::default())
            .expect("a folder")
    };
    let digests = |cache: &DigestCache| cache.digests(&image, HashAlgo::Sha256, Cut::default());
    let made = digests(&open()).expect("made");
    let [entry] = &entries(&folder)[..] else { panic!("one entry") };
    age(entry, 10);
    let cache = open();
    let found = digests(&cache).expect("found");
    assert!(cache.take_remarks(true)[0].contains("digests found"));
    File::options().write(true).open(entry).expect("it").set_len(0).expect("cut");

    rim(&folder, &["digests", "kernel", "-o", "kernel.rimd", "--algo", "sha256"]);
    let file = Arc::new(Image::read(&folder.path("kernel.rimd")).expect("a file"));
    let given = DigestFile::read(&file).expect("a good file").lists.pop().expect("a list");
    let file = File::options().write(true).open(folder.path("kernel.rimd")).expect("it");
    file.set_len(0).expect("cut");
    for (i, digest) in (0..).zip(&expected) {
        for list in [&made, &found, &given] {
            assert_eq!(list.get(i * 4096).as_ref(), Some(digest));
        }
    }
}

#[test]
fn a_sealed_memfd_is_believed() {
    let folder = Folder::new("cache-memfd");
    let Ok(memory) = memfd_create("kernel", MemfdFlags::ALLOW_SEALING) else {
        return skipped("cli::digest_cache::a_sealed_memfd_is_believed", "no memfd");
    };
    let memory = File::from(memory);
    memory.write_all_at(&noise(2 << 20), 0).expect("written");
    let path = format!("\"/proc/self/fd/{}\"", memory.as_raw_fd());
    folder.file("kernel", noise(2 << 20)).file("a.rmi", script("\"kernel\"", "sha256"));
    folder.file("b.rmi", script(&path, "sha256"));
    let expected = rim(&folder, &["run", "a.rmi"]);
    let (open, remark) = cached(&folder, &["--allow-outside", "b.rmi"]);
    assert!(open == expected && remark.contains("does not vouch"), "{remark}");
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW;
    fcntl_add_seals(&memory, seals).expect("sealed");
    let (first, remark) = cached(&folder, &["--allow-outside", "b.rmi"]);
    assert_eq!(first, expected);
    if remark.contains("does not vouch") {
        let why = "this kernel does not say when a memfd was made";
        return skipped("cli::digest_cache::a_sealed_memfd_is_believed", why);
    }
    assert_eq!(remark, "no sha256 digests yet");
    assert_eq!(
        cached(&folder, &["--allow-outside", "b.rmi"]),
        (expected, "sha256 digests found".into())
    );
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// A mount that ends with the test.
struct Mount(PathBuf);

impl Mount {
    fn new(image: &Path, place: PathBuf, options: &str) -> Option<Self> {
        fs::create_dir_all(&place).expect("a folder");
        let mounted = succeeds(Command::new("mount").args(["-o", options]).arg(image).arg(&place));
        mounted.then_some(Self(place))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        succeeds(Command::new("umount").arg(&self.0));
    }
}

/// A file system that has no code to write is only as sure as the file that it lies in.
#[test]
fn an_image_in_an_ordinary_file_vouches_for_nothing() {
    let name = "cli::digest_cache::an_image_in_an_ordinary_file_vouches_for_nothing";
    let folder = Folder::new("cache-mounts");
    fs::create_dir_all(folder.path("in")).expect("a folder");
    fs::write(folder.path("in/kernel"), noise(2 << 20)).expect("a kernel");
    let mut tried = 0;
    for (tool, order) in [("mksquashfs", ["in", "image"]), ("mkfs.erofs", ["image", "in"])] {
        let _ = fs::remove_file(folder.path("image"));
        let mut make = Command::new(tool);
        if !succeeds(make.args(order).current_dir(folder.path(""))) {
            skipped(name, &format!("no {tool}"));
            continue;
        }
        let mounted = Mount::new(&folder.path("image"), folder.path("mnt"), "loop,ro");
        let Some(_mount) = mounted else {
            skipped(name, &format!("what {tool} makes can not be mounted"));
            continue;
        };
        folder.file("a.rmi", script("\"in/kernel\"", "sha256"));
        folder.file("b.rmi", script("\"mnt/kernel\"", "sha256"));
        let expected = rim(&folder, &["run", "a.rmi"]);
        let (found, remark) = cached(&folder, &["--allow-outside", "b.rmi"]);
        assert!(found == expected && remark.contains("does not vouch"), "{tool}: {remark}");
        tried += 1;
    }
    assert!(tried <= 2);
}

#[test]
fn a_file_with_fs_verity_is_believed() {
    let name = "cli::digest_cache::a_file_with_fs_verity_is_believed";
    let folder = Folder::new("cache-verity");
    File::create(folder.path("disk")).expect("a file").set_len(64 << 20).expect("room");
    let mut make = Command::new("mkfs.ext4");
    if !succeeds(make.args(["-q", "-b", "4096", "-O", "verity"]).arg(folder.path("disk"))) {
        return skipped(name, "no mkfs.ext4 that knows verity");
    }
    let Some(mount) = Mount::new(&folder.path("disk"), folder.path("mnt"), "loop") else {
        return skipped(name, "no file system with fs-verity can be mounted");
    };
    let kernel = folder.path("mnt/kernel");
    fs::write(&kernel, noise(2 << 20)).expect("a kernel");
    if !succeeds(Command::new("fsverity").arg("enable").arg(&kernel)) {
        return skipped(name, "no fsverity, or a kernel without it");
    }
    folder.file("a.rmi", script("\"mnt/kernel\"", "sha256"));
    let expected = rim(&folder, &["run", "a.rmi"]);
    assert_eq!(cached(&folder, &["a.rmi"]), (expected.clone(), "no sha256 digests yet".into()));
    assert_eq!(cached(&folder, &["a.rmi"]), (expected.clone(), "sha256 digests found".into()));
    // The same contents are the same wherever they lie.
    fs::rename(&kernel, folder.path("mnt/other")).expect("renamed");
    folder.file("a.rmi", script("\"mnt/other\"", "sha256"));
    assert_eq!(cached(&folder, &["a.rmi"]), (expected, "sha256 digests found".into()));
    drop(mount);
}

#[test]
fn copies_have_the_same_rim() {
    let folder = Folder::new("copies");
    let file = File::create(folder.path("kernel")).expect("a file");
    file.set_len(64 << 20).expect("room");
    file.write_all_at(&noise(70_000), (9 << 20) + 17).expect("written");
    folder.file("small", noise(5000));
    for image in ["\"kernel\"", "\"small\""] {
        folder.file("a.rmi", script(image, "sha512"));
        let expected = rim(&folder, &["run", "a.rmi"]);
        assert_eq!(rim(&folder, &["run", "--copy", "a.rmi"]), expected);
        rim(&folder, &["explain", "--copy", "a.rmi", "a.rmi"]);
        rim(&folder, &["lock", "--copy", "--force", "--script", "a.rmi"]);
        rim(&folder, &["check", "--copy"]);
    }
    rim(&folder, &["digests", "--copy", "kernel", "-o", "a.rimd"]);
    rim(&folder, &["digests", "kernel", "-o", "b.rimd"]);
    let [a, b] = ["a.rimd", "b.rimd"].map(|name| fs::read(folder.path(name)).expect(name));
    assert_eq!(a, b);
    // More than there is: an error, and nobody is killed.
    let file = File::create(folder.path("huge")).expect("a file");
    if file.set_len(1 << 43).is_ok() {
        folder.file("a.rmi", script("\"huge\"", "sha256"));
        let sparse = Image::open_copy(&folder.path("huge"));
        assert!(sparse.is_ok_and(|image| image.len_bytes() == 1 << 43), "holes take no memory");
    }
}
