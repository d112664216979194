//! Hashes that are the same on every machine and in every release.
//!
//! FNV-1a is enough here: a hash names a command in a label, or tells whether a payload changed. It never
//! protects anything, and a command is taken for another one only if the broker calls it a redelivery as well.

const OFFSET_64: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME_64: u64 = 0x0000_0100_0000_01b3;
const OFFSET_128: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME_128: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// 64 bits over several byte strings; where one ends and the next begins counts.
pub(crate) fn hash64(parts: &[&[u8]]) -> u64 {
    framed(parts).fold(OFFSET_64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME_64)
    })
}

/// 128 bits over several byte strings; where one ends and the next begins counts.
pub(crate) fn hash128(parts: &[&[u8]]) -> u128 {
    framed(parts).fold(OFFSET_128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME_128)
    })
}

/// Every part, preceded by its length.
fn framed<'a>(parts: &'a [&'a [u8]]) -> impl Iterator<Item = u8> + 'a {
    parts.iter().flat_map(|part| {
        let length = part.len() as u64;
        length.to_le_bytes().into_iter().chain(part.iter().copied())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_never_change() {
        // Labels of objects in people's clusters hold these.
        assert_eq!(hash64(&[b"a", b"bc"]), 0xba1e_1f0e_0704_d8ea);
        assert_eq!(hash128(&[]), OFFSET_128);
    }

    #[test]
    fn the_border_between_parts_counts() {
        assert_ne!(hash64(&[b"ab", b"c"]), hash64(&[b"a", b"bc"]));
        assert_ne!(hash128(&[b"ab", b"c"]), hash128(&[b"a", b"bc"]));
        assert_ne!(hash64(&[b""]), hash64(&[]));
    }
}
