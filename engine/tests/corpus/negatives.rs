//! What is nobody's identifier: codes, times, amounts, versions and what programs write.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::kind::Make;
use crate::random::Random;

/// Something that has to stay, and names of members that have it.
pub(crate) struct Negative {
    pub(crate) what: &'static str,
    pub(crate) names: &'static [&'static str],
    pub(crate) make: Make,
}

const fn of(what: &'static str, names: &'static [&'static str], make: Make) -> Negative {
    Negative { what, names, make }
}

const CODES: &[&str] = &["code", "value", "conceptId"];
const TIMES: &[&str] = &["ts", "createdAt", "updated", "epoch", "exp", "time"];

/// All of it.
pub(crate) const ALL: &[Negative] = &[
    of("SNOMED CT", CODES, |random| with_verhoeff(random, 6, 9)),
    of("SNOMED CT extension", CODES, |random| {
        format!(
            "{}1000{}10{}",
            random.within(1, 99),
            random.digits(3),
            random.below(10)
        )
    }),
    of("LOINC", CODES, |random| {
        format!("{}-{}", random.within(1000, 99999), random.below(10))
    }),
    of("RxNorm", CODES, |random| {
        random.within(1000, 2_500_000).to_string()
    }),
    of("NDC", CODES, |random| {
        format!(
            "{}-{}-{}",
            random.digits(5),
            random.digits(4),
            random.digits(2)
        )
    }),
    of("NDC 4-4-2", CODES, |random| {
        format!(
            "{}-{}-{}",
            random.digits(4),
            random.digits(4),
            random.digits(2)
        )
    }),
    of("NDC in a row", CODES, |random| random.digits(11)),
    of("ICD-10", CODES, |random| {
        format!(
            "{}{}.{}",
            letter(random),
            random.digits(2),
            random.digits(2)
        )
    }),
    of("ICD-10 long", CODES, |random| {
        format!(
            "{}{}.{}A",
            letter(random),
            random.digits(2),
            random.digits(3)
        )
    }),
    of("CPT", CODES, |random| random.digits(5)),
    of("UUID", &["id", "uuid", "fullUrl", "traceId"], Random::uuid),
    of("UUID as a URN", &["id", "fullUrl", "reference"], |random| {
        format!("urn:uuid:{}", random.uuid())
    }),
    of("MD5", &["hash", "etag", "md5"], |random| hex(random, 32)),
    of("SHA-1", &["hash", "commit", "sha"], |random| {
        hex(random, 40)
    }),
    of("SHA-256", &["hash", "digest", "sha256"], |random| {
        format!("sha256:{}", hex(random, 64))
    }),
    of("short hash", &["commit", "rev"], |random| hex(random, 7)),
    of("trace", &["traceparent"], |random| {
        format!("00-{}-{}-01", hex(random, 32), hex(random, 16))
    }),
    of("base64", &["data", "blob", "image"], |random| {
        STANDARD.encode(bytes(random, 90))
    }),
    of("short base64", &["etag", "nonce", "cursor"], |random| {
        STANDARD.encode(bytes(random, 15))
    }),
    of("version", &["version", "release"], |random| {
        format!(
            "{}.{}.{}",
            random.below(20),
            random.below(40),
            random.below(99)
        )
    }),
    of("version of four", &["version", "build"], |random| {
        format!(
            "v{}.{}.{}.{}",
            random.below(20),
            random.below(40),
            random.below(9),
            random.below(999)
        )
    }),
    of("version and build", &["version", "image"], |random| {
        format!(
            "{}.{}.0-rc{}+{}",
            random.below(9),
            random.below(40),
            random.below(9),
            hex(random, 7)
        )
    }),
    of("OID", &["system", "oid", "root"], |random| {
        format!(
            "urn:oid:2.16.840.1.113883.{}.{}",
            random.below(20),
            random.within(1, 9999)
        )
    }),
    of("bare OID", &["system", "oid", "root"], |random| {
        format!(
            "1.2.840.{}.{}.{}",
            random.within(10000, 19999),
            random.below(20),
            random.below(300)
        )
    }),
    of("seconds", TIMES, |random| {
        random.within(1_500_000_000, 1_800_000_000).to_string()
    }),
    of("milliseconds", TIMES, |random| {
        random
            .within(1_500_000_000_000, 1_800_000_000_000)
            .to_string()
    }),
    of("microseconds", TIMES, |random| {
        random
            .within(1_500_000_000_000_000, 1_800_000_000_000_000)
            .to_string()
    }),
    of("nanoseconds", TIMES, |random| {
        format!("17{}", random.digits(17))
    }),
    of("snowflake", &["id", "messageId"], |random| {
        format!("1{}", random.digits(18))
    }),
    of("snowflake of 18", &["id", "messageId"], |random| {
        format!("9{}", random.digits(17))
    }),
    of("order", &["orderId", "ref"], |random| {
        format!("ORD-{}-{}", random.within(1000, 9999), random.digits(6))
    }),
    of("decimal", &["score", "ratio", "value"], |random| {
        format!("0.{}", random.digits(16))
    }),
    of("longer decimal", &["lat", "value"], |random| {
        format!("{}.{}", random.below(99), random.digits(13))
    }),
    of("exponent", &["value"], |random| {
        format!(
            "{}.{}e-{}",
            random.below(10),
            random.digits(8),
            random.below(30)
        )
    }),
    of("money", &["amount", "total", "price"], |random| {
        format!("{}.{}", random.within(1, 99999), random.digits(2))
    }),
    of("money in words", &["amount", "total"], |random| {
        format!(
            "${},{}.{}",
            random.within(1, 999),
            random.digits(3),
            random.digits(2)
        )
    }),
    of("percentage", &["rate"], |random| {
        format!("{}.{}%", random.below(100), random.below(10))
    }),
    of("pressure", &["value"], |random| {
        format!("{}/{} mmHg", random.within(90, 180), random.within(50, 99))
    }),
    of("dose", &["dosage", "display"], |random| {
        format!(
            "Amoxicillin {} MG / Clavulanate {} MG Oral Tablet",
            random.within(100, 900),
            random.within(50, 200)
        )
    }),
    of("product", &["product", "display"], |random| {
        format!(
            "24 HR Metformin hydrochloride {} MG Extended Release",
            random.within(100, 900)
        )
    }),
    of("path", &["path", "file"], |random| {
        format!(
            "/var/lib/app/{}/part-{}.parquet",
            random.digits(4),
            random.digits(5)
        )
    }),
    of("Windows path", &["path", "file"], |random| {
        format!(
            "C:\\Program Files\\App\\{}\\bin\\app{}.dll",
            random.below(20),
            random.digits(3)
        )
    }),
    of("color", &["color", "style"], |random| {
        format!("#{}", hex(random, 6))
    }),
    of("CSS", &["style", "css"], |random| {
        format!(
            "margin:{}px {}px;color:#{};width:calc(100% - {}px)",
            random.below(99),
            random.below(99),
            hex(random, 6),
            random.below(999)
        )
    }),
    of("log line", &["message", "log"], |random| {
        format!(
            "GET /api/v1/items?limit={} 200 {}ms rows={}",
            random.below(99),
            random.below(999),
            random.digits(6)
        )
    }),
    of("code", &["source", "snippet"], |random| {
        format!(
            "for i in 0..{} {{ total += items[i] * {}; }}",
            random.digits(6),
            random.digits(4)
        )
    }),
    of("function", &["source", "snippet"], |random| {
        format!(
            "const x{} = fetchAll({{ retries: {}, timeout: {}000 }});",
            random.below(99),
            random.below(9),
            random.below(99)
        )
    }),
    of("stack", &["stack", "error"], |random| {
        format!(
            "at com.example.app.Handler.run(Handler.java:{})",
            random.digits(3)
        )
    }),
    of("size", &["size", "bytes"], |random| {
        random.within(1_000_000, 9_999_999_999).to_string()
    }),
    of("coordinates", &["position"], |random| {
        format!(
            "{}.{},-{}.{}",
            random.below(90),
            random.digits(6),
            random.below(180),
            random.digits(6)
        )
    }),
    of("ISBN", &["isbn"], |random| {
        format!(
            "978-{}-{}-{}-{}",
            random.below(10),
            random.digits(3),
            random.digits(5),
            random.below(10)
        )
    }),
    of("ratio", &["titer"], |random| {
        format!("1:{}", random.within(10, 1280))
    }),
    of("range", &["range", "reference"], |random| {
        format!(
            "{}-{} mg/dL",
            random.within(50, 99),
            random.within(100, 199)
        )
    }),
    of("clock", &["time"], |random| {
        format!("{:02}:{:02}", random.below(24), random.below(60))
    }),
    of("duration", &["duration"], |random| {
        format!("PT{}H{}M", random.below(24), random.below(60))
    }),
    of("MIME", &["contentType"], |_| {
        "application/fhir+json; charset=utf-8".to_owned()
    }),
    of("package", &["package", "purl"], |random| {
        format!(
            "pkg:npm/left-pad@{}.{}.{}",
            random.below(9),
            random.below(20),
            random.below(20)
        )
    }),
    of("locale", &["locale"], |_| "en-US".to_owned()),
    of("part number", &["sku", "part"], |random| {
        format!(
            "{}{}-{}-{}",
            letter(random),
            random.digits(3),
            random.digits(4),
            letter(random)
        )
    }),
    of("room", &["location"], |random| {
        format!(
            "Room {}, Building {}, Floor {}",
            random.within(100, 999),
            random.below(20),
            random.below(9)
        )
    }),
    of("count", &["count", "total"], |random| {
        random.within(0, 99_999_999).to_string()
    }),
    of("year", &["year"], |random| {
        random.within(1900, 2030).to_string()
    }),
    of("Kubernetes", &["pod", "name"], |random| {
        format!("records-api-{}-{}", hex(random, 9), hex(random, 5))
    }),
    of("ARN", &["arn"], |random| {
        format!("arn:aws:s3:::bucket-{}/key", random.digits(5))
    }),
    of("genome", &["variant"], |random| {
        format!(
            "chr{}:g.{}A>G",
            random.within(1, 22),
            random.within(1_000_000, 200_000_000)
        )
    }),
    of("status", &["message"], |random| {
        format!(
            "The account was updated and the status code is {}",
            random.digits(5)
        )
    }),
    of("review", &["message"], |random| {
        format!(
            "chart review: {} rows in {} groups",
            random.digits(5),
            random.digits(6)
        )
    }),
    of("shipment", &["message"], |random| {
        format!(
            "Her phone is broken; parcel {} was shipped",
            random.digits(7)
        )
    }),
    of("members", &["message"], |random| {
        format!(
            "The group has {} members, the policy {} pages",
            random.digits(6),
            random.digits(5)
        )
    }),
    of("software", &["license"], |random| {
        format!("License: Apache-2.0, build {}", random.digits(6))
    }),
    of("claim", &["message"], |random| {
        format!(
            "The claim total is {}.{} for {} items",
            random.digits(5),
            random.digits(2),
            random.digits(5)
        )
    }),
    of("age of others", &["message"], |random| {
        format!(
            "At the age of {} he scored {}",
            random.within(1, 89),
            random.digits(5)
        )
    }),
    of("account of it", &["message"], |random| {
        format!(
            "On account of {} errors the card was blocked",
            random.digits(5)
        )
    }),
    of("citation", &["citation"], |random| {
        format!(
            "doi:10.{}/s{}-{}-{}",
            random.within(1000, 9999),
            random.digits(5),
            random.digits(3),
            random.digits(4)
        )
    }),
];

fn letter(random: &mut Random) -> char {
    char::from(b'A' + u8::try_from(random.below(26)).unwrap())
}

fn hex(random: &mut Random, count: usize) -> String {
    (0..count)
        .map(|_| char::from(b"0123456789abcdef"[random.below(16)]))
        .collect()
}

fn bytes(random: &mut Random, count: usize) -> Vec<u8> {
    (0..count)
        .map(|_| u8::try_from(random.below(256)).unwrap())
        .collect()
}

/// A concept of SNOMED CT: digits, `00` and the check digit of Verhoeff.
fn with_verhoeff(random: &mut Random, least: usize, most: usize) -> String {
    let length = random.within(least, most);
    let digits = format!("{}{}00", random.within(1, 9), random.digits(length - 4));
    let check = verhoeff(&digits);
    format!("{digits}{check}")
}

fn verhoeff(digits: &str) -> u32 {
    const TURNS: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let multiply = |left: u32, right: u32| match (left / 5, right / 5) {
        (0, 0) => (left + right) % 5,
        (0, _) => 5 + (left + right - 5) % 5,
        (_, 0) => 5 + (left - 5 + 5 - right) % 5,
        (_, _) => (left + 5 - right) % 5,
    };
    let mut sum = 0;
    for (at, digit) in digits.chars().rev().enumerate() {
        let mut value = digit.to_digit(10).unwrap();
        for _ in 0..=at % 8 {
            value = TURNS[value as usize];
        }
        sum = multiply(sum, value);
    }
    (0..10).find(|check| multiply(sum, *check) == 0).unwrap()
}
