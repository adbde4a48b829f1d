//! Tokens that say what they are: prefixes, alphabets and lengths, as the services document them
//! (GitHub "Supported secret scanning patterns", GitLab "Token prefixes", and the documentation of
//! each service).
//!
//! Lengths are lower bounds but where a prefix is too short to be sure alone: services make their
//! tokens longer sooner or later, and nothing else begins so.

use super::alphabet::Alphabet;

/// Tokens of one kind.
pub(super) struct Family {
    pub(super) prefix: &'static str,
    pub(super) tail: Alphabet,
    /// How long the tail is at least.
    pub(super) least: usize,
    /// How long it is at most. None: it ends where its alphabet does.
    pub(super) most: Option<usize>,
    /// Whether a letter or digit may stand before it.
    pub(super) anywhere: bool,
    pub(super) check: Check,
}

/// What else holds of a tail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing that could be relied on.
    None,
    /// A digit, or letters in either case: words with dashes have neither.
    Mixed,
    /// Thirty letters and digits and their CRC-32 in six digits of base 62. Not all tokens have it.
    Crc,
}

/// A prefix that nothing else has.
const fn sure(prefix: &'static str, tail: Alphabet, least: usize) -> Family {
    Family {
        prefix,
        tail,
        least,
        most: None,
        anywhere: true,
        check: Check::Mixed,
    }
}

/// A prefix that words may end with.
const fn word(prefix: &'static str, tail: Alphabet, least: usize) -> Family {
    Family {
        anywhere: false,
        ..sure(prefix, tail, least)
    }
}

/// A prefix that counts only before a tail of one length.
const fn exact(prefix: &'static str, tail: Alphabet, length: usize) -> Family {
    Family {
        most: Some(length),
        check: Check::None,
        ..word(prefix, tail, length)
    }
}

const fn summed(prefix: &'static str) -> Family {
    Family {
        check: Check::Crc,
        ..sure(prefix, Alphabet::ALNUM, 36)
    }
}

const HEX: Alphabet = Alphabet::HEX;
const HEX_DASH: Alphabet = Alphabet::HEX_DASH;
const CAPITAL: Alphabet = Alphabet::CAPITAL;
const ALNUM: Alphabet = Alphabet::ALNUM;
const WORD: Alphabet = Alphabet::WORD;
const URL: Alphabet = Alphabet::BASE64URL;
const DOTTED: Alphabet = Alphabet::DOTTED;
const BASE64: Alphabet = Alphabet::BASE64;
const PATH: Alphabet = Alphabet::PATH;

/// Every family. The first that fits counts: a prefix that ends with another stands before it.
pub(super) const FAMILIES: &[Family] = &[
    // Amazon Web Services: access key ids (IAM, "Understanding unique ID prefixes"), Bedrock.
    exact("AKIA", CAPITAL, 16),
    exact("ASIA", CAPITAL, 16),
    exact("ABIA", CAPITAL, 16),
    exact("ACCA", CAPITAL, 16),
    exact("A3T", CAPITAL, 17),
    sure("ABSKQmVkcm9ja0FQSUtleS", BASE64, 40),
    sure("bedrock-api-key-", BASE64, 40),
    // Google Cloud.
    exact("AIza", URL, 35),
    sure("GOCSPX-", URL, 28),
    word("ya29.", URL, 30),
    word("1//0", URL, 40),
    // Alibaba Cloud, Tencent Cloud.
    exact("LTAI", ALNUM, 20),
    exact("LTAI", ALNUM, 16),
    exact("AKID", ALNUM, 32),
    // DigitalOcean, Fly, Heroku, Netlify, Cloudflare, Pulumi, Doppler, Terraform.
    sure("dop_v1_", HEX, 64),
    sure("doo_v1_", HEX, 64),
    sure("dor_v1_", HEX, 64),
    sure("fm1r_", BASE64, 40),
    sure("fm2_", BASE64, 40),
    sure("fo1_", URL, 43),
    sure("HRKU-AA", URL, 50),
    sure("nfp_", ALNUM, 36),
    word("v1.0-", HEX_DASH, 171),
    sure("pul-", HEX, 40),
    word("dp.pt.", ALNUM, 40),
    word("dp.st.", DOTTED, 40),
    word("dp.ct.", ALNUM, 40),
    word("dp.sa.", ALNUM, 40),
    word("dp.scim.", ALNUM, 40),
    word("dp.audit.", ALNUM, 40),
    sure("atlasv1.", URL, 60),
    // HashiCorp Vault, Databricks, OpenShift, Tailscale, 1Password, age.
    word("hvs.", URL, 24),
    word("hvb.", URL, 24),
    word("hvr.", URL, 24),
    exact("dapi", HEX, 32),
    sure("sha256~", URL, 43),
    sure("tskey-", URL, 20),
    word("ops_eyJ", BASE64, 100),
    sure("AGE-SECRET-KEY-1", CAPITAL, 58),
    sure("AGE-SECRET-KEY-PQ-1", CAPITAL, 58),
    // GitHub ("Token types"; "Behind GitHub's new authentication token formats"), npm.
    summed("ghp_"),
    summed("gho_"),
    summed("ghu_"),
    summed("ghs_"),
    summed("ghr_"),
    sure("github_pat_", WORD, 50),
    summed("npm_"),
    // GitLab. An instance may put a prefix of its own before these.
    sure("glpat-", DOTTED, 20),
    sure("glptt-", DOTTED, 20),
    sure("gldt-", DOTTED, 20),
    sure("glrt-", DOTTED, 20),
    sure("glrtr-", DOTTED, 20),
    sure("glcbt-", DOTTED, 20),
    sure("gloas-", DOTTED, 20),
    sure("glsoat-", DOTTED, 20),
    sure("glft-", DOTTED, 20),
    sure("glimt-", DOTTED, 20),
    sure("glagent-", DOTTED, 20),
    sure("glwt-", DOTTED, 20),
    sure("glffct-", DOTTED, 20),
    exact("GR1348941", URL, 20),
    // Bitbucket and Jira, and other forges, registries and build services.
    sure("ATATT3xFfGF0", PATH, 60),
    sure("ATCTT3xFfGN0", PATH, 60),
    exact("ATBB", ALNUM, 32),
    sure("pypi-AgEIcHlwaS5vcmc", URL, 50),
    sure("pypi-AgENdGVzdC5weXBpLm9yZw", URL, 50),
    sure("rubygems_", HEX, 48),
    exact("cio", ALNUM, 32),
    exact("oy2", ALNUM, 43),
    sure("dckr_pat_", URL, 27),
    sure("dckr_oat_", URL, 27),
    sure("packagist_", WORD, 60),
    sure("AKCp", ALNUM, 60),
    sure("squ_", HEX, 40),
    sure("sqp_", HEX, 40),
    sure("sqa_", HEX, 40),
    sure("bkua_", HEX, 40),
    sure("CCIPAT_", WORD, 40),
    sure("sgp_", WORD, 40),
    // Slack ("Tokens"), Discord, Microsoft Teams.
    word("xoxb-", DOTTED, 20),
    word("xoxp-", DOTTED, 20),
    word("xoxa-", DOTTED, 20),
    word("xoxe-", DOTTED, 20),
    word("xoxo-", DOTTED, 20),
    word("xoxr-", DOTTED, 20),
    word("xoxs-", DOTTED, 20),
    word("xoxc-", DOTTED, 20),
    word("xoxd-", PATH, 20),
    word("xapp-", URL, 20),
    word("xwfp-", URL, 20),
    sure("hooks.slack.com/services/", PATH, 20),
    sure("hooks.slack.com/workflows/", PATH, 20),
    sure("hooks.slack.com/triggers/", PATH, 20),
    sure("discord.com/api/webhooks/", PATH, 60),
    sure("discordapp.com/api/webhooks/", PATH, 60),
    sure("webhook.office.com/webhookb2/", PATH, 36),
    sure("outlook.office.com/webhook/", PATH, 36),
    // Stripe ("API keys"), Square, PayPal and Braintree, Shopify, and others that take money.
    word("sk_live_", ALNUM, 10),
    word("sk_test_", ALNUM, 10),
    word("sk_prod_", ALNUM, 10),
    word("rk_live_", ALNUM, 10),
    word("rk_test_", ALNUM, 10),
    word("rk_prod_", ALNUM, 10),
    sure("whsec_", BASE64, 32),
    sure("sq0atp-", URL, 22),
    sure("sq0csp-", URL, 43),
    exact("EAAA", URL, 60),
    sure("access_token$production$", PATH, 40),
    sure("access_token$sandbox$", PATH, 40),
    sure("shpat_", Alphabet::ANY_HEX, 32),
    sure("shpca_", Alphabet::ANY_HEX, 32),
    sure("shppa_", Alphabet::ANY_HEX, 32),
    sure("shpss_", Alphabet::ANY_HEX, 32),
    sure("access-production-", HEX_DASH, 36),
    sure("access-sandbox-", HEX_DASH, 36),
    sure("FLWSECK_TEST-", WORD, 12),
    sure("FLWSECK-", WORD, 32),
    exact("EZAK", ALNUM, 54),
    exact("EZTK", ALNUM, 54),
    sure("shippo_live_", HEX, 40),
    sure("shippo_test_", HEX, 40),
    sure("duffel_live_", URL, 43),
    sure("duffel_test_", URL, 43),
    // Models: OpenAI, Anthropic, Hugging Face, and others.
    word("csk-", ALNUM, 40),
    word("sk-", ALNUM, 32),
    word("sk-proj-", URL, 20),
    word("sk-svcacct-", URL, 20),
    word("sk-admin-", URL, 20),
    word("sk-None-", URL, 20),
    word("sk-ant-", URL, 20),
    word("sk-or-v1-", HEX, 64),
    word("hf_", ALNUM, 34),
    sure("api_org_", ALNUM, 34),
    word("gsk_", ALNUM, 40),
    word("r8_", ALNUM, 37),
    sure("pplx-", ALNUM, 40),
    word("xai-", ALNUM, 70),
    sure("nvapi-", URL, 60),
    sure("pcsk_", WORD, 40),
    sure("lsv2_pt_", WORD, 40),
    sure("lsv2_sk_", WORD, 40),
    sure("tgp_v1_", URL, 40),
    sure("tvly-", URL, 30),
    sure("jina_", URL, 50),
    word("sk_", HEX, 48),
    sure("wandb_v1_", WORD, 40),
    // Mail and messages: SendGrid, Brevo, Mailgun, Twilio.
    word("SG.", DOTTED, 64),
    sure("xkeysib-", HEX_DASH, 64),
    sure("xsmtpsib-", HEX_DASH, 64),
    word("key-", HEX, 32),
    exact("SK", HEX, 32),
    exact("AC", HEX, 32),
    // Work: Notion, Linear, Airtable, Figma, Postman, Contentful, and others.
    sure("ntn_", ALNUM, 40),
    exact("secret_", ALNUM, 43),
    sure("lin_api_", ALNUM, 32),
    sure("lin_oauth_", ALNUM, 32),
    sure("figd_", URL, 40),
    sure("PMAK-", HEX_DASH, 59),
    sure("CFPAT-", URL, 43),
    word("tfp_", DOTTED, 59),
    sure("phx_", ALNUM, 40),
    // Data and operations: Supabase, PlanetScale, Grafana, New Relic, Sentry, Dynatrace.
    sure("sbp_", HEX, 40),
    sure("sb_secret_", URL, 31),
    sure("pscale_tkn_", DOTTED, 32),
    sure("pscale_pw_", DOTTED, 32),
    sure("pscale_oauth_", DOTTED, 32),
    word("glc_", BASE64, 32),
    sure("glsa_", WORD, 41),
    sure("eyJrIjoi", BASE64, 70),
    sure("NRAK-", CAPITAL, 27),
    sure("NRJS-", HEX, 19),
    sure("sntrys_", PATH, 80),
    sure("sntryu_", HEX, 64),
    sure("dt0c01.", DOTTED, 89),
    sure("dt0s16.", DOTTED, 89),
];

/// The families whose prefix has a separator: by the byte before the first.
pub(super) static SEPARATED: Lists = Lists::of_families(true);
/// The others: by their first byte.
pub(super) static BARE: Lists = Lists::of_families(false);

/// Families by one byte of their prefix: the first of each list, and for each family the next.
pub(super) struct Lists {
    first: [u8; 128],
    next: [u8; FAMILIES.len()],
}

const NONE: u8 = u8::MAX;

impl Lists {
    /// The families that have this byte there.
    #[inline]
    pub(super) fn of(&self, byte: u8) -> impl Iterator<Item = &'static Family> {
        let index = |index: &u8| (*index != NONE).then_some(usize::from(*index));
        let first = self.first.get(usize::from(byte)).and_then(index);
        let next = move |at: &usize| self.next.get(*at).and_then(index);
        std::iter::successors(first, next).filter_map(|at| FAMILIES.get(at))
    }

    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "the compiler runs it"
    )]
    const fn of_families(separated: bool) -> Self {
        assert!(FAMILIES.len() < NONE as usize);
        let mut lists = Self {
            first: [NONE; 128],
            next: [NONE; FAMILIES.len()],
        };
        let mut at = FAMILIES.len();
        while at > 0 {
            at -= 1;
            let prefix = FAMILIES[at].prefix.as_bytes();
            let separator = FAMILIES[at].separator();
            if separator.is_some() == separated {
                let key = match separator {
                    Some(separator) => prefix[separator - 1],
                    None => prefix[0],
                };
                lists.next[at] = lists.first[key as usize];
                lists.first[key as usize] = at as u8;
            }
        }
        lists
    }
}

impl Family {
    /// Where in the prefix the first separator is, if it has one.
    #[expect(clippy::indexing_slicing, reason = "within its bounds")]
    pub(super) const fn separator(&self) -> Option<usize> {
        let prefix = self.prefix.as_bytes();
        let mut at = 1;
        while at < prefix.len() {
            if Alphabet::SEPARATOR.meets(Alphabet::kind(prefix[at])) {
                return Some(at);
            }
            at += 1;
        }
        None
    }
}
