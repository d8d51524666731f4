//! Why nothing can be predicted.

use thiserror::Error;

use super::assumption::Assumption;

use crate::host::{Layer, Refusal};
use crate::measure::image::ImageError;

/// Why there is no plan, or no RIM.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// What is asked for can not be: an option with its value, and why.
    #[error("{0}")]
    Request(String),
    /// The VMM, KVM or the RMM refuses the VM, or a file can not be used.
    #[error("{}", .0.told())]
    Refusal(#[from] Refusal),
    /// Something that changes the RIM was not said, and nothing may be assumed.
    #[error("assumed, and it changes the RIM: {}", list(.0))]
    Assumed(Vec<Assumption>),
    /// A file is not what it was when it was opened, or can not be read any more.
    #[error(transparent)]
    Changed(ImageError),
}

fn list(assumptions: &[Assumption]) -> String {
    let items: Vec<_> = assumptions.iter().map(ToString::to_string).collect();
    let told = assumptions.iter().filter_map(Assumption::of_another_program);
    told.fold(items.join(", "), |text, about| format!("{text}; {about}"))
}

/// Whose trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The caller asks for what can not be, or the VMM refuses its command line.
    Usage,
    /// A file can not be read.
    Io,
    /// KVM or the RMM refuses.
    Refused,
}

impl Error {
    /// Whose trouble it is.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Request(_) | Self::Assumed(_) => Class::Usage,
            Self::Refusal(Refusal::Refused { by: Layer::Vmm, .. }) => Class::Usage,
            Self::Refusal(Refusal::Refused { .. }) => Class::Refused,
            Self::Refusal(Refusal::File { source: ImageError::Empty { .. }, .. }) => Class::Usage,
            Self::Refusal(Refusal::File { .. }) | Self::Changed(_) => Class::Io,
        }
    }

    /// Whether a file is to blame, and not the VM.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        matches!(self, Self::Refusal(Refusal::File { .. }) | Self::Changed(_))
    }
}
