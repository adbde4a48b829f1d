"""Random identifiers and what python-stdnum and phonenumbers say of them.

Prints one JSON object a line: {"kind", "text", "value", "valid"}. "text" has the value as it is to be
looked at, "valid" is the verdict of the library. The seed is fixed.
"""

import json
import random
import re

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum import iban, imei, luhn, numdb
from stdnum.us import ein, itin, rtn, ssn

RANDOM = random.Random(7)
TURNS = 2000


def digits(count):
    return "".join(RANDOM.choice("0123456789") for _ in range(count))


def say(kind, text, value, valid):
    print(json.dumps({"kind": kind, "text": text, "value": value, "valid": valid}))


def plain(kind, value, valid):
    say(kind, f"see {value}, please", value, valid)


def cards():
    for _ in range(TURNS):
        start = RANDOM.choice(["4", "51", "55", "2300", "6011", "65", "3530", "62"])
        value = start + digits(16 - len(start))
        if RANDOM.random() < 0.5:
            value = value[:-1] + luhn.calc_check_digit(value[:-1])
        plain("card", value, luhn.is_valid(value))


def bank_accounts():
    """For every country that the registry of stdnum has, numbers of its structure and wrong ones."""
    countries = re.findall(r'^([A-Z]{2}).*bban="([^"]+)"', open_iban(), re.M)
    assert len(countries) > 70
    for country, structure in countries:
        for turn in range(30):
            bban = "".join(
                letters(kind, int(length))
                for length, kind in re.findall(r"(\d+)!?([nac])", structure)
            )
            check = iban.calc_check_digits(country + "00" + bban)
            if turn % 3 == 1:
                check = f"{(int(check) + RANDOM.randrange(1, 97)) % 97:02}"
            if turn % 3 == 2:
                bban += digits(1)
                check = iban.calc_check_digits(country + "00" + bban)
            value = country + check + bban
            valid = iban.is_valid(value, check_country=False)
            plain(f"iban {country}", value, valid)


def open_iban():
    with numdb._get_resource_stream("iban.dat") as stream:
        text = stream.read()
    return text if isinstance(text, str) else text.decode()


def letters(kind, count):
    known = {"n": "0123456789", "a": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    known["c"] = known["n"] + known["a"]
    return "".join(RANDOM.choice(known[kind]) for _ in range(count))


def persons():
    for _ in range(TURNS):
        value = f"{digits(3)} {digits(2)} {digits(4)}"
        if not value.startswith("9"):
            plain("ssn", value, ssn.is_valid(value.replace(" ", "-")))
        value = f"9{digits(2)} {digits(2)} {digits(4)}"
        # Groups that have been assigned since are not in stdnum.
        since = 50 <= int(value[4:6]) <= 65
        plain("itin", value, itin.is_valid(value.replace(" ", "-")) or since)
        value = f"{digits(2)}-{digits(7)}"
        say("ein", f"EIN {value}", value, ein.is_valid(value))


def routing():
    for _ in range(TURNS):
        value = digits(9)
        if RANDOM.random() < 0.5:
            value = value[:-1] + rtn.calc_check_digit(value[:-1])
        # The label is near, but not right before it: the checksum decides.
        # stdnum does not know which first two digits are assigned.
        start = int(value[:2])
        assigned = start <= 12 or 21 <= start <= 32 or 61 <= start <= 72 or start == 80
        valid = assigned and rtn.is_valid(value)
        say("routing", f"The ABA, she said, has {value}", value, valid)


def devices():
    for _ in range(TURNS):
        value = RANDOM.choice(["35", "86", "01"]) + digits(13)
        if RANDOM.random() < 0.5:
            value = value[:-1] + luhn.calc_check_digit(value[:-1])
        plain("imei", value, imei.is_valid(value))


def telephones():
    for _ in range(TURNS):
        value = f"({digits(3)}) {digits(3)}-{digits(4)}"
        number = phonenumbers.parse(value, "US")
        valid = phonenumbers.is_valid_number_for_region(number, "US") and not is_service(number)
        plain("phone US", value, valid)
    # Those of services have other lengths in many countries, and are nobody's.
    types = [
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.VOIP,
    ]
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in types:
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            for _ in range(6):
                telephone(region, example)


def is_service(number):
    """Whether the exchange is a service code (N11), which phonenumbers does not rule out."""
    national = phonenumbers.national_significant_number(number)
    return number.country_code == 1 and national[3:6].endswith("11")


def telephone(region, example):
    """A valid number with other digits at its end, and one that no number is as long as."""
    national = phonenumbers.national_significant_number(example)
    for _ in range(20):
        kept = max(1, len(national) - 5)
        other = national[:kept] + digits(len(national) - kept)
        number = phonenumbers.parse(f"+{example.country_code}{other}")
        if phonenumbers.is_valid_number(number) and not is_service(number):
            for form in [PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL]:
                value = phonenumbers.format_number(number, form)
                plain(f"phone {region} {example.country_code}", value, True)
            # With fewer digits it needs its country code.
            if len(other) >= 7:
                value = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
                say(f"national {region} {example.country_code}", value, value, True)
            break
    for length in range(5, 15):
        value = f"+{example.country_code}{RANDOM.randrange(2, 9)}{digits(length - 1)}"
        try:
            number = phonenumbers.parse(value)
        except phonenumbers.NumberParseException:
            continue
        reason = phonenumbers.is_possible_number_with_reason(number)
        if reason in (
            phonenumbers.ValidationResult.TOO_LONG,
            phonenumbers.ValidationResult.TOO_SHORT,
            phonenumbers.ValidationResult.INVALID_LENGTH,
        ):
            plain(f"length {example.country_code} {length}", value, False)


for make in [cards, bank_accounts, persons, routing, devices, telephones]:
    make()
