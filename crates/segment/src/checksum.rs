//! The two checks of a block.
//!
//! CRC-32 finds damage inside a block; XXH3-64 chains it to the one before. They are different functions on purpose:
//! two CRCs of one polynomial over the same bytes miss exactly the same errors. Both find accidents only.

/// CRC-32 (IEEE).
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// XXH3-64, one-shot. `twox-hash` chooses AVX2 or SSE2 when it runs; implementations that choose when they are
/// compiled stay at the baseline of the target, where 8 KiB take 2.6 times as long.
pub(crate) fn xxh3(bytes: &[u8], seed: u64) -> u64 {
    twox_hash::XxHash3_64::oneshot_with_seed(seed, bytes)
}

/// CRC-32 of `bytes` followed by `zeros` zero bytes, without touching that many: a file that was cut short is read as
/// if it went on in zeros, and a length found in it is no reason to read gigabytes of them.
pub(crate) fn crc32_zero_extended(bytes: &[u8], mut zeros: usize) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(bytes);
    // Append runs of 1, 2, 4, … zeros: each is the one before it, twice.
    let mut run = crc32fast::Hasher::new();
    run.update(&[0]);
    while zeros > 0 {
        if zeros & 1 == 1 {
            crc.combine(&run);
        }
        run.combine(&run.clone());
        zeros >>= 1;
    }
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_extension_is_the_crc_of_the_extended_bytes() {
        for len in [0, 1, 63, 64, 200] {
            for zeros in [0, 1, 2, 7, 64, 1000, 4097] {
                let bytes: Vec<u8> = (0..len).map(|i| i as u8 ^ 0xA5).collect();
                let mut extended = bytes.clone();
                extended.resize(len + zeros, 0);
                assert_eq!(crc32_zero_extended(&bytes, zeros), crc32(&extended), "{len} + {zeros}");
            }
        }
    }

    #[test]
    fn xxh3_agrees_with_another_implementation() {
        let bytes: Vec<u8> = (0..70_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for len in (0..600).chain([1023, 1024, 1025, 8192, 65_536, 70_000]) {
            for seed in [0, 1, u64::MAX, 0x9E37_79B9_7F4A_7C15] {
                let expected = xxhash_rust::xxh3::xxh3_64_with_seed(&bytes[..len], seed);
                assert_eq!(xxh3(&bytes[..len], seed), expected, "{len} bytes, seed {seed:#x}");
            }
        }
    }
}
