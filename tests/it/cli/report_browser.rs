//! The page of `rimsim report` in a browser.

use std::fs;
use std::process::{Command, Stdio};

use crate::cli::Folder;
use crate::skipped;

/// Three Realms with some 10,000 events, two of which have one RIM; the last page of each image is
/// not measured.
fn script() -> String {
    let mut text = "platform \"fvp\"\nlet ram = 0x8000_0000\nrtt auto\n".to_owned();
    for (name, seed, vmid) in [("one", 7, 1), ("two", 7, 2), ("three", 9, 3)] {
        text += &format!(
            "let {name} = auto\nREALM_CREATE rd={name} params_ptr=RealmParams {{ s2sz=40, \
             num_bps=1, num_wps=1, hash_algo=sha256, vmid={vmid}, rtt_base=auto, \
             rtt_level_start=1, rtt_num_start=2 }}\nRTT_INIT_RIPAS rd={name} base=ram \
             top=ram+512MiB all\n\
             image k_{name} = fill 13200KiB seed={seed}\n\
             DATA_CREATE rd={name} ipa=ram+2MiB image=k_{name} flags=measure\n\
             image i_{name} = fill 8KiB seed=3\n\
             DATA_CREATE rd={name} ipa=ram+256MiB image=i_{name} flags=no_measure\n"
        );
    }
    text
}

/// What is in the page when its code has run. `Err` if there is no browser that can tell.
fn dom(folder: &Folder, page: &str, width: u32) -> Result<String, String> {
    let mut browser = Command::new("chromium");
    browser
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"])
        .arg(format!("--window-size={width},1200"))
        .args(["--dump-dom", &format!("file://{}", folder.path(page).display())])
        .env("HOME", folder.path("."))
        .stdin(Stdio::null());
    let output = browser.output().map_err(|error| format!("chromium: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && text.contains("</html>") {
        return Ok(text);
    }
    Err(format!("chromium: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn ten_thousand_events_are_looked_at() {
    let folder = Folder::new("report_browser");
    folder.file("a.rmi", script());
    let made = folder.rimsim(&["report", "-o", "a.html", "a.rmi"]);
    assert!(made.status.success(), "{made:?}");
    let page = fs::read_to_string(folder.path("a.html")).expect("a page");
    let width = "<script>const wide = document.documentElement.scrollWidth;
        document.title = wide <= innerWidth ? 'fits' : `${wide} of ${innerWidth}`</script>";
    folder.file("b.html", page.replace("</body>", &format!("{width}</body>")));
    let seen = match dom(&folder, "b.html", 1280) {
        Ok(seen) => seen,
        Err(why) => return skipped("report_browser::ten_thousand_events_are_looked_at", &why),
    };
    // Of 3,304 rows of a Realm only those in sight are there.
    let rows = seen.matches("class=\"row event of-").count();
    assert!((15..300).contains(&rows), "{rows}");
    assert_eq!(seen.matches("3,304 rows").count(), 3);
    for kind in ["of-realm", "of-ripas", "of-contents"] {
        assert!(seen.contains(kind), "{kind}");
    }
    // Images are seen beside RAM: the smaller one has 8 KiB of 512 MiB.
    let wide = seen.split("<rect ").skip(1).filter_map(|rect| {
        let attribute = |name: &str| rect.split(&format!(" {name}=\"")).nth(1)?.split('"').next();
        let is_contents = rect.split('>').next()?.contains("class=\"image\"");
        is_contents.then(|| attribute("width")).flatten()?.parse::<f64>().ok()
    });
    let wide: Vec<f64> = wide.collect();
    assert!(wide.len() == 6 && wide.iter().all(|width| *width > 20.0), "{wide:?}");
    assert!(seen.contains("the axis is broken"));
    // A legend has what the map has.
    assert!(seen.contains("<span data-kind=\"ns\" hidden"), "nothing is mapped to Host memory");
    assert!(seen.contains("<span data-kind=\"ram\">"));
    assert!(seen.contains("same RIM as a.rmi: one"));
    assert_eq!(seen.matches(">event 3,302</button>").count(), 3, "findings lead to events");
    assert_eq!(seen.matches("<button class=\"copy\">Copy</button>").count(), 3);
    assert!(
        seen.contains("<title>fits</title>"),
        "{:?}",
        seen.split("<title>").nth(1).map(|it| &it[..40])
    );
    let narrow = dom(&folder, "b.html", 500).expect("as before");
    assert!(narrow.contains("<title>fits</title>"), "nor than a narrow one");
}
