//! Which flipped bit explains a wrong checksum, if one does.
//!
//! A record may hold a sector of zeros that its writer put there. When its checksum is wrong, a lost sector and a
//! flipped bit look alike at first sight; but a checksum is linear, so that each single flipped bit changes it in
//! a way of its own, which can be tried.

/// CRC-32C (Castagnoli), bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The one wrong bit that explains a wrong checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flip {
    /// It is in the stored checksum.
    Checksum,
    /// It is in this byte of the data, at the bit that is set in `mask`.
    Data { byte: usize, mask: u8 },
}

/// The wrong bit that makes `difference` between the checksum computed and the one stored, in `length` bytes of data
/// or in the stored checksum; `None` when it takes more than one.
pub(crate) fn one_bit(difference: u32, length: usize) -> Option<Flip> {
    if difference.count_ones() == 1 {
        return Some(Flip::Checksum);
    }
    let table = table();
    // What a flipped bit in the last byte does; each byte more after it is one more round.
    let mut changes: [u32; 8] = std::array::from_fn(|bit| table[1 << bit]);
    for byte in (0..length).rev() {
        if let Some(bit) = changes.iter().position(|&change| change == difference) {
            return Some(Flip::Data { byte, mask: 1 << bit });
        }
        for change in &mut changes {
            *change = (*change >> 8) ^ table[(*change & 0xff) as usize];
        }
    }
    None
}

fn table() -> [u32; 256] {
    std::array::from_fn(|index| {
        (0..8).fold(index as u32, |crc, _| if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use crc32c::crc32c_append;

    use super::{Flip, one_bit};

    #[test]
    fn every_flipped_bit_is_found() {
        let data: Vec<u8> = (0..200_u32).map(|n| (n * 7) as u8).collect();
        let crc = crc32c_append(99, &data);
        for bit in 0..data.len() * 8 {
            let mut flipped = data.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = one_bit(crc ^ crc32c_append(99, &flipped), data.len());
            assert_eq!(found, Some(Flip::Data { byte: bit / 8, mask: 1 << (bit % 8) }), "bit {bit}");
        }
    }

    #[test]
    fn a_wrong_checksum_is_told_from_wrong_data() {
        for bit in 0..32 {
            assert_eq!(one_bit(1 << bit, 200), Some(Flip::Checksum), "bit {bit}");
        }
    }

    #[test]
    fn a_lost_half_is_not_one_bit() {
        let data: Vec<u8> = (0..200_u32).map(|n| (n * 7) as u8).collect();
        let mut lost = data.clone();
        lost[100..].fill(0);
        assert_eq!(one_bit(crc32c_append(0, &data) ^ crc32c_append(0, &lost), data.len()), None);
    }
}
