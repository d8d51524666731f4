//! The rounds of SHA-512 as text: those of eight lanes in vectors of AVX-512, those of one chain in
//! general registers, and sixteen of either or both.
//!
//! Registers are the same everywhere. The lanes have their words in vectors 0 to 15, their states
//! in vectors 16 to 23, and work in the others. The chain has its state in `r8` to `r15`, `b ^ c`
//! in `rax` or `rcx` in turn, its words from `rsi` on, and works in the other of the two, in `rbx`
//! and in `rdx`. The constants are from `rdi` on. With each round a state moves by a register, and
//! after eight it is where it was.
//!
//! A round of the chain takes 7 cycles by itself (Emerald Rapids); its 24 instructions would fit
//! into 5. The processor takes in six instructions a cycle. A round of the lanes has 30, words
//! included, 28 of which keep its two vector units busy for 14 cycles: with two rounds of the chain
//! that is 78 of 84. So no instruction may be wasted, and sixteen rounds are what loops repeat,
//! which the cache of decoded instructions has room for.
//!
//! A counter of the loop is on the stack, at `rsp`, or above a state, at `rsp + 64`.

/// A function of FIPS 180-4, section 4.1, of a vector. Takes two vectors to work in.
#[rustfmt::skip]
macro_rules! mixed512 {
    (
        $to:literal = $from:literal $p:literal $q:literal $last:literal $r:literal,
        $x:literal $y:literal
    ) => { concat!(
        "vprorq zmm", $x, ", zmm", $from, ", ", $p, "\n",
        "vprorq zmm", $y, ", zmm", $from, ", ", $q, "\n",
        $last, " zmm", $to, ", zmm", $from, ", ", $r, "\n",
        "vpternlogq zmm", $to, ", zmm", $x, ", zmm", $y, ", 0x96\n",
    ) };
}

/// A round of the lanes on the vectors named, by the word in vector `$i`.
#[rustfmt::skip]
macro_rules! lane_round512 {
    (
        $i:literal,
        $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal
    ) => { concat!(
        "vpaddq zmm", $h, ", zmm", $h, ", qword ptr [rdi + 8 * ", $i, "]{{1to8}}\n",
        "vpaddq zmm", $h, ", zmm", $h, ", zmm", $i, "\n",
        mixed512!(25 = $e 14 18 "vprorq" 41, 26 27),
        "vmovdqa64 zmm28, zmm", $e, "\n",
        "vpternlogq zmm28, zmm", $f, ", zmm", $g, ", 0xCA\n",
        "vpaddq zmm25, zmm25, zmm28\n",
        "vpaddq zmm", $h, ", zmm", $h, ", zmm25\n",
        "vpaddq zmm", $d, ", zmm", $d, ", zmm", $h, "\n",
        mixed512!(29 = $a 28 34 "vprorq" 39, 30 31),
        "vmovdqa64 zmm28, zmm", $a, "\n",
        "vpternlogq zmm28, zmm", $b, ", zmm", $c, ", 0xE8\n",
        "vpaddq zmm29, zmm29, zmm28\n",
        "vpaddq zmm", $h, ", zmm", $h, ", zmm29\n",
    ) };
}

/// Makes the word of the lanes that comes 16 words after word `$i`, in its place. `$y`, `$n` and
/// `$x` are those 1, 9 and 14 after it.
#[rustfmt::skip]
macro_rules! lane_word512 {
    ($i:literal $y:literal $n:literal $x:literal) => { concat!(
        mixed512!(24 = $y 1 8 "vpsrlq" 7, 26 27),
        mixed512!(25 = $x 19 61 "vpsrlq" 6, 30 31),
        "vpaddq zmm", $i, ", zmm", $i, ", zmm", $n, "\n",
        "vpaddq zmm24, zmm24, zmm25\n",
        "vpaddq zmm", $i, ", zmm", $i, ", zmm24\n",
    ) };
}

/// A round of the chain on the registers named, to whose `$h` the word and its constant were added.
/// `$bc` holds `b ^ c`, and `$t` holds it for the next round.
#[rustfmt::skip]
macro_rules! chain_round512 {
    (
        $bc:literal $t:literal,
        $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal
    ) => { concat!(
        "rorx rdx, ", $e, ", 14\n",
        "rorx ", $t, ", ", $e, ", 18\n",
        "xor rdx, ", $t, "\n",
        "rorx ", $t, ", ", $e, ", 41\n",
        "xor rdx, ", $t, "\n",
        "mov ", $t, ", ", $f, "\n",
        "xor ", $t, ", ", $g, "\n",
        "and ", $t, ", ", $e, "\n",
        "xor ", $t, ", ", $g, "\n",
        "add ", $h, ", ", $t, "\n",
        "add ", $h, ", rdx\n",
        "add ", $d, ", ", $h, "\n",
        "rorx rdx, ", $a, ", 28\n",
        "rorx ", $t, ", ", $a, ", 34\n",
        "xor rdx, ", $t, "\n",
        "rorx ", $t, ", ", $a, ", 39\n",
        "xor rdx, ", $t, "\n",
        "add ", $h, ", rdx\n",
        "mov ", $t, ", ", $a, "\n",
        "xor ", $t, ", ", $b, "\n",
        "and ", $bc, ", ", $t, "\n",
        "xor ", $bc, ", ", $b, "\n",
        "add ", $h, ", ", $bc, "\n",
    ) };
}

/// Adds word `$i` of the chain, which has its constant in it.
#[rustfmt::skip]
macro_rules! known512 {
    ($h:literal, $t:literal, $i:literal $($rest:literal)*) => {
        concat!("add ", $h, ", [rsi + 64 * ", $i, "]\n")
    };
}

/// Adds word `2 * $i` of the chain, which has its constant in it.
#[rustfmt::skip]
macro_rules! even512 {
    ($h:literal, $t:literal, $i:literal) => { concat!("add ", $h, ", [rsi + 128 * ", $i, "]\n") };
}

/// Adds word `2 * $i + 1` of the chain, which has its constant in it.
#[rustfmt::skip]
macro_rules! odd512 {
    ($h:literal, $t:literal, $i:literal) => {
        concat!("add ", $h, ", [rsi + 128 * ", $i, " + 64]\n")
    };
}

/// Adds word `$i` of the chain, and its constant.
#[rustfmt::skip]
macro_rules! given512 {
    ($h:literal, $t:literal, $i:literal $($rest:literal)*) => { concat!(
        "add ", $h, ", [rsi + 64 * ", $i, "]\n",
        "add ", $h, ", [rdi + 8 * ", $i, "]\n",
    ) };
}

/// Makes the word of the chain that comes 16 words after word `$i`, in its place, and adds it and
/// its constant.
#[rustfmt::skip]
macro_rules! made512 {
    ($h:literal, $t:literal, $i:literal $y:literal $n:literal $x:literal) => { concat!(
        "rorx rdx, [rsi + 64 * ", $x, "], 19\n",
        "rorx ", $t, ", [rsi + 64 * ", $x, "], 61\n",
        "xor rdx, ", $t, "\n",
        "mov ", $t, ", [rsi + 64 * ", $x, "]\n",
        "shr ", $t, ", 6\n",
        "xor rdx, ", $t, "\n",
        "add rdx, [rsi + 64 * ", $n, "]\n",
        "add rdx, [rsi + 64 * ", $i, "]\n",
        "rorx rbx, [rsi + 64 * ", $y, "], 1\n",
        "rorx ", $t, ", [rsi + 64 * ", $y, "], 8\n",
        "xor rbx, ", $t, "\n",
        "mov ", $t, ", [rsi + 64 * ", $y, "]\n",
        "shr ", $t, ", 7\n",
        "xor rbx, ", $t, "\n",
        "add rdx, rbx\n",
        "mov [rsi + 64 * ", $i, "], rdx\n",
        "add ", $h, ", rdx\n",
        "add ", $h, ", [rdi + 8 * ", $i, "]\n",
    ) };
}

/// A round of the lanes, the number of which is this modulo 8.
#[rustfmt::skip]
macro_rules! lanes512 {
    (0 $i:literal) => { lane_round512!($i, 16 17 18 19 20 21 22 23) };
    (1 $i:literal) => { lane_round512!($i, 23 16 17 18 19 20 21 22) };
    (2 $i:literal) => { lane_round512!($i, 22 23 16 17 18 19 20 21) };
    (3 $i:literal) => { lane_round512!($i, 21 22 23 16 17 18 19 20) };
    (4 $i:literal) => { lane_round512!($i, 20 21 22 23 16 17 18 19) };
    (5 $i:literal) => { lane_round512!($i, 19 20 21 22 23 16 17 18) };
    (6 $i:literal) => { lane_round512!($i, 18 19 20 21 22 23 16 17) };
    (7 $i:literal) => { lane_round512!($i, 17 18 19 20 21 22 23 16) };
}

/// A round of the chain, the number of which is this modulo 8, by the word that `$add` adds.
#[rustfmt::skip]
macro_rules! chain512 {
    (0 $add:ident $($i:literal)*) => { concat!(
        $add!("r15", "rcx", $($i)*),
        chain_round512!("rax" "rcx", "r8" "r9" "r10" "r11" "r12" "r13" "r14" "r15"),
    ) };
    (1 $add:ident $($i:literal)*) => { concat!(
        $add!("r14", "rax", $($i)*),
        chain_round512!("rcx" "rax", "r15" "r8" "r9" "r10" "r11" "r12" "r13" "r14"),
    ) };
    (2 $add:ident $($i:literal)*) => { concat!(
        $add!("r13", "rcx", $($i)*),
        chain_round512!("rax" "rcx", "r14" "r15" "r8" "r9" "r10" "r11" "r12" "r13"),
    ) };
    (3 $add:ident $($i:literal)*) => { concat!(
        $add!("r12", "rax", $($i)*),
        chain_round512!("rcx" "rax", "r13" "r14" "r15" "r8" "r9" "r10" "r11" "r12"),
    ) };
    (4 $add:ident $($i:literal)*) => { concat!(
        $add!("r11", "rcx", $($i)*),
        chain_round512!("rax" "rcx", "r12" "r13" "r14" "r15" "r8" "r9" "r10" "r11"),
    ) };
    (5 $add:ident $($i:literal)*) => { concat!(
        $add!("r10", "rax", $($i)*),
        chain_round512!("rcx" "rax", "r11" "r12" "r13" "r14" "r15" "r8" "r9" "r10"),
    ) };
    (6 $add:ident $($i:literal)*) => { concat!(
        $add!("r9", "rcx", $($i)*),
        chain_round512!("rax" "rcx", "r10" "r11" "r12" "r13" "r14" "r15" "r8" "r9"),
    ) };
    (7 $add:ident $($i:literal)*) => { concat!(
        $add!("r8", "rax", $($i)*),
        chain_round512!("rcx" "rax", "r9" "r10" "r11" "r12" "r13" "r14" "r15" "r8"),
    ) };
}

/// Rounds `2 * $i` and `2 * $i + 1` of the chain, where the first number is `$i` modulo 8.
#[rustfmt::skip]
macro_rules! two_chain512 {
    (0 $i:literal) => { concat!(chain512!(0 even512 $i), chain512!(1 odd512 $i)) };
    (1 $i:literal) => { concat!(chain512!(2 even512 $i), chain512!(3 odd512 $i)) };
    (2 $i:literal) => { concat!(chain512!(4 even512 $i), chain512!(5 odd512 $i)) };
    (3 $i:literal) => { concat!(chain512!(6 even512 $i), chain512!(7 odd512 $i)) };
    (4 $i:literal) => { two_chain512!(0 $i) };
    (5 $i:literal) => { two_chain512!(1 $i) };
    (6 $i:literal) => { two_chain512!(2 $i) };
    (7 $i:literal) => { two_chain512!(3 $i) };
}

/// Sixteen of `$each`, which takes the number modulo 8, the number, and the numbers of the words
/// that are 1, 9 and 14 after it.
macro_rules! sixteen512 {
    ($each:ident) => {
        concat!(
            $each!(0 0 1 9 14),
            $each!(1 1 2 10 15),
            $each!(2 2 3 11 0),
            $each!(3 3 4 12 1),
            $each!(4 4 5 13 2),
            $each!(5 5 6 14 3),
            $each!(6 6 7 15 4),
            $each!(7 7 8 0 5),
            $each!(0 8 9 1 6),
            $each!(1 9 10 2 7),
            $each!(2 10 11 3 8),
            $each!(3 11 12 4 9),
            $each!(4 12 13 5 10),
            $each!(5 13 14 6 11),
            $each!(6 14 15 7 12),
            $each!(7 15 0 8 13),
        )
    };
}

/// Puts what a block of the chain begins with on the stack, with a counter above it.
#[rustfmt::skip]
macro_rules! push_state512 {
    ($count:literal) => { concat!(
        "push ", $count, "\n",
        "push r15\n", "push r14\n", "push r13\n", "push r12\n",
        "push r11\n", "push r10\n", "push r9\n", "push r8\n",
    ) };
}

/// Adds what the block began with.
#[rustfmt::skip]
macro_rules! add_state512 {
    () => { concat!(
        "add r8, [rsp]\n", "add r9, [rsp + 8]\n",
        "add r10, [rsp + 16]\n", "add r11, [rsp + 24]\n",
        "add r12, [rsp + 32]\n", "add r13, [rsp + 40]\n",
        "add r14, [rsp + 48]\n", "add r15, [rsp + 56]\n",
    ) };
}

/// Begins the next block of the chain.
#[rustfmt::skip]
macro_rules! next_state512 {
    () => { concat!(
        add_state512!(),
        "mov [rsp], r8\n", "mov [rsp + 8], r9\n",
        "mov [rsp + 16], r10\n", "mov [rsp + 24], r11\n",
        "mov [rsp + 32], r12\n", "mov [rsp + 40], r13\n",
        "mov [rsp + 48], r14\n", "mov [rsp + 56], r15\n",
        "mov rax, r9\n", "xor rax, r10\n",
    ) };
}
