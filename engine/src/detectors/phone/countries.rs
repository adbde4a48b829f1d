//! How many digits national numbers have, by country code: ITU-T Recommendation E.164 (2010), its
//! "List of assigned country codes" and the national numbering plans that ITU publishes. Lengths are
//! those of significant numbers, services included where plans list them.

/// No number has more digits, country code included (E.164, 6.2).
pub(super) const MOST_DIGITS: usize = 15;

/// Country code, least and most digits behind it; without `1`, see `nanp`.
const LENGTHS: &[(u16, u8, u8)] = &[
    // Zone 2: Africa, and others.
    (20, 8, 10),
    (211, 9, 9),
    (212, 9, 9),
    (213, 8, 9),
    (216, 8, 8),
    (218, 8, 9),
    (220, 7, 7),
    (221, 9, 9),
    (222, 8, 8),
    (223, 8, 8),
    (224, 8, 9),
    (225, 8, 10),
    (226, 8, 8),
    (227, 8, 8),
    (228, 8, 8),
    (229, 8, 10),
    (230, 7, 8),
    (231, 7, 9),
    (232, 8, 8),
    (233, 9, 9),
    (234, 8, 10),
    (235, 8, 8),
    (236, 8, 8),
    (237, 8, 9),
    (238, 7, 7),
    (239, 7, 7),
    (240, 9, 9),
    (241, 7, 8),
    (242, 9, 9),
    (243, 7, 9),
    (244, 9, 9),
    (245, 7, 9),
    (246, 7, 7),
    (247, 4, 6),
    (248, 7, 7),
    (249, 9, 9),
    (250, 8, 9),
    (251, 9, 9),
    (252, 7, 9),
    (253, 8, 8),
    (254, 7, 10),
    (255, 9, 9),
    (256, 9, 9),
    (257, 8, 8),
    (258, 8, 9),
    (260, 9, 9),
    (261, 9, 9),
    (262, 9, 9),
    (263, 7, 10),
    (264, 8, 9),
    (265, 7, 9),
    (266, 8, 8),
    (267, 7, 8),
    (268, 8, 8),
    (269, 7, 7),
    (27, 9, 9),
    (290, 4, 5),
    (291, 7, 7),
    (297, 7, 7),
    (298, 6, 6),
    (299, 6, 6),
    // Zones 3 and 4: Europe.
    (30, 10, 10),
    (31, 9, 11),
    (32, 8, 9),
    (33, 9, 9),
    (34, 9, 9),
    (350, 8, 8),
    (351, 9, 9),
    (352, 5, 11),
    (353, 7, 9),
    (354, 7, 9),
    (355, 8, 9),
    (356, 8, 8),
    (357, 8, 8),
    (358, 5, 12),
    (359, 7, 9),
    (36, 8, 9),
    (370, 8, 8),
    (371, 8, 8),
    (372, 7, 8),
    (373, 8, 8),
    (374, 8, 8),
    (375, 9, 9),
    (376, 6, 9),
    (377, 8, 9),
    (378, 6, 10),
    (380, 9, 9),
    (381, 7, 10),
    (382, 8, 8),
    (383, 8, 9),
    (385, 8, 9),
    (386, 8, 8),
    (387, 8, 9),
    (389, 8, 8),
    (39, 6, 11),
    (40, 9, 9),
    (41, 9, 9),
    (420, 9, 9),
    (421, 9, 9),
    (423, 7, 9),
    (43, 7, 13),
    (44, 9, 10),
    (45, 8, 8),
    (46, 7, 10),
    (47, 8, 8),
    (48, 9, 9),
    (49, 6, 13),
    // Zone 5: the Americas but for North America.
    (500, 5, 5),
    (501, 7, 7),
    (502, 8, 8),
    (503, 8, 8),
    (504, 8, 8),
    (505, 8, 8),
    (506, 8, 8),
    (507, 7, 8),
    (508, 6, 9),
    (509, 8, 8),
    (51, 8, 9),
    (52, 10, 11),
    (53, 6, 8),
    (54, 10, 11),
    (55, 10, 11),
    (56, 9, 9),
    (57, 8, 10),
    (58, 10, 10),
    (590, 9, 9),
    (591, 8, 8),
    (592, 7, 7),
    (593, 8, 9),
    (594, 9, 9),
    (595, 7, 9),
    (596, 9, 9),
    (597, 6, 7),
    (598, 7, 8),
    (599, 7, 8),
    // Zone 6: Southeast Asia and Oceania.
    (60, 8, 10),
    (61, 9, 10),
    (62, 7, 12),
    (63, 8, 10),
    (64, 8, 10),
    (65, 8, 8),
    (66, 8, 9),
    (670, 7, 8),
    (672, 6, 6),
    (673, 7, 7),
    (674, 7, 7),
    (675, 7, 8),
    (676, 5, 7),
    (677, 5, 7),
    (678, 5, 7),
    (679, 7, 7),
    (680, 7, 7),
    (681, 6, 6),
    (682, 5, 5),
    (683, 4, 7),
    (685, 5, 7),
    (686, 5, 8),
    (687, 6, 6),
    (688, 5, 7),
    (689, 6, 8),
    (690, 4, 7),
    (691, 7, 7),
    (692, 7, 7),
    // Zone 7: Russia and Kazakhstan.
    (7, 10, 10),
    // Zone 8: East Asia and services.
    (800, 8, 8),
    (808, 8, 8),
    (81, 9, 10),
    (82, 8, 10),
    (84, 9, 10),
    (850, 6, 10),
    (852, 8, 8),
    (853, 8, 8),
    (855, 8, 9),
    (856, 8, 10),
    (86, 10, 11),
    (870, 9, 9),
    (878, 12, 12),
    (880, 8, 10),
    (881, 8, 10),
    (882, 7, 12),
    (883, 7, 12),
    (886, 8, 10),
    // Zone 9: West and South Asia.
    (90, 10, 10),
    (91, 10, 10),
    (92, 9, 10),
    (93, 9, 9),
    (94, 9, 9),
    (95, 7, 10),
    (960, 7, 7),
    (961, 7, 8),
    (962, 8, 9),
    (963, 8, 9),
    (964, 8, 10),
    (965, 7, 8),
    (966, 8, 9),
    (967, 7, 9),
    (968, 8, 8),
    (970, 8, 9),
    (971, 8, 9),
    (972, 8, 9),
    (973, 8, 8),
    (974, 7, 8),
    (975, 7, 8),
    (976, 8, 10),
    (977, 8, 10),
    (979, 9, 9),
    (98, 10, 10),
    (992, 9, 9),
    (993, 8, 8),
    (994, 9, 9),
    (995, 9, 9),
    (996, 9, 9),
    (998, 9, 9),
];

/// Where national numbers begin with 0 behind the country code, too.
const WITH_ZERO: &[u16] = &[39, 225, 229, 241, 242, 378];

/// Whether these digits are a country code and a number that the country may have. A zero that is
/// dialled within the country may stand before the national number if it is set apart.
pub(super) fn is_number(digits: &[u8], is_grouped: bool) -> bool {
    let known = (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        (code.first() != Some(&b'0')).then_some(())?;
        let code = code
            .iter()
            .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let (_, least, most) = LENGTHS.iter().find(|(known, _, _)| *known == code)?;
        Some((code, national, usize::from(*least)..=usize::from(*most)))
    });
    let Some((code, national, lengths)) = known else {
        return false;
    };
    let is_trunk = national.first() == Some(&b'0') && !WITH_ZERO.contains(&code);
    let length = national.len() - usize::from(is_trunk);
    (is_grouped || !is_trunk) && digits.len() <= MOST_DIGITS && lengths.contains(&length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_one_country() {
        for (at, (code, least, most)) in LENGTHS.iter().enumerate() {
            assert!(least <= most && usize::from(*most) < MOST_DIGITS, "{code}");
            let code = code.to_string();
            let others = LENGTHS.iter().skip(at + 1);
            for (other, _, _) in others {
                let other = other.to_string();
                assert!(
                    !other.starts_with(&code) && !code.starts_with(&other),
                    "{code} {other}"
                );
            }
        }
    }

    #[test]
    fn numbers_have_the_length_of_their_country() {
        for (digits, grouped, expected) in [
            ("442079460958", false, true),
            ("4402079460958", true, true),
            ("4402079460958", false, false),
            ("44207946095", false, true),
            ("442079460", false, false),
            ("390612345678", false, true),
            ("2104567890", false, false),
            ("29012345", false, true),
            ("", false, false),
            ("99", false, false),
        ] {
            assert_eq!(is_number(digits.as_bytes(), grouped), expected, "{digits}");
        }
    }
}
