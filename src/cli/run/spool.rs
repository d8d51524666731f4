//! A list of JSON values that is kept in a file: `run -v --format json` says something of every
//! command, and a large Realm has millions.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, Write as _};

use serde::ser::{Error as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::outputs;

/// The list. Its file is in the folder for temporary files (`TMPDIR`), without a name.
#[derive(Debug)]
pub(crate) struct Spool {
    file: BufWriter<File>,
    /// The first thing that went wrong.
    error: Option<io::Error>,
}

impl Spool {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(outputs::unnamed()?), error: None })
    }

    pub(crate) fn push(&mut self, value: &Value) {
        if self.error.is_none() {
            self.error = writeln!(self.file, "{value}").err();
        }
    }

    /// The values, to be written into a document.
    pub(crate) fn finish(mut self) -> io::Result<Spooled> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.file.flush()?;
        Ok(Spooled { file: self.file.into_inner().map_err(io::IntoInnerError::into_error)? })
    }
}

/// A list that is complete. It is read back value by value.
#[derive(Debug)]
pub(crate) struct Spooled {
    file: File,
}

impl Serialize for Spooled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut file = &self.file;
        file.rewind().map_err(S::Error::custom)?;
        let mut list = serializer.serialize_seq(None)?;
        for line in BufReader::new(file).lines() {
            let line = line.map_err(S::Error::custom)?;
            list.serialize_element(&RawValue::from_string(line).map_err(S::Error::custom)?)?;
        }
        list.end()
    }
}
