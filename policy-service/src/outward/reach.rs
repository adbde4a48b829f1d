//! Where a call may lead that somebody else's name stands for: out of this network only. A name that leads
//! inside would make this service call there in the place of whoever wrote it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::lookup_host;

use super::NoAnswer;

/// Networks that are nobody's on the internet, each by its first address and the length of its prefix: this
/// network, private ones, those of carriers, loopback, link-local with most clouds' metadata, those of protocols
/// and documentation, multicast and what is reserved; and the one address of a cloud's own that is no such.
const NOT_PUBLIC: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
];

/// The addresses of a name, all of which are public.
///
/// # Errors
/// When one of them is not, even beside others: which one a call takes is chance.
pub(super) async fn public(host: &str, port: u16) -> Result<Vec<SocketAddr>, NoAnswer> {
    let found = lookup_host((host, port)).await;
    let found: Vec<SocketAddr> = found.map_err(|_| NoAnswer::Unreachable)?.collect();
    if found.is_empty() {
        return Err(NoAnswer::Unreachable);
    }
    if found.iter().all(|address| is_public(address.ip())) {
        Ok(found)
    } else {
        Err(NoAnswer::Private)
    }
}

/// Whether it is an address of the internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !NOT_PUBLIC
            .iter()
            .any(|(network, length)| is_within(address, *network, *length)),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_within(address: Ipv4Addr, network: Ipv4Addr, length: u32) -> bool {
    let differs = address.to_bits() ^ network.to_bits();
    differs.leading_zeros() >= length
}

/// Global unicast, without what stands for something else: tunnels (Teredo, 6to4) and documentation.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    match first {
        0x2001 => second >= 0x0200 && second != 0x0db8,
        0x2002 | 0x3fff => false,
        0x2000..=0x3ffe => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.9.9.9",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.255.1",
            "198.19.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "168.63.129.17",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused() {
        for host in ["localhost", "127.0.0.1", "169.254.169.254", "::1"] {
            assert_eq!(public(host, 443).await, Err(NoAnswer::Private), "{host}");
        }
        let there = public("1.1.1.1", 443).await.unwrap();
        assert_eq!(there, ["1.1.1.1:443".parse().unwrap()]);
    }
}
