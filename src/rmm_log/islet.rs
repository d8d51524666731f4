//! Calls as Islet's RMM prints them: `RMI: DATA_CREATE [88C0, 88B3, 8020, 88A3, 1] > [0]`.
//!
//! The name without `RMI_`, arguments and then results in hexadecimal, the status (X0) first.

/// What the name of a call of the Host follows, and of a Realm's.
const HOST: &str = "RMI: ";
const REALM: &str = "RSI: ";

/// The line as TF-RMM would have it; `None` if it is not one of Islet's.
pub(super) fn as_tf_rmm(text: &str) -> Option<String> {
    let (prefix, after) = match (text.split_once(HOST), text.split_once(REALM)) {
        (Some((_, after)), _) => ("SMC_RMI_", after),
        (None, Some((_, after))) => ("SMC_RSI_", after),
        (None, None) => return None,
    };
    let (name, values) = after.split_once(" [")?;
    let name = name.trim_end();
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    // What is cut off stays a call, and is a torn one.
    let Some((args, results)) = values.split_once("] > [") else {
        return Some(format!("{prefix}{name} {}", values.replace(',', "")));
    };
    let results = results.split_once(']').map_or("", |(results, _)| results);
    let (args, results) = (args.replace(',', ""), results.replace(',', ""));
    Some(format!("{prefix}{name} {args} > {results}"))
}

/// Whether a line is worth a second look.
pub(super) fn could_be(bytes: &[u8]) -> bool {
    bytes.windows(5).any(|window| window == HOST.as_bytes() || window == REALM.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::as_tf_rmm;

    #[test]
    fn its_lines_are_those_of_tf_rmm() {
        for (line, wanted) in [
            (
                "[TRACE]event -- RMI: RTT_INIT_RIPAS       [88C00000, 88B3D000, 3] > [0, 0]",
                Some("SMC_RMI_RTT_INIT_RIPAS 88C00000 88B3D000 3 > 0 0"),
            ),
            ("x RSI: HOST_CALL            [] > [0]", Some("SMC_RSI_HOST_CALL  > 0")),
            ("RMI: GRANULE_DELEGATE [88B3D000", Some("SMC_RMI_GRANULE_DELEGATE 88B3D000")),
            ("RMI: a word [1] > [0]", None),
            ("RMI: VERSION", None),
            ("nothing", None),
        ] {
            assert_eq!(as_tf_rmm(line).as_deref(), wanted, "{line}");
        }
    }
}
