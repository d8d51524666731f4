//! `rimsim matrix`

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::cli::candidates::{SettingLine, add_axis, check_values, option_variants};
use crate::cli::console::{Console, notes};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::locks::{FleetLock, caps_files, words};
use crate::cli::options::{
    CacheArgs, GuestArgs, HashingArgs, LineArgs, OutsideArgs, Purpose, ResponderArgs, SignArgs,
    VmmArgs, corim_profile,
};
use crate::cli::reach::Reach;
use crate::cli::reference::corim_bytes;
use crate::cli::signer::Signer;
use crate::cli::table::{self, Asked, Combination, Table};
use crate::encoding::shown::ShowPath as _;
use crate::host::Vmm;
use crate::measure::rim::Measurement;
use crate::outputs::OutputPath;
use crate::refvalue::RealmReference;
use crate::refvalue::corim::{Corim, CorimProfile, Id, Validity};
use crate::refvalue::time;
use crate::search::{Axis, Knob, Parameter, Shard};

/// Predict the RIM of every combination of host, VM and VMM
///
/// Runs one VMM command line with other numbers of vCPUs, sizes of RAM, hosts, versions and so on,
/// and prints a row for each combination. Contents are hashed once and boots are shared; each row
/// is what `rimsim measure` gives for the same arguments. --host and --vmm-version take several
/// names with commas between them.
///
/// A combination that is refused is a row with the reason. Exit code 0: every row has a RIM (or,
/// with --allow-refused, one at least); 4: some were refused; 2: the space has more than 65536
/// combinations.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct MatrixArgs {
    /// Numbers of vCPUs, such as 1,2,4 or 1-8
    #[arg(long, value_name = "LIST")]
    cpus: Option<String>,
    /// Sizes of RAM, such as 512M,2G
    #[arg(long, value_name = "LIST")]
    mem: Option<String>,
    /// Hash algorithms, as in sha256,sha512; that of the command line if it is not said
    #[arg(long, value_name = "LIST")]
    hash_algo: Option<String>,
    /// What hosts offer: presets or TOML files, with `+` between those that one host has together
    #[arg(long, value_name = "LIST")]
    platform: Option<String>,
    /// Another axis, by the names of `rimsim search`: NAME=VALUES, or NAME for what hosts have
    #[arg(long, value_name = "NAME[=VALUES]")]
    vary: Vec<String>,
    /// Other options of the VMM, as a shell reads them (`'-k Image-6.12 -i initrd'`), behind those
    /// of the command line; `''` for none; repeatable
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    option_variant: Vec<String>,
    /// Only this part of the combinations, of N parts: `1/4` to `4/4`. Each part is rows in a row,
    /// so the parts one behind the other are the whole table (of each hash algorithm)
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE, hide_default_value = true,
        conflicts_with = "lock_out")]
    shard: Shard,
    /// Rows that are refused do not change the exit code
    #[arg(long)]
    allow_refused: bool,
    /// Write the RIMs to FILE as one CoRIM of the CCA Realm profile, each RIM once
    #[arg(long, value_name = "FILE")]
    corim_out: Option<OutputPath>,
    /// The CoRIM's id; one that depends on nothing but the RIMs if it is not said
    #[arg(long, value_name = "TEXT", requires = "corim_out")]
    corim_id: Option<String>,
    /// Which profile the CoRIM names: veraison, or draft-04 (see `rimsim measure --help`)
    #[arg(long, value_name = "PROFILE", requires = "corim_out", value_parser = corim_profile)]
    corim_profile: Option<CorimProfile>,
    /// The last second in which the CoRIM holds: 2026-12-31T23:59:59Z, or a date (UTC)
    #[arg(long, value_name = "TIME", requires = "corim_out", value_parser = time::parse)]
    not_after: Option<i64>,
    /// When it begins to hold
    #[arg(long, value_name = "TIME", requires = "not_after", value_parser = time::parse)]
    not_before: Option<i64>,
    /// Name each RIM of the CoRIM: its CoMID has the name as its id, and `rimsim verify` shows it
    ///
    /// NAME has columns in braces, as in \"web {cpus} vCPUs, {mem}\"; {rim} is the beginning of the
    /// RIM. Without NAME it is all columns: cpus=2,mem=1G. A RIM of several combinations has their
    /// names with " or " between them. Two RIMs can not have one name.
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true,
        requires = "corim_out", default_missing_value = "")]
    name: Option<String>,
    #[command(flatten)]
    sign: SignArgs,
    /// Certificates of the key that signs, its own first, in PEM or DER: they go into the signed
    /// CoRIM (`x5chain`)
    #[arg(long, value_name = "FILE", requires = "corim_out", help_heading = "Signing")]
    sign_chain: Option<PathBuf>,
    /// Write down what makes the table, for a repository: `rimsim check` makes it again and says
    /// which rows are others, and why
    ///
    /// Hosts and versions that nobody said are columns then, since defaults may be others tomorrow.
    #[arg(long, value_name = "FILE")]
    lock_out: Option<OutputPath>,
    /// Replace a lock file that is there
    #[arg(long, requires = "lock_out")]
    force: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = MatrixFormat::Text)]
    format: MatrixFormat,
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
    #[command(flatten)]
    hashing: HashingArgs,
    #[command(flatten)]
    cache: CacheArgs,
    #[command(flatten)]
    pub(crate) outside: OutsideArgs,
    #[command(flatten)]
    pub(crate) line: LineArgs,
    #[arg(skip)]
    pub(crate) vmm: VmmArgs,
}

const EXAMPLES: &str = "\
Examples:
  Reference values for six sizes of a VM on two kernels:
      rimsim matrix --cpus 1,2,4 --mem 1G,2G --host kvm-v10,kvm-v12 \\
          kvmtool -- lkvm run --realm -k Image
  What a verifier takes of them:
      rimsim matrix --cpus 1-4 --corim-out realms.cbor kvmtool -- --realm -m 1G -k Image
  The same for a fleet, signed, dated, and with names that `rimsim verify` shows:
      rimsim matrix --cpus 1-4 --mem 1G,2G --corim-out realms.cbor --name='web-{cpus}-{mem}' \
          --not-after 2026-12-31 --sign-key key.pem kvmtool -- --realm -k Image
  All of it in a repository; CI says which rows are others:
      rimsim matrix --cpus 1-4 --mem 1G,2G --lock-out fleet.lock kvmtool -- --realm -k Image
      rimsim check fleet.lock
  As a table for a program:
      rimsim matrix --format csv --cpus 1-8 --platform fvp,qemu-max+kvm \\
          kvmtool -- --realm -m 1G -k Image";

/// What is printed.
struct Matrix(Table);

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum MatrixFormat {
    /// A table for people
    Text,
    /// Comma-separated values with a line of names
    Csv,
    /// One JSON document with "schema": "rimsim/1"
    Json,
}

pub(crate) fn run(args: &MatrixArgs, console: &mut Console) -> io::Result<Exit> {
    let made = signer(args).and_then(|signer| {
        let matrix = matrix(args)?;
        notes::tell(&matrix.0.assumptions, false, console)?;
        Ok((matrix, signer))
    });
    let (matrix, signer) = match made {
        Ok(made) => made,
        Err(CliError(exit, text)) => {
            console.error(&text);
            return Ok(exit);
        }
    };
    let written = matrix.corim(args, signer.as_ref(), console);
    if let Err(CliError(exit, text)) = written.and_then(|()| matrix.lock(args, console)) {
        console.error(&text);
        return Ok(exit);
    }
    match args.format {
        MatrixFormat::Text => matrix.text(console)?,
        MatrixFormat::Csv => matrix.csv(console)?,
        MatrixFormat::Json => console.json(&matrix.document(args))?,
    }
    let refused = matrix.0.rows.iter().filter(|row| row.rim.is_err()).count();
    if refused > 0 {
        console.note(&format!("{refused} of {} combinations are refused", matrix.0.rows.len()));
    }
    let enough = refused == 0 || args.allow_refused && refused < matrix.0.rows.len();
    Ok(if enough { Exit::Good } else { Exit::Refused })
}

/// Who signs the CoRIM, if there is one and somebody does.
fn signer(args: &MatrixArgs) -> Result<Option<Signer>, CliError> {
    match args.sign.asks() {
        Some(option) if args.corim_out.is_none() => {
            Err(usage(format!("{option}: only a CoRIM is signed; see --corim-out")))
        }
        _ => Signer::read(&args.sign, args.sign_chain.as_deref()),
    }
}

fn matrix(args: &MatrixArgs) -> Result<Matrix, CliError> {
    let hasher = args.hashing.hasher()?;
    let is_relied_on = args.corim_out.is_some() || args.lock_out.is_some();
    let purpose = if is_relied_on { Purpose::Reliance } else { Purpose::Figure };
    let files = args.cache.files(&args.hashing, &hasher, purpose)?;
    let vmm = Vmm::from_name(&args.vmm.vmm).map_err(usage)?;
    let (axes, algos) = (axes(args, vmm)?, table::algos(args.hash_algo.as_deref())?);
    let (guest, vmm, shard) = (&args.guest, &args.vmm, args.shard);
    let (names_all, keeps_parts) = (args.lock_out.is_some(), args.lock_out.is_some());
    let hasher = &hasher;
    let asked = Asked { axes, algos, guest, vmm, files, hasher, names_all, shard, keeps_parts };
    table::table(asked).map(Matrix)
}

fn axes(args: &MatrixArgs, vmm: Vmm) -> Result<Vec<Axis>, CliError> {
    let mut axes = Vec::new();
    let own = [
        (Parameter::Cpus, &args.cpus),
        (Parameter::Mem, &args.mem),
        (Parameter::Host, &args.guest.host),
        (Parameter::VmmVersion, &args.guest.vmm_version),
        (Parameter::Platform, &args.platform),
    ];
    for (parameter, list) in own {
        let Some(list) = list else { continue };
        let wrong = |why: String| usage(format!("--{} {list}: {why}", parameter.name()));
        let values = parameter.values(list).map_err(|error| wrong(error.to_string()))?;
        check_values(&values, vmm, &args.guest.reach).map_err(wrong)?;
        axes.push(Axis { parameter, values });
    }
    for text in &args.vary {
        let line = SettingLine { vmm, argv: &args.vmm.argv, guest: &args.guest };
        add_axis(text, &line, &mut axes)?;
    }
    let values = option_variants(&args.option_variant)?;
    if !values.is_empty() {
        axes.push(Axis { parameter: Parameter::OptionVariant, values });
    }
    Ok(axes)
}

impl Matrix {
    /// Every RIM, once, with the names of its combinations.
    fn rims(&self, template: Option<&str>) -> Result<Vec<(Measurement, String)>, CliError> {
        let mut rims: Vec<(Measurement, Vec<String>)> = Vec::new();
        for row in &self.0.rows {
            let Ok((rim, _)) = &row.rim else { continue };
            let name = template.map_or(Ok(String::new()), |text| self.name(text, row, rim))?;
            match rims.iter_mut().find(|(known, _)| known == rim) {
                None => rims.push((*rim, vec![name])),
                Some((_, names)) if names.contains(&name) => {}
                Some((_, names)) => names.push(name),
            }
        }
        let named = rims.into_iter().map(|(rim, names)| (rim, names.join(" or ")));
        let named: Vec<_> = named.collect();
        let mut known = BTreeMap::new();
        for (rim, name) in named.iter().filter(|_| template.is_some()) {
            if let Some(other) = known.insert(name, rim) {
                let why = format!("{name:?} is the name of two RIMs, {other} and {rim}");
                return Err(usage(format!("--name: {why}; name more columns, or {{rim}}")));
            }
        }
        Ok(named)
    }

    /// A combination's name by a template; of all columns if that is empty.
    fn name(
        &self,
        template: &str,
        row: &Combination,
        rim: &Measurement,
    ) -> Result<String, CliError> {
        let columns = || self.0.columns.iter().zip(&row.values);
        if template.is_empty() {
            let all: Vec<_> = columns().map(|(name, value)| format!("{name}={value}")).collect();
            let alone = || rim.to_string()[..16].to_owned();
            return Ok(if all.is_empty() { alone() } else { all.join(",") });
        }
        let mut name = template.replace("{rim}", &rim.to_string()[..16]);
        for (column, value) in columns() {
            name = name.replace(&format!("{{{column}}}"), value);
        }
        match name.split_once('{') {
            None if name.trim().is_empty() => {
                Err(usage(format!("--name {template:?}: it leaves a RIM without a name")))
            }
            None => Ok(name),
            Some((_, rest)) => {
                let unknown = rest.split('}').next().unwrap_or_default();
                let known = self.0.columns.join(", ");
                Err(usage(format!(
                    "--name: there is no column {unknown:?}; there are {known}, rim"
                )))
            }
        }
    }

    fn corim(
        &self,
        args: &MatrixArgs,
        signer: Option<&Signer>,
        console: &mut Console,
    ) -> Result<(), CliError> {
        let Some(path) = &args.corim_out else { return Ok(()) };
        let rims = self.rims(args.name.as_deref())?;
        if rims.is_empty() {
            let why = "--corim-out: every combination is refused, so there is no RIM to write";
            return Err(CliError(Exit::Refused, why.to_owned()));
        }
        let realm = |rim: &Measurement| RealmReference::new(*rim);
        let mut corim = match args.name {
            None => Corim::of(rims.iter().map(|(rim, _)| realm(rim)).collect()),
            Some(_) => Corim::named(rims.iter().map(|(rim, name)| (name.clone(), realm(rim)))),
        };
        corim.profile = args.corim_profile.unwrap_or_default();
        if let Some(end) = args.not_after {
            let period = Validity::new(args.not_before, end);
            let wrong = || usage("--not-after: it is before --not-before".to_owned());
            corim.validity = Some(period.ok_or_else(wrong)?);
        }
        if let Some(id) = &args.corim_id {
            if id.is_empty() {
                return Err(usage("--corim-id: an id is not empty".to_owned()));
            }
            corim.id = Id::Text(id.clone());
        }
        let bytes = corim_bytes(&corim, signer).map_err(|(exit, text)| CliError(exit, text))?;
        Ok(console.outputs().write(path, &bytes)?)
    }

    /// Writes down what made the table.
    fn lock(&self, args: &MatrixArgs, console: &mut Console) -> Result<(), CliError> {
        let Some(path) = &args.lock_out else { return Ok(()) };
        let refuse = |why: &str| Err(usage(format!("--lock-out: {why}")));
        if path.exists() && !args.force {
            let why = "is there; rimsim lock --update -o makes it again, --force replaces it";
            return refuse(&format!("{}: {why}", path.shown()));
        }
        if args.guest.rpv.is_some() {
            return refuse("--initdata: a lock holds the command line; write the value there");
        }
        if self.0.rows.iter().all(|row| row.rim.is_err()) {
            let why = "--lock-out: every combination is refused, so there is no RIM to lock";
            return Err(CliError(Exit::Refused, why.to_owned()));
        }
        let of_files = [Parameter::Platform, Parameter::DtbCandidate];
        let axes = self.0.axes.iter().filter(|axis| of_files.contains(&axis.parameter));
        let mut values = axes.flat_map(|axis| &axis.values).map(Knob::to_string);
        if let Some(file) = values.find(|name| name.contains(['.', '/'])) {
            let why = "files that are varied are not locked with a table; lock each by itself";
            return refuse(&format!("{file:?}: {why}"));
        }
        // The axes say which hosts and versions.
        let guest = GuestArgs { host: None, vmm_version: None, ..args.guest.clone() };
        let mut words = words(&guest, &ResponderArgs::default());
        words.extend([args.vmm.vmm.clone(), "--".to_owned()]);
        words.extend(args.vmm.argv.iter().cloned());
        let vmm = Vmm::from_name(&args.vmm.vmm).map_err(usage)?;
        let line = SettingLine { vmm, argv: &args.vmm.argv, guest: &args.guest };
        let lock = FleetLock::of(&self.0, &line, words, caps_files(&args.guest)?, path)?;
        let reach = Reach::below_folder_of(path);
        for (_, file, _) in self.0.read.iter().filter(|(_, file, _)| !reach.has(file)) {
            let file = file.shown();
            console
                .note(&format!("{file}: not below the lock's folder; check needs --allow-outside"));
        }
        Ok(console.outputs().write(path, lock.to_text()?.as_bytes())?)
    }

    fn text(&self, console: &mut Console) -> io::Result<()> {
        let width = |i: usize| {
            let cells = self.0.rows.iter().map(|row| row.values[i].chars().count());
            cells.chain([self.0.columns[i].len()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.0.columns.len()).map(width).collect();
        let line = |cells: &[&str], last: &str| {
            let cells = cells.iter().zip(&widths);
            let line: String = cells.map(|(cell, width)| format!("{cell:width$}  ")).collect();
            format!("{line}{last}")
        };
        console.result(&line(&self.0.columns, "rim"))?;
        for row in &self.0.rows {
            let cells: Vec<_> = row.values.iter().map(String::as_str).collect();
            let rim = match &row.rim {
                Ok((rim, _)) => rim.to_string(),
                Err(why) => format!("refused: {why}"),
            };
            console.result(&line(&cells, &rim))?;
        }
        Ok(())
    }

    fn csv(&self, console: &mut Console) -> io::Result<()> {
        let line = |cells: &[&str]| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>();
        let names = [&self.0.columns[..], &["algorithm", "rim", "refused", "rim_rule"]].concat();
        console.result(&line(&names).join(","))?;
        for row in &self.0.rows {
            let (algorithm, rim, why, rule) = match &row.rim {
                Ok((rim, rule)) => (rim.algo().name(), rim.to_string(), "", rule.name()),
                Err(why) => ("", String::new(), why.as_str(), ""),
            };
            let mut cells: Vec<_> = row.values.iter().map(String::as_str).collect();
            cells.extend([algorithm, &rim, why, rule]);
            console.result(&line(&cells).join(","))?;
        }
        Ok(())
    }

    fn document(&self, args: &MatrixArgs) -> Value {
        let row = |row: &Combination| {
            let mut values = json!({});
            for (name, value) in self.0.columns.iter().zip(&row.values) {
                values[*name] = json!(value);
            }
            json!({
                "values": values,
                "rim": row.rim.as_ref().ok().map(|(rim, _)| rim.to_string()),
                "algorithm": row.rim.as_ref().ok().map(|(rim, _)| rim.algo().name()),
                "rim_rule": row.rim.as_ref().ok().map(|(_, rule)| rule.name()),
                "refused": row.rim.as_ref().err(),
            })
        };
        json!({
            "schema": "rimsim/1",
            "command": "matrix",
            "vmm": args.vmm.vmm,
            "assumptions": self.0.assumptions,
            "shard": args.shard.to_string(),
            "columns": self.0.columns,
            "rows": self.0.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

/// A cell of RFC 4180.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}
