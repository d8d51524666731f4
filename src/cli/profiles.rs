//! `rimsim profiles`

use std::io;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::abi::deviations::DEVIATIONS;
use crate::abi::presets::PRESETS;
use crate::abi::profile::Profile;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::options::Format;
use crate::host::Vmm;
use crate::host::caps::CAPS_PRESETS;
use crate::host::kvm::HOSTS;
use crate::host::qemu::DIFFERENCES;

/// List the hosts, VMM versions and capability presets, and what differs between them
#[derive(Debug, ClapArgs)]
pub(crate) struct ProfilesArgs {
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Only names, dates and a few words
    #[arg(long, conflicts_with_all = ["deviations", "refusals"])]
    short: bool,
    /// Instead, list in what TF-RMM departs from the text of DEN0137
    #[arg(long)]
    deviations: bool,
    /// Instead, list which command lines of QEMU are refused by QEMU alone, or by rimsim alone
    #[arg(long, conflicts_with = "deviations")]
    refusals: bool,
}

pub(crate) fn run(args: &ProfilesArgs, console: &mut Console) -> io::Result<Exit> {
    match args.format {
        Format::Text if args.deviations => deviations(console)?,
        Format::Text if args.refusals => refusals(console)?,
        Format::Text if args.short => short(console)?,
        Format::Text => text(console)?,
        Format::Json => console.json(&document())?,
    }
    Ok(Exit::Good)
}

fn text(console: &mut Console) -> io::Result<()> {
    console.result("Hosts (--host)")?;
    for host in HOSTS {
        let (name, date, rmm, known) = (host.name, host.date, host.rmm, host.certainty.name());
        let known = if host.is_kernel { known } else { "" };
        console.result(&format!("  {name:14} {date:11} RMM {rmm:13} {known:9} {}", host.about))?;
        let own = host.series != host.name;
        let series = own.then(|| format!("calls of {}", host.series));
        let linux = Some(host.base).filter(|base| !base.is_empty() && host.is_kernel);
        let linux = linux.map(|base| format!("on Linux {base}"));
        let capability = Some(host.capability).filter(|number| !number.is_empty());
        let capability = capability.map(|number| format!("capability {number}"));
        let source = Some(format!("from {}", host.source));
        let parts: Vec<_> = [series, linux, capability, source].into_iter().flatten().collect();
        console.result(&format!("  {:14} {}", "", parts.join("; ")))?;
    }
    let known = "  (seen run: recorded at work; read: its source was read; inferred: from what is \
                 told of it)";
    console.result(known)?;
    for vmm in Vmm::ALL {
        console.result("")?;
        console.result(&format!("{} (--vmm-version; the first is the default)", vmm.name()))?;
        for version in vmm.versions() {
            let (name, date, host) = (version.name, version.date, version.host);
            let known = version.certainty.name();
            let about = version.about;
            console.result(&format!("  {name:22} {date:11} {host:9} {known:9} {about}"))?;
            console.result(&format!("  {:22} from {}", "", version.source))?;
            if !version.aliases.is_empty() {
                console.result(&format!("  {:22} also {}", "", version.aliases.join(", ")))?;
            }
        }
    }
    console.result("")?;
    console.result("RMMs (--rmm; --deviations lists in what TF-RMM departs from the text)")?;
    for profile in Profile::ALL {
        let (name, date, about) = (profile.name(), profile.date(), profile.about());
        console.result(&format!("  {name:14} {date:11} {about}"))?;
    }
    console.text("\nCapabilities (--caps)")?;
    for preset in CAPS_PRESETS {
        console.result(&format!("  {:12} {}", preset.name, preset.about))?;
    }
    console.text("\nPlatforms of scripts (rimsim run --platform)")?;
    for preset in PRESETS {
        console.result(&format!("  {:12} {}", preset.name, preset.about))?;
    }
    Ok(())
}

/// A line for each name that an option takes.
fn short(console: &mut Console) -> io::Result<()> {
    console.result("Hosts (--host); without --short each one says where it is known from")?;
    for host in HOSTS {
        let same = host.same_as.map(|other| format!(", as {other}")).unwrap_or_default();
        console.result(&format!("  {:14} RMM {}{same}", host.name, host.rmm))?;
    }
    for vmm in Vmm::ALL {
        console.result(&format!("{} (--vmm-version; the first is the default)", vmm.name()))?;
        let names: Vec<_> = vmm.versions().iter().map(|version| version.name).collect();
        console.result(&format!("  {}", names.join(" ")))?;
    }
    console.result("RMMs (--rmm)")?;
    console.result(&format!("  {}", Profile::ALL.map(Profile::name).join(" ")))?;
    console.result("Capabilities (--caps)")?;
    let caps: Vec<_> = CAPS_PRESETS.iter().map(|preset| preset.name).collect();
    console.result(&format!("  {}", caps.join(" ")))?;
    console.result("Platforms of scripts (rimsim run --platform)")?;
    let platforms: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
    console.result(&format!("  {}", platforms.join(" ")))
}

/// What one of the two refuses.
fn refusals(console: &mut Console) -> io::Result<()> {
    for one in DIFFERENCES {
        console.result(one.about)?;
        for line in one.lines {
            console.result(&format!("  {line}"))?;
        }
    }
    Ok(())
}

/// One deviation after the other, with its editions.
fn deviations(console: &mut Console) -> io::Result<()> {
    for one in DEVIATIONS {
        let editions: Vec<_> = one.editions.iter().map(|edition| edition.name()).collect();
        console.result(&format!("{} (RMM {})", one.id, editions.join(", ")))?;
        for (what, text) in [
            ("TF-RMM", one.tf_rmm),
            ("text", one.text),
            ("seen in", one.seen),
            ("source", one.source),
        ] {
            console.result(&format!("  {what:8} {text}"))?;
        }
    }
    Ok(())
}

fn rmms() -> Vec<Value> {
    let alias = |profile| {
        let own = Profile::ALIASES.iter().filter(move |(_, stands_for)| *stands_for == profile);
        own.map(|(alias, _)| *alias).collect::<Vec<_>>()
    };
    let rmm = |profile: Profile| {
        json!({
            "name": profile.name(),
            "aliases": alias(profile),
            "date": profile.date(),
            "spec": profile.edition().name(),
            "rim_rule": profile.rim_rule().name(),
            "about": profile.about(),
        })
    };
    Profile::ALL.map(rmm).into()
}

fn document() -> Value {
    let hosts = HOSTS.iter().map(|host| {
        json!({
            "name": host.name,
            "date": host.date,
            "linux": host.base,
            "series": host.series,
            "capability": host.capability,
            "source": host.source,
            "certainty": host.is_kernel.then_some(host.certainty.name()),
            "host_page_sizes": host.pages.iter().map(|size| size.name()).collect::<Vec<_>>(),
            "rmm": host.rmm,
            "same_as": host.same_as,
            "spec": host.edition().name(),
            "rim_rule": host.profile(host.measured_by).rim_rule().name(),
            "preliminary": false,
            "about": host.about,
        })
    });
    let vmms = Vmm::ALL.map(|vmm| {
        let versions = vmm.versions().iter().map(|version| {
            json!({
                "name": version.name,
                "aliases": version.aliases,
                "date": version.date,
                "stands_for": version.stands_for,
                "certainty": version.certainty.name(),
                "source": version.source,
                "host": version.host,
                "about": version.about,
            })
        });
        json!({ "name": vmm.name(), "versions": versions.collect::<Vec<_>>() })
    });
    let named = |name: &str, about: &str| json!({ "name": name, "about": about });
    json!({
        "schema": "rimsim/1",
        "command": "profiles",
        "refusals": DIFFERENCES.iter().map(|one| {
            json!({ "about": one.about, "lines": one.lines })
        }).collect::<Vec<_>>(),
        "hosts": hosts.collect::<Vec<_>>(),
        "vmms": vmms,
        "rmms": rmms(),
        "deviations": DEVIATIONS.iter().map(|one| json!({
            "id": one.id,
            "spec": one.editions.iter().map(|edition| edition.name()).collect::<Vec<_>>(),
            "tf_rmm": one.tf_rmm,
            "text": one.text,
            "seen": one.seen,
            "source": one.source,
        })).collect::<Vec<_>>(),
        "caps": CAPS_PRESETS.iter().map(|p| named(p.name, p.about)).collect::<Vec<_>>(),
        "platforms": PRESETS.iter().map(|p| named(p.name, p.about)).collect::<Vec<_>>(),
    })
}
