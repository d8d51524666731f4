//! Command lines in `/var/log/libvirt/qemu/NAME.log`.

use crate::encoding::shell;

/// Most bytes of a command line.
pub const MAX_COMMAND_BYTES: usize = 4 << 20;

/// The last command line of a log, found line by line.
///
/// libvirt writes a line with `starting up`, variables of the environment, then the program and its
/// words, each line but the last with ` \` at its end and quoted for a shell.
#[derive(Clone, Debug, Default)]
pub struct LastCommand {
    last: Option<String>,
    open: Option<String>,
    too_long: bool,
}

impl LastCommand {
    /// Takes the next line of the log, without its end.
    pub fn line(&mut self, line: &str) {
        let line = line.trim_end_matches('\r');
        if line.contains(": starting up libvirt version: ") {
            (self.open, self.too_long) = (Some(String::new()), false);
            return;
        }
        let Some(open) = &mut self.open else { return };
        let (part, more) = line.strip_suffix(" \\").map_or((line, false), |part| (part, true));
        self.too_long |= open.len() + part.len() > MAX_COMMAND_BYTES;
        if !self.too_long {
            open.push_str(part);
            open.push(' ');
        }
        if !more {
            self.last = self.open.take();
        }
    }

    /// The words of the last command line, the program's name first.
    ///
    /// # Errors
    /// If there is none, or it is cut off or too long.
    pub fn words(self) -> Result<Vec<String>, String> {
        if self.open.is_some() {
            return Err("the last command line is not whole".into());
        }
        if self.too_long {
            return Err(format!("the last command line has more than {MAX_COMMAND_BYTES} bytes"));
        }
        let why = "there is no command line: libvirt writes one after `starting up libvirt`";
        let text = self.last.ok_or(why)?;
        let words = shell::split(&text);
        let words = words.ok_or("a quotation mark of the last command line is not closed")?;
        // The environment comes first.
        let is_variable = |word: &String| {
            word.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
            })
        };
        let words: Vec<_> = words.into_iter().skip_while(is_variable).collect();
        if words.is_empty() { Err(why.into()) } else { Ok(words) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "2026-05-01 10:00:00.000+0000: starting up libvirt version: 11.3.0, qemu";

    fn words(text: &str) -> Result<Vec<String>, String> {
        let mut last = LastCommand::default();
        text.lines().for_each(|line| last.line(line));
        last.words()
    }

    #[test]
    fn the_last_command_line_is_found() {
        let log = format!(
            "{START}\nLC_ALL=C \\\n/usr/bin/old \\\n-S\nends\n{START}\nLC_ALL=C \\\nHOME=/a \\\n\
             /usr/bin/qemu-system-aarch64 \\\n-name guest=vm \\\n-object \
             '{{\"qom-type\":\"rme-guest\",\"id\":\"lsec0\"}}' \\\n-msg timestamp=on\n\
             char device redirected to /dev/pts/1 (label charserial0)\n"
        );
        let expected = [
            "/usr/bin/qemu-system-aarch64",
            "-name",
            "guest=vm",
            "-object",
            "{\"qom-type\":\"rme-guest\",\"id\":\"lsec0\"}",
            "-msg",
            "timestamp=on",
        ];
        assert_eq!(words(&log).expect("a command line"), expected);
    }

    #[test]
    fn logs_without_one_say_so() {
        for (log, why) in [
            (String::new(), "there is no command line"),
            ("nothing\n".into(), "there is no command line"),
            (format!("{START}\nLC_ALL=C \\\n/usr/bin/qemu \\\n"), "is not whole"),
            (format!("{START}\nLC_ALL=C\n"), "there is no command line"),
            (format!("{START}\nqemu 'a\n"), "is not closed"),
        ] {
            let error = words(&log).expect_err(&log);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_command_line_has_a_bound() {
        let mut last = LastCommand::default();
        last.line(START);
        let line = format!("{} \\", "a".repeat(1 << 20));
        (0..9).for_each(|_| last.line(&line));
        assert!(last.open.as_ref().is_some_and(|open| open.len() <= MAX_COMMAND_BYTES + 1));
        last.line("b");
        assert!(last.words().is_err_and(|why| why.contains("more than 4194304 bytes")));
    }
}
