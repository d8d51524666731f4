//! SHA-2 over several granules at once, one granule a vector lane.
//!
//! SHA-256 and SHA-512 differ in the width of a word, in the amounts of their rotations and in the
//! number of rounds; instruction sets differ in the vectors. What they share is here, as a macro,
//! because a generic function could not carry the target feature of its instance.

/// Makes `digest_lanes` of an instruction set's vectors.
///
/// The module that uses it defines the vector `V`, its `LANES`, the `Word`, `BLOCK_BYTES`, and, for
/// its target feature, `splat`, `add`, `big0`, `big1`, `small0`, `small1`, `ch`, `maj` (the
/// functions of FIPS 180-4, section 4.1), `load_block` and `words`.
macro_rules! lanes {
    ($features:literal, $k:ident, $h:ident) => {
        /// Adds one block of every lane to the lanes' states.
        #[target_feature(enable = $features)]
        fn compress(state: &mut [V; 8], mut w: [V; 16]) {
            let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
            macro_rules! round {
                ($k_t:expr, $w_t:expr) => {
                    let kw = add(splat($k_t), $w_t);
                    let t1 = add(add(add(h, kw), ch(e, f, g)), big1(e));
                    let t2 = add(big0(a), maj(a, b, c));
                    (h, g, f, e) = (g, f, e, add(d, t1));
                    (d, c, b, a) = (c, b, a, add(t1, t2));
                };
            }
            macro_rules! all {
                ($each:ident, $k16:expr) => {
                    $each!($k16, 0);
                    $each!($k16, 1);
                    $each!($k16, 2);
                    $each!($k16, 3);
                    $each!($k16, 4);
                    $each!($k16, 5);
                    $each!($k16, 6);
                    $each!($k16, 7);
                    $each!($k16, 8);
                    $each!($k16, 9);
                    $each!($k16, 10);
                    $each!($k16, 11);
                    $each!($k16, 12);
                    $each!($k16, 13);
                    $each!($k16, 14);
                    $each!($k16, 15);
                };
            }
            macro_rules! first {
                ($k16:expr, $i:literal) => {
                    round!($k16[$i], w[$i]);
                };
            }
            macro_rules! later {
                ($k16:expr, $i:literal) => {
                    let near = add(small1(w[($i + 14) & 15]), w[($i + 9) & 15]);
                    w[$i] = add(add(w[$i], small0(w[($i + 1) & 15])), near);
                    round!($k16[$i], w[$i]);
                };
            }
            let (k16s, _) = $k.as_chunks::<16>();
            all!(first, k16s[0]);
            for k16 in &k16s[1..] {
                all!(later, k16);
            }
            let new = [a, b, c, d, e, f, g, h];
            for (old, new) in state.iter_mut().zip(new) {
                *old = add(*old, new);
            }
        }

        /// The digests of one granule a lane.
        #[target_feature(enable = $features)]
        pub(super) fn digest_lanes(granules: &[&GranuleBytes; LANES], out: &mut [Digest; LANES]) {
            let mut state = $h.map(|word| splat(word));
            for block in 0..GRANULE_LEN / BLOCK_BYTES {
                compress(&mut state, load_block(granules, block));
            }
            // The last block: one bit, zeros, and the length in bits.
            let mut padding = [splat(0); 16];
            padding[0] = splat(1 << (Word::BITS - 1));
            padding[15] = splat(Word::from(GRANULE_BITS));
            compress(&mut state, padding);
            for (i, vector) in state.into_iter().enumerate() {
                for (digest, word) in out.iter_mut().zip(words(vector)) {
                    digest.put_word(i, word.to_be_bytes());
                }
            }
        }
    };
}
