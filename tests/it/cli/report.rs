//! The page about Realms: its bytes, and what a browser makes of them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::cli::{Folder, stdout};

const NAME: &str = "<img src=x>'\".rmi";

/// A Realm with so much of an image.
fn script(kernel: &str) -> String {
    format!(
        "image kernel = {kernel}
rtt auto
let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {{
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}}
RTT_INIT_RIPAS rd=rd base=0x8000_0000 top=0x9000_0000 all
DATA_CREATE rd=rd ipa=0x8020_0000 image=kernel flags=measure
REC_CREATE rd=rd rec=auto params_ptr=RecParams {{ flags=runnable, pc=0x8020_0000, aux=auto }}
REALM_ACTIVATE rd=rd
"
    )
}

/// Ten thousand granules of contents, and a name that would be markup.
fn page(name: &str) -> (Folder, String) {
    let folder = Folder::new(name);
    folder.file(NAME, script("fill 40000KiB seed=7"));
    let page = report(&folder, &[NAME], 0);
    (folder, page)
}

/// The page about some files.
fn report(folder: &Folder, files: &[&str], code: i32) -> String {
    let output = folder.rimsim(&[&["report", "-o", "page.html"], files].concat());
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    std::fs::read_to_string(folder.path("page.html")).expect("a page")
}

/// What the page's code draws of its Realms.
fn data(page: &str) -> Value {
    let begin = page.find("id=\"data\">").expect("data") + 10;
    let end = begin + page[begin..].find("</script>").expect("an end");
    let data: Value = serde_json::from_str(&page[begin..end]).expect("JSON");
    data["realms"].clone()
}

#[test]
fn a_page_stands_alone_and_is_the_same_each_time() {
    let (folder, page) = page("report-bytes");
    assert!(!page.contains("<img"), "names are text");
    assert!(!page.contains(" src=\"") && !page.contains("href="), "nothing from elsewhere");
    assert!(page.contains("default-src 'none'"));
    let rim = stdout(&folder.rimsim(&["run", NAME]));
    assert!(page.contains(&format!("RIM</span> <code>{}</code>", rim.trim())), "{rim}");
    // What is left out of the plain lists is counted; the data has all.
    assert_eq!(page.matches("more rows are left out here").count(), 1);
    assert!(page.contains("9,803 more rows are left out here"));
    let realm = &data(&page)[0];
    let events = realm["events"].as_array().expect("events");
    assert_eq!(events.len(), 10_003);
    assert_eq!(events[10_002][2], rim.trim());
    assert_eq!(
        realm["map"][1],
        serde_json::json!([0x8000_0000_u64, 0x8020_0000_u64, 2, "UNASSIGNED", "RAM"])
    );
    folder.rimsim(&["report", NAME, "-o", "again.html"]);
    assert!(page == std::fs::read_to_string(folder.path("again.html")).expect("a page"));
    folder.fails(&["report", "nothing.rmi", "-o", "x.html"], 1, "nothing.rmi");
    folder.fails(&["report", "nothing.args", "-o", "x.html"], 1, "nothing.args");
    folder.fails(&["report", NAME, "-o", "."], 1, ".: ");
}

/// Realms side by side: what is measured counts, not what files are called.
#[test]
fn realms_are_compared_by_what_they_measure() {
    let folder = Folder::new("report-compared");
    let bytes: Vec<u8> = (0..40_000_u32).map(|i| u8::try_from(i % 251).expect("a byte")).collect();
    let mut other = bytes.clone();
    other[9000] ^= 1;
    folder.file("one.bin", &bytes).file("two.bin", &bytes).file("other.bin", other);
    for name in ["one", "two", "other"] {
        folder.file(&format!("{name}.rmi"), script(&format!("\"{name}.bin\"")));
    }
    let ended = script("\"one.bin\"");
    let (ended, _) = ended.split_once("REC_CREATE").expect("a REC");
    folder.file("ended.rmi", ended);
    let page = report(&folder, &["one.rmi", "two.rmi", "other.rmi", "ended.rmi"], 0);
    let (_, row) = page.split_once("first event that differs").expect("a comparison");
    let (row, _) = row.split_once("</tr>").expect("a row");
    let cells: Vec<&str> = row.split("</td>").skip(2).collect();
    // Event 0 is REALM_CREATE, 1 a RIPAS; the third page of the image is another.
    assert_eq!(cells[0], "<td>none");
    assert!(cells[1].contains(">4: DATA_CREATE ipa=0x8020_2000"), "{row}");
    assert_eq!(cells[2], "<td class=\"differs\">it ends");
}

/// Several files: every Realm, machine and input of them stands there, with digests of the bytes.
#[test]
fn everything_that_was_read_is_listed() {
    let folder = Folder::new("report-inputs");
    let tree = [&[0xD0, 0x0D, 0xFE, 0xED][..], &[7; 6000]].concat();
    folder.file("guest.dtb", &tree).file("realm.rmi", script("\"guest.dtb\""));
    folder.file("outer.rmi", "platform \"qemu-max\"\ninclude \"realm.rmi\"\n");
    folder.file("none.rmi", "note \"nothing\"\n");
    let page = report(&folder, &["realm.rmi", "outer.rmi", "none.rmi"], 0);
    for (name, kind) in [
        ("realm.rmi", "script"),
        ("outer.rmi", "script"),
        ("realm.rmi", "included script"),
        ("guest.dtb", "image"),
    ] {
        let bytes = std::fs::read(folder.path(name)).expect("it was written");
        let digest = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
        let row = page.lines().find(|line| {
            line.contains(&format!(">{name}</td><td>{kind}</td>")) && line.contains(&digest)
        });
        assert!(row.is_some(), "{name}, {kind}");
    }
    assert_eq!(page.matches(">guest.dtb</td>").count(), 1, "each input once");
    assert!(page.contains("none.rmi: there is no Realm at its end"));
    assert!(page.contains("<h3>outer.rmi</h3>") && page.contains("name = &quot;qemu-max&quot;"));
    assert!(page.contains("<h3>realm.rmi, none.rmi</h3>"));
    assert_eq!(page.matches("href=\"#realm-").count(), page.matches("href=").count());
    let realms = data(&page);
    assert_eq!(realms.as_array().map(Vec::len), Some(2));
    let shown = serde_json::json!([[0x8020_0000_u64, 0x8020_2000_u64, "guest.dtb", "dtb"]]);
    assert_eq!(realms[1]["shown"], shown);
}

#[test]
fn what_goes_wrong_is_said() {
    let folder = Folder::new("report-wrong");
    let early = script("fill 8KiB seed=1").replace("rtt auto\n", "");
    folder.file("early.rmi", early);
    let page = report(&folder, &["early.rmi"], 4);
    assert!(page.contains("early.rmi: not played to its end; RIMs are those until then"));
    assert!(page.contains("<span class=\"severity error\">error</span>"));
    assert!(page.contains("class=\"alert\"") && page.contains("1 measured event, and"));
    folder.file("vm.args", "kvmtool -- lkvm run --realm -c 1 -m 512M --irqchip=gicv3 -k missing");
    folder.fails(&["report", "vm.args", "-o", "x.html"], 1, "vm.args: -k: missing: No such file");
}

/// A VM by its command line: regions by name, the device tree by its own mark.
#[test]
fn a_command_line_has_a_page() {
    let folder = Folder::new("report-args");
    let kernel = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/scripts/Image");
    std::fs::copy(kernel, folder.path("Image")).expect("a kernel");
    let line = "kvmtool -- lkvm run --realm -c 2 -m 512M --irqchip=gicv3 -k Image";
    for (host, file) in [("kvm-v10", "ten.args"), ("kvm-v13", "thirteen.args")] {
        folder.file(file, format!("--host {host} {line}"));
        let words = format!("measure --host {host} {line}");
        let rim = stdout(&folder.rimsim(&words.split_whitespace().collect::<Vec<_>>()));
        let page = report(&folder, &[file], 0);
        assert!(page.contains(&format!("RIM</span> <code>{}</code>", rim.trim())), "{host}: {rim}");
        let realm = &data(&page)[0];
        assert_eq!(
            realm["events"].as_array().and_then(|all| all.last()).expect("some")[2],
            rim.trim()
        );
        let shown = realm["shown"].as_array().expect("contents");
        assert!(shown.iter().any(|shown| shown[2] == "dtb" && shown[3] == "dtb"), "{shown:?}");
    }
}

/// What a reader does, at the end of a page: zooms by key, wheel and button, filters, asks for all.
const READER: &str = "<script>
const map = document.querySelector('svg'), said = [];
const where = () => document.querySelector('.where').textContent;
const look = (what) => said.push(`${what}=${where()}`);
look('home');
map.dispatchEvent(new KeyboardEvent('keydown', { key: '+' })); look('key');
map.dispatchEvent(new WheelEvent('wheel', { deltaY: -1, ctrlKey: true, clientX: 400 }));
look('wheel');
document.querySelector('[data-do=all]').click(); look('all');
map.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home' })); look('again');
const list = document.querySelector('#rows-0');
list.querySelector('button').click();
said.push(`full=${document.querySelectorAll('#rows-0-plain tbody tr').length}`);
const field = list.querySelector('input');
field.value = 'ipa=0x8100'; field.dispatchEvent(new Event('input'));
said.push(`found=${list.querySelector('.count').textContent}`);
document.title = said.join(';');
</script>";

#[test]
fn a_browser_draws_it() {
    let browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let Some(browser) = browser.into_iter().find(|path| Path::new(path).exists()) else {
        crate::skipped(
            "cli::report::a_browser_draws_it",
            "no Chromium here to look at the page with",
        );
        return;
    };
    let (folder, page) = page("report-browser");
    let dom = |name: &str| {
        let mut command = Command::new(browser);
        let profile = format!("--user-data-dir={}", folder.path("profile").display());
        let flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
                     --disable-background-networking --disable-component-update --disable-sync";
        command.args(flags.split_whitespace()).args([&profile, "--dump-dom"]);
        let url = format!("file://{}", folder.path(name).display());
        let output = command.arg(url).output().expect("a browser");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let drawn = dom("page.html");
    let rows = drawn.matches("class=\"row event of-").count();
    assert!((5..100).contains(&rows), "{rows} rows of 10,000 are drawn");
    assert!(drawn.matches("<rect").count() > 5, "the map is drawn");
    assert!(drawn.contains("aria-rowcount=\"10003\""), "{drawn:.500}");
    folder.file("read.html", format!("{page}{READER}"));
    let read = dom("read.html");
    let begin = read.find("<title>").expect("a title") + 7;
    let title = &read[begin..begin + read[begin..].find("</title>").expect("an end")];
    let said: Vec<&str> = title.split(';').map(|said| said.split_once('=').expect("=").1).collect();
    let [home, key, wheel, all, again, full, found] = said[..] else { panic!("{title}") };
    assert!(home.starts_with("Shown: 0x8000_0000..0x9000_0000 (the axis is broken"), "{home}");
    assert_eq!(key, "Shown: 0x8400_0000..0x8c00_0000");
    assert_ne!(wheel, key);
    assert_eq!((all, again), ("Shown: 0x0..0x100_0000_0000", home));
    assert_eq!((full, found), ("10003", "16 of 10,003 rows"));
}

/// A Realm of RMM 2.0 says so, names its commands, and shows what nobody went on with.
#[test]
fn realms_of_another_edition() {
    let folder = Folder::new("report-editions");
    let text = script("fill 8KiB seed=7")
        .replace("rtt auto", "spec \"2.0\"\nRMM_ACTIVATE\nrtt auto")
        .replace("DATA_CREATE", "RTT_DATA_MAP_INIT")
        .replace(", aux=auto }", " } all");
    let open = "let late = auto\nREC_CREATE rd=rd rec=late params_ptr=RecParams { mpidr=1 }\n";
    folder.file("two.rmi", text.clone() + open).file("one.rmi", script("fill 8KiB seed=7"));
    let page = report(&folder, &["two.rmi"], 0);
    let has = |name: &str, value: &str| format!("<dt>{name}</dt><dd>{value}</dd>");
    for wanted in [
        has("RMM", "2.0"),
        has("rule of the RIM", "tf-rmm-0.9"),
        has("RIPAS", "not in the RIM by this rule"),
        "<p>RMM: tf-rmm-0.9</p>".to_owned(),
        "handle 0: REC 0x".to_owned(),
        "waits for OP_MEM_DONATE".to_owned(),
        "<td class=\"mono\">operation-left-open</td>".to_owned(),
    ] {
        assert!(page.contains(&wanted), "{wanted}");
    }
    let realm = &data(&page)[0];
    let events: Vec<&str> = realm["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|row| row[1].as_str())
        .collect();
    let names: Vec<_> = events.iter().filter_map(|event| event.split(' ').next()).collect();
    assert_eq!(names, ["REALM_CREATE", "RTT_DATA_MAP_INIT", "RTT_DATA_MAP_INIT", "REC_CREATE"]);
    let rim = stdout(&folder.rimsim(&["run", "two.rmi"]));
    assert_eq!(realm["events"][3][2], rim.trim());
    // The text's rule: the parameters are not in the RIM, and so no event.
    folder.rimsim(&["report", "--rmm", "spec-2.0", "two.rmi", "-o", "spec.html"]);
    let page = std::fs::read_to_string(folder.path("spec.html")).expect("a page");
    assert!(page.contains(&has("rule of the RIM", "rmm-2.0")));
    assert!(page.contains("<dt>parameters below</dt>") && page.contains("3 measured events"));
    let page = report(&folder, &["one.rmi"], 0);
    assert!(page.contains(&has("RMM", "1.0")) && page.contains(&has("rule of the RIM", "rmm-1.0")));
    assert!(!page.contains("<dt>RIPAS</dt>") && !page.contains("operations of the machine"));
}

/// Two command lines stand side by side with what `explain` says of them.
#[test]
fn options_that_differ_stand_before_events() {
    let folder = Folder::new("report-otherwise");
    folder.file("Image", crate::hosts::inputs::kernel("report", 8192, 8192, 0));
    let line = "--host kvm-v10 --caps fvp kvmtool -- lkvm run --realm -c 1 -m 256M -k Image \
                --irqchip=gicv3 -p '<b>'";
    folder.file("a.args", line).file("b.args", line.replace("256M", "512M").replace("<b>", "<i>"));
    let page = report(&folder, &["a.args", "b.args"], 0);
    let told = stdout(&folder.rimsim(&["explain", "a.args", "b.args"]));
    let begin = page.find("<h2>a.args against b.args</h2>\n<pre>").expect("a section");
    let shown = &page[begin..begin + page[begin..].find("</pre>").expect("an end")];
    let causes: Vec<&str> =
        told.lines().skip_while(|line| !line.starts_with("what is said")).collect();
    let causes: Vec<_> = causes.into_iter().take_while(|line| !line.is_empty()).collect();
    assert!(causes.contains(&"- RAM: `-m 256M` against `-m 512M`"), "{told}");
    assert!(!shown.contains("<b>"), "texts are no markup: {shown}");
    let marks = [("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'"), ("&quot;", "\"")];
    let shown = marks.iter().fold(shown.to_owned(), |text, (from, to)| text.replace(from, to));
    causes.iter().for_each(|cause| assert!(shown.contains(cause), "{cause}: {shown}"));
    let one = report(&folder, &["a.args", "a.args"], 0);
    assert!(!one.contains(" against "), "nothing is said otherwise");
}
