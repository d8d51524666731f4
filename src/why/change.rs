//! One thing that is otherwise.

use super::surroundings::surroundings;
use crate::host::{Mistake, OtherFiles, Repair};
use crate::predict::{Error, Request, Surroundings};
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

impl Change {
    /// Whether it is another device tree, which says what a VM is and no reason for it.
    #[must_use]
    pub fn is_tree(&self) -> bool {
        matches!(self.knobs[..], [Knob::Dtb(_)])
    }
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

/// All knobs of changes, for a search.
pub fn knobs<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Vec<Knob> {
    changes.into_iter().flat_map(|change| change.knobs.clone()).collect()
}

/// Everything that may be otherwise, one thing each. A version of the VMM that was said wrongly may
/// not go with the KVM, or not take the options: then one that does is asked what people get wrong.
///
/// # Errors
/// If there is no such version, host or RMM, or no version takes the options.
pub fn changes(request: &Request, others: &OtherFiles) -> Result<Vec<Change>, Error> {
    let (around, fits) = match request.surroundings() {
        Ok(around) => (around, true),
        Err(error) => (apart(request).ok_or(error)?, false),
    };
    let mistakes = |version: &str| request.vmm.mistakes(version, &request.argv, others);
    let mistakes = mistakes(around.version.name).or_else(|refusal| {
        let versions = request.vmm.versions().iter().filter(|version| version.has_realms());
        versions.map(|version| mistakes(version.name)).find_map(Result::ok).ok_or(refusal)
    })?;
    let mut list: Vec<Change> = mistakes.into_iter().map(Change::from).collect();
    list.extend(surroundings(request, &around, fits));
    Ok(list)
}

/// The surroundings of a request whose version, KVM and RMM do not go together, with one of them
/// left out; `None` if one of them is wrong by itself.
fn apart(request: &Request) -> Option<Surroundings> {
    let without = [
        Request { version: None, ..request.clone() },
        Request { rmm: None, rim_rule: None, ..request.clone() },
        Request { version: None, rmm: None, rim_rule: None, ..request.clone() },
    ];
    let known = Request { host: None, edition: None, rmm: None, rim_rule: None, ..request.clone() };
    known.check().ok()?;
    without.iter().find_map(|request| request.surroundings().ok())
}
