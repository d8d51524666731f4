//! Tries every candidate.
//!
//! A candidate costs one fold, and a short boot, up to REALM_CREATE, for those that are created
//! alike. The rest of the boot is carried out once for all candidates that differ only in what they
//! are created with (breakpoints, watchpoints, PMU, SVE, RPV), and in what their images hold. That
//! is sound because neither KVM nor the RMM looks at these after REALM_CREATE but for RTTs, RIPAS
//! and contents: the RMM's walks know the Realm's IPA size, start level and LPA2, which stay part
//! of the class, and how many auxiliary granules a REC has moves only physical addresses, which are
//! not measured. Contents are copied, by granules that only the length of an image tells; a granule
//! that an image begins inside of is made of its bytes, and there the image is part of the class.
//! Whatever is found is booted in full before it is reported (of many candidates with one list the
//! first few); a test boots all candidates of some spaces in full and compares what is missed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::knob::Knob;
use super::made::Made;
use super::space::Space;
use super::trie::Trie;
use crate::abi::addr::GRANULE_SIZE;
use crate::host::kvm::Stage;
use crate::host::{Call, Region};
use crate::measure::event::{MeasuredEvent, RealmEvent};
use crate::measure::events::Events;
use crate::measure::hasher::Hasher;
use crate::measure::image::Image;
use crate::measure::refold::{Library, PieceId};
use crate::measure::rim::{HashAlgo, Measurement};
use crate::measure::rule::RimRule;
use crate::predict::{Error, Plan};

/// Candidates that are tried together.
const BATCH: u64 = 2048;
/// Candidates that each thread plans before it is looked at how much memory their images take.
const PLANNED_BY_EACH: usize = 2;
/// Candidates of one list that are booted in full when it is found: the rest differ from them only
/// in what is not measured.
const MAX_VERIFIED: usize = 64;
/// Reasons of refusals that are kept.
const MAX_REASONS: usize = 16;

/// Whoever makes VMs of candidates: a VMM with its command line.
pub trait Guests: Sync {
    /// The VM of a candidate.
    ///
    /// # Errors
    /// If the VMM refuses it, or it needs a file that can not be read.
    fn plan(&self, candidate: &[Knob]) -> Result<Plan, Error>;
}

/// Candidates by number, the ones to try first first.
pub trait Candidates: Sync {
    /// How many there are; more than can be counted in 64 bits are as many as can.
    fn count(&self) -> u64;

    /// Candidate number `index`, from 0.
    fn candidate(&self, index: u64) -> Vec<Knob>;
}

impl Candidates for Space {
    fn count(&self) -> u64 {
        self.len().unwrap_or(u64::MAX)
    }

    fn candidate(&self, index: u64) -> Vec<Knob> {
        Self::candidate(self, index)
    }
}

impl Candidates for Vec<Vec<Knob>> {
    fn count(&self) -> u64 {
        self.len() as u64
    }

    fn candidate(&self, index: u64) -> Vec<Knob> {
        self[usize::try_from(index).expect("an index of a list")].clone()
    }
}

/// Candidates that make the RIM by one list of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The measured parameters.
    pub params: RealmEvent,
    /// The rules by which they make it.
    pub rules: BTreeSet<RimRule>,
    /// The candidates, by number. What they differ in is not measured.
    pub candidates: Vec<u64>,
}

/// What came of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Candidates that were tried.
    pub tried: u64,
    /// Those of them that the VMM, KVM or the RMM refuses.
    pub refused: u64,
    /// Why, with how many: the first few reasons.
    pub reasons: BTreeMap<String, u64>,
    /// Boots that were carried out in full.
    pub boots: u64,
    /// Different lists of events, so different RIMs.
    pub lists: u64,
    /// What makes the RIM.
    pub matches: Vec<Match>,
}

/// Tries the candidates in order, while `go_on`, which is asked before each few, says
/// so. All are measured by the target's algorithm, whatever the command line says.
///
/// # Panics
/// If what was found is not what a boot in full gives: a fault of this program.
pub fn run(
    space: &dyn Candidates,
    guests: &dyn Guests,
    target: &Measurement,
    hasher: &Hasher,
    go_on: &mut dyn FnMut(&Report) -> Option<u64>,
) -> Report {
    let mut search = Search::new(guests, target.algo(), true, hasher);
    let end = space.count();
    let mut at = 0;
    while at < end {
        let Some(most) = go_on(&search.report).filter(|most| *most > 0) else { break };
        let next = end.min(at + BATCH.min(most));
        let span = tracing::info_span!("batch", first = at, candidates = next - at);
        at = hasher.install(|| span.in_scope(|| search.batch(space, at..next, target)));
        let Report { tried, refused, boots, lists, .. } = search.report;
        tracing::info!(parent: &span, tried, refused, boots, lists, "searched");
    }
    search.report
}

/// A candidate's RIM and the rule that made it, or who refuses and why.
pub type Predicted<T> = Result<(Measurement, RimRule, T), String>;

/// Calculates the RIM of every candidate, in order: by `algo`, or by the algorithm that
/// the command line says, and by the rule of its host, and keeps of each
/// what `keep` says of its VM and of the parameters that it is created with. What is refused says
/// by whom and why.
///
/// # Errors
/// If a file can not be read: no candidate is to blame for that.
///
/// # Panics
/// If there are more candidates than memory has room for.
pub fn table<T: Send>(
    space: &dyn Candidates,
    guests: &dyn Guests,
    algo: Option<HashAlgo>,
    hasher: &Hasher,
    keep: &(dyn Fn(&Plan, &RealmEvent) -> T + Sync),
) -> Result<Vec<Predicted<T>>, Error> {
    let count = space.count();
    let mut rows = BTreeMap::new();
    for pass in HashAlgo::ALL.into_iter().filter(|pass| algo.is_none_or(|algo| algo == *pass)) {
        let mut search = Search::new(guests, pass, algo.is_some(), hasher);
        let mut at = 0;
        while at < count {
            let _span = tracing::info_span!("batch", algo = pass.name(), first = at).entered();
            let next = count.min(at + BATCH);
            let Batch { trie, begun, refused, end } = search.prepare(space, at..next);
            at = end;
            tracing::info!(planned = begun.len(), refused = refused.len(), "prepared");
            if let Some(error) = search.file.take() {
                return Err(error);
            }
            rows.extend(refused.into_iter().map(|(number, why)| (number, Err(why))));
            let mut made = Vec::new();
            let zero = Measurement::zero(pass);
            trie.each(&search.hasher, &search.library, zero, |candidates, rim| {
                made.extend(candidates.iter().map(|number| (*number, rim)));
            });
            let row = |(number, rim): &(u64, Measurement)| {
                let (plan, params) = &begun[number];
                (*number, Ok((*rim, plan.rule(), keep(plan, params))))
            };
            rows.extend(search.hasher.map(&made, row));
        }
    }
    assert_eq!(rows.len() as u64, count, "every candidate has a row");
    Ok(rows.into_values().collect())
}

struct Search<'s> {
    guests: &'s dyn Guests,
    algo: HashAlgo,
    /// Whether all measure by `algo`; otherwise those that do not are passed over.
    forced: bool,
    hasher: Hasher,
    library: Library,
    /// Images that VMMs made.
    made: Made,
    /// What Realms are created with, by everything that it depends on.
    starts: BTreeMap<String, Result<RealmEvent, String>>,
    /// What follows REALM_CREATE, likewise.
    classes: BTreeMap<String, Result<Arc<Tail>, String>>,
    report: Report,
    /// The first file that could not be used.
    file: Option<Error>,
}

/// Candidates as far as they can be folded.
struct Batch {
    trie: Trie,
    /// Those in the trie, with the parameters that the RMM reads.
    begun: BTreeMap<u64, (Plan, RealmEvent)>,
    /// The others, and why.
    refused: Vec<(u64, String)>,
    /// The number behind the last of them: the images of more would need too much memory.
    end: u64,
}

/// A candidate in work.
struct Candidate {
    number: u64,
    planned: Plan,
    start: String,
    class: String,
}

/// What follows REALM_CREATE, with the image of each region of the VM that was booted.
struct Tail {
    events: Events,
    images: Vec<Option<Arc<Image>>>,
}

impl<'s> Search<'s> {
    fn new(guests: &'s dyn Guests, algo: HashAlgo, forced: bool, hasher: &Hasher) -> Self {
        Self {
            guests,
            algo,
            forced,
            hasher: hasher.clone(),
            library: Library::new(algo, hasher.clone()),
            made: Made::default(),
            starts: BTreeMap::new(),
            classes: BTreeMap::new(),
            report: Report::default(),
            file: None,
        }
    }
}

impl Search<'_> {
    /// Tries these candidates, or the first of them; the number behind the last.
    fn batch(&mut self, space: &dyn Candidates, numbers: Range<u64>, target: &Measurement) -> u64 {
        let first = numbers.start;
        let Batch { trie, begun, refused, end } = self.prepare(space, numbers);
        self.report.tried += end - first;
        refused.into_iter().for_each(|(_, why)| self.refuse(why));
        let (matches, lists) =
            trie.find(&self.hasher, &self.library, Measurement::zero(self.algo), target);
        self.report.lists += lists;
        for candidates in matches {
            let params = begun[&candidates[0]].1;
            let verified = &candidates[..candidates.len().min(MAX_VERIFIED)];
            self.hasher.map(verified, |number| self.verify(&begun[number].0, *number, target));
            self.report.boots += verified.len() as u64;
            let rules = candidates.iter().map(|number| begun[number].0.rule()).collect();
            self.take(Match { params, rules, candidates });
        }
        end
    }

    /// Plans candidates, as many as there is room for what VMMs make of files.
    fn plans(
        &mut self,
        space: &dyn Candidates,
        numbers: Range<u64>,
    ) -> Vec<(u64, Result<Option<Plan>, Error>)> {
        if self.made.is_full() {
            // Pieces and classes tell images by where they are.
            self.made = Made::default();
            self.classes.clear();
            self.library = Library::new(self.algo, self.hasher.clone());
        }
        let numbers: Vec<u64> = numbers.collect();
        let mut plans = Vec::with_capacity(numbers.len());
        for numbers in numbers.chunks(self.hasher.threads() * PLANNED_BY_EACH) {
            let planned = |number: &u64| (*number, self.planned(&space.candidate(*number)));
            plans.extend(self.hasher.map(numbers, planned));
            if self.made.is_full() {
                break;
            }
        }
        plans
    }

    /// Plans candidates and boots what has to be booted of them.
    fn prepare(&mut self, space: &dyn Candidates, numbers: Range<u64>) -> Batch {
        let mut refused = Vec::new();
        let mut candidates = Vec::new();
        let plans = self.plans(space, numbers.clone());
        let end = numbers.start + plans.len() as u64;
        for (number, planned) in plans {
            match planned {
                Ok(None) => {}
                Ok(Some(planned)) => {
                    let (start, class) = (start_class(&planned), class(&planned));
                    candidates.push(Candidate { number, planned, start, class });
                }
                Err(error) => {
                    refused.push((number, error.to_string()));
                    if error.is_file() && self.file.is_none() {
                        self.file = Some(error);
                    }
                }
            }
        }
        self.begin(&candidates);
        let mut begun = Vec::new();
        for candidate in candidates {
            match self.starts[&candidate.start].clone() {
                Ok(start) => begun.push((candidate, start)),
                Err(why) => refused.push((candidate.number, why)),
            }
        }
        self.boot_new_classes(&begun);
        let mut trie = Trie::default();
        let mut found = BTreeMap::new();
        for (candidate, start) in begun {
            match self.classes[&candidate.class].clone() {
                Err(why) => refused.push((candidate.number, why)),
                Ok(tail) => {
                    let tail = self.tail(&tail, &candidate.planned);
                    let first = Events::from_iter([MeasuredEvent::Realm(Box::new(start))]);
                    let first = self.library.take_apart(&first, candidate.planned.rule());
                    trie.insert(first.into_iter().chain(tail), candidate.number);
                    found.insert(candidate.number, (candidate.planned, start));
                }
            }
        }
        Batch { trie, begun: found, refused, end }
    }

    /// Adds to what was found in another batch by the same parameters.
    fn take(&mut self, new: Match) {
        let known = self.report.matches.iter_mut().find(|known| known.params == new.params);
        match known {
            Some(known) => {
                known.rules.extend(new.rules);
                known.candidates.extend(new.candidates);
            }
            None => self.report.matches.push(new),
        }
    }

    fn refuse(&mut self, why: String) {
        self.report.refused += 1;
        let reasons = &mut self.report.reasons;
        if reasons.contains_key(&why) || reasons.len() < MAX_REASONS {
            *reasons.entry(why).or_default() += 1;
        }
    }

    /// The VM of a candidate; `None` if it measures by another algorithm.
    fn planned(&self, candidate: &[Knob]) -> Result<Option<Plan>, Error> {
        let mut planned = self.guests.plan(candidate)?;
        for knob in candidate {
            knob.edit(&mut planned)?;
        }
        let mut own = HashAlgo::Sha256;
        for call in &mut planned.vm.calls {
            if let Call::HashAlgo(algo) = call {
                own = *algo;
                *algo = self.algo;
            }
        }
        if !self.forced && own != self.algo {
            return Ok(None);
        }
        let images = planned.vm.regions.iter_mut().filter_map(|region| region.image.as_mut());
        let made = images.filter(|image| image.stamp().is_none());
        made.for_each(|image| self.made.share(image));
        Ok(Some(planned))
    }

    /// Creates the Realms that are not created as others were before.
    fn begin(&mut self, candidates: &[Candidate]) {
        let mut new = BTreeSet::new();
        let unknown = candidates.iter().filter(|one| !self.starts.contains_key(&one.start));
        let firsts: Vec<&Candidate> = unknown.filter(|one| new.insert(&one.start)).collect();
        let starts: Vec<_> = self.hasher.map(&firsts, |one| self.start(&one.planned));
        let names = firsts.into_iter().map(|one| one.start.clone());
        self.starts.extend(names.zip(starts));
    }

    /// The pieces of what follows REALM_CREATE, with a candidate's own images.
    fn tail(&mut self, tail: &Tail, planned: &Plan) -> Vec<PieceId> {
        let regions = &planned.vm.regions;
        self.library.take_apart_with(&tail.events, planned.rule(), |image, ipa| {
            let is_it = |(region, own): &(&Region, &Option<Arc<Image>>)| {
                region.ipa.contains(&ipa.0)
                    && own.as_ref().is_some_and(|own| Arc::ptr_eq(own, image))
            };
            let (region, _) = regions.iter().zip(&tail.images).find(is_it)?;
            region.image.clone()
        })
    }

    /// Boots one candidate of each class that was not seen before. All of these get as far as
    /// REALM_CREATE, so what is refused afterwards is refused of the whole class.
    fn boot_new_classes(&mut self, candidates: &[(Candidate, RealmEvent)]) {
        let mut new = BTreeSet::new();
        let firsts: Vec<&Candidate> = candidates
            .iter()
            .map(|(one, _)| one)
            .filter(|one| !self.classes.contains_key(&one.class) && new.insert(&one.class))
            .collect();
        let (boots, shared) = (firsts.len(), candidates.len() - firsts.len());
        tracing::debug!(boots, shared, "boots what candidates do not share");
        let logs: Vec<_> = self.hasher.map(&firsts, |one| self.boot(&one.planned));
        for (one, log) in firsts.into_iter().zip(logs) {
            self.report.boots += 1;
            let regions = &one.planned.vm.regions;
            let tail = log.map(|(events, _)| {
                let images = regions.iter().map(|region| region.image.clone()).collect();
                Arc::new(Tail { events: events.window(1, events.len()), images })
            });
            self.classes.insert(one.class.clone(), tail);
        }
    }

    fn start(&self, planned: &Plan) -> Result<RealmEvent, String> {
        planned.start(self.hasher.clone()).map_err(|refusal| refusal.told())
    }

    /// The events and the RIM of a boot in full.
    fn boot(&self, planned: &Plan) -> Result<(Events, Measurement), String> {
        let mut rim = None;
        let mut on_stage = |stage: Stage| rim = Some(stage.rim);
        let booted = planned.boot(self.hasher.clone(), Vec::new(), &mut on_stage);
        let (world, booted) = booted.map_err(|refusal| refusal.told())?;
        let rim = rim.expect("a Realm that was built has stages");
        if rim.algo() != self.algo {
            return Err(format!("this host measures by {} only", rim.algo().name()));
        }
        let realm = world.realm(booted.rd).expect("it was built");
        Ok((realm.log().events().clone(), rim))
    }

    fn verify(&self, planned: &Plan, number: u64, target: &Measurement) {
        let rim = self.boot(planned).map(|(_, rim)| rim);
        assert_eq!(rim, Ok(*target), "candidate {number} was found, and its boot differs");
    }
}

/// Everything that the parameters at REALM_CREATE depend on.
fn start_class(planned: &Plan) -> String {
    let Plan { host, caps, vm, unseen, profile, .. } = planned;
    let before: Vec<_> = vm.calls.iter().filter(|call| call.is_of_start()).collect();
    format!(
        "{} {profile:?} {unseen:?} {caps:?} {} {:?} {before:?}",
        host.name, vm.ipa_bits, vm.features
    )
}

/// Everything that the events after REALM_CREATE depend on, but for what images hold: that is put
/// there afterwards, unless a granule was made of an image's first bytes. Such images are told by
/// their address: each stands once in the files or among the images that were made.
fn class(planned: &Plan) -> String {
    let Plan { host, caps, vm, unseen, .. } = planned;
    let start_level = unseen.start_level;
    let rule = planned.rule();
    let regions: Vec<_> = vm
        .regions
        .iter()
        .map(|region| {
            let is_whole = region.fill_bytes.is_multiple_of(GRANULE_SIZE);
            let image = region.image.as_ref().map(|image| {
                let address = Arc::as_ptr(image).addr();
                (image.len_bytes(), image.is_known(), (!is_whole).then_some(address))
            });
            (&region.ipa, image, region.fill_bytes, region.measured)
        })
        .collect();
    let calls: Vec<_> = vm.calls.iter().filter(|call| !matches!(call, Call::Rpv(_))).collect();
    let (generation, lpa2) = (host.generation, caps.lpa2);
    let limits = (caps.ipa_bits, caps.max_vcpus, caps.host_page_size);
    format!(
        "{generation:?} {rule:?} {start_level:?} {lpa2} {limits:?} {} {:?} {:?} {regions:?} \
         {calls:?}",
        vm.ipa_bits, vm.slots, vm.vcpus
    )
}
