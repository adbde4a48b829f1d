//! Health plan beneficiary numbers: members, subscribers, policies, groups and claims, behind a label
//! (45 CFR 164.514(b)(2)(i)(I)). Medicare's number has a form of its own, see `mbi`.

use super::labelled::{self, Numbering};
use super::{Detector, Found, Probe, Shapes};
use crate::Class;

pub(crate) const HEALTH_PLAN: Detector = Detector {
    name: "health-plan",
    class: Class::HealthPlan,
    shapes: Shapes::NAMED.or(Shapes::PROSE),
    words: &[
        "member id",
        "member number",
        "member no",
        "subscriber id",
        "subscriber number",
        "subscriber no",
        "beneficiary id",
        "beneficiary number",
        "policy number",
        "policy no",
        "group number",
        "group no",
        "claim number",
        "claim no",
        "claim id",
        "insurance id",
        "insurance number",
        "medicare id",
        "medicare number",
        "medicare no",
        "medicaid id",
        "medicaid number",
        "medicaid no",
        "hicn",
    ],
    find,
};

const NUMBERING: Numbering = Numbering {
    labels: &[
        "member id",
        "member ids",
        "member number",
        "member no",
        "membership number",
        "membership no",
        "subscriber id",
        "subscriber ids",
        "subscriber number",
        "subscriber no",
        "beneficiary id",
        "beneficiary number",
        "policy number",
        "policy no",
        "policy id",
        "group number",
        "group no",
        "group id",
        "claim number",
        "claim no",
        "claim id",
        "insurance id",
        "insurance number",
        "insurance no",
        "medicare id",
        "medicare number",
        "medicare no",
        "medicaid id",
        "medicaid number",
        "medicaid no",
        "health plan id",
        "health plan number",
        "hicn",
    ],
    weak: &[
        "member",
        "subscriber",
        "beneficiary",
        "policy",
        "group",
        "claim",
        "medicare",
        "medicaid",
    ],
    others: &[],
    shortest: 5,
    longest: 20,
};

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    labelled::find(&NUMBERING, probe, found);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn numbers_are_found() {
        for (text, expected) in [
            ("Member ID: W123456789", &["W123456789"][..]),
            ("memberId W12345678901", &["W12345678901"]),
            (
                "Subscriber No. 00123456, Group No. 77001",
                &["00123456", "77001"],
            ),
            ("policy 123456789", &["123456789"]),
            ("policy 12345 covers her", &["12345"]),
            ("Policy Number: XYZ-1234567", &["XYZ-1234567"]),
            ("group # 0070123", &["0070123"]),
            ("claim no 2024001234567", &["2024001234567"]),
            ("HICN 123456789A", &["123456789A"]),
            ("Medicaid ID\u{a0}１２３４５６７８", &["１２３４５６７８"]),
            ("W123456789 (member id)", &["W123456789"]),
        ] {
            assert_eq!(found(&HEALTH_PLAN, text), expected, "{text}");
        }
        assert_eq!(
            found_under(&HEALTH_PLAN, "subscriber_id", "W1234567"),
            ["W1234567"]
        );
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "W123456789",
            "policy SHA256",
            "the policy of 2024",
            "group AB1234",
            "member of 12 groups",
            "the policy has a group of 12345 members",
            "claim was 1234567.50",
            "Member ID [masked:health-plan]",
            "http://terminology.hl7.org/CodeSystem/v2-0203",
        ] {
            assert_eq!(found(&HEALTH_PLAN, text), [""; 0], "{text}");
        }
    }
}
