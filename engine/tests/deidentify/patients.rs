//! Patients that never lived, of many languages. Numbers are of kinds that are never given out: 9xx
//! social security numbers, 555-01xx telephones, domains under `example`.

use crate::encode::{base64, escapes, percent};
use crate::random::Random;

/// Family names and given names that go together. No word of clinical English is among them.
const PEOPLE: &[(&[&str], &[&str])] = &[
    (
        &[
            "Núñez",
            "García-López",
            "Peña Quiñones",
            "Ordóñez",
            "de la Cruz Ibáñez",
        ],
        &["María José", "Adán", "Iñigo", "Begoña", "Ximena"],
    ),
    (
        &[
            "O'Neil",
            "O’Sullivan",
            "MacDonagh",
            "Fitzgerald-Whyte",
            "Smith-Jones",
        ],
        &["Siobhán", "D'Arcy", "Geoffrey", "Anne-Marie", "Caoimhe"],
    ),
    (
        &["Müller", "Groß", "von der Ahé", "Lüdenscheidt", "Weißmann"],
        &["Jörg", "Käthe", "Hans-Jürgen", "Sören", "Lieselotte"],
    ),
    (
        &["Żółkiewski", "Wałęsa", "Święcicka", "Ćwikła"],
        &["Łukasz", "Małgorzata", "Zdzisław", "Bożena"],
    ),
    (
        &["Nguyễn", "Trần", "Đặng", "Phạm"],
        &["Thị Ngọc", "Đức", "Văn Hùng", "Ánh"],
    ),
    (&["王", "欧阳", "李"], &["小明", "秀英", "建国"]),
    (&["佐藤", "タナカ", "すずき"], &["花子", "ハナコ", "さくら"]),
    (&["김", "박", "남궁"], &["민준", "서연", "지우"]),
    (&["العمري", "الحسيني"], &["محمد", "فاطمة"]),
    (&["Королёв", "Щербакова"], &["Пётр", "Анастасия"]),
    (&["Παπαδόπουλος", "Καζαντζάκη"], &["Γιώργος", "Ελένη"]),
    (
        &["Þórsdóttir", "Sæbjörnsson", "Ødegård"],
        &["Ragnheiður", "Åse", "Bjørn"],
    ),
    (&["Lê", "Wu", "Ng", "Õ"], &["Bo", "Ai", "Xu"]),
    (
        &["Krishnamurthy", "Venkataraghavan"],
        &["Lakshmi", "Subramanian"],
    ),
    (&["Çelik", "Yıldırım"], &["Gülşen", "İbrahim"]),
    (&["Oduya-Okonkwo", "Nwachukwu"], &["Chukwuemeka", "Ngozi"]),
    (&["N'Diaye", "Ba"], &["Aïssatou", "Ousmane"]),
];

const STREETS: &[&str] = &[
    "Quillberry Lane",
    "Rue de l'Évêché",
    "Straße des Friedens",
    "Calle Ñandú",
    "Corwin Ferry",
    "Thornapple Ct",
    "Ulica Świętojańska",
    "Old Mill Crossing",
];

const CITIES: &[&str] = &[
    "Quincyville",
    "São Leopoldo",
    "Zürichberg",
    "Saint-Étienne",
    "Kraków",
    "North Readington",
    "L'Anse-aux-Foulons",
    "Bad Öynhausen",
    "Winchendonbury",
];

const DISTRICTS: &[&str] = &["Okaloosaville County", "Worcestrian County", "Łódźkie"];

const PREFIXES: &[&str] = &["Mr.", "Mrs.", "Dr.", "Sra.", "Frau", "Rev."];
const SUFFIXES: &[&str] = &["Jr.", "III", "PhD", "MD"];

/// Somebody's name.
#[derive(Clone)]
pub(crate) struct Name {
    pub(crate) family: String,
    pub(crate) given: String,
}

/// Somebody's address.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) lines: Vec<String>,
    pub(crate) city: String,
    pub(crate) district: String,
    pub(crate) postal_code: String,
    pub(crate) latitude: String,
    pub(crate) longitude: String,
}

/// What there is to know about an invented patient.
pub(crate) struct Patient {
    pub(crate) id: String,
    pub(crate) name: Name,
    pub(crate) maiden: Name,
    pub(crate) nickname: String,
    pub(crate) prefix: String,
    pub(crate) suffix: String,
    pub(crate) mother: String,
    pub(crate) relative: Name,
    pub(crate) birth: (usize, usize, usize),
    pub(crate) death: Option<String>,
    pub(crate) address: Address,
    pub(crate) birth_place: String,
    pub(crate) ssn: String,
    pub(crate) mrn: String,
    pub(crate) license: String,
    pub(crate) passport: String,
    pub(crate) medicare: String,
    pub(crate) member: String,
    pub(crate) device_serial: String,
    pub(crate) phones: Vec<String>,
    pub(crate) email: String,
    pub(crate) web: String,
    pub(crate) photo: String,
}

impl Patient {
    pub(crate) fn new(random: &mut Random) -> Self {
        let name = name(random);
        let maiden = Name {
            family: self::name(random).family,
            given: name.given.clone(),
        };
        let relative = Name {
            family: name.family.clone(),
            given: self::name(random).given,
        };
        let birth = (
            random.within(1925, 2022),
            random.within(1, 12),
            random.within(1, 28),
        );
        let death = random.chance(25).then(|| {
            format!(
                "2023-{:02}-{:02}T04:05:06Z",
                random.within(1, 12),
                random.within(1, 28)
            )
        });
        let phones = (0..random.within(1, 4)).map(|_| phone(random)).collect();
        let handle = format!("q{}", random.digits(5));
        let email = match random.below(3) {
            0 => format!("{handle}.patient@mail.example.org"),
            1 => format!("{handle}+health@example.com"),
            _ => format!("{}@example.net", handle.to_uppercase()),
        };
        let photo: Vec<u8> = (0..96)
            .map(|_| u8::try_from(random.below(256)).unwrap())
            .collect();
        Self {
            id: if random.chance(50) {
                random.uuid()
            } else {
                format!("p{}", random.digits(6))
            },
            nickname: format!(
                "{}chen",
                self::name(random).given.split(' ').next().unwrap()
            ),
            prefix: random.pick(PREFIXES).to_owned(),
            suffix: random.pick(SUFFIXES).to_owned(),
            mother: full(&self::name(random), random),
            relative,
            birth,
            death,
            address: address(random),
            birth_place: random.pick(CITIES).to_owned(),
            ssn: format!(
                "9{}-{}-{}",
                random.digits(2),
                random.digits(2),
                random.digits(4)
            ),
            mrn: if random.chance(50) {
                random.digits(8)
            } else {
                format!("MRN-{}-Q{}", random.digits(4), random.digits(3))
            },
            license: format!("S{}", random.digits(8)),
            passport: format!("X{}X", random.digits(8)),
            medicare: format!("1EG4-TE{}-MK{}", random.within(1, 9), random.within(10, 99)),
            member: format!("W{}-01", random.digits(9)),
            device_serial: format!("SN{}", random.digits(10)),
            phones,
            email,
            web: format!("https://people.example.org/~{handle}/"),
            photo: base64(&photo),
            name,
            maiden,
        }
    }

    pub(crate) fn birth_date(&self) -> String {
        let (year, month, day) = self.birth;
        format!("{year}-{month:02}-{day:02}")
    }

    /// The name as people write it in a text.
    pub(crate) fn mention(&self, random: &mut Random) -> String {
        let Name { family, given } = &self.name;
        match random.below(9) {
            0 => format!("{given} {family}"),
            1 => format!("{family}, {given}"),
            2 => format!("{} {family}", self.prefix),
            3 => family.to_uppercase(),
            4 => format!("{given}'s"),
            5 => format!("{} {}", given.to_uppercase(), family.to_uppercase()),
            6 => plain(&format!("{given} {family}")),
            7 => format!("{} ({given}) {family}", self.nickname),
            _ => format!("{} {family} {}", self.prefix, self.suffix),
        }
    }

    /// A sentence that says who the patient is, in one of many ways.
    pub(crate) fn sentence(&self, random: &mut Random) -> String {
        let name = self.mention(random);
        let (year, month, day) = self.birth;
        match random.below(14) {
            0 => format!("{name} reports pain since Monday."),
            1 => format!("Pt {name} DOB {month:02}/{day:02}/{year}, seen today."),
            2 => format!("{name} (SSN {}) asked for a copy.", self.ssn),
            3 => format!("Call {name} at {}.", self.phones[0]),
            4 => format!(
                "Lives at {}, {} {}.",
                self.address.lines[0], self.address.city, self.address.postal_code
            ),
            5 => format!("MRN: {}; patient: {name}", self.mrn),
            6 => format!("mail {} to {}", name, self.email),
            7 => format!(
                "Daughter {} {} is present.",
                self.relative.given, self.relative.family
            ),
            8 => format!(
                "born {}, formerly {}",
                self.birth_date(),
                self.maiden.family
            ),
            9 => format!("Member {} / {}", self.member, self.medicare),
            10 => format!(
                "https://portal.example.com/chart?name={}&mrn={}",
                percent(&name),
                percent(&self.mrn)
            ),
            11 => format!("home {},{}", self.address.latitude, self.address.longitude),
            12 => format!("{{\"patient\":\"{}\"}}", escapes(&name, '\u{80}')),
            _ => format!("{name} tolerated the procedure well. Discussed with {name}."),
        }
    }
}

pub(crate) fn name(random: &mut Random) -> Name {
    let (families, givens) = PEOPLE[random.below(PEOPLE.len())];
    Name {
        family: random.pick(families).to_owned(),
        given: random.pick(givens).to_owned(),
    }
}

fn full(name: &Name, random: &mut Random) -> String {
    if random.chance(50) {
        name.family.clone()
    } else {
        format!("{} {}", name.given, name.family)
    }
}

pub(crate) fn address(random: &mut Random) -> Address {
    let mut lines = vec![format!(
        "{} {}",
        random.within(3, 9999),
        random.pick(STREETS)
    )];
    if random.chance(30) {
        lines.push(format!("Apt {}-{}", random.within(1, 40), random.digits(3)));
    }
    let postal_code = match random.below(4) {
        0 => format!("0{}-{}", random.digits(4), random.digits(4)),
        1 => format!("K{}A 0B{}", random.below(10), random.below(10)),
        _ => random.digits(5),
    };
    Address {
        lines,
        city: random.pick(CITIES).to_owned(),
        district: random.pick(DISTRICTS).to_owned(),
        postal_code,
        latitude: format!("{}.{}7", random.within(25, 48), random.digits(5)),
        longitude: format!("-{}.{}3", random.within(68, 120), random.digits(5)),
    }
}

pub(crate) fn phone(random: &mut Random) -> String {
    let area = random.within(201, 989);
    let last = format!("01{}", random.digits(2));
    match random.below(8) {
        0 => format!("({area}) 555-{last}"),
        1 => format!("{area}-555-{last}"),
        2 => format!("+1 {area} 555 {last}"),
        3 => format!("+1-{area}-555-{last} x{}", random.digits(3)),
        4 => format!("{area}.555.{last}"),
        5 => format!("{area}555{last}"),
        6 => format!("tel:+1{area}555{last}"),
        _ => format!("+49 30 {} {}", random.digits(4), random.digits(4)),
    }
}

/// Without accents, as a system that knows only ASCII writes it.
fn plain(text: &str) -> String {
    crate::search::fold(text)
}
