//! `-numa`: nodes of memory, the CPUs that belong to them, and how far they are apart.

use super::machine::Kind;
use super::options::Options;
use super::release::Release;
use super::size::{Memory, size_in_mib};
use super::smp::Topology;
use super::words::{properties, required};
use crate::host::vm::Refusal;
use crate::host::vmm::{no_such, number, refused};

/// What `-numa` begins with.
const KINDS: [&str; 5] = ["cpu", "dist", "hmat-cache", "hmat-lb", "node"];
/// The properties of a node.
const OF_NODE: [&str; 4] = ["cpus", "initiator", "memdev", "nodeid"];
/// Most nodes.
const MAX_NODES: u32 = 128;
/// The distance of a node to itself.
const OWN_DISTANCE: u32 = 10;

/// The nodes of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Numa {
    /// Bytes of each node.
    pub(super) nodes: Vec<u64>,
    /// The node of each CPU; empty without nodes.
    pub(super) cpus: Vec<u32>,
    /// Distances from and to, if any were given.
    pub(super) distances: Option<Vec<Vec<u32>>>,
}

/// Reads all `-numa` together.
pub(super) fn numa(
    options: &Options,
    kind: &Kind,
    memory: &Memory,
    topology: &Topology,
) -> Result<Numa, Refusal> {
    let (nodes, cpus) = (Vec::new(), Vec::new());
    let mut reading = Reading { options, kind, topology, nodes, cpus, far: None, by: 0 };
    reading.cpus.resize(topology.max_cpus as usize, None);
    for text in &options.numa {
        reading.option(text)?;
    }
    reading.finish(memory)
}

struct Reading<'o> {
    options: &'o Options,
    kind: &'o Kind,
    topology: &'o Topology,
    /// Bytes by identifier; `None` for those that were not named yet.
    nodes: Vec<Option<u64>>,
    cpus: Vec<Option<u32>>,
    far: Option<Vec<(u32, u32, u32)>>,
    /// Whether nodes got their memory by `mem` (1) and by `memdev` (2).
    by: u8,
}

impl Reading<'_> {
    fn option(&mut self, text: &str) -> Result<(), Refusal> {
        let mut properties = properties(text, Some("type")).into_iter();
        let kind = properties.next().and_then(|(_, kind)| kind).unwrap_or_default();
        let properties: Vec<_> = properties.collect();
        match kind.as_str() {
            "node" => self.node(&properties),
            "dist" => self.distance(&properties),
            // Tables of ACPI, which is not measured.
            "hmat-lb" | "hmat-cache" => self.hmat(&format!("-numa {kind}")),
            "cpu" => self.cpu(&properties),
            _ => {
                let why = "there is no such kind of option";
                Err(no_such(format!("-numa {kind}"), why, &kind, KINDS))
            }
        }
    }

    fn hmat(&self, option: &str) -> Result<(), Refusal> {
        let why = "the table of memory attributes is disabled: write -machine hmat=on";
        self.options.machine.hmat.then_some(()).ok_or_else(|| refused(option, why))
    }

    fn node(&mut self, properties: &[(String, Option<String>)]) -> Result<(), Refusal> {
        let mut bytes = 0;
        let next = u32::try_from(self.nodes.len()).expect("128 at most");
        let (mut id, mut cpus) = (next, Vec::new());
        for (key, value) in properties {
            let option = format!("-numa node,{key}");
            let value = required(&option, value.clone())?;
            self.by |= u8::from(key == "mem") | u8::from(key == "memdev") << 1;
            if self.by == 3 {
                let why = "numa configuration should use either mem= or memdev=, mixing both is \
                           not allowed";
                return Err(refused(option, why));
            }
            match key.as_str() {
                "nodeid" => id = below(&option, &value, MAX_NODES)?,
                "memdev" => {
                    let backend = self.options.backends.iter().find(|backend| backend.id == value);
                    let why = || format!("memdev={value} is ambiguous or does not exist");
                    if self.options.machine.memory_backend.is_some() {
                        let why = "-machine memory-backend and -numa memdev exclude each other";
                        return Err(refused(option, why));
                    }
                    bytes = backend.ok_or_else(|| refused(option, why()))?.size_bytes;
                }
                "mem" if self.kind.model <= Release(5, 0) => {
                    bytes = size_in_mib(&value, self.kind.release)
                        .map_err(|why| refused(option, why))?;
                }
                "mem" => {
                    let why = "this machine has no such parameter; write memdev=";
                    return Err(refused(option, why));
                }
                "cpus" => cpus.push(self.range(&option, &value)?),
                "initiator" => self.hmat(&option)?,
                _ => return Err(no_such(option, "a node has no such property", key, OF_NODE)),
            }
        }
        let index = id as usize;
        if self.nodes.len() <= index {
            self.nodes.resize(index + 1, None);
        }
        if self.nodes[index].replace(bytes).is_some() {
            return Err(refused("-numa node,nodeid", format!("duplicate NUMA nodeid: {id}")));
        }
        cpus.into_iter().flatten().try_for_each(|cpu| self.put("-numa node,cpus", cpu, id))
    }

    /// Puts a CPU into a node; it may be there already.
    fn put(&mut self, option: &str, cpu: usize, id: u32) -> Result<(), Refusal> {
        match self.cpus[cpu].replace(id) {
            Some(other) if other != id => {
                Err(refused(option, format!("CPU {cpu} is already assigned to node {other}")))
            }
            _ => Ok(()),
        }
    }

    /// CPUs by their places in the topology; a part that is not named may be any.
    fn cpu(&mut self, properties: &[(String, Option<String>)]) -> Result<(), Refusal> {
        const PARTS: [&str; 4] = ["socket-id", "cluster-id", "core-id", "thread-id"];
        let (mut node, mut wanted) = (None, [None; 4]);
        for (key, value) in properties {
            let option = format!("-numa cpu,{key}");
            let value = required(&option, value.clone())?;
            if key == "node-id" {
                node = Some(below(&option, &value, MAX_NODES)?);
                continue;
            }
            let place = PARTS.iter().position(|name| name == key);
            let why = "there are node-id, socket-id, cluster-id, core-id and thread-id";
            let place = place.ok_or_else(|| refused(&option, why))?;
            wanted[place] = Some(below(&option, &value, u32::MAX)?);
        }
        let why = "Missing mandatory node-id property";
        let node = node.ok_or_else(|| refused("-numa cpu", why))?;
        if !self.exists(node) {
            let why = format!("{node}: name the node with -numa node,nodeid={node} before");
            return Err(refused("-numa cpu,node-id", why));
        }
        let topology = self.topology;
        let fits = |index: u32| {
            let own = topology.place(index);
            wanted.iter().zip(own).all(|(wanted, own)| wanted.is_none_or(|wanted| wanted == own))
        };
        let found: Vec<u32> = (0..topology.max_cpus).filter(|index| fits(*index)).collect();
        if found.is_empty() {
            let why = "no match found: no CPU has this place in the topology of -smp";
            return Err(refused("-numa cpu", why));
        }
        found.into_iter().try_for_each(|index| self.put("-numa cpu", index as usize, node))
    }

    /// Whether a node was named.
    fn exists(&self, id: u32) -> bool {
        self.nodes.get(id as usize).is_some_and(Option::is_some)
    }

    fn range(&self, option: &str, value: &str) -> Result<std::ops::Range<usize>, Refusal> {
        let (first, last) = value.split_once('-').unwrap_or((value, value));
        let most = u32::try_from(self.cpus.len()).expect("512 at most");
        let (first, last) = (below(option, first, most)?, below(option, last, most)?);
        if first > last {
            return Err(refused(option, format!("{value}: the last CPU is before the first")));
        }
        Ok(first as usize..last as usize + 1)
    }

    fn distance(&mut self, properties: &[(String, Option<String>)]) -> Result<(), Refusal> {
        let mut numbers = [None; 3];
        for (key, value) in properties {
            let option = format!("-numa dist,{key}");
            let value = required(&option, value.clone())?;
            let place = ["src", "dst", "val"].iter().position(|name| name == key);
            let place = place.ok_or_else(|| refused(&option, "a distance has no such property"))?;
            let most = if place == 2 { 256 } else { MAX_NODES };
            numbers[place] = Some(below(&option, &value, most)?);
        }
        let [Some(from), Some(to), Some(far)] = numbers else {
            return Err(refused("-numa dist", "needs src, dst and val"));
        };
        if !self.exists(from) || !self.exists(to) {
            let why = format!("{from} to {to}: name the nodes before their distance");
            return Err(refused("-numa dist", why));
        }
        if far < OWN_DISTANCE || (from == to && far != OWN_DISTANCE) {
            let why = format!("{far} from {from} to {to}; 10 is a node's own, and the least");
            return Err(refused("-numa dist,val", why));
        }
        self.far.get_or_insert_default().push((from, to, far));
        Ok(())
    }

    fn finish(self, memory: &Memory) -> Result<Numa, Refusal> {
        // Memory that can be added later makes a node, since 4.2 with slots and since 5.1 always.
        let model = self.kind.model;
        let hotplug = memory.max_bytes > memory.ram_bytes
            && (model >= Release(5, 1) || (memory.slots > 0 && model >= Release(4, 2)));
        if self.nodes.is_empty() && !hotplug {
            return Ok(Numa::default());
        }
        let nodes = if self.nodes.is_empty() {
            vec![memory.ram_bytes]
        } else {
            let missing = self.nodes.iter().position(Option::is_none);
            let nodes = self.nodes.iter().copied().collect::<Option<Vec<u64>>>();
            let why = || format!("Node ID missing: {}", missing.unwrap_or_default());
            nodes.ok_or_else(|| refused("-numa node,nodeid", why()))?
        };
        let total = nodes.iter().fold(0_u64, |total, bytes| total.saturating_add(*bytes));
        if total != memory.ram_bytes {
            let ram = memory.ram_bytes;
            let why = format!("the nodes have {total} bytes together, and RAM has {ram}");
            return Err(refused("-numa node", why));
        }
        let count = u32::try_from(nodes.len()).expect("128 at most");
        // Once any CPU has a node, the others are in the first.
        let mapped = self.cpus.iter().any(Option::is_some);
        let socket = self.topology.socket();
        let default = |i: u32| if mapped { 0 } else { i / socket % count };
        let node = |(i, node): (u32, &Option<u32>)| node.unwrap_or_else(|| default(i));
        let cpus = (0..).zip(&self.cpus).map(node).collect();
        let distances = self.far.map(|far| matrix(&far, nodes.len())).transpose()?;
        Ok(Numa { nodes, cpus, distances })
    }
}

/// Distances in both directions; one that was given counts for both unless any pair differs.
fn matrix(far: &[(u32, u32, u32)], count: usize) -> Result<Vec<Vec<u32>>, Refusal> {
    let mut given = vec![vec![0; count]; count];
    for (from, to, distance) in far {
        given[*from as usize][*to as usize] = *distance;
    }
    let mut filled = given.clone();
    let pairs = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
    let asymmetric = pairs.clone().any(|(from, to)| {
        let (there, back) = (given[from][to], given[to][from]);
        there != 0 && back != 0 && there != back
    });
    for (from, to) in pairs {
        filled[from][to] = match (given[from][to], given[to][from]) {
            _ if from == to => OWN_DISTANCE,
            (0, 0) => {
                let why = format!("the distance between node {from} and {to} is missing");
                return Err(refused("-numa dist", why));
            }
            (0, _) if asymmetric => {
                let why = format!(
                    "{from} to {to}: with one pair that differs by direction, all \
                                   distances have to be given in both"
                );
                return Err(refused("-numa dist", why));
            }
            (0, back) => back,
            (there, _) => there,
        };
    }
    Ok(filled)
}

fn below(option: &str, text: &str, most: u32) -> Result<u32, Refusal> {
    let found = number(text).and_then(|number| u32::try_from(number).ok());
    let why = || format!("{text:?} is not a number below {most}");
    found.filter(|number| *number < most).ok_or_else(|| refused(option, why()))
}
