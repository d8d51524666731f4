//! The candidates: every combination of the values of some parameters.

use super::knob::{Knob, Parameter};

/// One parameter, and the values that it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The parameter.
    pub parameter: Parameter,
    /// Its values, at least one; the likeliest first.
    pub values: Vec<Knob>,
}

/// All combinations. The last axis changes fastest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Space {
    axes: Vec<Axis>,
}

impl Space {
    /// The space of these axes. They are ordered so that candidates in a row have the Realm's
    /// parameters in common, which the RIM begins with. Axes without values are left out.
    #[must_use]
    pub fn new(mut axes: Vec<Axis>) -> Self {
        axes.retain(|axis| !axis.values.is_empty());
        axes.sort_by_key(|axis| axis.parameter);
        Self { axes }
    }

    /// The axes.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// How many candidates there are; `None` if they can not be counted in 64 bits.
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        self.axes.iter().try_fold(1_u64, |product, axis| {
            product.checked_mul(u64::try_from(axis.values.len()).ok()?)
        })
    }

    /// Never: without axes there is one candidate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Candidate number `index`, from 0.
    #[must_use]
    pub fn candidate(&self, index: u64) -> Vec<Knob> {
        let mut rest = index;
        let mut knobs: Vec<Knob> = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            let count = axis.values.len() as u64;
            let place = usize::try_from(rest % count).expect("below a length");
            knobs.push(axis.values[place].clone());
            rest /= count;
        }
        knobs.reverse();
        knobs
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_combination_comes_once() {
        let axis = |parameter: Parameter, text: &str| Axis {
            parameter,
            values: parameter.values(text).unwrap(),
        };
        let space = Space::new(vec![
            axis(Parameter::Order, "vmm,ascending"),
            axis(Parameter::NumBps, "2-6"),
            axis(Parameter::SveVl, "0,128,256"),
        ]);
        assert_eq!(space.len(), Some(30));
        let all: BTreeSet<String> = (0..30)
            .map(|i| space.candidate(i).iter().map(|knob| format!("{knob} ")).collect())
            .collect();
        assert_eq!(all.len(), 30);
        assert_eq!(Space::default().len(), Some(1));
        assert!(Space::default().candidate(0).is_empty());
        assert_eq!(space.axes()[2].parameter, Parameter::Order, "changes fastest");
    }
}
