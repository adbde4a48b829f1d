//! What the inbox and the playground promise, in a real browser.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::approvals::{all_of, optimised, way};
use super::tests_run::Way;
use super::{Claim, Measure, Verdict};
use crate::{Result, screenshots, workspace};

/// Each line, and the tests that show it.
pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        text: "a request held in a real Envoy appears live in Chromium; approve less, and the caller gets exactly \
               that; one click from the list; deny with what was chosen",
        tests: &[
            "velum-end-to-end::inbox::deciding::a_held_request_appears_by_itself_and_the_caller_gets_exactly_what_was_approved",
            "velum-end-to-end::inbox::deciding::among_forty_that_wait_the_one_whose_caller_waits_now_is_seen_at_once",
            "velum-end-to-end::inbox::deciding::one_click_on_the_list_approves_all_that_was_asked",
            "velum-end-to-end::inbox::deciding::a_denial_tells_the_caller_what_was_chosen_and_added",
        ],
    },
    Claim {
        text: "a stale card decides nothing, two reviewers have to agree, who is behind a request cannot",
        tests: &[
            "velum-end-to-end::inbox::deciding::a_stale_page_decides_nothing_and_says_what_is_new",
            "velum-end-to-end::inbox::deciding::two_people_have_to_agree_and_one_may_take_it_back",
            "velum-end-to-end::inbox::deciding::two_reviewers_agree_each_on_their_own_page",
            "velum-end-to-end::inbox::deciding::who_is_behind_a_request_sees_it_and_cannot_decide",
            "velum-policy-service::tests::pages::a_stale_form_does_nothing_and_what_is_new_is_marked",
            "velum-policy-service::tests::pages::who_is_behind_a_request_decides_nothing_by_a_form",
        ],
    },
    Claim {
        text: "keyboard only, and no script: deciding still works",
        tests: &[
            "velum-end-to-end::inbox::deciding::the_keyboard_alone_decides",
            "velum-end-to-end::inbox::deciding::deciding_needs_no_script",
            "velum-end-to-end::inbox::deciding::a_whole_decision_needs_no_pointer_from_signing_in_to_signing_out",
            "velum-end-to-end::inbox::deciding::denying_and_taking_back_need_no_script",
        ],
    },
    Claim {
        text: "with a real OpenID provider: there and back, and a group that is taken away between login and decision",
        tests: &[
            "velum-policy-service::tests::real_provider::there_and_back_and_a_group_that_is_taken_away_in_between",
            "velum-policy-service::tests::real_provider::who_is_unknown_here_and_a_code_that_comes_twice_are_refused",
            "velum-policy-service::tests::provider::who_was_taken_out_of_a_group_since_they_signed_in_decides_nothing",
            "velum-end-to-end::inbox::provider::who_was_taken_out_of_the_group_since_she_signed_in_decides_nothing",
            "velum-policy-service::tests::provider::who_is_in_none_of_their_groups_any_more_reviews_nothing_and_ends_no_stop",
        ],
    },
    Claim {
        text: "wrong issuer, audience, algorithm, nonce, state: refused",
        tests: &[
            "velum-end-to-end::inbox::provider::a_provider_of_which_anything_is_not_so_signs_nobody_in",
            "velum-policy-service::tests::provider::a_token_that_is_not_the_providers_for_this_client_and_this_way_signs_nobody_in",
            "velum-policy-service::tests::provider::an_answer_of_another_way_another_provider_or_another_time_signs_nobody_in",
        ],
    },
    Claim {
        text: "step-up: whoever approves such an action signs in anew for exactly that, once, within five minutes",
        tests: &[
            "velum-policy-service::tests::step_up::who_signed_in_anew_for_it_approves_exactly_that_once_in_that_session_and_within_five_minutes",
            "velum-policy-service::tests::step_up::an_older_login_a_weaker_one_or_another_persons_confirms_nothing",
            "velum-policy-service::tests::step_up::a_token_cannot_approve_it_and_neither_can_a_session_alone",
            "velum-end-to-end::inbox::provider::who_signs_in_anew_for_it_approves_exactly_that",
            "velum-end-to-end::inbox::provider::who_signs_in_anew_chooses_once_and_approves_it_by_one_button",
            "velum-end-to-end::inbox::provider::another_who_signs_in_in_her_place_confirms_nothing",
        ],
    },
    Claim {
        text: "step-up by a security key: what it signs is exactly what was shown, the log alone verifies it, whoever \
               writes the database releases nothing, and the weaker never stands in for it",
        tests: &[
            "velum-end-to-end::inbox::keys::a_key_is_added_and_signs_what_is_approved",
            "velum-end-to-end::inbox::keys::what_changes_between_the_challenge_and_the_answer_is_not_approved",
            "velum-end-to-end::inbox::keys::without_script_such_an_action_is_denied_but_not_approved",
            "velum-policy-service::tests::security_keys::a_key_signs_what_is_approved_and_the_log_holds_what_verifies_it",
            "velum-policy-service::tests::security_keys::what_is_not_signed_for_exactly_this_is_refused_and_recorded",
            "velum-policy-service::tests::security_keys::whoever_writes_the_database_releases_nothing",
            "velum-policy-service::tests::security_keys::the_stronger_is_never_replaced_by_the_weaker",
        ],
    },
    Claim {
        text: "what is revoked in mid-response is masked from then on; an emergency, and a requester stopped, from a page",
        tests: &[
            "velum-end-to-end::inbox::revoking::what_is_revoked_on_its_page_is_masked_from_then_on",
            "velum-end-to-end::inbox::requesters::what_is_held_is_released_in_an_emergency_and_another_person_reviews_that",
            "velum-end-to-end::inbox::requesters::a_requester_is_stopped_from_the_page_of_a_request",
        ],
    },
    Claim {
        text: "a cross-site form, a GET, a link preview, a frame: refused, at every page that there is",
        tests: &[
            "velum-policy-service::tests::inbox::every_page_lets_in_who_has_signed_in_and_sends_every_other_to_where_they_do",
            "velum-policy-service::tests::inbox::every_page_keeps_the_browser_to_itself_whatever_it_answers",
            "velum-policy-service::tests::inbox::a_link_signs_in_once_when_its_button_is_pressed_and_not_when_it_is_looked_at",
            "velum-end-to-end::inbox::elsewhere::a_form_of_another_page_decides_nothing_whatever_it_knows",
            "velum-end-to-end::inbox::elsewhere::a_script_of_another_page_decides_nothing_and_reads_nothing",
            "velum-end-to-end::inbox::elsewhere::a_frame_of_another_page_shows_none_of_ours",
            "velum-end-to-end::inbox::elsewhere::an_address_that_somebody_opens_decides_nothing",
            "velum-end-to-end::inbox::elsewhere::a_program_that_looks_at_links_decides_nothing_and_uses_none_up",
        ],
    },
    Claim {
        text: "a record is verified in the reviewer's own browser, and one that was changed is shown as such",
        tests: &[
            "velum-end-to-end::inbox::verifying::a_record_is_verified_in_the_browser_and_one_that_was_changed_is_shown_as_such",
            "velum-end-to-end::inbox::verifying::where_nothing_can_verify_it_the_page_says_that_nobody_has",
        ],
    },
    Claim {
        text: "an XSS corpus in every field that a requester can write, and in every column of the store that a page \
               shows, stays text on every page, and no policy of a page is violated",
        tests: &[
            "velum-end-to-end::inbox::looking::whatever_stands_in_the_store_stays_text_on_every_page",
            "velum-policy-service::tests::inbox::every_page_is_in_the_list_that_the_tests_in_a_real_browser_go_by",
            "velum-end-to-end::inbox::looking::what_requesters_write_stays_text_in_every_field",
            "velum-end-to-end::inbox::looking::what_has_no_room_on_a_card_is_approved_on_its_page_only",
        ],
    },
    Claim {
        text: "accessibility by axe-core: no violation on any page",
        tests: &[
            "velum-end-to-end::inbox::looking::no_page_hinders_anybody",
            "velum-end-to-end::playground::browser::no_view_hinders_anybody",
        ],
    },
    Claim {
        text: "the first view under 100 KB over the wire with 1,000 pending, and every page of them leads to the next",
        tests: &[
            "velum-end-to-end::inbox::measuring::the_first_view_of_a_thousand_that_wait_is_small",
            "velum-policy-service::tests::pages::a_page_of_the_longest_cards_is_as_small_as_any_and_each_is_on_one",
        ],
    },
    Claim {
        text: "the playground gives byte for byte what the CLI gives, by the same vectors, and verifies proofs; any \
               host serves its files",
        tests: &[
            "velum-end-to-end::playground::browser::any_host_can_serve_its_files_in_any_folder",
            "velum-end-to-end::playground::the_package_masks_as_the_program_does",
            "velum-end-to-end::playground::the_package_verifies_proofs",
            "velum-end-to-end::playground::browser::a_proof_is_told_in_plain_words_and_a_changed_record_too",
        ],
    },
    Claim {
        text: "canaries in every requester-written field are in no webhook and in no page of someone not allowed to \
               see them",
        tests: &[
            "velum-policy-service::tests::onlookers::what_a_requester_wrote_is_in_no_page_of_whoever_is_not_to_see_it_and_told_to_no_tool",
            "velum-policy-service::tests::webhooks::nothing_that_anybody_wrote_and_nobodys_name_is_told",
            "velum-end-to-end::playground::browser::a_shared_address_has_the_policy_and_never_the_body",
        ],
    },
];

/// What is measured, each against its bound.
pub(super) const MEASURES: &[Measure] = &[
    Measure {
        text: "with 1,000 pending the list is there in under 200 ms at p95, of a service as it is delivered",
        run: |_| {
            let test = "velum-policy-service::tests::pages::a_thousand_that_wait_are_listed_soon";
            below(200.0, optimised(false), test)
        },
    },
    Measure {
        text: "a body of 1 MB is masked in under 50 ms in Chromium",
        run: |_| {
            let test = "velum-end-to-end::playground::browser::a_body_of_a_megabyte_is_masked_in_the_browser";
            below(50.0, way(false), test)
        },
    },
    Measure {
        text: "cargo xtask screenshots makes every picture that the README shows, of pages in light and dark",
        run: |_| pictures().unwrap_or_else(|error| Verdict::FallsShort(vec![error])),
    },
    Measure {
        text: "in no test of inbox and playground is anything refused by a page's policy, and no script fails",
        run: |_| {
            let file = workspace::root().join(BROWSERS);
            judge_browsers(&fs::read_to_string(file).unwrap_or_default())
        },
    },
];

/// Where pictures are put to be counted: those of the checkout stay as they are.
const PICTURES: &str = "target/claims-pictures";

/// Takes all pictures, and holds those for README.md against those that it names.
fn pictures() -> Result<Verdict> {
    let (all, readme) = (PICTURES.to_owned(), format!("{PICTURES}/readme"));
    for path in [&all, &readme] {
        // None of before is counted.
        let _ = fs::remove_dir_all(workspace::root().join(path));
    }
    let (all, readme) = (screenshots::folder(&all)?, screenshots::folder(&readme)?);
    screenshots::take(&all, &readme)?;
    let file = workspace::root().join("README.md");
    let text = fs::read_to_string(&file).map_err(|error| format!("README.md: {error}"))?;
    let named = named_pictures(&text);
    let missing: Vec<_> = named
        .difference(&files(&readme, "webp")?)
        .cloned()
        .collect();
    let count = files(&all, "png")?.len();
    if !missing.is_empty() || named.is_empty() || count == 0 {
        return Ok(Verdict::FallsShort(vec![format!(
            "not made: {}",
            missing.join(", ")
        )]));
    }
    let figure = format!("{} of README.md, {count} of pages in all", named.len());
    Ok(Verdict::Holds(vec![figure]))
}

/// The names of the pictures that a document shows.
fn named_pictures(text: &str) -> BTreeSet<String> {
    let prefix = format!("{}/", screenshots::KEPT);
    let names = text.split(prefix.as_str()).skip(1);
    names
        .filter_map(|rest| rest.split(['"', ')', ' ']).next())
        .map(str::to_owned)
        .collect()
}

/// The names of a folder's files with this ending that have anything in them.
fn files(folder: &Path, ending: &str) -> Result<BTreeSet<String>> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_filled = entry.metadata().map_err(failed)?.len() > 0;
        if is_filled && name.ends_with(&format!(".{ending}")) {
            names.insert(name);
        }
    }
    Ok(names)
}

/// Where each browser of the tests has left a line as it ended: how many pages it had looked at, and how much they
/// had complained of that no test is about.
const BROWSERS: &str = "target/claims/browsers.txt";

fn judge_browsers(lines: &str) -> Verdict {
    let (mut browsers, mut pages, mut complaints) = (0, 0, 0);
    for line in lines.lines() {
        let numbers = line.split_once(' ');
        let numbers = numbers
            .and_then(|(one, other)| Some((one.parse::<u64>().ok()?, other.parse::<u64>().ok()?)));
        let Some((looked_at, complained)) = numbers else {
            return Verdict::FallsShort(vec![format!("`{line}` is no browser's line")]);
        };
        browsers += 1;
        pages += looked_at;
        complaints += complained;
    }
    let figure = vec![format!(
        "{pages} pages in {browsers} browsers, {complaints} complaints"
    )];
    if pages > 0 && complaints == 0 {
        Verdict::Holds(figure)
    } else {
        Verdict::FallsShort(figure)
    }
}

/// Takes a figure that begins with milliseconds, and holds it against their bound.
fn below(most: f64, way: Way, test: &str) -> Verdict {
    let verdict = all_of(way, &[test]);
    if !matches!(verdict, Verdict::Holds(_)) {
        return verdict;
    }
    let function = test.rsplit("::").next().unwrap_or_default();
    let file = workspace::root().join(format!("target/claims/{function}.txt"));
    judge(most, fs::read_to_string(file).unwrap_or_default().trim())
}

fn judge(most: f64, figure: &str) -> Verdict {
    let taken = figure
        .split_once(" ms")
        .map(|(number, _)| number.parse::<f64>());
    match taken {
        Some(Ok(taken)) if taken < most => Verdict::Holds(vec![figure.to_owned()]),
        Some(Ok(_)) => Verdict::FallsShort(vec![figure.to_owned()]),
        _ => Verdict::FallsShort(vec![format!("no milliseconds in `{figure}`")]),
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, judge, judge_browsers, named_pictures};

    #[test]
    fn a_figure_holds_below_its_bound_only() {
        let holds = |figure| matches!(judge(50.0, figure), Verdict::Holds(_));
        assert!(holds("49.9 ms at p95"));
        for figure in ["50.0 ms", "120.5 ms at p95", "", "soon", "x ms"] {
            assert!(!holds(figure), "{figure}");
        }
    }
    #[test]
    fn pictures_are_those_that_a_document_names() {
        let text = "<source srcset=\"docs/pictures/a-dark.webp\"> ![One](docs/pictures/a-light.webp) and no other.webp";
        let named: Vec<_> = named_pictures(text).into_iter().collect();
        assert_eq!(named, ["a-dark.webp", "a-light.webp"]);
    }

    #[test]
    fn browsers_hold_where_they_looked_at_pages_and_heard_nothing() {
        let figure = "12 pages in 2 browsers, 0 complaints".to_owned();
        assert_eq!(judge_browsers("9 0\n3 0\n"), Verdict::Holds(vec![figure]));
        for lines in ["", "0 0\n", "9 0\n3 1\n", "9\n", "nine 0\n"] {
            let verdict = judge_browsers(lines);
            assert!(matches!(verdict, Verdict::FallsShort(_)), "{lines}");
        }
    }
}
