//! HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i), letter by letter: examples of each, by key and in
//! prose, and what the regulation lets stay. The table of `docs/profiles.md` is made of this and of
//! the sources of the profiles' rules.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::support::{document_part, masked, profile};
use velum_engine::{Class, Ids, Keyring, Options, Profile, ProfileDocument, Ruleset};

/// A letter, and what becomes of bodies with its identifiers.
struct Letter {
    sign: char,
    /// What the regulation names there, in short.
    what: &'static str,
    test: &'static str,
    cases: &'static [(&'static str, &'static str)],
}

/// The letters as data, and a test for each.
macro_rules! letters {
    ($($letter:literal $test:ident $what:literal [$($case:expr),+ $(,)?])+) => {
        const LETTERS: &[Letter] = &[$(Letter {
            sign: $letter,
            what: $what,
            test: stringify!($test),
            cases: &[$($case),+],
        }),+];

        $(#[test]
        fn $test() {
            check(stringify!($test));
        })+
    };
}

fn check(test: &str) {
    let rules = profile(Profile::HipaaSafeHarbor);
    let letter = LETTERS.iter().find(|letter| letter.test == test).unwrap();
    for (body, expected) in letter.cases {
        assert_eq!(
            masked(&rules, Options::default(), body),
            *expected,
            "{test}"
        );
        assert_eq!(
            masked(&rules, Options::default(), expected),
            *expected,
            "{test}, again"
        );
    }
}

letters! {
    'A' letter_a_names "Names" [
        (r#"{"firstName":"Ada","last_name":"Byron","MiddleInitial":"K","patient":{"name":"Ada Byron"}}"#,
         r#"{"firstName":"[masked:name]","last_name":"[masked:name]","MiddleInitial":"[masked:name]","patient":{"name":"[masked:name]"}}"#),
        (r#"{"subscriberName":"A","guarantor_name":"B","nextOfKin":"C","employerName":"D","mothersMaidenName":"E","surname":"F"}"#,
         r#"{"subscriberName":"[masked:name]","guarantor_name":"[masked:name]","nextOfKin":"[masked:name]","employerName":"[masked:name]","mothersMaidenName":"[masked:name]","surname":"[masked:name]"}"#),
        (r#"{"PID":{"PID.5":{"PID.5.1":"Byron","PID.5.2":"Ada"}},"NM103":"BYRON","NM104":"ADA"}"#,
         r#"{"PID":{"PID.5":{"PID.5.1":"[masked:name]","PID.5.2":"[masked:name]"}},"NM103":"[masked:name]","NM104":"[masked:name]"}"#),
        // A name that a field holds is found in prose.
        (r#"{"firstName":"Ada","lastName":"Byron","note":"Ms. Byron was seen."}"#,
         r#"{"firstName":"[masked:name]","lastName":"[masked:name]","note":"Ms. [masked:name] was seen."}"#),
    ]
    'B' letter_b_geography "Geography smaller than a state" [
        (r#"{"street":"12 Elm","city":"Boston","county":"Suffolk","precinct":"4","state":"MA","country":"US"}"#,
         r#"{"street":"[masked:address]","city":"[masked:address]","county":"[masked:address]","precinct":"[masked:address]","state":"MA","country":"US"}"#),
        (r#"{"address":{"line1":"12 Elm","city":"Boston","state":"MA","zip":"02139-1234","country":"US"},"homeAddress":"12 Elm"}"#,
         r#"{"address":{"line1":"[masked:address]","city":"[masked:address]","state":"MA","zip":"021","country":"US"},"homeAddress":"[masked:address]"}"#),
        // Three digits stay where more than 20,000 people share them.
        (r#"{"zip":"02139","zipCode":2139,"postal_code":"03601","patientZip":"10001-0001","N403":"60601"}"#,
         r#"{"zip":"021","zipCode":"021","postal_code":"000","patientZip":"100","N403":"606"}"#),
        (r#"{"latitude":42.36,"lng":-71.06,"N301":"12 ELM","PID.11":"12 Elm^^Boston","birthPlace":"Boston"}"#,
         r#"{"latitude":"[masked:address]","lng":"[masked:address]","N301":"[masked:address]","PID.11":"[masked:address]","birthPlace":"[masked:address]"}"#),
        (r#"{"note":"Lives at 12 Elm Street, Boston, MA 02115."}"#,
         r#"{"note":"Lives at [masked:address], [masked:address]."}"#),
    ]
    'C' letter_c_dates_and_ages "Dates but for the year; ages over 89" [
        (r#"{"dob":"1980-02-03","admissionDate":"2024-01-05","dischargedAt":"2024-01-09T08:00:00Z","dateOfDeath":"2024-02-01"}"#,
         r#"{"dob":"1980","admissionDate":"2024","dischargedAt":"2024","dateOfDeath":"2024"}"#),
        (r#"{"PID.7":"19800203","OBR.7":"20240105101500","DMG02":"19800203","birthTime":{"value":"19800203"},"serviceDate":"01/05/2024"}"#,
         r#"{"PID.7":"1980","OBR.7":"2024","DMG02":"1980","birthTime":{"value":"1980"},"serviceDate":"2024"}"#),
        // A year, and an age of 89 and less, stay.
        (r#"{"age":89,"patientAge":"52","ageAtDiagnosis":90,"ageInYears":94,"birthYear":1980,"year":"2024"}"#,
         r#"{"age":89,"patientAge":"52","ageAtDiagnosis":"90+","ageInYears":"90+","birthYear":1980,"year":"2024"}"#),
        (r#"{"note":"Seen on March 14, 2024, aged 94; in 2023 aged 52 he was well."}"#,
         r#"{"note":"Seen on [masked:date], aged [masked:age]; in 2023 aged 52 he was well."}"#),
    ]
    'D' letter_d_telephone_numbers "Telephone numbers" [
        (r#"{"phone":"617-555-0123","homePhone":6175550123,"mobile":"x","contact_number":"y","PID.13":"z","PER04":"6175550123"}"#,
         r#"{"phone":"[masked:phone]","homePhone":"[masked:phone]","mobile":"[masked:phone]","contact_number":"[masked:phone]","PID.13":"[masked:phone]","PER04":"[masked:phone]"}"#),
        (r#"{"note":"Call (617) 555-0123 or +44 20 7946 0018."}"#,
         r#"{"note":"Call [masked:phone] or [masked:phone]."}"#),
    ]
    'E' letter_e_fax_numbers "Fax numbers" [
        (r#"{"fax":"617-555-0124","faxNumber":1,"clinic_fax_no":"x","facsimile":"y"}"#,
         r#"{"fax":"[masked:fax]","faxNumber":"[masked:fax]","clinic_fax_no":"[masked:fax]","facsimile":"[masked:fax]"}"#),
        (r#"{"note":"Fax 617-555-0124."}"#, r#"{"note":"Fax [masked:fax]."}"#),
    ]
    'F' letter_f_email_addresses "Electronic mail addresses" [
        (r#"{"email":"x","patientEmail":"ada at example","e-mail":"y","contactEmailAddress":"z"}"#,
         r#"{"email":"[masked:email]","patientEmail":"[masked:email]","e-mail":"[masked:email]","contactEmailAddress":"[masked:email]"}"#),
        (r#"{"note":"Write to ada@mail.example."}"#, r#"{"note":"Write to [masked:email]."}"#),
    ]
    'G' letter_g_social_security_numbers "Social security numbers" [
        (r#"{"ssn":"x","patientSSN":123456789,"ssnLast4":"6789","socialSecurityNumber":"y","tax_id":"z","PID.19":"w"}"#,
         r#"{"ssn":"[masked:ssn]","patientSSN":"[masked:ssn]","ssnLast4":"[masked:ssn]","socialSecurityNumber":"[masked:ssn]","tax_id":"[masked:ssn]","PID.19":"[masked:ssn]"}"#),
        (r#"{"note":"SSN 123-45-6789 on file."}"#, r#"{"note":"SSN [masked:ssn] on file."}"#),
    ]
    'H' letter_h_medical_record_numbers "Medical record numbers" [
        (r#"{"mrn":1,"medicalRecordNumber":"x","PAT_MRN_ID":"y","patientId":"z","PID.3":"w","chart_number":"v"}"#,
         r#"{"mrn":"[masked:mrn]","medicalRecordNumber":"[masked:mrn]","PAT_MRN_ID":"[masked:mrn]","patientId":"[masked:mrn]","PID.3":"[masked:mrn]","chart_number":"[masked:mrn]"}"#),
        (r#"{"note":"MRN 12345678 was merged."}"#, r#"{"note":"MRN [masked:mrn] was merged."}"#),
    ]
    'I' letter_i_health_plan_numbers "Health plan beneficiary numbers" [
        (r#"{"memberId":"x","subscriber_id":"y","policyNumber":"z","groupNumber":1,"medicareNumber":"w","mbi":"v","IN1.36":"u"}"#,
         r#"{"memberId":"[masked:health-plan]","subscriber_id":"[masked:health-plan]","policyNumber":"[masked:health-plan]","groupNumber":"[masked:health-plan]","medicareNumber":"[masked:health-plan]","mbi":"[masked:health-plan]","IN1.36":"[masked:health-plan]"}"#),
        (r#"{"note":"Member id W123456789, MBI 1EG4-TE5-MK73."}"#,
         r#"{"note":"Member id [masked:health-plan], MBI [masked:health-plan]."}"#),
    ]
    'J' letter_j_account_numbers "Account numbers" [
        (r#"{"accountNumber":"x","patientControlNumber":"y","claimNumber":1,"iban":"z","visitNumber":"w","PID.18":"v","CLM01":"u"}"#,
         r#"{"accountNumber":"[masked:account]","patientControlNumber":"[masked:account]","claimNumber":"[masked:account]","iban":"[masked:account]","visitNumber":"[masked:account]","PID.18":"[masked:account]","CLM01":"[masked:account]"}"#),
        (r#"{"cardNumber":"x","cvv":1,"note":"Card 4111 1111 1111 1111, account no 12345678."}"#,
         r#"{"cardNumber":"[masked:card]","cvv":"[masked:card]","note":"Card [masked:card], account no [masked:account]."}"#),
    ]
    'K' letter_k_certificate_and_license_numbers "Certificate and license numbers" [
        (r#"{"licenseNumber":"x","driversLicense":"y","certificate_no":"z","npi":1,"deaNumber":"w","PID.20":"v"}"#,
         r#"{"licenseNumber":"[masked:license]","driversLicense":"[masked:license]","certificate_no":"[masked:license]","npi":"[masked:license]","deaNumber":"[masked:license]","PID.20":"[masked:license]"}"#),
        (r#"{"note":"DEA AB1234563, license no D1234567."}"#,
         r#"{"note":"DEA [masked:license], license no [masked:license]."}"#),
    ]
    'L' letter_l_vehicle_identifiers "Vehicle identifiers, serial numbers and plates" [
        (r#"{"vin":"x","licensePlate":"y","plateNumber":"z","vehicleIdentificationNumber":"w"}"#,
         r#"{"vin":"[masked:vehicle]","licensePlate":"[masked:vehicle]","plateNumber":"[masked:vehicle]","vehicleIdentificationNumber":"[masked:vehicle]"}"#),
        (r#"{"note":"The car, 1HGCM82633A004352, was found."}"#,
         r#"{"note":"The car, [masked:vehicle], was found."}"#),
    ]
    'M' letter_m_device_identifiers "Device identifiers and serial numbers" [
        (r#"{"deviceId":"x","serialNumber":1,"implantSerial":"y","udi":"z","imei":"w"}"#,
         r#"{"deviceId":"[masked:device]","serialNumber":"[masked:device]","implantSerial":"[masked:device]","udi":"[masked:device]","imei":"[masked:device]"}"#),
        (r#"{"note":"Phone with IMEI 490154203237518."}"#,
         r#"{"note":"Phone with IMEI [masked:device]."}"#),
    ]
    'N' letter_n_urls "Web addresses (URLs)" [
        (r#"{"website":"x","profileUrl":"y","homepage":"z","linkedin":"w"}"#,
         r#"{"website":"[masked:url]","profileUrl":"[masked:url]","homepage":"[masked:url]","linkedin":"[masked:url]"}"#),
        (r#"{"note":"See https://portal.example/people/ada-byron?mrn=12345678 there."}"#,
         r#"{"note":"See https://portal.example/people/[masked:url]?mrn=[masked:url] there."}"#),
    ]
    'O' letter_o_ip_addresses "IP addresses" [
        (r#"{"ip":"x","clientIp":"y","ip_address":"z","remoteAddr":"w","xForwardedFor":"v"}"#,
         r#"{"ip":"[masked:ip]","clientIp":"[masked:ip]","ip_address":"[masked:ip]","remoteAddr":"[masked:ip]","xForwardedFor":"[masked:ip]"}"#),
        (r#"{"note":"Logged in from 203.0.113.7 and 2001:db8::7."}"#,
         r#"{"note":"Logged in from [masked:ip] and [masked:ip]."}"#),
    ]
    'P' letter_p_biometric_identifiers "Biometric identifiers, finger and voice prints" [
        (r#"{"fingerprint":"x","voicePrint":"y","irisScan":"z","faceTemplate":[0.1,0.2],"biometricData":{"a":1}}"#,
         r#"{"fingerprint":"[masked:biometric]","voicePrint":"[masked:biometric]","irisScan":"[masked:biometric]","faceTemplate":["[masked:biometric]","[masked:biometric]"],"biometricData":{"a":"[masked:biometric]"}}"#),
    ]
    'Q' letter_q_photographs "Full-face photographs and comparable images" [
        (r#"{"photo":"x","patientPhoto":"y","profilePicture":"z","facialImage":"w","avatar":"v"}"#,
         r#"{"photo":"[masked:photo]","patientPhoto":"[masked:photo]","profilePicture":"[masked:photo]","facialImage":"[masked:photo]","avatar":"[masked:photo]"}"#),
    ]
    'R' letter_r_other_identifiers "Any other unique identifying number, characteristic or code" [
        (r#"{"passportNumber":"x","employeeId":1,"username":"ada","accessionNumber":"y","placer_order_number":"z","studyInstanceUid":"1.2.3","REF02":"w"}"#,
         r#"{"passportNumber":"[masked:identifier]","employeeId":"[masked:identifier]","username":"[masked:identifier]","accessionNumber":"[masked:identifier]","placer_order_number":"[masked:identifier]","studyInstanceUid":"[masked:identifier]","REF02":"[masked:identifier]"}"#),
        (r#"{"note":"EIN 12-3456789 of the firm."}"#,
         r#"{"note":"EIN [masked:identifier] of the firm."}"#),
        // Ids of the data set itself stay, unless the policy says otherwise: below.
        (r#"{"id":"8f2c","code":"E11.9","status":"final"}"#,
         r#"{"id":"8f2c","code":"E11.9","status":"final"}"#),
    ]
}

/// With `ids: pseudonym` the ids of the data set itself are replaced too; more of it is in `ids`.
#[test]
fn letter_r_ids() {
    let builder = Ruleset::builder().profile(Profile::HipaaSafeHarbor);
    let rules = Arc::new(builder.ids(Ids::Pseudonym).build().unwrap());
    let options = Options {
        keys: Keyring::new([("k".to_owned(), vec![1; 32])]).unwrap(),
        ..Options::default()
    };
    let body = r#"{"id":"8f2c","order_id":7,"code":"E11.9","status":"final"}"#;
    let out = masked(&rules, options.clone(), body);
    let (start, end) = (r#"{"id":""#, r#"","code":"E11.9","status":"final"}"#);
    assert!(out.starts_with(start) && out.ends_with(end), "{out}");
    assert!(!out.contains("8f2c") && !out.contains(":7"), "{out}");
    assert_eq!(masked(&rules, options, &out), out, "again");
}

/// The letters of the regulation that a source names.
fn letters_of(source: &str) -> Vec<char> {
    let Some((_, behind)) = source.split_once("45 CFR 164.514(b)(2)(i)") else {
        return Vec::new();
    };
    let end = behind.find(';').unwrap_or(behind.len());
    let letters = behind[..end].split('(').skip(1);
    letters
        .filter_map(|part| part.strip_suffix(", ").unwrap_or(part).strip_suffix(')'))
        .map(|letter| letter.chars().next().unwrap())
        .collect()
}

/// The rules of a profile that are there for a letter.
fn rules_for(document: &ProfileDocument, letter: char) -> Vec<(String, Class)> {
    let rules = document
        .rules()
        .filter(|rule| letters_of(rule.source().unwrap_or_default()).contains(&letter));
    rules
        .map(|rule| {
            let keys = match rule.keys().len() {
                0 => String::new(),
                keys => format!(", {keys} keys"),
            };
            let when = if rule.is_about_ids() {
                ", with `ids: pseudonym`"
            } else {
                ""
            };
            let what = format!("`{}`{keys}{when}", rule.name());
            (what, rule.class())
        })
        .collect()
}

#[test]
fn every_letter_has_rules_and_tests() {
    let letters: Vec<char> = LETTERS.iter().map(|letter| letter.sign).collect();
    assert_eq!(letters, ('A'..='R').collect::<Vec<_>>());
    let document = Profile::HipaaSafeHarbor.document();
    for letter in letters {
        assert!(!rules_for(&document, letter).is_empty(), "{letter}");
    }
    for rule in document.rules() {
        let letters = letters_of(rule.source().unwrap_or_default());
        assert_eq!(letters.len(), 1, "{}", rule.name());
    }
}

/// Every class that Safe Harbor's rules have is tested under its letter.
#[test]
fn every_rule_acts_in_the_test_of_its_letter() {
    for letter in LETTERS {
        let written: String = letter.cases.iter().map(|(_, expected)| *expected).collect();
        for (name, class) in rules_for(&Profile::HipaaSafeHarbor.document(), letter.sign) {
            let placeholder = format!("[masked:{class}]");
            let is_coarser = matches!(class, Class::Date | Class::Age);
            assert!(is_coarser || written.contains(&placeholder), "{name}");
        }
    }
}

#[test]
fn the_document_has_every_letter() {
    let (own, fhir) = (
        Profile::HipaaSafeHarbor.document(),
        Profile::FhirR4.document(),
    );
    let mut table = String::from(
        "| | the regulation names | `hipaa-safe-harbor` | detectors | `fhir-r4` | test |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for letter in LETTERS {
        let rules = rules_for(&own, letter.sign);
        let classes: BTreeSet<Class> = rules.iter().map(|(_, class)| *class).collect();
        let detectors = own.detectors().filter(|(_, class)| classes.contains(class));
        let detectors: Vec<_> = detectors.map(|(name, _)| format!("`{name}`")).collect();
        let names = |rules: Vec<(String, Class)>| {
            let names: Vec<_> = rules.into_iter().map(|(name, _)| name).collect();
            names.join("; ")
        };
        let tests = match letter.sign {
            'R' => format!("`{}`, `letter_r_ids`, `ids`", letter.test),
            _ => format!("`{}`", letter.test),
        };
        writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} |",
            letter.sign,
            letter.what,
            names(rules),
            detectors.join(", "),
            names(rules_for(&fhir, letter.sign)),
            tests,
        )
        .unwrap();
    }
    document_part("docs/profiles.md", "letters", &table);
}
