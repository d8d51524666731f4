//! The forms in which `run` and `measure` print RIMs, and the options that belong to them.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args as ClapArgs, ValueEnum};
use serde_json::Value;

use super::export::same_file;
use super::hashing::Purpose;
use super::input::read_key;
use super::{Console, Exit};
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::{base64, hex};
use crate::refvalue::corim::{Corim, Entity, Id, Validity};
use crate::refvalue::sign::{self, Meta, SigningKey};
use crate::refvalue::{RealmReference, ccatoken_store, cocli, samsung, time, trustee};

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
    pub(crate) output: Option<PathBuf>,
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
    /// Sign the CoRIM with the private key in this file: PEM, DER or JWK (P-256: ES256, P-384:
    /// ES384)
    #[arg(long, value_name = "KEY")]
    pub(crate) sign_key: Option<PathBuf>,
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

/// A Realm of which reference values are to be written.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Its name, for people.
    pub(crate) name: String,
    pub(crate) realm: RealmReference,
    /// The personalization value that it was created with.
    pub(crate) rpv: [u8; 64],
}

/// What is to be written, and how; everything that can be wrong about it before there is a RIM was
/// found out.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    form: Form,
    args: &'a ReferenceArgs,
    validity: Option<Validity>,
    key: Option<SigningKey>,
}

/// What went wrong, with the exit code that tells of it.
pub(crate) type Trouble = (Exit, String);

impl<'a> Writer<'a> {
    /// Looks at the options, and reads the key.
    pub(crate) fn new(form: Form, args: &'a ReferenceArgs) -> Result<Self, Trouble> {
        args.check(Some(form)).map_err(|text| (Exit::Usage, text))?;
        if form == Form::Corim && args.output.is_none() && io::stdout().is_terminal() {
            let hint = "a CoRIM is binary and no text for a terminal; give -o FILE, or a pipe";
            return Err((Exit::Usage, hint.into()));
        }
        let validity = match args.not_after {
            None => None,
            Some(end) => Some(Validity::new(args.not_before, end).ok_or_else(|| {
                (Exit::Usage, "--not-after: it is before --not-before".to_owned())
            })?),
        };
        let key = match &args.sign_key {
            None => None,
            Some(path) => {
                if args.output.as_ref().is_some_and(|output| same_file(output, path)) {
                    let text = "is read by this run and would be overwritten by its output";
                    return Err((Exit::Io, format!("{}: {text}", path.shown())));
                }
                let about = |error: String| format!("--sign-key {}: {error}", path.shown());
                let file = read_key(path).map_err(|error| (Exit::Io, about(error.to_string())))?;
                let key = SigningKey::from_bytes(&file)
                    .map_err(|error| (Exit::Usage, about(error.to_string())))?;
                Some(key)
            }
        };
        Ok(Self { form, args, validity, key })
    }

    /// The values of these Realms, at least one, as bytes of the result.
    pub(crate) fn render(
        &self,
        found: &[Found],
        console: &mut Console,
    ) -> Result<Vec<u8>, Trouble> {
        let mut realms: Vec<RealmReference> = Vec::new();
        let mut rpvs = Vec::new();
        for Found { realm, rpv, .. } in found {
            let with_rpv = || realm.clone().with_rpv(*rpv);
            let realm = if self.args.with_rpv { with_rpv() } else { realm.clone() };
            // One value is one value, however many Realms have it.
            if !realms.contains(&realm) {
                realms.push(realm);
                rpvs.push(*rpv);
            }
        }
        if matches!(self.form, Form::CcatokenStore | Form::Samsung)
            && realms.iter().any(|realm| realm.rems().contains(&None))
        {
            let form = self.form;
            console
                .note(&format!("{form}: REMs that are not predicted are zero, as a Realm begins"));
        }
        Ok(match self.form {
            Form::Hex | Form::Base64 | Form::Json => {
                found.iter().map(|found| self.line(&found.realm) + "\n").collect::<String>().into()
            }
            Form::Corim => self.corim_bytes(realms),
            Form::Cocli => {
                let corim = self.corim(realms);
                console.note("for `cocli corim create --template`:");
                console.say(&cocli::corim(&corim).to_string());
                lines(&cocli::comid(&corim))
            }
            Form::Trustee => lines(&trustee::message(&realms)),
            Form::CcatokenStore => lines(&ccatoken_store::store(&realms, &rpvs)),
            Form::Samsung => self.samsung(found, &realms, console)?,
        })
    }

    /// The form that was asked for.
    pub(crate) const fn form(&self) -> Form {
        self.form
    }

    /// The RIM alone.
    pub(crate) fn line(&self, realm: &RealmReference) -> String {
        match self.form {
            Form::Base64 => base64(realm.rim().as_bytes()),
            _ => realm.rim().to_string(),
        }
    }

    fn corim(&self, realms: Vec<RealmReference>) -> Corim {
        let mut corim = Corim::of(realms);
        if let Some(id) = &self.args.corim_id {
            corim.id = Id::Text(id.clone());
        }
        if let Some(id) = &self.args.tag_id {
            corim.tags[0].id = Id::Uuid(id.into_bytes());
        }
        corim.validity = self.validity;
        corim.entities.clone_from(&self.args.entity);
        corim
    }

    fn corim_bytes(&self, realms: Vec<RealmReference>) -> Vec<u8> {
        let corim = self.corim(realms);
        let Some(key) = &self.key else { return corim.to_cbor() };
        let signer = self.args.entity.iter().find(|entity| entity.roles.contains(&Entity::SIGNER));
        let meta = match signer.or(self.args.entity.first()) {
            Some(Entity { name, reg_id, .. }) => {
                Meta { signer: name.clone(), uri: reg_id.clone(), validity: None }
            }
            None => {
                let id = key.public().thumbprint();
                let id = hex(&id[..8]);
                Meta { signer: format!("key {id}"), uri: None, validity: None }
            }
        };
        sign::sign(&corim, &meta, key)
    }

    fn samsung(
        &self,
        found: &[Found],
        realms: &[RealmReference],
        console: &mut Console,
    ) -> Result<Vec<u8>, Trouble> {
        let form = self.form;
        let usage = |text: String| (Exit::Usage, format!("{form}: {text}"));
        let [realm] = realms else {
            let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
            let names = names.join(", ");
            return Err(usage(format!("a reference.json is of one Realm; give --realm: {names}")));
        };
        let reference = samsung::reference(realm).map_err(|error| usage(error.to_string()))?;
        let manifest = samsung::manifest_lines(realm).map_err(|error| usage(error.to_string()))?;
        console.note("for the manifest of `realm-metadata-tool create`:");
        manifest.iter().for_each(|line| console.say(line));
        Ok(lines(&reference))
    }
}

/// A JSON document for people.
fn lines(document: &Value) -> Vec<u8> {
    format!("{document:#}\n").into()
}

impl ReferenceArgs {
    /// Lets the result go to its file, if it has one. How the process ends if that can not be.
    pub(crate) fn redirect(&self, console: &mut Console) -> Option<Exit> {
        let path = self.output.as_ref()?;
        let error = console.redirect(path).err()?;
        console.error(&format!("{}: {error}", path.shown()));
        Some(Exit::Io)
    }

    /// Refuses options that the form has no use for: who gives one expects it to do something.
    pub(crate) fn check(&self, form: Option<Form>) -> Result<(), String> {
        let described = matches!(form, Some(Form::Corim | Form::Cocli));
        let with_rpv = described || form == Some(Form::CcatokenStore);
        for (option, given, good, forms) in [
            ("--corim-id", self.corim_id.is_some(), described, "corim or cocli"),
            ("--tag-id", self.tag_id.is_some(), described, "corim or cocli"),
            ("--not-after", self.not_after.is_some(), described, "corim or cocli"),
            ("--entity", !self.entity.is_empty(), described, "corim or cocli"),
            ("--with-rpv", self.with_rpv, with_rpv, "corim, cocli or ccatoken-store"),
            ("--sign-key", self.sign_key.is_some(), form == Some(Form::Corim), "corim"),
        ] {
            if given && !good {
                return Err(format!("{option} goes with --format {forms}"));
            }
        }
        Ok(())
    }
}
