//! `-smp`: how many vCPUs, and how they are put together.

use super::options::Options;
use super::release::Release;
use super::words::{properties, required};
use crate::host::vm::Refusal;
use crate::host::vmm::{no_such, number, refused};

/// vCPUs and their topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Topology {
    /// vCPUs that the VM starts with. CPUs that could be added later have no REC and no node.
    pub(super) cpus: u32,
    pub(super) max_cpus: u32,
    pub(super) clusters: u32,
    pub(super) cores: u32,
    pub(super) threads: u32,
}

impl Topology {
    /// The socket, cluster, core and thread of a vCPU.
    pub(super) const fn place(&self, index: u32) -> [u32; 4] {
        let (clusters, cores, threads) = (self.clusters, self.cores, self.threads);
        [
            index / self.socket(),
            index / (cores * threads) % clusters,
            index / threads % cores,
            index % threads,
        ]
    }

    /// vCPUs of a socket.
    pub(super) const fn socket(&self) -> u32 {
        self.clusters * self.cores * self.threads
    }
}

/// Parts of a topology that other machines have. Here there is one of each.
const ALWAYS_ONE: &[&str] = &["drawers", "books", "dies", "modules"];
/// All parts of `-smp`.
const PARTS: [&str; 10] = [
    "books", "clusters", "cores", "cpus", "dies", "drawers", "maxcpus", "modules", "sockets",
    "threads",
];

#[derive(Default)]
struct Given {
    cpus: Option<u64>,
    max_cpus: Option<u64>,
    sockets: Option<u64>,
    clusters: Option<u64>,
    cores: Option<u64>,
    threads: Option<u64>,
}

impl Given {
    fn read(options: &Options) -> Result<Self, Refusal> {
        let mut given = Self::default();
        for text in &options.smp {
            for (key, value) in properties(text, Some("cpus")) {
                let option = format!("-smp {key}");
                let value = required(&option, value)?;
                let why = || format!("{value:?} is not a number");
                let count = number(&value).ok_or_else(|| refused(option.as_str(), why()))?;
                if count == 0 {
                    let why = "CPU topology parameters must be greater than zero";
                    return Err(refused(option, why));
                }
                match key.as_str() {
                    "cpus" => given.cpus = Some(count),
                    "maxcpus" => given.max_cpus = Some(count),
                    "sockets" => given.sockets = Some(count),
                    "clusters" => given.clusters = Some(count),
                    "cores" => given.cores = Some(count),
                    "threads" => given.threads = Some(count),
                    part if ALWAYS_ONE.contains(&part) => {
                        if count > 1 {
                            let why = format!("{part} not supported by this machine's topology");
                            return Err(refused(option, why));
                        }
                    }
                    _ => return Err(no_such(option, "-smp has no such property", &key, PARTS)),
                }
            }
        }
        Ok(given)
    }

    /// Sockets, clusters, cores and threads: what is missing is filled up, cores before sockets
    /// from `virt-6.2` on, threads last.
    fn filled(&self, model: Release) -> [u64; 4] {
        let clusters = self.clusters.unwrap_or(1);
        let one = |part: Option<u64>| part.unwrap_or(1);
        let Some(most) = self.max_cpus.or(self.cpus) else {
            return [one(self.sockets), clusters, one(self.cores), one(self.threads)];
        };
        // A quotient of nothing is refused afterwards: the product is not the number of CPUs.
        let rest = |parts: [u64; 3]| {
            let product = parts.iter().fold(1_u64, |product, part| product.saturating_mul(*part));
            most.checked_div(product).unwrap_or(0)
        };
        let (mut sockets, mut cores, mut threads) = (self.sockets, self.cores, self.threads);
        let prefers_sockets = model < Release(6, 2);
        if prefers_sockets && sockets.is_none() {
            let (c, t) = (one(cores), one(threads));
            (sockets, cores, threads) = (Some(rest([clusters, c, t])), Some(c), Some(t));
        } else if cores.is_none() {
            let (s, t) = (one(sockets), one(threads));
            (sockets, cores, threads) = (Some(s), Some(rest([s, clusters, t])), Some(t));
        } else if sockets.is_none() {
            let (c, t) = (one(cores), one(threads));
            (sockets, threads) = (Some(rest([clusters, c, t])), Some(t));
        }
        let (sockets, cores) = (one(sockets), one(cores));
        [sockets, clusters, cores, threads.unwrap_or_else(|| rest([sockets, clusters, cores]))]
    }
}

/// The words behind all `-smp` that make another number of CPUs, as somebody would change it who
/// wrote them: `maxcpus` follows if it was the number of CPUs or would be too few, and a topology
/// follows by its sockets, or by its cores if there was one socket of several, or if the sockets
/// do not come out even.
pub(super) fn with_cpus(options: &Options, cpus: u32) -> String {
    let mut words = format!("cpus={cpus}");
    // What can not be read is refused later, by name.
    let Ok(given) = Given::read(options) else { return words };
    let count = u64::from(cpus);
    match given.max_cpus {
        // There is room for them.
        Some(max) if given.cpus != Some(max) && count <= max => return words,
        Some(_) => words += &format!(",maxcpus={count}"),
        None => {}
    }
    let is_said = [given.sockets, given.clusters, given.cores, given.threads];
    if !is_said.iter().any(Option::is_some) {
        return words;
    }
    let one = |part: Option<u64>| part.unwrap_or(1);
    let (clusters, cores, threads) = (one(given.clusters), one(given.cores), one(given.threads));
    let is_one_socket = given.sockets == Some(1) && cores > 1;
    let of_core = clusters.saturating_mul(threads);
    let of_socket = of_core.saturating_mul(cores);
    words += &match (is_one_socket, count % of_socket, count % of_core) {
        (false, 0, _) => format!(",sockets={}", count / of_socket),
        (_, _, 0) => format!(",sockets=1,cores={}", count / of_core),
        _ => format!(",sockets=1,clusters=1,cores={count},threads=1"),
    };
    words
}

/// The words of a change, of which `-smp NUMBER` means another number of CPUs and nothing else.
pub(super) fn following(options: &Options, words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    for at in 1..words.len() {
        if words[at - 1] == "-smp"
            && let Ok(count) = words[at].parse()
        {
            words[at] = with_cpus(options, count);
        }
    }
    words
}

/// Reads all `-smp` together.
pub(super) fn topology(options: &Options, model: Release) -> Result<Topology, Refusal> {
    let given = Given::read(options)?;
    let parts = given.filled(model);
    let product = parts.iter().fold(1_u64, |product, part| product.saturating_mul(*part));
    let most = given.max_cpus.or(given.cpus).unwrap_or(product);
    let cpus = given.cpus.unwrap_or(most);
    let asks = [given.sockets, given.clusters, given.cores, given.threads];
    if product != most && asks.iter().any(Option::is_some) {
        let why = format!("product of the hierarchy ({product}) must match maxcpus ({most})");
        return Err(refused("-smp", why));
    }
    if most < cpus {
        return Err(refused("-smp maxcpus", format!("{most} is less than cpus={cpus}")));
    }
    let limit = if model <= Release(2, 12) { 255 } else { 512 };
    if most > limit {
        let why = format!("{most} CPUs; virt has at most {limit}");
        return Err(refused("-smp", why));
    }
    let small = |count: u64| u32::try_from(count).expect("at most 512");
    let [_, clusters, cores, threads] = parts.map(small);
    Ok(Topology { cpus: small(cpus), max_cpus: small(most), clusters, cores, threads })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str, model: Release) -> Result<[u32; 5], String> {
        let options = Options { smp: vec![text.into()], ..Options::default() };
        let found = topology(&options, model).map_err(|error| error.to_string())?;
        Ok([found.cpus, found.max_cpus, found.clusters, found.cores, found.threads])
    }

    #[test]
    fn what_is_missing_is_filled_up() {
        let (old, new) = (Release(6, 1), Release(6, 2));
        assert_eq!(parts("8", new), Ok([8, 8, 1, 8, 1]));
        assert_eq!(parts("8", old), Ok([8, 8, 1, 1, 1]));
        assert_eq!(parts("8,threads=2", new), Ok([8, 8, 1, 4, 2]));
        assert_eq!(parts("2,maxcpus=8,cores=4,sockets=1", old), Ok([2, 8, 1, 4, 2]));
        assert_eq!(parts("cores=3,threads=2", old), Ok([6, 6, 1, 3, 2]));
        assert_eq!(parts("8,sockets=2", old), Ok([8, 8, 1, 4, 1]));
        assert_eq!(parts("", new), Ok([1, 1, 1, 1, 1]));
        assert!(parts("8,clusters=3", new).is_err());
        assert!(parts("2,cores=99999999999999", new).is_err());
    }

    #[test]
    fn a_topology_follows_the_number_of_cpus() {
        for (said, count, words) in [
            ("4", 2, "cpus=2"),
            ("", 2, "cpus=2"),
            ("4,sockets=4,cores=1,threads=1", 2, "cpus=2,sockets=2"),
            ("4,maxcpus=4,sockets=2,cores=2", 6, "cpus=6,maxcpus=6,sockets=3"),
            ("2,maxcpus=8,sockets=2,cores=4", 4, "cpus=4"),
            ("2,maxcpus=4", 8, "cpus=8,maxcpus=8"),
            ("4,sockets=1,cores=4,threads=1", 2, "cpus=2,sockets=1,cores=2"),
            ("8,sockets=1,cores=4,threads=2", 16, "cpus=16,sockets=1,cores=8"),
            ("8,sockets=2,cores=2,threads=2", 3, "cpus=3,sockets=1,clusters=1,cores=3,threads=1"),
        ] {
            let mut options = Options { smp: vec![said.into()], ..Options::default() };
            assert_eq!(with_cpus(&options, count), words, "{said}");
            options.smp.push(words.into());
            let cpus = topology(&options, Release(8, 2)).map(|topology| topology.cpus);
            assert_eq!(cpus.map_err(|error| error.to_string()), Ok(count), "{said}");
        }
    }
}
