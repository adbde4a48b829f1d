//! What each detector finds, as a table: the documentation is made of it, the tests run it.

use super::{
    ACCOUNT, AGE, AUTHORIZATION, CARD, CONNECTION, DATE, DEA, Detector, EIN, EMAIL, FAX,
    HEALTH_PLAN, IBAN, ICCID, IMEI, IPV4, IPV6, ITIN, JWT, KEYED, LICENSE, MAC, MBI, MRN, NPI, PEM,
    PHONE, PREFIXED, ROUTING, SSN, STREET, URL, URL_PASSWORD, VIN, ZIP,
};
use crate::Class;

/// One line of the reference of detectors.
#[derive(Clone, Copy, Debug)]
pub struct DetectorDoc {
    /// Its name in profiles and reports.
    pub name: &'static str,
    /// The class of what it finds.
    pub class: Class,
    /// Words in the name of a member that speak for it, in lower case.
    pub words: &'static [&'static str],
    /// What it finds, and what makes that one.
    pub finds: &'static str,
    /// What it finds only behind a label, or where the name of the member says what it is; empty:
    /// nothing.
    pub needs_label: &'static str,
    /// A text, and what becomes of it.
    pub example: (&'static str, &'static str),
}

impl DetectorDoc {
    const fn new(
        detector: &Detector,
        finds: &'static str,
        needs_label: &'static str,
        example: (&'static str, &'static str),
    ) -> Self {
        Self {
            name: detector.name,
            class: detector.class,
            words: detector.words,
            finds,
            needs_label,
            example,
        }
    }

    /// Every detector. Of two that are equally sure of the same, the first has it.
    ///
    /// ```
    /// use velum_engine::{Class, DetectorDoc};
    /// let secrets = DetectorDoc::ALL.iter().filter(|doc| doc.class == Class::Credential);
    /// assert_eq!(secrets.count(), 7);
    /// ```
    pub const ALL: &[Self] = &[
        Self::new(
            &EMAIL,
            "addresses by RFC 5321 and 6531, quoted and with `%40` too, at a domain or at a network \
             address in brackets; under any top-level domain",
            "",
            ("write to ann@mail.example", "write to [masked:email]"),
        ),
        Self::new(
            &SSN,
            "US social security numbers: 3, 2 and 4 digits with one kind of separator; with dashes \
             whatever the digits, with spaces, dots or slashes where such a number may be issued",
            "nine digits in a row; separators that are not dashes around digits that are never issued",
            ("SSN 000-12-3456", "SSN [masked:ssn]"),
        ),
        Self::new(
            &ITIN,
            "US taxpayer numbers: the same form, from 9, with 50 to 65, 70 to 88, 90 to 92 or 94 to 99 \
             in the middle",
            "nine digits in a row; other digits in the middle",
            ("ITIN: 912903456", "ITIN: [masked:ssn]"),
        ),
        Self::new(
            &EIN,
            "US employer numbers: 2 and 7 digits, or nine in a row",
            "all",
            ("EIN 12-3456789", "EIN [masked:identifier]"),
        ),
        Self::new(
            &ICCID,
            "SIM cards: 19 or 20 digits from 89 with the right check digit (Luhn)",
            "a wrong check digit",
            ("SIM 89014103211118510720", "SIM [masked:device]"),
        ),
        Self::new(
            &CARD,
            "payment cards: digits that a scheme issues, as many as it issues, with the right check \
             digit (Luhn); together or in the groups that stand on cards",
            "digits in a row, but for 16, 19, and 14 and 15 from 3; 12 to 19 digits that are no such number",
            ("paid with 4111 1111 1111 1111", "paid with [masked:card]"),
        ),
        Self::new(
            &IBAN,
            "bank accounts: a country, as many letters and digits as it has, and the right check \
             digits; together or in fours, in either case",
            "wrong check digits",
            ("to GB82 WEST 1234 5698 7654 32", "to [masked:account]"),
        ),
        Self::new(
            &ROUTING,
            "US bank routing numbers: nine digits",
            "all; a label that only stands near wants the right checksum",
            (
                "routing number 021000021",
                "routing number [masked:account]",
            ),
        ),
        Self::new(
            &MBI,
            "Medicare beneficiaries: eleven places with a class each, together or in 4, 3 and 4",
            "",
            ("card 1EG4-TE5-MK73", "card [masked:health-plan]"),
        ),
        Self::new(
            &NPI,
            "US providers: ten digits",
            "all; behind words such as `provider id` with the right check digit, from 1 or 2",
            ("NPI 1234567893", "NPI [masked:license]"),
        ),
        Self::new(
            &DEA,
            "US prescribers: two capital letters, of which the first is a kind of registrant, and \
             seven digits with the right check digit",
            "small letters, a 9 for the second letter, a wrong check digit",
            ("seen by AB1234563", "seen by [masked:license]"),
        ),
        Self::new(
            &VIN,
            "vehicles: seventeen letters and digits of one case without I, O and Q, four digits at \
             the end, not from 0, with the right check digit",
            "any other seventeen letters and digits",
            ("drives 1HGCM82633A004352", "drives [masked:vehicle]"),
        ),
        Self::new(
            &IMEI,
            "mobile devices: fifteen digits with the right check digit (Luhn), from 01, 35, 86 or 99, \
             or in 2, 6, 6 and 1",
            "other beginnings; a wrong check digit",
            ("IMEI 490154203237518", "IMEI [masked:device]"),
        ),
        Self::new(
            &FAX,
            "telephone numbers of fax machines",
            "all",
            ("fax 202-555-0173", "fax [masked:fax]"),
        ),
        Self::new(
            &PHONE,
            "telephone numbers: North American ones in groups or behind `+1`, where area code and \
             exchange may be assigned; behind `+` and a country code as many digits as that country \
             has; with their extension",
            "ten digits in a row; seven digits; numbers of other countries without `+`",
            ("call (202) 555-0173", "call [masked:phone]"),
        ),
        Self::new(
            &IPV4,
            "four numbers up to 255, no part of more numbers with dots; not `0.0.0.0`, loopback \
             addresses and net masks",
            "those; numbers over 255 and with a leading zero; behind words such as `version`",
            ("from 192.0.2.7:443", "from [masked:ip]:443"),
        ),
        Self::new(
            &IPV6,
            "addresses by RFC 4291 with their zone; not `::` and `::1`",
            "short ones in which there is no digit or no group of three",
            ("from 2001:db8::7", "from [masked:ip]"),
        ),
        Self::new(
            &MAC,
            "hardware addresses of 6 or 8 bytes: pairs with `:` or `-`, or fours with dots",
            "all zeros, all ones; with `-` or dots, digits alone",
            ("lease for 00:00:5e:00:53:af", "lease for [masked:ip]"),
        ),
        Self::new(
            &DATE,
            "days of the calendar from 1800 to 2100, with the time behind them: ISO 8601, `M/D/Y` and \
             `D.M.Y`, days and months by name; months of a year",
            "`YYYYMMDD` and time stamps of HL7 v2 outside of fields; years of two digits, but with \
             slashes; days that the calendar does not have",
            ("seen on March 14, 2024", "seen on [masked:date]"),
        ),
        Self::new(
            &AGE,
            "ages over 89: years that are said to be an age, or behind `age`",
            "a number without a unit",
            ("a 94-year-old woman", "a [masked:age] woman"),
        ),
        Self::new(
            &ZIP,
            "US ZIP codes behind a state, with the city before it",
            "a code that stands alone",
            ("in Boston, MA 02115", "in [masked:address]"),
        ),
        Self::new(
            &STREET,
            "a number, a name in capital letters and a kind of street, with unit and direction; post \
             office boxes; German, Dutch, French, Spanish, Portuguese and Italian streets",
            "",
            ("at 12 Main St, Apt 4", "at [masked:address]"),
        ),
        Self::new(
            &URL,
            "in web addresses and references with a query: who is logged in, values that identify or \
             whose parameter does, parts of the path that do; not in addresses of vocabularies",
            "",
            (
                "https://a.example/users/ann?mrn=12345",
                "https://a.example/users/[masked:url]?mrn=[masked:url]",
            ),
        ),
        Self::new(
            &MRN,
            "medical record numbers: 5 to 12 letters and digits with a digit among them",
            "all",
            ("MRN: A123456", "MRN: [masked:mrn]"),
        ),
        Self::new(
            &HEALTH_PLAN,
            "numbers of members, subscribers, policies, groups and claims: 5 to 20 letters and digits",
            "all",
            ("Member ID XYZ123456789", "Member ID [masked:health-plan]"),
        ),
        Self::new(
            &ACCOUNT,
            "account numbers: 5 to 20 letters and digits",
            "all",
            ("account no. 00123456", "account no. [masked:account]"),
        ),
        Self::new(
            &LICENSE,
            "numbers of licences and certificates: 5 to 20 letters and digits",
            "all",
            (
                "driver's license S1234567",
                "driver's license [masked:license]",
            ),
        ),
        Self::new(
            &PREFIXED,
            "tokens that say whose they are by their prefix and length: cloud, code hosting, chat, \
             payment and AI services",
            "tokens of Telegram bots",
            (
                "export hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567",
                "export [masked:credential]",
            ),
        ),
        Self::new(
            &JWT,
            "JSON Web Tokens, signed, encrypted or unsecured, once more in base64 too: the header \
             decides",
            "",
            (
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
                "[masked:credential]",
            ),
        ),
        Self::new(
            &PEM,
            "private keys from the line that begins one to the line that ends it, or to the end of \
             the text",
            "",
            (
                "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
                "[masked:credential]\n",
            ),
        ),
        Self::new(
            &URL_PASSWORD,
            "user and password in web addresses and data source names",
            "",
            (
                "postgres://app:hunter2@db.example/x",
                "postgres://[masked:credential]@db.example/x",
            ),
        ),
        Self::new(
            &CONNECTION,
            "what stands behind the name of a secret and `=` in connection strings and queries",
            "all",
            (
                "Server=db;Password=opensesame;",
                "Server=db;Password=[masked:credential];",
            ),
        ),
        Self::new(
            &AUTHORIZATION,
            "what stands behind `Bearer`, `Basic`, `Token` and `ApiKey` and looks like a credential",
            "what does not look like one: behind the name of the header",
            (
                "Authorization: Bearer abc.def-123",
                "Authorization: Bearer [masked:credential]",
            ),
        ),
        Self::new(
            &KEYED,
            "passwords, keys and tokens that look random enough",
            "all",
            ("password: hunter2", "password: [masked:credential]"),
        ),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::ALL;
    use crate::{Ruleset, mask_text};

    #[test]
    fn every_detector_has_its_line_and_the_examples_are_true() {
        let rules = Ruleset::builder().build().unwrap();
        let named = |doc: &DetectorDoc| (doc.name, doc.class);
        let documented: Vec<_> = DetectorDoc::ALL.iter().map(named).collect();
        let known: Vec<_> = ALL.iter().map(|one| (one.name, one.class)).collect();
        assert_eq!(documented, known);
        for doc in DetectorDoc::ALL {
            let (text, masked) = doc.example;
            assert_eq!(mask_text(&rules, text), masked, "{}", doc.name);
            assert!(masked.contains(doc.class.name()), "{}", doc.name);
        }
    }
}
