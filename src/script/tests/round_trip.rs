//! `parse(print(script)) == script`.

use proptest::prelude::*;

use super::*;
use crate::abi::command::COMMANDS;
use crate::abi::layout::LAYOUTS;
use crate::abi::status::Status;
use crate::measure::rim::{HashAlgo, Measurement};

/// No text makes the parser panic, and what it accepts it prints and reads again.
fn parses_and_round_trips(bytes: &[u8]) {
    assert!(round_trips(bytes), "{}", String::from_utf8_lossy(bytes));
}

const CORPUS: &str = r#"
# comment	with tab


#
platform "fvp"   # trailing
rmm tf-rmm
spec "1.0"
include "a \"b\" \\ \n.rmi"
let a = 1+2*3|4 - -5
let b = (1+2)*(3-(4-5))
let c = 64KiB*2 + 0xFFFF_ffff
let d = -(1+2)
let e = align_up(len(k)+1, 4KiB*2)
let f = auto
let g = auto 2
let h = auto ns (a+1)
let p = RealmParams { rpv=text:"x\"y", flags=lpa2|sve, rtt_base=auto 2, }
let q = RecParams { # inside
  gprs=[1, # inside again
   a+2], aux=auto }
image k = "Image"
image s = k[0..64KiB]
image z = zeros 8KiB
image y = fill 8KiB seed=7
image x = hex:"00ff"
image w = text:"FW CONTENT"
rtt auto
rtt manual
RMI_DATA_CREATE rd=a ipa=0 flags=1 image=k
DATA_CREATE rd=a ipa=0 src=auto ns data=auto flags=measure count=3 => RMI_SUCCESS
RTT_INIT_RIPAS rd=a base=0 top=1 all => RMI_ERROR_RTT(-1) base_align out_top=3
RTT_READ_ENTRY rd=a ipa=0x1000 level=-1 => RMI_SUCCESS walk_level=2 state=ASSIGNED
REC_ENTER rec=1 run_ptr=RecEnter {} => RMI_ERROR_REALM(1)
call 0xc4000156 1 (a+b) -3 => SMC_NOT_SUPPORTED
call f (a)
poke pa=a bytes=hex:"00"
peek pa=a gpf len=8
pas pa=a secure
expect rim rd=a+1 none
expect rim sha256:0000000000000000000000000000000000000000000000000000000000000000
expect granule (a+b) UNDELEGATED ns
expect granule a none
print rim
note "text"
"#;

#[test]
fn a_corpus_round_trips_as_a_whole_and_in_parts() {
    parse("corpus.rmi", CORPUS).unwrap();
    parses_and_round_trips(CORPUS.as_bytes());
    for start in (0..CORPUS.len()).step_by(7) {
        parses_and_round_trips(&CORPUS.as_bytes()[start..]);
        parses_and_round_trips(&CORPUS.as_bytes()[..start]);
    }
}

#[test]
fn comments_inside_brackets_move_above() {
    let script = parse("", "let q = RecParams { # one\n pc=1 # two\n} # three").unwrap();
    assert_eq!(script.to_string(), "# one\n# two\nlet q = RecParams { pc=1 }  # three\n");
}

fn name() -> impl Strategy<Value = Name> {
    "[a-z_][a-z0-9_]{0,6}x".prop_map(|text| Name { text, span: Span::default() })
}

fn text() -> impl Strategy<Value = Name> {
    any::<String>().prop_map(|text| Name { text, span: Span::default() })
}

fn number() -> impl Strategy<Value = ExprKind> {
    let units = prop::sample::select(Unit::ALL.to_vec());
    prop_oneof![
        any::<u64>().prop_map(|n| ExprKind::Number(n, Form::Decimal)),
        any::<u64>().prop_map(|n| ExprKind::Number(n, Form::Hex)),
        (0_u64..1 << 20, units)
            .prop_map(|(n, unit)| ExprKind::Number(n * unit.bytes(), Form::Size(unit))),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        number(),
        name().prop_map(|name| ExprKind::Symbol(name.text)),
        name().prop_map(|name| ExprKind::Len(name.text)),
    ];
    let whole = |kind| Expr { kind, span: Span::default() };
    leaf.prop_map(whole).prop_recursive(4, 16, 2, move |inner| {
        let ops = prop::sample::select(vec![Op::Or, Op::Plus, Op::Minus, Op::Times]);
        prop_oneof![
            inner.clone().prop_map(|e| ExprKind::Negative(Box::new(e))),
            [inner.clone(), inner.clone()].prop_map(|e| ExprKind::AlignUp(Box::new(e))),
            (ops, [inner.clone(), inner]).prop_map(|(op, e)| ExprKind::Binary(op, Box::new(e))),
        ]
        .prop_map(whole)
    })
}

fn bytes() -> impl Strategy<Value = Bytes> {
    let hex = prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::Hex);
    prop_oneof![hex, ".{0,9}".prop_map(Bytes::Text)]
}

fn auto() -> impl Strategy<Value = Value> {
    let span = Span::default();
    (prop::option::of(expr()), any::<bool>()).prop_map(move |(count, ns)| Value::Auto {
        count,
        ns,
        span,
    })
}

fn structure() -> impl Strategy<Value = Value> {
    let layouts = prop::sample::select(LAYOUTS.to_vec());
    let choices = prop::collection::vec(any::<u8>(), 12);
    (layouts, choices, expr(), bytes(), auto()).prop_map(|(layout, choices, expr, bytes, auto)| {
        let mut fields = Vec::new();
        for (field, choice) in layout.fields.iter().zip(choices) {
            let value = match choice {
                0..50 => continue,
                _ if field.width_bytes > 8 => Value::Bytes(bytes.clone(), Span::default()),
                50..100 if ["aux", "rtt_base"].contains(&field.name) => auto.clone(),
                _ if field.count > 1 => {
                    let count = field.count.min(usize::from(choice) % 4);
                    Value::Array(vec![expr.clone(); count], Span::default())
                }
                _ => Value::Number(expr.clone()),
            };
            fields.push(arg(field.name, value));
        }
        if layout.name == "RealmParams" {
            fields.push(arg("mec", Value::Number(expr)));
            fields.push(arg("rtt_tree_pp", Value::Set(Span::default())));
        }
        let name = Name { text: layout.name.to_owned(), span: Span::default() };
        Value::Struct { name, fields }
    })
}

fn arg(name: &str, value: Value) -> Arg {
    Arg { name: Name { text: name.to_owned(), span: Span::default() }, value }
}

fn answer() -> impl Strategy<Value = Option<Answer>> {
    let status = prop::option::of(prop::sample::select(Status::ALL.to_vec()));
    let index = prop::option::of(prop::sample::select(vec![0_u8, 1, 3, 0xFF]));
    prop::option::of((status, index).prop_map(|(status, index)| {
        let index = if status.is_none() { None } else { index };
        Answer { status, index, condition: None, outputs: Vec::new(), span: Span::default() }
    }))
}

/// Arguments that a command takes at most.
const MOST_INPUTS: usize = 6;

fn command() -> impl Strategy<Value = Kind> {
    let commands = prop::sample::select(COMMANDS.iter().collect::<Vec<_>>());
    let values = prop::collection::vec(expr(), MOST_INPUTS);
    (commands, values, structure(), answer()).prop_map(|(info, values, structure, answer)| {
        let value = |name: &str, expr: Expr| match name {
            "params_ptr" | "run_ptr" | "config_ptr" => arg(name, structure.clone()),
            "rd" | "data" | "src" if matches!(expr.kind, ExprKind::Len(_)) => {
                arg(name, Value::Auto { count: None, ns: name == "src", span: expr.span })
            }
            _ => arg(name, Value::Number(expr)),
        };
        let args = info.inputs.iter().zip(values).map(|(n, v)| value(n, v)).collect();
        let verb = Name { text: info.name.to_owned(), span: Span::default() };
        Kind::Invoke(Box::new(Invocation { verb, args, words: Vec::new(), answer }))
    })
}

fn image_source() -> impl Strategy<Value = ImageSource> {
    prop_oneof![
        text().prop_map(ImageSource::File),
        text().prop_map(ImageSource::Digests),
        (name(), expr(), expr()).prop_map(|(image, from, to)| ImageSource::Slice {
            image,
            from,
            to
        }),
        expr().prop_map(ImageSource::Zeros),
        expr().prop_map(ImageSource::Unknown),
        (expr(), expr()).prop_map(|(len, seed)| ImageSource::Fill { len, seed }),
        bytes().prop_map(|bytes| ImageSource::Bytes(bytes, Span::default())),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    let digest =
        prop::option::of(any::<[u8; 32]>().prop_map(|bytes| {
            Box::new(Measurement::from_bytes(HashAlgo::Sha256, &bytes).unwrap())
        }));
    let value = prop_oneof![expr().prop_map(Value::Number), auto(), structure()];
    prop_oneof![
        text().prop_map(Kind::Platform),
        [number(), number()].prop_map(|kinds| {
            let [base, top] = kinds.map(|kind| Expr { kind, span: Span::default() });
            Kind::Memory { base, top }
        }),
        text().prop_map(Kind::Include),
        text().prop_map(Kind::Note),
        (prop::option::of(expr()), text()).prop_map(|(rd, what)| Kind::Unknown { rd, what }),
        any::<bool>().prop_map(Kind::RttAuto),
        (name(), value).prop_map(|(name, value)| Kind::Let { name, value }),
        (name(), image_source()).prop_map(|(name, source)| Kind::Image { name, source }),
        command(),
        command(),
        (prop::collection::vec(expr(), 1..8), answer())
            .prop_map(|(regs, answer)| Kind::Call { regs, answer: answer.map(Box::new) }),
        (prop::option::of(expr()), digest).prop_map(|(rd, want)| Kind::ExpectRim { rd, want }),
        prop::option::of(expr()).prop_map(|rd| Kind::PrintRim { rd }),
        expr().prop_map(|which| Kind::Print(Shown::Rtt(which))),
        expr().prop_map(|which| Kind::Print(Shown::Granule(which))),
        expr().prop_map(|which| Kind::Print(Shown::Realm(which))),
        expr().prop_map(|which| Kind::Print(Shown::Rec(which))),
        Just(Kind::Print(Shown::Operations)),
    ]
}

fn statement() -> impl Strategy<Value = Statement> {
    let comment = || "[^\n]{0,20}".prop_map(|comment: String| comment.trim_end().to_owned());
    let span = Span::default();
    prop_oneof![
        1 => comment().prop_map(move |c| Statement { kind: Kind::Empty, comment: Some(c), span }),
        4 => (kind(), prop::option::of(comment()))
            .prop_map(move |(kind, comment)| Statement { kind, comment, span }),
    ]
}

proptest! {
    #[test]
    fn every_script_round_trips(statements in prop::collection::vec(statement(), 0..8)) {
        let script = Script { file: "p.rmi".into(), statements };
        let printed = script.to_string();
        let parsed = parse("p.rmi", &printed);
        prop_assert_eq!(parsed.as_ref(), Ok(&script), "{}", printed);
    }

    /// What is formatted says the same, with the same comments, and is formatted.
    #[test]
    fn formatting_changes_nothing_that_is_said(
        statements in prop::collection::vec(statement(), 0..8),
        blanks in prop::collection::vec(prop::sample::select(vec![" ", "  ", "\t", "\r"]), 8),
    ) {
        let script = Script { file: "p.rmi".into(), statements };
        // The same in another hand: more blanks before lines, empty lines between them.
        let printed = script.to_string();
        let lines = printed.split('\n').zip(blanks.iter().cycle());
        let other: String = lines.map(|(line, blank)| format!("{blank}{line}\n\n\n")).collect();
        for text in [&printed, &other] {
            let once = format_script("p.rmi", text.as_bytes()).expect("a script");
            let twice = format_script("p.rmi", once.as_bytes());
            prop_assert_eq!(twice.as_ref(), Ok(&once));
            let said = |text: &str| {
                let script = parse("p.rmi", text).expect("a script");
                let is_empty = |it: &Statement| it.kind == Kind::Empty && it.comment.is_none();
                script.statements.into_iter().filter(|it| !is_empty(it)).collect::<Vec<_>>()
            };
            prop_assert_eq!(said(&once), said(text));
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        parses_and_round_trips(&bytes);
    }

    #[test]
    fn no_words_make_the_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(CORPUS.split_inclusive([' ', '\n', '=', ',']).collect::<Vec<_>>()),
            0..40,
        )
    ) {
        parses_and_round_trips(words.concat().as_bytes());
    }
}
