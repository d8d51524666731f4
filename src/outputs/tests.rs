use std::os::unix::fs::symlink;

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> =
        entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_in_one_step_and_keeps_its_mode() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "old").expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
    symlink("file", &link).expect("linked");
    let mut out = Pending::create(&link).expect("begun");
    out.write_all(b"new").expect("written");
    assert_eq!(fs::read(&file).expect("there"), b"old");
    out.commit().expect("committed");
    assert_eq!(fs::read(&file).expect("there"), b"new");
    assert_eq!(fs::metadata(&file).expect("there").mode() & 0o7777, 0o640);
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    let mut given_up = Pending::create(&file).expect("begun");
    given_up.write_all(b"half").expect("written");
    drop(given_up);
    assert_eq!(fs::read(&file).expect("there"), b"new");
    assert_eq!(names(folder.path()), ["file", "link"]);
}

#[test]
fn a_link_to_nothing_makes_what_it_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("link");
    symlink("target", &link).expect("linked");
    write(&link, b"x").expect("written");
    assert_eq!(fs::read(folder.path().join("target")).expect("there"), b"x");
    assert_eq!(names(folder.path()), ["link", "target"]);
    symlink("circle", folder.path().join("circle")).expect("linked");
    write(&folder.path().join("circle"), b"x").expect_err("a circle");
}

#[test]
fn no_output_is_an_input_by_any_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("input"), "input").expect("written");
    fs::hard_link(at("input"), at("hard")).expect("linked");
    symlink("input", at("soft")).expect("linked");
    let begun = Pending::create(&at("input")).expect("not read yet");
    inputs::open(&at("input")).expect("opened");
    for name in ["input", "hard", "soft"] {
        let error = write(&at(name), b"x").expect_err(name);
        assert!(error.to_string().contains("is read by this run"), "{error}");
    }
    begun.commit().expect_err("read by now");
    assert_eq!(fs::read(at("input")).expect("there"), b"input");
}

#[test]
fn a_set_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a"), "old").expect("written");
    let mut set = OutputSet::default();
    for name in ["a", "b", "c"] {
        set.write_beside(&at(name), b"new").expect("prepared");
    }
    set.write_beside(&at("./b"), b"again").expect_err("one file twice");
    fs::hard_link(at("a"), at("hard")).expect("linked");
    symlink("b", at("soft")).expect("linked");
    for name in ["a", "hard", "soft", "./c"] {
        let error = set.begin_beside(&at(name)).expect_err(name).to_string();
        assert!(error.contains("are one file"), "{error}");
    }
    for name in ["hard", "soft"] {
        fs::remove_file(at(name)).expect("removed");
    }
    // What can not be foreseen: the last name was taken by a folder.
    fs::create_dir(at("c")).expect("a folder");
    let error = set.commit().expect_err("a folder is in the way");
    assert!(error.to_string().contains("/c: "), "{error}");
    assert_eq!(fs::read(at("a")).expect("there"), b"old");
    assert_eq!(names(folder.path()), ["a", "c"]);

    let mut set = OutputSet::default();
    set.write_beside(&at("a"), b"new").expect("prepared");
    set.write_beside(Path::new("/dev/null"), b"x").expect("a device takes many");
    set.write_beside(Path::new("/dev/null"), b"x").expect("a device takes many");
    set.write_beside(Path::new("/dev/full"), b"x").expect("buffered");
    set.commit().expect_err("a full device");
    assert_eq!(fs::read(at("a")).expect("there"), b"old");

    let mut set = OutputSet::default();
    set.write_beside(&at("a"), b"new").expect("prepared");
    set.write_beside(&at("b"), b"new").expect("prepared");
    set.commit().expect("all of them");
    assert_eq!(fs::read(at("a")).expect("there"), b"new");
    assert_eq!(names(folder.path()), ["a", "b", "c"]);
}

#[test]
fn a_descriptor_is_the_file_behind_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a"), "old").expect("written");
    let open = File::options().append(true).open(at("a")).expect("opened");
    let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
    let mut set = OutputSet::default();
    set.write_beside(Path::new(&name), b"more").expect("buffered");
    set.write_beside(&at("a"), b"new").expect_err("one file twice");
    drop(set);
    inputs::remember(&open);
    OutputSet::default().write_beside(Path::new(&name), b"more").expect_err("an input");
    assert_eq!(fs::read(at("a")).expect("there"), b"old");
}

#[test]
fn a_socket_is_refused_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&name).expect("a socket");
    let error = write(&name, b"x").expect_err("a socket");
    assert!(error.to_string().contains("is a socket"), "{error}");
    let there = std::os::unix::fs::FileTypeExt::is_socket(
        &fs::symlink_metadata(&name).expect("there").file_type(),
    );
    assert!(there && names(folder.path()) == ["socket"]);
}
