//! SHA-2 over several granules or chains at once, one a vector lane.
//!
//! SHA-256 and SHA-512 differ in the width of a word, in the amounts of their rotations and in the
//! number of rounds; instruction sets differ in the vectors. What they share is here, as a macro,
//! because a generic function could not carry the target feature of its instance.

/// Does something with sixteen of `$k` and the numbers 0 to 15.
macro_rules! sixteen {
    ($each:ident, $k:expr) => {
        $each!($k, 0);
        $each!($k, 1);
        $each!($k, 2);
        $each!($k, 3);
        $each!($k, 4);
        $each!($k, 5);
        $each!($k, 6);
        $each!($k, 7);
        $each!($k, 8);
        $each!($k, 9);
        $each!($k, 10);
        $each!($k, 11);
        $each!($k, 12);
        $each!($k, 13);
        $each!($k, 14);
        $each!($k, 15);
    };
}

/// One round on the eight vectors named, with the sum of its constant and its word.
macro_rules! round {
    ($kw:expr, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        let t1 = add(add(add($h, $kw), ch($e, $f, $g)), big1($e));
        let t2 = add(big0($a), maj($a, $b, $c));
        ($h, $g, $f, $e) = ($g, $f, $e, add($d, t1));
        ($d, $c, $b, $a) = ($c, $b, $a, add(t1, t2));
    };
}

/// Makes word `$i + 16` of a block's words in the place of word `$i`, in every lane.
macro_rules! lane_word {
    ($w:ident, $i:literal) => {
        let near = add(small1($w[($i + 14) & 15]), $w[($i + 9) & 15]);
        $w[$i] = add(add($w[$i], small0($w[($i + 1) & 15])), near);
    };
}

/// Makes `digest_lanes` and `extend_lanes` of an instruction set's vectors.
///
/// The module that uses it defines the vector `V`, its `LANES`, the `Word`, `BLOCK_BYTES`, and, for
/// its target feature, `splat`, `add`, `big0`, `big1`, `small0`, `small1`, `ch`, `maj` (the
/// functions of FIPS 180-4, section 4.1), `load_block`, `words` and `vector`, its inverse.
macro_rules! lanes {
    ($features:literal, $k:ident, $step:ident) => {
        /// Adds one block of every lane to the lanes' states.
        #[target_feature(enable = $features)]
        pub(super) fn compress(state: &mut [V; 8], mut w: [V; 16]) {
            let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
            macro_rules! first {
                ($k16:expr, $i:literal) => {
                    round!(add(splat($k16[$i]), w[$i]), a b c d e f g h);
                };
            }
            macro_rules! later {
                ($k16:expr, $i:literal) => {
                    lane_word!(w, $i);
                    first!($k16, $i);
                };
            }
            let (k16s, _) = $k.as_chunks::<16>();
            sixteen!(first, k16s[0]);
            for k16 in &k16s[1..] {
                sixteen!(later, k16);
            }
            let new = [a, b, c, d, e, f, g, h];
            for (old, new) in state.iter_mut().zip(new) {
                *old = add(*old, new);
            }
        }

        /// Adds one block that is the same in every lane, scheduled already, to the lanes' states.
        #[target_feature(enable = $features)]
        fn compress_shared(state: &mut [V; 8], schedule: &[Word; $k.len()]) {
            let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
            macro_rules! each {
                ($kw16:expr, $i:literal) => {
                    round!(splat($kw16[$i]), a b c d e f g h);
                };
            }
            let (kw16s, _) = schedule.as_chunks::<16>();
            for kw16 in kw16s {
                sixteen!(each, kw16);
            }
            let new = [a, b, c, d, e, f, g, h];
            for (old, new) in state.iter_mut().zip(new) {
                *old = add(*old, new);
            }
        }

        /// The states of one granule a lane, from the state that the algorithm begins with.
        #[target_feature(enable = $features)]
        pub(super) fn digest_lanes<const LEN: usize>(
            initial: &[Word; 8],
            granules: &[&[u8; LEN]; LANES],
            out: &mut [Digest; LANES],
        ) {
            let mut state = initial.map(|word| splat(word));
            for block in 0..LEN / BLOCK_BYTES {
                compress(&mut state, load_block(granules, block));
            }
            compress(&mut state, padding::<LEN>());
            put_digests(state, out);
        }

        /// The last block: one bit, zeros, and the length in bits.
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn padding<const LEN: usize>() -> [V; 16] {
            let mut padding = [splat(0); 16];
            padding[0] = splat(1 << (Word::BITS - 1));
            padding[15] = splat(Word::from(len_bits::<LEN>()));
            padding
        }

        /// The states of all lanes as digests.
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn put_digests(state: [V; 8], out: &mut [Digest; LANES]) {
            for (i, vector) in state.into_iter().enumerate() {
                for (digest, word) in out.iter_mut().zip(words(vector)) {
                    digest.put_word(i, word.to_be_bytes());
                }
            }
        }

        /// Extends one chain a lane, all by the same steps. A chain is eight words, which stay in
        /// the vectors from one step to the next.
        #[target_feature(enable = $features)]
        pub(super) fn extend_lanes(
            algo: &Variant<Word>,
            chains: &mut [[Word; 8]; LANES],
            steps: &[$step],
        ) {
            let mut rims = [splat(0); 8];
            for (i, rim) in rims.iter_mut().enumerate() {
                *rim = vector(&chains.map(|chain| chain[i]));
            }
            for step in steps {
                let mut block = [splat(0); 16];
                for (vector, word) in block.iter_mut().zip(step.first) {
                    *vector = splat(word);
                }
                block[$step::RIM..$step::RIM + 8].copy_from_slice(&rims);
                rims = algo.initial.map(|word| splat(word));
                compress(&mut rims, block);
                compress_shared(&mut rims, &step.second);
                for schedule in &$step::REST {
                    compress_shared(&mut rims, schedule);
                }
                rims[algo.kept_words..].fill(splat(0));
            }
            for (i, rim) in rims.into_iter().enumerate() {
                for (chain, word) in chains.iter_mut().zip(words(rim)) {
                    chain[i] = word;
                }
            }
        }
    };
}
