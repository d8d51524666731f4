//! From a VMM's command line to a RIM, with what nobody said and had to be assumed.

use rimsim::host::Vmm;
use rimsim::measure::hasher::Hasher;
use rimsim::predict::{Error, Request};
use rimsim::script::MemoryFiles;

fn main() -> Result<(), Error> {
    let words = "lkvm run --realm -c 2 -m 512M --irqchip=gicv3 -k Image --measurement-algo=sha256";
    let words = words.split(' ').map(str::to_owned).collect();
    let mut request = Request::new(Vmm::Kvmtool, words);
    request.version = Some("cca-v12".to_owned());

    // `script::Files` opens what the words name on the disk; here it is in memory.
    let mut files = MemoryFiles([("Image".to_owned(), vec![0x5A; 1 << 20])].into());
    let measured = request.plan(&mut files)?.measure(Hasher::default(), Vec::new())?;

    assert_eq!(
        measured.rim.to_string(),
        "b8bce04bdb26f5bdff6a69583e732aa4d84769dd25837160ccf9726cd314fb0f"
    );
    println!("{}", measured.rim);
    for assumed in &measured.plan.assumptions {
        println!("assumed: {} is {}", assumed.key, assumed.value);
    }
    Ok(())
}
