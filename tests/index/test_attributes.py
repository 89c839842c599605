"""Profiles: numbers for sets of attributes, and masks over the numbers."""

import numpy as np

from index.attributes import Profiles, profile_of, wanted_of

EN, JA = profile_of({"language": "en"}), profile_of({"language": "ja"})


def test_a_value_and_a_list_of_it_are_the_same_profile() -> None:
    assert profile_of({"k": "v"}) == profile_of({"k": ["v"]}) == profile_of({"k": ("v", "v")})


def test_the_order_of_keys_and_values_does_not_matter() -> None:
    assert profile_of({"a": ["1", "2"], "b": "3"}) == profile_of({"b": "3", "a": ["2", "1"]})


def test_equal_profiles_share_a_number() -> None:
    profiles = Profiles()
    assert profiles.acquire(EN) == profiles.acquire(EN) != profiles.acquire(JA)


def test_a_profile_lasts_until_its_last_holder_releases_it() -> None:
    profiles = Profiles()
    number = profiles.acquire(EN)
    profiles.acquire(EN)
    profiles.release(number)
    assert profiles.matching(wanted_of({"language": "en"}))[number]
    profiles.release(number)
    assert not profiles.matching(wanted_of({"language": "en"})).any()


def test_a_free_number_matches_nothing_that_is_asked_for() -> None:
    profiles = Profiles()
    gone, kept = profiles.acquire(EN), profiles.acquire(JA)
    profiles.release(gone)
    mask = profiles.matching(wanted_of({"language": ["en", "ja"]}))
    assert np.flatnonzero(mask).tolist() == [kept]


def test_numbers_are_used_again_so_that_masks_stay_small() -> None:
    """A thousand profiles, two at a time, need two numbers."""
    profiles = Profiles()
    previous = profiles.acquire(profile_of({}))
    for series in range(1000):
        current = profiles.acquire(profile_of({"series": str(series)}))
        profiles.release(previous)
        previous = current
    assert profiles.matching(wanted_of({"series": "999"})).tolist().count(True) == 1
    assert len(profiles.matching(wanted_of({}))) == 2


def test_a_profile_without_attributes_passes_only_the_empty_filter() -> None:
    profiles = Profiles()
    number = profiles.acquire(profile_of({}))
    assert profiles.matching(wanted_of({}))[number]
    assert not profiles.matching(wanted_of({"language": "en"}))[number]
