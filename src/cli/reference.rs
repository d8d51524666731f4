//! Writes RIMs in the forms that `run` and `measure` print.

use serde_json::Value;

use crate::cli::console::{Console, results_are_looked_at};
use crate::cli::error;
use crate::cli::exit::Exit;
use crate::cli::options::{Form, ReferenceArgs};
use crate::cli::signer::Signer;
use crate::encoding::text::{base64, hex};
use crate::refvalue::corim::{Corim, Entity, Id, Validity};
use crate::refvalue::sign::{Meta, ToSign};
use crate::refvalue::{RealmReference, ccatoken_store, cocli, samsung, trustee};

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
    signer: Option<Signer>,
}

/// What went wrong, with the exit code that tells of it.
pub(crate) type CliError = (Exit, String);

impl<'a> Writer<'a> {
    /// Looks at the options, and reads the key.
    pub(crate) fn new(form: Form, args: &'a ReferenceArgs) -> Result<Self, CliError> {
        args.check(Some(form)).map_err(|text| (Exit::Usage, text))?;
        if form == Form::Corim && args.output.is_none() && results_are_looked_at() {
            let hint = "a CoRIM is binary and no text for a terminal; give -o FILE, or a pipe";
            return Err((Exit::Usage, hint.into()));
        }
        let validity = match args.not_after {
            None => None,
            Some(end) => Some(Validity::new(args.not_before, end).ok_or_else(|| {
                (Exit::Usage, "--not-after: it is before --not-before".to_owned())
            })?),
        };
        let signer = Signer::read(&args.sign, args.sign_chain.as_deref())
            .map_err(|error::CliError(exit, text)| (exit, text))?;
        Ok(Self { form, args, validity, signer })
    }

    /// The values of these Realms, at least one, as bytes of the result.
    pub(crate) fn render(
        &self,
        found: &[Found],
        console: &mut Console,
    ) -> Result<Vec<u8>, CliError> {
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
            Form::Corim => corim_bytes(&self.corim(realms), self.signer.as_ref())?,
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
        corim.profile = self.args.corim_profile.unwrap_or_default();
        corim.validity = self.validity;
        corim.entities.clone_from(&self.args.entity);
        corim
    }

    fn samsung(
        &self,
        found: &[Found],
        realms: &[RealmReference],
        console: &mut Console,
    ) -> Result<Vec<u8>, CliError> {
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

/// A CoRIM, signed if somebody signs. Its first signer, or else its first entity, is named as the
/// signer; the key if there is none.
pub(crate) fn corim_bytes(corim: &Corim, signer: Option<&Signer>) -> Result<Vec<u8>, CliError> {
    let Some(key) = signer else { return Ok(corim.to_cbor()) };
    let entities = &corim.entities;
    let named = entities.iter().find(|entity| entity.roles.contains(&Entity::SIGNER));
    let meta = match named.or(entities.first()) {
        Some(Entity { name, reg_id, .. }) => {
            Meta { signer: name.clone(), uri: reg_id.clone(), validity: None }
        }
        None => {
            let id = hex(&key.public().thumbprint()[..8]);
            Meta { signer: format!("key {id}"), uri: None, validity: None }
        }
    };
    let ready = ToSign::new(corim, &meta, key.public(), key.chain());
    let signature = key.sign(&ready.message());
    let signature = signature.map_err(|error::CliError(exit, text)| (exit, text))?;
    Ok(ready.signed(&signature))
}
