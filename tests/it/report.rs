//! The page about a Realm: its bytes, and what a browser makes of them.

use std::path::Path;
use std::process::Command;

use crate::cli::Folder;

/// Ten thousand granules of contents, and a name that would be markup.
fn page(name: &str) -> (Folder, String) {
    let folder = Folder::new(name);
    let script = "image kernel = fill 40000KiB seed=7
rtt auto
let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}
RTT_INIT_RIPAS rd=rd base=0x8000_0000 top=0x9000_0000 all
DATA_CREATE rd=rd ipa=0x8020_0000 image=kernel flags=measure
REC_CREATE rd=rd rec=auto params_ptr=RecParams { flags=runnable, pc=0x8020_0000, aux=auto }
REALM_ACTIVATE rd=rd
";
    folder.file("<img src=x>'\".rmi", script);
    let output = folder.rimsim(&["report", "<img src=x>'\".rmi", "-o", "page.html"]);
    assert!(output.status.success(), "{output:?}");
    let page = std::fs::read_to_string(folder.path("page.html")).expect("a page");
    (folder, page)
}

#[test]
fn a_page_stands_alone_and_is_the_same_each_time() {
    let (folder, page) = page("report-bytes");
    assert!(!page.contains("<img"), "names are text");
    assert!(!page.contains(" src=\"") && !page.contains("href="), "nothing from elsewhere");
    assert!(page.contains("default-src 'none'"));
    let output = folder.rimsim(&["run", "<img src=x>'\".rmi"]);
    let rim = crate::cli::stdout(&output);
    assert!(page.contains(&format!("<p class=\"rim\">{}</p>", rim.trim())), "{rim}");
    folder.rimsim(&["report", "<img src=x>'\".rmi", "-o", "again.html"]);
    assert!(page == std::fs::read_to_string(folder.path("again.html")).expect("a page"));
    folder.fails(&["report", "nothing.rmi", "-o", "x.html"], 1, "nothing.rmi");
    folder.fails(&["report", "<img src=x>'\".rmi", "-o", "."], 1, ".: ");
}

#[test]
fn a_browser_draws_it() {
    let browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let Some(browser) = browser.into_iter().find(|path| Path::new(path).exists()) else {
        eprintln!("skipped: no Chromium here to look at the page with");
        return;
    };
    let (folder, _) = page("report-browser");
    let mut command = Command::new(browser);
    let profile = format!("--user-data-dir={}", folder.path("profile").display());
    let flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
                 --disable-background-networking --disable-component-update --disable-sync";
    command.args(flags.split_whitespace()).args([&profile, "--dump-dom"]);
    let url = format!("file://{}", folder.path("page.html").display());
    let output = command.arg(url).output().expect("a browser");
    let dom = String::from_utf8_lossy(&output.stdout);
    assert!(
        dom.contains("aria-rowcount=\"10003\"") || dom.contains("10003 measured"),
        "{dom:.500}"
    );
    let rows = dom.matches("class=\"row\"").count();
    assert!((5..100).contains(&rows), "{rows} rows of 10,000 are drawn");
    assert!(dom.matches("<rect").count() > 3, "the map is drawn");
}
