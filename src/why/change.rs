//! One thing that is otherwise.

use super::surroundings::surroundings;
use crate::host::{Mistake, OtherFiles, Repair};
use crate::predict::{Error, Request};
use crate::search::Knob;

/// One thing that is otherwise than it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is about. Of several changes about one thing only one can be made.
    pub about: &'static str,
    /// What was said or assumed, behind "you said".
    pub said: String,
    /// What the RIM needs, behind "this VM with".
    pub needs: String,
    /// The option to change, in the words of whoever has it.
    pub fix: String,
    /// The same for a search.
    pub knobs: Vec<Knob>,
    /// How unlikely it is.
    pub cost: u32,
}

impl From<Mistake> for Change {
    fn from(mistake: Mistake) -> Self {
        let Mistake { about, said, needs, repair, fix, cost } = mistake;
        let knob = match repair {
            Repair::Options(change) => Knob::Options(change),
            Repair::Log(on) => Knob::Log(on),
        };
        Self { about, said, needs, fix, knobs: vec![knob], cost }
    }
}

/// Everything that may be otherwise, one thing each.
///
/// # Errors
/// If version, host and RMM do not go together, or the VMM does not take the options.
pub fn changes(request: &Request, others: &OtherFiles) -> Result<Vec<Change>, Error> {
    let around = request.surroundings()?;
    let mistakes = request.vmm.mistakes(around.version.name, &request.argv, others)?;
    let mut list: Vec<Change> = mistakes.into_iter().map(Change::from).collect();
    list.extend(surroundings(request, &around));
    Ok(list)
}
