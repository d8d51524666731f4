//! The forms of a result that has RIMs, and the options that belong to them.

use std::fmt;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args as ClapArgs, ValueEnum};

use super::hashing::Purpose;
use super::sign::SignArgs;
use crate::cli::console::Console;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::outputs::OutputPath;
use crate::refvalue::corim::{CorimProfile, Entity};
use crate::refvalue::time;

/// The form of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// The RIM in lower-case hexadecimal, one line a Realm
    Hex,
    /// The RIM in standard base64, one line a Realm
    Base64,
    /// One JSON document with "schema": "rimsim/1", with everything that the RIM depends on
    Json,
    /// A CoRIM of the CCA Realm profile, as Veraison takes it (CBOR; signed with --sign-key)
    Corim,
    /// The CoMID template that `cocli comid create` takes (JSON)
    Cocli,
    /// The message that `rvps-tool register` of Trustee takes (JSON)
    Trustee,
    /// The store of rust-ccatoken, and of Trustee's local verifier (JSON)
    CcatokenStore,
    /// The reference.json of Samsung's realm-manager and verifier (JSON)
    Samsung,
}

impl fmt::Display for Form {
    /// The word of the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
    }
}

impl Form {
    /// What a result of this form is for.
    pub(crate) const fn purpose(self) -> Purpose {
        if self.is_for_verifiers() { Purpose::Reliance } else { Purpose::Figure }
    }

    /// Whether it is something that a verifier takes as it is.
    pub(crate) const fn is_for_verifiers(self) -> bool {
        matches!(
            self,
            Self::Corim | Self::Cocli | Self::Trustee | Self::CcatokenStore | Self::Samsung
        )
    }
}

/// The form of what `run` found: lines for people unless another is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunForm(pub(crate) Option<Form>);

impl ValueEnum for RunForm {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: &[RunForm] = &[
            RunForm(None),
            RunForm(Some(Form::Hex)),
            RunForm(Some(Form::Base64)),
            RunForm(Some(Form::Json)),
            RunForm(Some(Form::Corim)),
            RunForm(Some(Form::Cocli)),
            RunForm(Some(Form::Trustee)),
            RunForm(Some(Form::CcatokenStore)),
            RunForm(Some(Form::Samsung)),
        ];
        ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let text = || PossibleValue::new("text").help("Lines for people and scripts");
        self.0.map_or_else(|| Some(text()), |form| form.to_possible_value())
    }
}

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Reference values")]
pub(crate) struct ReferenceArgs {
    /// Write the result to FILE
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<OutputPath>,
    /// Demand the personalization value that the Realm was created with: only this instance matches
    ///
    /// Without it a CoRIM has no `cca.rpv`, and any instance with this RIM matches.
    #[arg(long)]
    pub(crate) with_rpv: bool,
    /// The CoRIM's id; `cca-realm-` and the first 16 digits of the RIM unless given
    #[arg(long, value_name = "TEXT", value_parser = not_empty)]
    pub(crate) corim_id: Option<String>,
    /// The CoMID's id; a UUIDv5 of the values unless given
    #[arg(long, value_name = "UUID")]
    pub(crate) tag_id: Option<uuid::Uuid>,
    /// Which profile the CoRIM names, and with it how it writes algorithms: veraison (as numbers;
    /// what Veraison's code takes, seen in August 2026) or draft-04 (as texts; the draft of June
    /// 2026, and the crate `corim`)
    #[arg(long, value_name = "PROFILE", value_parser = corim_profile)]
    pub(crate) corim_profile: Option<CorimProfile>,
    /// When the CoRIM begins to hold: 2026-01-31T12:00:00Z, or a date (UTC)
    #[arg(long, value_name = "TIME", value_parser = time::parse, requires = "not_after")]
    pub(crate) not_before: Option<i64>,
    /// The last second in which the CoRIM holds
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) not_after: Option<i64>,
    /// Who has to do with the CoRIM: NAME, and after semicolons roles=creator,signer and regid=URI
    ///
    /// The role is creator unless given. The first signer, or else the first entity, is named as
    /// the signer of a signed CoRIM.
    #[arg(long, value_name = "NAME[;roles=…][;regid=URI]", value_parser = entity)]
    pub(crate) entity: Vec<Entity>,
    #[command(flatten)]
    pub(crate) sign: SignArgs,
    /// Certificates of the key that signs, its own first, in PEM or DER: they go into the signed
    /// CoRIM (`x5chain`)
    #[arg(long, value_name = "FILE", help_heading = "Signing")]
    pub(crate) sign_chain: Option<PathBuf>,
}

pub(crate) fn corim_profile(name: &str) -> Result<CorimProfile, String> {
    let names = CorimProfile::ALL.map(CorimProfile::name).join(" or ");
    CorimProfile::from_name(name).ok_or_else(|| format!("it is {names}"))
}

fn not_empty(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("it is empty".into()) } else { Ok(text.to_owned()) }
}

fn entity(text: &str) -> Result<Entity, String> {
    let mut parts = text.split(';');
    let name = not_empty(parts.next().unwrap_or_default())?;
    let mut entity = Entity { name, reg_id: None, roles: Vec::new() };
    for part in parts {
        match part.split_once('=') {
            Some(("roles", roles)) => {
                for role in roles.split(',') {
                    entity.roles.push(match role {
                        "creator" => Entity::CREATOR,
                        "signer" => Entity::SIGNER,
                        other => return Err(format!("role {other:?}; there are creator, signer")),
                    });
                }
            }
            Some(("regid", uri)) => entity.reg_id = Some(not_empty(uri)?),
            _ => return Err(format!("{part:?}; write roles=creator,signer or regid=URI")),
        }
    }
    if entity.roles.is_empty() {
        entity.roles.push(Entity::CREATOR);
    }
    Ok(entity)
}

impl ReferenceArgs {
    /// Lets the result go to its file, if it has one. How the process ends if that can not be.
    pub(crate) fn redirect(&self, console: &mut Console) -> Option<Exit> {
        let path = self.output.as_ref()?;
        let CliError(exit, text) = console.redirect(path).err()?.into();
        console.error(&text);
        Some(exit)
    }

    /// Refuses options that the form has no use for: who gives one expects it to do something.
    pub(crate) fn check(&self, form: Option<Form>) -> Result<(), String> {
        let described = matches!(form, Some(Form::Corim | Form::Cocli));
        let with_rpv = described || form == Some(Form::CcatokenStore);
        for (option, given, good, forms) in [
            ("--corim-id", self.corim_id.is_some(), described, "corim or cocli"),
            ("--corim-profile", self.corim_profile.is_some(), form == Some(Form::Corim), "corim"),
            ("--tag-id", self.tag_id.is_some(), described, "corim or cocli"),
            ("--not-after", self.not_after.is_some(), described, "corim or cocli"),
            ("--entity", !self.entity.is_empty(), described, "corim or cocli"),
            ("--with-rpv", self.with_rpv, with_rpv, "corim, cocli or ccatoken-store"),
            (
                self.sign.asks().unwrap_or("--sign-chain"),
                self.sign.asks().is_some() || self.sign_chain.is_some(),
                form == Some(Form::Corim),
                "corim",
            ),
        ] {
            if given && !good {
                return Err(format!("{option} goes with --format {forms}"));
            }
        }
        Ok(())
    }
}
