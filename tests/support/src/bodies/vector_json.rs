//! The target `vector_json`: any bytes as a vector.

use rimsim::World;
use rimsim::session::{Action, Check, Session, Step};
use rimsim::vector::{Writer, read};

/// Steps of one run.
const MOST_STEPS: usize = 2000;
/// Bytes that one step may write or read; more is right, and slow.
const MOST_BYTES: u64 = 1 << 20;

/// Reads `data` as a vector, replays it, writes down what happened, and replays that: it has to be
/// a vector, and everything in it has to hold.
pub fn run(data: &[u8]) {
    let Ok(vector) = read("fuzz", data) else { return };
    let profile = vector.recorded;
    let mut writer =
        Writer::new(Vec::new(), &vector.name, vector.recorded, &vector.platform, "fuzz");
    let mut session = Session::new(World::new(vector.platform.clone(), profile));
    session.observe(&mut writer);
    for step in vector.steps().take(MOST_STEPS) {
        if is_large(&step) {
            return;
        }
        // What the vector wants need not hold; what it does has to be possible.
        let expects_state = matches!(step.action, Action::Check(_));
        let record = if expects_state { continue } else { session.step(&step) };
        drop(record);
    }
    session.world().invariants().expect("the invariants hold");
    drop(session);
    let text = writer.finish().expect("memory takes it");
    let again = read("again", &text).expect("what is written can be read");
    let report = rimsim::conform::replay(&again, profile, []);
    assert_eq!(report.failures, [], "what happened happens again");
}

fn is_large(step: &Step) -> bool {
    let bytes = match &step.action {
        Action::Zero { len_bytes, .. } | Action::Fill { len_bytes, .. } => *len_bytes,
        Action::Check(Check::Peek { len_bytes, .. }) => *len_bytes,
        _ => 0,
    };
    bytes > MOST_BYTES
}
