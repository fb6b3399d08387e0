//! Which addresses are one subscriber.

use std::net::IpAddr;

use crate::hub::Network;

/// Where a connection comes from: an IPv4 address, or the network of an IPv6 address, which is what one subscriber has.
pub(crate) fn network_of(address: IpAddr) -> Network {
    /// No IPv6 network that is routed begins like this.
    const IPV4: u64 = 0xffff_0000_0000_0000;
    match address.to_canonical() {
        IpAddr::V4(address) => Network(IPV4 | u64::from(u32::from(address))),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Network([a, b, c, d].iter().fold(0, |network, part| network << 16 | u64::from(*part)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_and_an_ipv6_network_are_one_subscriber() {
        let of = |address: &str| network_of(address.parse().unwrap());
        assert_eq!(of("10.0.0.1"), of("::ffff:10.0.0.1"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
