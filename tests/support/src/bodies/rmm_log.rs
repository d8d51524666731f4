//! The target `rmm_log`: bytes as the console of an RMM.

use rimsim::rmm_log::{At, Need, Options, import, params, read};
use rimsim::script;

/// Most Realms of one log that scripts are made of.
const MOST_REALMS: usize = 4;

/// Reads a log twice: it has the same calls, and each Realm's script reads as it was printed.
pub fn run(data: &[u8]) {
    let log = match (read(data), read(data)) {
        (Ok(log), Ok(again)) => {
            assert_eq!(log, again, "one log has one list of calls");
            log
        }
        (Err(error), Err(again)) => return assert_eq!(error.to_string(), again.to_string()),
        _ => panic!("a log is either good or bad"),
    };
    assert!(log.calls.iter().all(|call| call.args.len() <= call.command.inputs.len()));
    let given = params("params.rmi", data).unwrap_or_default();
    let at = |ipa, len_bytes| At { ipa, name: "Image".to_owned(), len_bytes };
    for realm in 1..=MOST_REALMS {
        let images = vec![at(0x8000_0000, 0x2345), at(0, 1), at(u64::MAX << 12, 1)];
        let params = given.clone();
        let complete = realm % 2 == 0;
        let mut options = Options { at: images, params, realm, platform: None, complete };
        // The last of the images passes the end of addresses.
        let error = import(&log, &options).expect_err("an image that can not stand there");
        assert!(error.to_string().contains("can not stand at"), "{error}");
        options.at.pop();
        let Ok(made) = import(&log, &options) else { break };
        let text = made.script.to_string();
        match script::parse("log.rmi", &text) {
            Ok(again) => assert_eq!(again, made.script),
            Err(error) => panic!("{error}\n{text}"),
        }
        assert_eq!(made.lines.len(), made.script.statements.len());
        assert!(made.needs.iter().all(|need| !need.to_string().is_empty()));
        let unknown = |line: &&script::Statement| matches!(line.kind, script::Kind::Unknown { .. });
        let params = made.needs.iter().filter(|need| matches!(need, Need::Params { .. })).count();
        let unknown = made.script.statements.iter().filter(unknown).count();
        assert_eq!(unknown, made.gaps.len() + params);
    }
}
