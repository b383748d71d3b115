//! Whether one flipped bit explains a wrong checksum.
//!
//! A record may hold a sector of zeros that its writer put there. When its checksum is wrong, a lost sector and a
//! flipped bit look alike at first sight; but a checksum is linear, so that each single flipped bit changes it in
//! a way of its own, which can be tried.

/// CRC-32C (Castagnoli), bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Whether `difference`, computed against stored checksum, comes from one wrong bit in `length` bytes of data, or
/// from one in the stored checksum.
pub(crate) fn is_one_bit(difference: u32, length: usize) -> bool {
    if difference.count_ones() == 1 {
        return true;
    }
    let table = table();
    // What a flipped bit in the last byte does; each byte more after it is one more round.
    let mut changes: [u32; 8] = std::array::from_fn(|bit| table[1 << bit]);
    for _ in 0..length {
        if changes.contains(&difference) {
            return true;
        }
        for change in &mut changes {
            *change = (*change >> 8) ^ table[(*change & 0xff) as usize];
        }
    }
    false
}

fn table() -> [u32; 256] {
    std::array::from_fn(|index| {
        (0..8).fold(index as u32, |crc, _| if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use crc32c::crc32c_append;

    use super::is_one_bit;

    #[test]
    fn every_flipped_bit_is_found() {
        let data: Vec<u8> = (0..200_u32).map(|n| (n * 7) as u8).collect();
        let crc = crc32c_append(99, &data);
        for bit in 0..data.len() * 8 {
            let mut flipped = data.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(is_one_bit(crc ^ crc32c_append(99, &flipped), data.len()), "bit {bit}");
        }
    }

    #[test]
    fn a_lost_half_is_not_one_bit() {
        let data: Vec<u8> = (0..200_u32).map(|n| (n * 7) as u8).collect();
        let mut lost = data.clone();
        lost[100..].fill(0);
        assert!(!is_one_bit(crc32c_append(0, &data) ^ crc32c_append(0, &lost), data.len()));
    }
}
