//! A chain as text.

use std::fmt::Write as _;

use super::Learned;
use crate::boot::compare::Seen;
use crate::boot::efi::load_option::LoadOption;
use crate::boot::efi::{device_path, utf16, variable};
use crate::boot::words;
use crate::encoding::text::hex;
use crate::encoding::toml_text::quoted;
use crate::measure::rim::HashAlgo;

/// Writes the parts of a chain, which come in another order than they stand.
pub(super) struct Writer {
    head: String,
    disk: String,
    stages: String,
    exit: String,
    count: usize,
    holes: Vec<String>,
    options: Vec<Vec<u8>>,
}

impl Writer {
    pub(super) fn new(algo: HashAlgo) -> Self {
        let head = format!(
            "# Learned from a log by rimsim. A `digest:` stands where a file has to be named, so\n\
             # that its digest is calculated; until then the log is believed.\n\
             hash_algo = \"{}\"\n\
             # For a RIM as well, in place of hash_algo and firmware.device_tree:\n\
             # [measure]\n# vm = \"kvmtool -- lkvm run --realm …\"\n",
            algo.name()
        );
        let (disk, stages, exit) = (String::new(), String::new(), String::new());
        Self { head, disk, stages, exit, count: 0, holes: Vec::new(), options: Vec::new() }
    }

    pub(super) fn finish(self, has_stages: bool) -> Learned {
        let Self { head, disk, stages, exit, holes, .. } = self;
        Learned { text: format!("{head}{disk}{exit}{stages}"), holes, has_stages }
    }

    pub(super) fn hole(&mut self, digest: &[u8], field: &str, what: &str) -> String {
        let digest = hex(digest);
        self.holes.push(format!("{field}: {what}, digest {digest}"));
        format!("digest:{digest}")
    }

    pub(super) fn firmware(&mut self, version: &str, tree: &str, failed: usize, separator: bool) {
        let (version, tree) = (quoted(version), quoted(tree));
        let _ = writeln!(
            self.head,
            "\n[firmware]\nprofile = \"edk2-kvmtool-pr12535\"\nversion = {version}\n\
             device_tree = {tree}\nfailed_attempts = {failed}"
        );
        if !separator {
            self.head.push_str("separator = false\n");
        }
    }

    pub(super) fn no_firmware(&mut self) {
        self.head.push_str("\n[firmware]\nprofile = \"none\"\n");
    }

    pub(super) fn variables(&mut self, variables: &[(String, Vec<u8>)]) {
        if variables.is_empty() {
            return;
        }
        self.head.push_str("\n[variables]\n");
        for (name, value) in variables {
            let shown = self.variable(name, value);
            let _ = writeln!(self.head, "{} = {shown}", quoted(name));
        }
    }

    /// A value in the form that people read, if that gives its bytes again.
    fn variable(&mut self, name: &str, value: &[u8]) -> String {
        if name == "BootOrder"
            && let Some(order) = variable::boot_order(value)
        {
            let numbers: Vec<String> = order.iter().map(u16::to_string).collect();
            return format!("[{}]", numbers.join(", "));
        }
        let option = variable::boot_number(name).and_then(|_| LoadOption::read(value).ok());
        if let Some(option) = option {
            self.options.push(option.optional.clone());
            if let Some(text) = option_table(&option) {
                return text;
            }
        }
        quoted(&format!("hex:{}", hex(value)))
    }

    /// What the boot options hand over.
    pub(super) fn options_of_boot(&self) -> &[Vec<u8>] {
        // The first is the one that is started, unless the chain says otherwise.
        &self.options[..self.options.len().min(1)]
    }

    pub(super) fn has_disk(&self) -> bool {
        !self.disk.is_empty()
    }

    pub(super) fn disk(&mut self, data: &[u8]) {
        let _ = writeln!(self.disk, "\n[disk]\ngpt = \"hex:{}\"", hex(data));
    }

    pub(super) fn exit(&mut self, reached: bool, failed: usize) {
        let _ = writeln!(self.exit, "\n[exit]\nfailed_exits = {failed}");
        if !reached {
            self.exit.push_str("reached = false\n");
        }
    }

    /// Begins a stage; its number.
    pub(super) fn stage(&mut self, kind: &str) -> usize {
        self.count += 1;
        let _ = writeln!(self.stages, "\n[[boot]]\nkind = \"{kind}\"");
        self.count
    }

    pub(super) fn image(&mut self, file: &str, path: Option<&[u8]>) {
        self.text("file", file);
        if let Some(path) = path {
            self.text("path", &device_path::text(path));
        }
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.stages, "{key} = {}", quoted(value));
    }

    pub(super) fn flag(&mut self, key: &str, value: bool) {
        let _ = writeln!(self.stages, "{key} = {value}");
    }

    pub(super) fn sections(&mut self, sections: &[(String, String)]) {
        self.stages.push_str("sections = [\n");
        for (name, contents) in sections {
            let (name, contents) = (quoted(name), quoted(contents));
            let _ = writeln!(self.stages, "  {{ name = {name}, contents = {contents} }},");
        }
        self.stages.push_str("]\n");
    }

    pub(super) fn steps(&mut self, steps: &[(&str, String, Option<String>)]) {
        self.stages.push_str("steps = [\n");
        for (key, text, file) in steps {
            let text = quoted(text);
            let _ = match file {
                None => writeln!(self.stages, "  {{ {key} = {text} }},"),
                Some(file) => {
                    let file = quoted(file);
                    writeln!(self.stages, "  {{ {key} = {{ name = {text}, file = {file} }} }},")
                }
            };
        }
        self.stages.push_str("]\n");
    }

    pub(super) fn raw(&mut self, seen: &Seen) {
        let what = words::shown(seen.kind, &seen.data);
        self.stage("event");
        self.text("what", &what);
        let _ = writeln!(self.stages, "rem = {}\ntype = {}", seen.rem.index(), seen.kind);
        self.text("data", &format!("hex:{}", hex(&seen.data)));
        self.text("measures", &format!("digest:{}", hex(&seen.digest)));
    }
}

fn option_table(option: &LoadOption) -> Option<String> {
    let description = utf16::text(&option.description)?;
    let mut text = format!(
        "{{ description = {}, path = {}",
        quoted(&description),
        quoted(&device_path::text(&option.path))
    );
    let options = match &option.optional[..] {
        [] => None,
        bytes => {
            let own = bytes.strip_suffix(&[0, 0]).and_then(utf16::text);
            let own = own.filter(|own| !own.is_empty() && !own.starts_with("hex:"));
            Some(own.unwrap_or_else(|| format!("hex:{}", hex(bytes))))
        }
    };
    if let Some(options) = options {
        let _ = write!(text, ", options = {}", quoted(&options));
    }
    if option.attributes != 1 {
        let _ = write!(text, ", attributes = {}", option.attributes);
    }
    text.push_str(" }");
    Some(text)
}
