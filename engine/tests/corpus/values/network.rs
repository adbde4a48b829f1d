//! Network addresses, and what identifies in web addresses.

use crate::kind::{Kind, marked, plain, told};
use crate::random::Random;
use crate::spelling::{OF_PROGRAMS, Spelling};

const OF_ADDRESSES: &[Spelling] = &[
    Spelling::AsItIs,
    Spelling::Fullwidth,
    Spelling::Invisible,
    Spelling::Upper,
    Spelling::Escaped,
];

pub(super) const KINDS: &[Kind] = &[
    Kind {
        detector: "ipv4",
        names: &["ip", "ipAddress", "client_ip", "remote-ip", "ipv4"],
        labels: &["IP", "ip address", "IPv4", "client IP"],
        forms: &[
            plain(four),
            plain(four),
            plain(|random| format!("{}:{}", marked(&four(random)), random.within(80, 65000))),
            plain(|random| format!("{}/{}", marked(&four(random)), random.within(8, 32))),
            plain(|random| {
                format!(
                    "10.{}.{}.{}",
                    random.below(256),
                    random.below(256),
                    random.below(256)
                )
            }),
            told(|_| "127.0.0.1".to_owned()),
            told(|random| format!("192.0.002.{:03}", random.below(256))),
        ],
        near: &[
            |random| format!("2.16.840.1.{}.{}", random.below(200), random.below(99)),
            |random| {
                format!(
                    "{}.{}.{}",
                    random.below(20),
                    random.below(20),
                    random.below(99)
                )
            },
            |random| format!("version {}", four(random)),
            |random| format!("v{}", four(random)),
            |random| {
                format!(
                    "{}.{}.{}.{}",
                    random.within(256, 999),
                    random.below(99),
                    random.below(99),
                    random.below(9)
                )
            },
            |_| "127.0.0.1".to_owned(),
            |_| "0.0.0.0".to_owned(),
            |_| "255.255.255.0".to_owned(),
        ],
        spellings: OF_ADDRESSES,
        // The digit of `IPv4` would be a part of it.
        skips: &["glued"],
    },
    Kind {
        detector: "ipv6",
        names: &["ip", "ipAddress", "client_ip", "ipv6"],
        labels: &["IP", "ip address", "IPv6", "client IP"],
        forms: &[
            plain(eight),
            plain(|random| format!("2001:db8::{:x}", random.within(256, 65535))),
            plain(|random| format!("fe80::{}:{}", hex(random, 4), hex(random, 4))),
            plain(|random| format!("fe80::{}:{}%eth0", hex(random, 4), hex(random, 4))),
            plain(|random| format!("::ffff:192.0.2.{}", random.within(1, 254))),
            plain(|random| format!("[{}]:443", marked(&eight(random)))),
            told(|_| "::1".to_owned()),
            told(|_| "fe::ed".to_owned()),
        ],
        near: &[
            |_| "::1".to_owned(),
            |_| "std::vec::Vec".to_owned(),
            |_| "ab::cd".to_owned(),
            |random| {
                format!(
                    "{:02}:{:02}:{:02}",
                    random.below(24),
                    random.below(60),
                    random.below(60)
                )
            },
            |random| {
                format!(
                    "{}:{}:{}",
                    random.below(9),
                    random.below(9),
                    random.below(9)
                )
            },
        ],
        spellings: OF_ADDRESSES,
        // A hexadecimal digit glued to it is a part of it.
        skips: &["glued"],
    },
    Kind {
        detector: "mac",
        names: &["mac", "macAddress", "device_mac", "bssid"],
        labels: &["MAC", "mac address", "BSSID"],
        forms: &[
            plain(|random| pairs(random, 6, ":")),
            plain(|random| pairs(random, 6, "-")),
            plain(|random| pairs(random, 6, ":").to_uppercase()),
            plain(|random| pairs(random, 8, ":")),
            plain(|random| {
                let all = pairs(random, 6, "");
                format!("{}.{}.{}", &all[..4], &all[4..8], &all[8..])
            }),
            told(|random| {
                let pairs: Vec<_> = (0..6).map(|_| random.digits(2)).collect();
                pairs.join("-")
            }),
            told(|_| "00:00:00:00:00:00".to_owned()),
        ],
        near: &[
            |random| pairs(random, 5, ":"),
            |random| pairs(random, 16, ":"),
            |random| pairs(random, 20, ":"),
            |_| "ff:ff:ff:ff:ff:ff".to_owned(),
            |random| {
                let pairs: Vec<_> = (0..6).map(|_| random.digits(2)).collect();
                pairs.join("-")
            },
        ],
        spellings: OF_ADDRESSES,
        skips: &["glued"],
    },
    Kind {
        detector: "url",
        names: &["url", "link", "href", "next"],
        labels: &["link", "URL", "see"],
        forms: &[
            plain(|random| format!("https://portal.example/u?mrn={}", marked(&random.digits(8)))),
            plain(|random| {
                format!(
                    "https://portal.example/users/{}/inbox",
                    marked(random.pick(NAMES))
                )
            }),
            plain(|random| {
                format!(
                    "https://portal.example/patients/{}",
                    marked(&random.digits(7))
                )
            }),
            plain(|random| {
                format!(
                    "https://portal.example/s?lastName={}&page=2",
                    marked(random.pick(NAMES))
                )
            }),
            plain(|random| format!("Patient?family={}&_count=10", marked(random.pick(NAMES)))),
            plain(|random| format!("/api/Patient?birthdate={}", marked(&random.digits(4)))),
        ],
        near: &[
            |_| "http://loinc.org".to_owned(),
            |_| "http://hl7.org/fhir/StructureDefinition/Patient".to_owned(),
            |_| "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race".to_owned(),
            |_| "https://www.example.org/about/team.html".to_owned(),
            |random| {
                format!(
                    "https://shop.example/items?page={}&sort=asc",
                    random.below(99)
                )
            },
            |_| "https://docs.example/guide#install".to_owned(),
            |random| format!("http://snomed.info/sct/{}", random.digits(9)),
            |random| format!("Observation?_count={}&_sort=-date", random.below(99)),
        ],
        spellings: OF_PROGRAMS,
        // In other encodings, `&` and `=` are not what they are here.
        skips: &["glued", "number", "percent", "beside letters"],
    },
];

const NAMES: &[&str] = &["ann", "omarquill", "zoe-mbeki", "quill", "lee"];

fn four(random: &mut Random) -> String {
    let first = random.within(11, 126);
    let rest: Vec<_> = (0..3).map(|_| random.below(256).to_string()).collect();
    format!("{first}.{}", rest.join("."))
}

fn hex(random: &mut Random, count: usize) -> String {
    let mut digits: String = (0..count - 1)
        .map(|_| char::from(b"0123456789abcdef"[random.below(16)]))
        .collect();
    digits.insert(0, char::from(b"123456789abcdef"[random.below(15)]));
    digits
}

fn eight(random: &mut Random) -> String {
    let groups: Vec<_> = (0..7).map(|_| hex(random, 4)).collect();
    format!("2001:{}", groups.join(":"))
}

fn pairs(random: &mut Random, count: usize, separator: &str) -> String {
    let mut pairs: Vec<_> = (0..count).map(|_| hex(random, 2)).collect();
    pairs[1] = format!("{}e", random.below(10));
    pairs.join(separator)
}
