//! The target `request_args`: bytes as a file with the arguments of `rimsim measure`.

use rimsim::cli::fuzzing::request;

/// A request does nothing but ask, and its canonical words are the same request.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok((words, argv)) = request(text) else { return };
    let all = words.iter().map(String::as_str).chain(["--"]).chain(argv.iter().map(String::as_str));
    let Ok(line) = shlex::try_join(all) else { return };
    assert_eq!(request(&line), Ok((words, argv)), "{line}");
}
