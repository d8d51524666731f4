//! Which RMM a session has.

use clap::Args as ClapArgs;

use crate::abi::profile::{Edition, Profile, RemReading};
use crate::encoding::nearest::DidYouMean;

#[derive(Clone, Copy, Debug, Default, ClapArgs)]
pub(crate) struct RmmArg {
    /// Which RMM answers: TF-RMM as it is, or the text of DEN0137; `profiles` lists their releases
    /// (tf-rmm-1.0, tf-rmm-0.9, tf-rmm-next, spec-2.0-bet1 and others)
    #[arg(long, value_name = "tf-rmm|spec|RELEASE", value_parser = profile)]
    pub(crate) rmm: Option<Profile>,
    /// The edition of DEN0137; without it a script or a vector says it itself
    #[arg(long, value_name = "1.0|2.0", value_parser = edition)]
    pub(crate) spec: Option<Edition>,
    #[arg(long, value_name = "READING", value_parser = rem_reading)]
    #[arg(help = "How REMs are extended: concatenated (TF-RMM), buffer, padded-value")]
    pub(crate) rem: Option<RemReading>,
}

impl RmmArg {
    /// The rules asked for, over those that an input has itself.
    pub(crate) fn over(&self, own: Profile) -> Profile {
        // A name without an edition means either.
        let named = self.rmm.map(Profile::edition).filter(|edition| *edition != Edition::default());
        let edition = self.spec.or(named).unwrap_or(own.edition());
        let profile = self.rmm.unwrap_or(own).in_edition(edition);
        self.rem.map_or(profile, |rem| profile.with_rem_reading(rem))
    }
}

pub(crate) fn edition(name: &str) -> Result<Edition, String> {
    let known = Edition::ALL.map(Edition::name);
    Edition::from_name(name)
        .ok_or_else(|| format!("it is {}{}", known.join(" or "), DidYouMean::of(name, known)))
}

pub(crate) fn rem_reading(name: &str) -> Result<RemReading, String> {
    let found = RemReading::ALL.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, reading)| reading).ok_or_else(|| {
        let meant = DidYouMean::of(name, RemReading::ALL.map(|(known, _)| known));
        format!("it is concatenated, buffer or padded-value{meant}")
    })
}

pub(crate) fn profile(name: &str) -> Result<Profile, String> {
    Profile::from_name(name).ok_or_else(|| {
        let known = Profile::names();
        format!("it is one of {known}{}", DidYouMean::of(name, known.split(", ")))
    })
}
