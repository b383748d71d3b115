//! How often one address may ask. The time is passed in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Addresses that are remembered.
const MAX_ADDRESSES: usize = 1 << 16;

/// So many at once, and so many more with every interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests.
    pub count: u32,
    /// In which as many become free again.
    pub interval: Duration,
}

/// Counts requests by address: a bucket that refills for each. IPv6 addresses count by their network of 64 bits,
/// which is what one customer gets.
#[derive(Debug)]
pub struct RateLimiter {
    rate: Rate,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl RateLimiter {
    /// A limiter that has seen nobody.
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// Takes one request of `address`, or says how long to wait for the next.
    ///
    /// # Errors
    /// The wait.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let (full, second) = (f64::from(self.rate.count.max(1)), self.per_second());
        let key = network(address);
        let mut buckets = self.buckets.lock();
        if buckets.len() >= MAX_ADDRESSES && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| bucket.refilled(now, second) < full);
            if buckets.len() >= MAX_ADDRESSES {
                return Err(self.rate.interval);
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: full, at: now });
        bucket.left = bucket.refilled(now, second).min(full);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / second));
        }
        bucket.left -= 1.0;
        Ok(())
    }

    fn per_second(&self) -> f64 {
        f64::from(self.rate.count.max(1)) / self.rate.interval.as_secs_f64().max(0.001)
    }
}

impl Bucket {
    fn refilled(&self, now: Instant, per_second: f64) -> f64 {
        self.left + now.saturating_duration_since(self.at).as_secs_f64() * per_second
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = u128::from(address) >> 64 << 64;
            IpAddr::V6(bits.into())
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills_for_each_address() {
        let limiter = RateLimiter::new(Rate { count: 3, interval: Duration::from_secs(30) });
        let start = Instant::now();
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let taken = |address, after| limiter.take(address, start + Duration::from_secs(after));
        assert_eq!([taken(one, 0), taken(one, 0), taken(one, 0)], [Ok(()); 3]);
        assert_eq!(taken(one, 0), Err(Duration::from_secs(10)));
        assert_eq!(taken(other, 0), Ok(()));
        assert_eq!((taken(one, 10), taken(one, 10).is_err()), (Ok(()), true));
        assert_eq!((0..9).filter(|_| taken(one, 9999).is_ok()).count(), 3, "no more than full");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_and_a_mapped_address_as_itself() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[test]
    fn the_number_of_addresses_is_bounded() {
        let limiter = RateLimiter::new(Rate { count: 1, interval: Duration::from_secs(1) });
        let now = Instant::now();
        for n in 0..MAX_ADDRESSES as u32 {
            limiter.take(IpAddr::V4(n.into()), now).unwrap();
        }
        let late = IpAddr::V4(u32::MAX.into());
        assert!(limiter.take(late, now).is_err());
        limiter.take(late, now + Duration::from_secs(2)).unwrap();
        assert_eq!(limiter.buckets.lock().len(), 1);
    }
}
